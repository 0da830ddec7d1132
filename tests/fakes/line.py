"""A stand-in for the steps' work and for `spark-submit`: the DAG, its operators and Airflow are the real ones.

`lay_out` makes a folder with a package `leapline` whose modules are the real ones but for the steps in `jobs`: these
do what `told.json` tells them, and else succeed at once. `spark3-submit`, a name that the Spark provider accepts, runs
them as plain Python.

    {"check_events": {"error": ["DataCheckError", "events", "2 broken", "none", "Look."]}, "gate": {"passed": false}}
"""

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import leapline
from leapline.jobs.run import STEPS

STEP = """
import json
from pathlib import Path
from leapline import errors
from leapline.jobs.run import main

def run(settings, run):
    told = json.loads(Path({told!r}).read_text()).get({step!r}, {{}})
    if "error" in told:
        kind, thing, found, expected, fix = told["error"]
        raise getattr(errors, kind)(thing, found=found, expected=expected, fix=fix)
    facts = {{"day": run.day.isoformat(), "backfill": run.backfill, "threshold": settings.roc_auc_threshold}}
    verdict = {{"passed": True, "sentence": "Passed.", "promoted": settings.promote, "model_id": "m", "why": "better"}}
    return facts | verdict | told

if __name__ == "__main__":
    main({step!r}, run)
"""

SUBMIT = '''#!{python}
"""Skips Spark's own options, runs the application."""
import os, sys
at = next(i for i, arg in enumerate(sys.argv) if arg.endswith(".py") and i > 0)
os.execv({python!r}, [{python!r}, *sys.argv[at:]])
'''


def lay_out(folder: Path) -> dict[str, str]:
    """Write the stand-ins; the environment that makes a process use them."""
    package, real = folder / "leapline", Path(leapline.__file__).parent
    (package / "jobs").mkdir(parents=True, exist_ok=True)
    for source in (p for p in real.iterdir() if p.name not in {"jobs", "__pycache__"}):
        (package / source.name).symlink_to(source)
    stood_in = {*STEPS, "late"}
    for source in (real / "jobs").glob("*.py"):
        if source.stem not in stood_in:
            (package / "jobs" / source.name).symlink_to(source)
    for step in stood_in:
        (package / "jobs" / f"{step}.py").write_text(STEP.format(told=str(folder / "told.json"), step=step))
    submit = folder / "spark3-submit"
    submit.write_text(SUBMIT.format(python=sys.executable))
    submit.chmod(submit.stat().st_mode | stat.S_IXUSR)
    tell(folder)
    connection = {"conn_type": "spark", "host": "local[1]", "extra": {"spark-binary": "spark3-submit"}}
    return {
        "PYTHONPATH": str(folder),
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps(connection),
    }


def tell(folder: Path, **steps: Any) -> None:
    """What each step is to do from now on."""
    (folder / "told.json").write_text(json.dumps(steps))
