"""Writes each `retrain` run's outcome as its note: a person reads the verdict without opening a log."""

import sys
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from leapline.orchestration.note import run_note
from leapline.settings import Settings


@hookimpl
def on_dag_run_success(dag_run: Any) -> None:
    """A night that published, or that refused its model."""
    _write(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: Any) -> None:
    """A night that broke."""
    _write(dag_run)


def _write(dag_run: Any) -> None:
    """Runs in the scheduler, on its own session, which keeps the note. A note that a person wrote stays."""
    by_hand = dag_run.dag_run_note is not None and dag_run.dag_run_note.user_id is not None
    if dag_run.dag_id == "retrain" and not by_hand and (note := run_note(Settings.load(), dag_run.run_id)):
        dag_run.note = note


class RunNotePlugin(AirflowPlugin):
    """Registers the listener."""

    name = "leapline_run_note"
    listeners = (sys.modules[__name__],)
