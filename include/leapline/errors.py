"""The errors that Leapline raises, one class per kind.

Every error has four parts: the thing, what was found, what was expected, and what to do next. The command line prints
errors without a traceback; Airflow shows them as the last line of the task's log. `retriable` is true where another
attempt can succeed, so that the scheduler retries.
"""

from typing import ClassVar


class LeaplineError(Exception):
    """Base class of all errors of Leapline; never raised itself.

    Args:
        thing: what the error is about, a noun phrase ("threshold", "landing folder /data/landing").
        found: the actual state.
        expected: the required state.
        fix: the next step, an imperative sentence.
    """

    retriable: ClassVar[bool] = False

    def __init__(self, thing: str, *, found: str, expected: str, fix: str) -> None:
        self.thing, self.found, self.expected, self.fix = thing, found, expected, fix
        super().__init__(f"{thing}: found {found}; expected {expected}. {fix}")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.thing, self.found, self.expected, self.fix)


def _rebuild(kind: type[LeaplineError], thing: str, found: str, expected: str, fix: str) -> LeaplineError:
    """Return an unpickled error; pickle cannot pass keyword-only arguments by itself."""
    return kind(thing, found=found, expected=expected, fix=fix)


class SettingsError(LeaplineError):
    """A setting or parameter is missing, unknown or out of range. Not retried; the operator corrects it."""


class InputError(LeaplineError):
    """The source data is missing, unreadable or malformed. Not retried; the operator checks the source."""


class NoEventsError(InputError):
    """The data day has no usable event. Not retried; the operator checks the collector and the date."""


class SourceChangedError(InputError):
    """A file of the source was replaced or removed while it was read. Retried: the loader may have been at work."""

    retriable = True


class IncompleteDayError(InputError):
    """The source does not have all of the day yet. Retried: the loader may catch up."""

    retriable = True


class SourceError(LeaplineError):
    """The database of the events does not answer, or ended the export. Retried: it may be busy or starting."""

    retriable = True


class SourceUnusableError(SourceError):
    """The database cannot be used as configured: address, login, certificate, permission, table or columns. Not
    retried; the message contains the remedy."""

    retriable = False


class QuarantineError(InputError):
    """More lines than allowed were quarantined. Not retried; the operator reads the quarantine."""


class BalanceError(LeaplineError):
    """The numbers of lines read and written do not add up. Retried: Spark may have counted a repeated stage twice."""

    retriable = True


class DataCheckError(LeaplineError):
    """The events of the day violate an expectation. Not retried; the operator opens the Data Docs."""


class StorageError(LeaplineError):
    """The lake cannot be read or written. Retried: another process may have replaced a file at that moment."""

    retriable = True


class StorageUnusableError(StorageError):
    """The store cannot be used as configured: bucket, credentials, region, certificate or clock. Not retried; the
    message contains the remedy."""

    retriable = False


class NotInLakeError(LeaplineError):
    """The result of an earlier step is missing. Not retried; the operator runs that step first."""


class DiskFullError(StorageError):
    """No space is left. Not retried; the operator frees space. Nothing was published."""

    retriable = False


class FormatVersionError(StorageError):
    """A dataset has a format version that this version of Leapline cannot read. Not retried; the step is run again."""

    retriable = False


class LedgerError(StorageError):
    """The ledger or its head was changed, truncated or not signed as required. Not retried; `leapline ledger verify`
    lists what differs."""

    retriable = False


class ContradictionError(LeaplineError):
    """Registry and ledger disagree about the champion, or the repository belongs to another lake. Not retried; a person
    decides, and the tags are unchanged."""


class SupersededError(LeaplineError):
    """A later run works on the same data day. Not retried; this run ends and leaves the day to the later one."""


class ClusterError(LeaplineError):
    """The Spark cluster does not answer or has no executor for the step. Retried: it may be starting or busy."""

    retriable = True


class SpecError(LeaplineError):
    """The feature spec is malformed. Not retried; the operator corrects the named field."""


class TrainingError(LeaplineError):
    """The examples cannot train a model: there are none, or only one class. Not retried."""


class BundleError(LeaplineError):
    """An archive is damaged, hostile or not a model. Not retried."""


class UnsupportedStageError(BundleError):
    """A pipeline stage has no Bundle.ML writer. Not retried; replace the stage or register a writer."""


class ScorerError(LeaplineError):
    """The scorer did not start, or returned an error. Not retried."""


class InputChangedError(LeaplineError):
    """A step's input is not the one that the verdict is about. Not retried; the operator judges the day again."""


class ProbeError(LeaplineError):
    """The image could not be probed. Not retried; nothing was pushed."""


class RegistryError(LeaplineError):
    """The registry is down or refused the request. Retried with back-off; the tags are unchanged."""

    retriable = True


class RegistryUnusableError(RegistryError):
    """The registry cannot be used as configured: its certificate or protocol, a quota, read-only mode, or a fault in
    Docker's configuration. Not retried; the message contains the remedy."""

    retriable = False


class AccessDeniedError(RegistryError):
    """The registry denies access (HTTP 401 or 403). Not retried; the operator logs in or asks for the permission."""

    retriable = False


class TagConflictError(RegistryError):
    """An immutable tag already names another digest. Not retried; nothing is overwritten."""

    retriable = False


class DeployError(LeaplineError):
    """A target of LEAPLINE_DEPLOY did not take over the champion. Retried: its platform may be busy; a target that runs
    the champion already is left alone."""

    retriable = True


class DeployUnusableError(DeployError):
    """A target cannot be used as configured: login, permission, address or its present state. Not retried; the message
    contains the remedy."""

    retriable = False


class RolloutFailedError(DeployError):
    """The platform could not start the new image, and the target runs the former one again. Not retried; the operator
    reads the named reason."""

    retriable = False


class ErasureError(LeaplineError):
    """A request for erasure cannot be read, or erased events are still there. Not retried; the message contains the
    remedy."""


class ErasedMeanwhileError(ErasureError):
    """Visitors were erased while a step worked with data that may contain them; it has committed nothing. Retried: the
    next attempt reads the data without them."""

    retriable = True


class NotPermittedError(LeaplineError):
    """Somebody who is no approver asked for what only approvers may do. Not retried; nothing was moved or started."""


class SignatureError(LeaplineError):
    """A signature is missing, damaged, by an unknown key, or for other content. Not retried; nothing is promoted or
    scored. The operator finds out who changed the model, or signs it."""


class RebuildError(LeaplineError):
    """A model cannot be rebuilt here: its record is missing, or code or libraries are others. Not retried; the operator
    installs the version that the message names."""


class PortTakenError(LeaplineError):
    """A port that a local service needs is in use. Not retried; the operator frees it or picks another."""


class ToolMissingError(LeaplineError):
    """A tool that `make setup` installs is missing. Not retried; the operator runs `make setup`."""


class DownloadError(LeaplineError):
    """A file that `make setup` downloads is unavailable or differs. Not retried; the operator runs it again."""


class LocalServiceError(LeaplineError):
    """A local service (Airflow, registry) is down or did not start. Not retried; its log has the reason."""
