"""The Airflow side of the pipeline: params, operators, task docs. The only package that imports Airflow."""
