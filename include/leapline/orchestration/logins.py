"""All logins from Airflow connections that a task needs, as environment variables while it works."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from leapline.errors import LeaplineError
from leapline.orchestration.aws_login import aws_login
from leapline.orchestration.registry_login import registry_login
from leapline.orchestration.signing_login import public_keys_for
from leapline.orchestration.source_login import source_login
from leapline.settings import Settings


@contextmanager
def logins(settings: Settings, step: str) -> Iterator[None]:
    """Set the variables for a task while the block runs; programs that are started in it inherit them.

    Args:
        settings: of the run.
        step: the task.

    Raises:
        SettingsError: a connection is missing, incomplete or of another type.
    """
    with (
        aws_login(settings), source_login(settings, step), registry_login(settings, step),
        public_keys_for(settings, step),
    ):  # fmt: skip
        yield


@contextmanager
def usable_logins(settings: Settings) -> Iterator[None]:
    """Set the variables of AWS and registries for code that only shows a state and must not fail.

    A connection that cannot be used is left out; the step that needs it reports it.
    """
    with ExitStack() as stack:
        for login in (aws_login(settings), registry_login(settings, "promote")):
            with suppress(LeaplineError):
                stack.enter_context(login)
        yield
