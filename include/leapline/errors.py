"""What can go wrong, one class a kind.

Every error says four things: the thing, what was found, what was expected, what to do next. The command line prints
them without a traceback; Airflow shows them as the task's last line. `retriable` tells the scheduler whether another
try can help.
"""

from typing import ClassVar


class LeaplineError(Exception):
    """The root of the family; never raised itself.

    Args:
        thing: what the error is about, a noun phrase ("threshold", "landing folder /data/landing").
        found: what is there.
        expected: what should be there.
        fix: the next step, an imperative sentence.
    """

    retriable: ClassVar[bool] = False

    def __init__(self, thing: str, *, found: str, expected: str, fix: str) -> None:
        self.thing, self.found, self.expected, self.fix = thing, found, expected, fix
        super().__init__(f"{thing}: found {found}; expected {expected}. {fix}")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.thing, self.found, self.expected, self.fix)


def _rebuild(kind: type[LeaplineError], thing: str, found: str, expected: str, fix: str) -> LeaplineError:
    """Unpickle: keyword-only arguments need help across process boundaries."""
    return kind(thing, found=found, expected=expected, fix=fix)


class SettingsError(LeaplineError):
    """A setting or a parameter is missing, unknown or out of range. Not retried; the operator corrects it."""


class InputError(LeaplineError):
    """The source data cannot be used: missing, unreadable, of the wrong form. Not retried; look at the source."""


class NoEventsError(InputError):
    """The data day holds no usable event. Not retried at once: the collector was down or the date is wrong."""


class QuarantineError(InputError):
    """More lines than allowed were quarantined. Not retried; the operator reads the quarantine."""


class BalanceError(LeaplineError):
    """Lines in and lines out do not add up. Retried: a stage that Spark had to repeat may have been counted twice."""

    retriable = True


class DataCheckError(LeaplineError):
    """The day's events break an expectation. Not retried; the operator opens the Data Docs."""


class StorageError(LeaplineError):
    """The lake cannot be read or written. Retried: another process may have been swapping."""

    retriable = True


class NotInLakeError(LeaplineError):
    """An earlier step's result is missing. Not retried; the operator runs that step first."""


class DiskFullError(StorageError):
    """No space is left. Not retried; the operator frees space. Nothing was published."""

    retriable = False


class FormatVersionError(StorageError):
    """A dataset of the lake has a format version that this Leapline cannot read. Not retried; the step is run again."""

    retriable = False


class SpecError(LeaplineError):
    """The feature spec is malformed. Not retried; the operator corrects the named field."""


class TrainingError(LeaplineError):
    """The examples cannot train a model: none, or one class only. Not retried."""


class BundleError(LeaplineError):
    """An archive is damaged, hostile or not a model. Not retried."""


class UnsupportedStageError(BundleError):
    """A pipeline stage has no Bundle.ML form here. Not retried; replace the stage or register a writer."""


class ScorerError(LeaplineError):
    """The scoring process did not start, or answered with an error. Not retried."""


class ProbeError(LeaplineError):
    """The image could not be probed at all. Not retried; nothing was pushed."""


class RegistryError(LeaplineError):
    """The registry is down or refused. Retried with back-off; the tags are as they were."""

    retriable = True


class TagConflictError(RegistryError):
    """A tag that never moves already names another digest. Not retried, nothing overwritten."""

    retriable = False


class PortTakenError(LeaplineError):
    """A port that a local service needs is in use. Not retried; the operator frees it or picks another."""


class ToolMissingError(LeaplineError):
    """A tool that `make setup` installs is not there. Not retried; the operator runs `make setup`."""


class LocalServiceError(LeaplineError):
    """A service that we start on this machine (Airflow) is down or did not come up. Not retried; its log says why."""
