"""What a check of the installation finds out."""

from dataclasses import dataclass, replace
from enum import StrEnum

from leapline.errors import LeaplineError


class Status(StrEnum):
    """How a check ended. Only problems make the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Finding:
    """The result of a check, or of one part of it.

    Attributes:
        status: how it ended.
        found: the actual state.
        expected: the required state; empty if nothing is wrong.
        fix: the next step, imperative sentences; empty if nothing is wrong.
        part: what of the check's subject it is about, such as a connection; empty for all of it.
    """

    status: Status
    found: str
    expected: str = ""
    fix: str = ""
    part: str = ""

    def of(self, part: str) -> "Finding":
        """Return the finding as one about a part."""
        return replace(self, part=part)


class NotApplicableError(Exception):
    """The check does not apply to this installation, or not now; the text is the reason."""


def ok(found: str) -> Finding:
    """Return that nothing is wrong."""
    return Finding(Status.OK, found)


def warning(found: str, *, expected: str, fix: str) -> Finding:
    """Return something that should be looked at, although the installation works."""
    return Finding(Status.WARNING, found, expected, fix)


def problem(found: str, *, expected: str, fix: str) -> Finding:
    """Return something that prevents or endangers runs."""
    return Finding(Status.PROBLEM, found, expected, fix)


def from_error(error: LeaplineError, status: Status = Status.PROBLEM) -> Finding:
    """Return what an error of Leapline reports."""
    return Finding(status, f"{error.thing}: {error.found}", error.expected, error.fix)
