"""Airflow reads its environment when it is first imported."""

import os
import tempfile

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="leapline-airflow-"))
