"""Writes the outcome of each `retrain` run into its note, so that the verdict is visible without opening a log."""

import sys
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from sqlalchemy import inspect

from leapline.orchestration.note import run_note
from leapline.settings import Settings


@hookimpl
def on_dag_run_success(dag_run: Any) -> None:
    """Write the note of a run that published or refused its model."""
    _write(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: Any) -> None:
    """Write the note of a failed run."""
    _write(dag_run)


def _write(dag_run: Any) -> None:
    """Set the note, unless a user wrote one; runs in the scheduler, whose database session commits it."""
    if inspect(dag_run).detached:  # A single run without a scheduler: there is no page that shows its note.
        return
    written_by_user = dag_run.dag_run_note is not None and dag_run.dag_run_note.user_id is not None
    if dag_run.dag_id == "retrain" and not written_by_user and (note := run_note(Settings.load(), dag_run.run_id)):
        dag_run.note = note


class RunNotePlugin(AirflowPlugin):
    """Registers the listener."""

    name = "leapline_run_note"
    listeners = (sys.modules[__name__],)
