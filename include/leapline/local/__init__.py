"""One machine's services: the registry, Airflow's components, the demo."""
