"""The Models page in Airflow's web UI: what it tells, read from the lake's files, and how it is served."""
