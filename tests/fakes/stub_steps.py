"""Stub steps and a stub `spark-submit`: the DAG, its operators and Airflow are the real ones.

`install_stub_steps` creates a folder with a package `leapline` whose modules are the real ones except for the steps.
A stub step does what `scripted.json` contains for it, and otherwise succeeds at once; with `superseded_by`, another run
takes the day meanwhile. `spark3-submit`, a name that the
Spark provider accepts, runs them as plain Python.

    {"check_events": {"error": ["DataCheckError", "events", "2 broken", "none", "Look."]}, "gate": {"passed": false}}
"""

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import leapline
from leapline.runtime.context import STEPS

STEP = """
import json
from pathlib import Path
from leapline import errors
from leapline.runtime.day_owner import take_day
from leapline.runtime.step import main

def run(settings, context, logins=None):
    scripted = json.loads(Path({scripted!r}).read_text()).get({step!r}, {{}})
    if "superseded_by" in scripted:
        take_day(settings, context.day, scripted["superseded_by"])
    if "error" in scripted:
        kind, thing, actual, expected, fix = scripted["error"]
        raise getattr(errors, kind)(thing, found=actual, expected=expected, fix=fix)
    facts = {{"day": context.day.isoformat(), "backfill": context.backfill, "threshold": settings.roc_auc_threshold}}
    verdict = {{"passed": True, "sentence": "Passed.", "promoted": settings.promote, "model_id": "m", "why": "better"}}
    return facts | verdict | scripted

if __name__ == "__main__":
    main({step!r}, run)
"""

SUBMIT = """\
#!/bin/sh
# Skips the options of spark-submit and runs the application. The interpreter's path may contain spaces.
while [ "${{1%.py}}" = "$1" ]; do shift; done
exec "{python}" "$@"
"""


def install_stub_steps(folder: Path) -> dict[str, str]:
    """Write the stubs, and return the environment that makes a process use them."""
    package, real = folder / "leapline", Path(leapline.__file__).parent
    (package / "steps").mkdir(parents=True, exist_ok=True)
    for source in (p for p in real.iterdir() if p.name not in {"steps", "__pycache__"}):
        (package / source.name).symlink_to(source)
    (package / "steps" / "__init__.py").symlink_to(real / "steps" / "__init__.py")
    for step in (*STEPS, "late"):
        stub = STEP.format(scripted=str(folder / "scripted.json"), step=step)
        (package / "steps" / f"{step}.py").write_text(stub)
    submit = folder / "spark3-submit"
    submit.write_text(SUBMIT.format(python=sys.executable))
    submit.chmod(submit.stat().st_mode | stat.S_IXUSR)
    script_steps(folder)
    connection = {"conn_type": "spark", "host": "local[1]", "extra": {"spark-binary": "spark3-submit"}}
    return {
        "PYTHONPATH": str(folder),
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps(connection),
    }


def script_steps(folder: Path, **steps: Any) -> None:
    """Set what each step does in later runs."""
    (folder / "scripted.json").write_text(json.dumps(steps))
