"""A step's error in Airflow's terms: the text that an operator reads, and whether another try can help."""

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from leapline.errors import LeaplineError


@contextmanager
def named_failures() -> Iterator[None]:
    """Turn a LeaplineError into Airflow's own, its text unchanged.

    Raises:
        AirflowFailException: another try cannot help; the task fails at once.
        AirflowException: the task's retries apply.
    """
    try:
        yield
    except LeaplineError as exc:
        raise as_failure(str(exc), exc.retriable) from exc


def as_failure(text: str, retriable: bool) -> AirflowException:
    """The exception that makes Airflow retry, or not."""
    return AirflowException(text) if retriable else AirflowFailException(text)
