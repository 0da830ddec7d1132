"""The Models page in Airflow's web UI: its data, read from the lake's files, and the web app that serves it."""
