"""Steps that share a Spark driver: one application, options of a step for this step alone, and a JVM that ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.settings import Settings
from tests.command import environment
from tests.conftest import ROOT

STEPS = """
import json, os, signal, sys
from datetime import date
from leapline.errors import LeaplineError
from leapline.runtime.context import RunContext
from leapline.runtime.reports import past_report
from leapline.runtime.spark import shared_driver, spark_session
from leapline.runtime.step import perform
from leapline.settings import Settings

CHANGED = "spark.sql.execution.useObjectHashAggregateExec"

def plain(settings, context):
    with spark_session(settings, "plain") as spark:
        return {"application": spark.sparkContext.applicationId, "option": spark.conf.get(CHANGED)}

def changed(settings, context):
    with spark_session(settings, "changed", {CHANGED: "false"}) as spark:
        return {"application": spark.sparkContext.applicationId, "option": spark.conf.get(CHANGED)}

def failing(settings, context):
    with spark_session(settings, "failing", {CHANGED: "false"}):
        raise LeaplineError("x", found="a", expected="b", fix="c")

def killed(settings, context):
    with spark_session(settings, "killed", {CHANGED: "false"}) as spark:
        os.kill(spark.sparkContext._gateway.proc.pid, signal.SIGKILL)
        return {"count": spark.range(5).count()}

settings, run = Settings.load(), RunContext(date(2026, 3, 1), "run")
results = {}
with shared_driver():
    for name in ("plain", "changed", "failing", "again", "killed"):
        try:
            results[name] = perform(name, {"again": plain}.get(name) or globals()[name], settings, run)
        except LeaplineError as exc:
            results[name] = {"error": str(exc), "reported": past_report(settings, "run", name)["error"]["text"]}
print(json.dumps(results))
"""


@pytest.mark.spark
def test_steps_share_a_driver_with_options_of_their_own(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, tools=ROOT / ".local", spark_driver_memory="1g", spark_driver_options=FEW_EVENTS,
        spark_master="local[1]",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", STEPS], env=os.environ | environment(settings), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout.splitlines()[-1])
    application = results["plain"]["application"]
    assert results["plain"] == results["again"] == {"application": application, "option": "true"}
    assert results["changed"] == {"application": application, "option": "false"}
    assert results["failing"]["error"] == "x: found a; expected b. c"
    message = "Spark driver: found its JVM ended with status -9, as a killed process does; expected a JVM that runs"
    assert results["killed"]["error"].startswith(message)
    assert results["killed"]["reported"] == results["killed"]["error"]
