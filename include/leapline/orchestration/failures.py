"""Converts a step's error to an Airflow exception: same text, and retried only if a retry can help."""

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from leapline.errors import LeaplineError


@contextmanager
def airflow_failures() -> Iterator[None]:
    """Convert a LeaplineError raised in the block to Airflow's exception, with the same text.

    Raises:
        AirflowFailException: a retry cannot help; the task fails at once.
        AirflowException: the task's retries apply.
    """
    try:
        yield
    except LeaplineError as exc:
        raise as_failure(str(exc), exc.retriable) from exc


def as_failure(text: str, retriable: bool) -> AirflowException:
    """Return the exception that makes Airflow retry the task, or fail it at once."""
    return AirflowException(text) if retriable else AirflowFailException(text)
