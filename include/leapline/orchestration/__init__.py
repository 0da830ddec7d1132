"""What Airflow needs to run the line: params, operators, task docs. The only package that imports Airflow."""
