"""The task of the DAG `drill`."""

import json
import logging
import subprocess
import sys
from typing import Any, Final

from airflow.sdk import BaseOperator, Context, conf
from airflow.sdk.exceptions import AirflowFailException

from leapline.orchestration.dag_docs import TASK_DOCS

COMMAND: Final = (sys.executable, "-c", "from leapline.cli import main; main()", "drill", "--json")


class Drill(BaseOperator):
    """Runs `leapline drill` in a process of its own, which has a Spark driver, and logs one line per fault.

    The task fails if a fault was not stopped. Its XCom has the rows of the table.
    """

    def __init__(self, **kwargs: Any) -> None:
        pool = conf.get("leapline", "spark_pool", fallback="default_pool")
        super().__init__(task_id="drill", pool=pool, doc_md=TASK_DOCS["drill"], **kwargs)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Run the drill; return its rows."""
        command = [*COMMAND, "--sessions-per-day", str(context["params"]["sessions_per_day"])]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if not done.stdout.strip():
            lines = done.stderr.strip().splitlines()
            raise AirflowFailException(lines[-1] if lines else f"exit status {done.returncode}")
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        for row in rows:
            changed = ", ".join(row["changed"]) or "nothing new"
            text = (
                f"{row['stage']}: {row['broken']}; noticed in {row['noticed_in'] or 'no stage'}; published: {changed}"
            )
            self.log.log(logging.INFO if row["ok"] else logging.ERROR, "%s. %s", text, row["error"])
        failed = [f"{row['stage']} ({row['broken']})" for row in rows if not row["ok"]]
        if failed:
            raise AirflowFailException(f"Not stopped: {', '.join(failed)}")
        return rows
