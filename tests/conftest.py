"""Fixtures shared by all tests."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.installation import ENV_FILE, ENV_FILE_VARIABLE, Installation
from leapline.runtime.spark_cds import FEW_EVENTS, OPTIONS, driver_options
from leapline.runtime.spark_jars import jars_option
from leapline.settings import Settings
from tests.fakes.stub_steps import install_stub_steps

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[1]
pytest_plugins = ["tests.suite_cost", "tests.fakes.s3", "tests.fakes.postgres", "tests.fakes.redshift"]

# Airflow reads its environment when it is first imported, and creates its home folder.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="leapline-airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
# As in the Makefile: each of Airflow's processes would otherwise compile the modules that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Processes that tests start read no settings of the developer, such as the keys that `make demo` writes.
os.environ[ENV_FILE_VARIABLE] = os.devnull
# py4j logs closed connections at exit, after pytest has closed the log stream.
logging.getLogger("py4j").setLevel(logging.WARNING)


@pytest.fixture(autouse=True)
def _usual_permissions() -> Iterator[None]:
    """Restore the permissions of new files: a step makes those of its process private."""
    yield
    os.umask(0o022)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove LEAPLINE_ variables of the developer's environment, and ignore the checkout's `.env`, which `make demo`
    creates."""
    for name in [k for k in os.environ if k.startswith("LEAPLINE_") and k != ENV_FILE_VARIABLE]:
        monkeypatch.delenv(name)

    def env_file(installation: Installation) -> Path:
        return installation.folder / ("no .env in tests" if installation.folder == ROOT else ENV_FILE)

    monkeypatch.setattr(Installation, "env_file", property(env_file))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference data next to the checkout: golden bundles, Snowplow's samples, real clicks. Skips if it is missing."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"REFERENCE DATA MISSING: {folder}, so this test did not run")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the DAG runs of a test module."""
    return tmp_path_factory.mktemp("line")


@pytest.fixture(scope="module")
def stub_environment(folder: Path) -> dict[str, str]:
    """The environment of DAG runs with stub steps (`fakes.stub_steps`)."""
    return install_stub_steps(folder)


@pytest.fixture(scope="session")
def spark() -> Iterator["SparkSession"]:
    """One small Spark session for all tests, because starting one takes seconds."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .appName("leapline-tests")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .config(OPTIONS, driver_options(Settings(tools=ROOT / ".local", spark_driver_options=FEW_EVENTS)))
        .config(map=jars_option(Settings(tools=ROOT / ".local", lake="s3://tests/lake")))
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        # Spark keeps the classes of the last 100 queries. Tests repeat more different ones than that.
        .config("spark.sql.codegen.cache.maxEntries", "10000")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    yield session
    session.stop()
