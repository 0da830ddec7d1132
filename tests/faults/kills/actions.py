"""Actions that are killed. They are in a module without pytest, which every process would have to import."""

import os
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from leapline.deployment.factory import ledger_of
from leapline.deployment.manual_promotion import accept_state, promote_model, roll_back
from leapline.rollout.deploy import deploy_champion
from leapline.runtime.context import RunContext
from leapline.runtime.step import perform
from leapline.settings import Settings
from tests.steps.packaged import CHAMPION, DAY, MODEL

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RUN = RunContext(DAY, "run")


def perform_step(step: str, settings: Settings, context: RunContext) -> dict[str, Any]:
    """Run a step with its report, as Airflow and `leapline` do."""
    return perform(step, import_module(f"leapline.steps.{step}").run, settings, context)


def perform_spark_step(gateway: tuple[int, str], step: str, settings: Settings, context: RunContext) -> dict[str, Any]:
    """Run a step with the Spark driver of another process, given the port and secret of the driver's gateway.

    The driver goes on when this process is killed, like one that lost its worker and does not know it yet.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    os.environ |= {"PYSPARK_GATEWAY_PORT": str(gateway[0]), "PYSPARK_GATEWAY_SECRET": gateway[1]}
    connection = launch_gateway()
    del os.environ["PYSPARK_GATEWAY_PORT"]  # the step would take it for spark-submit's
    jvm = connection.jvm
    context_of_driver = jvm.org.apache.spark.api.java.JavaSparkContext(jvm.org.apache.spark.SparkContext.getOrCreate())
    conf = SparkConf(_jvm=jvm, _jconf=context_of_driver.getConf())
    SparkSession(SparkContext(gateway=connection, jsc=context_of_driver, conf=conf))
    assert SparkSession.getActiveSession() is not None
    return perform_step(step, settings, context)


def gateway_of(spark: "SparkSession") -> tuple[int, str]:
    """Return port and secret of the gateway of a session's driver."""
    parameters = spark.sparkContext._gateway.gateway_parameters  # type: ignore[union-attr]
    return parameters.port, parameters.auth_token


def publish(settings: Settings) -> object:
    return perform_step("publish", settings, RUN)


def promote(settings: Settings) -> object:
    return perform_step("promote", settings, RUN)


def promote_by_hand(settings: Settings) -> object:
    return promote_model(settings, model_id=MODEL, why="test", run_id="by hand")


def roll_back_by_hand(settings: Settings) -> object:
    return roll_back(settings, to=CHAMPION, why="test", run_id="by hand")


def deploy(settings: Settings) -> object:
    """Deploy to one target after the other, so that the order of side effects is always the same."""
    quick = partial(deploy_champion, poll_s=0.005)
    with patch("leapline.rollout.deploy._PARALLEL", 1), patch("leapline.steps.deploy.deploy_champion", quick):
        return perform_step("deploy", settings, RUN)


def sign_ledger(settings: Settings) -> object:
    return ledger_of(settings).sign_again()


def accept_ledger(settings: Settings) -> object:
    return accept_state(settings, why="test", run_id="by hand")


def retain(settings: Settings) -> object:
    return perform_step("retain", settings, RunContext(datetime.now(UTC).date(), "run"))
