"""Converts a step's error to an Airflow exception: same text, and retried only if a retry can help.

A superseded run is skipped from there on: another run does its work, so nobody has to be alerted.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from leapline.errors import LeaplineError, SupersededError


@contextmanager
def airflow_failures() -> Iterator[None]:
    """Convert a LeaplineError raised in the block to Airflow's exception, with the same text.

    Raises:
        AirflowSkipException: a later run works on the day.
        AirflowFailException: a retry cannot help; the task fails at once.
        AirflowException: the task's retries apply.
    """
    try:
        yield
    except LeaplineError as exc:
        raise as_failure(str(exc), exc.retriable, type(exc).__name__) from exc


def as_failure(text: str, retriable: bool, kind: str = "") -> AirflowException:
    """Return the exception that makes Airflow retry the task, fail it at once, or skip it with those after it.

    Args:
        text: of the error.
        retriable: whether a retry can help.
        kind: name of the error's class.
    """
    if kind == SupersededError.__name__:
        return AirflowSkipException(text)
    return AirflowException(text) if retriable else AirflowFailException(text)
