"""Finds workers that do not see the run's lake: with several hosts, each may have a folder of its own by mistake.

The task `resolve` leaves a report in the lake, and its host's name in its XCom. A task on another host looks for the
report before its step starts, so that no step runs on the wrong lake or blames an earlier step for a missing result.
"""

import socket

from leapline.errors import SettingsError
from leapline.runtime.reports import past_report, write_report
from leapline.settings import Settings

_REPORT = "resolve"


def leave_report(settings: Settings, run_id: str) -> str:
    """Write the report and return this host's name.

    Raises:
        StorageError: the lake cannot be written.
    """
    host = socket.gethostname()
    write_report(settings, run_id, _REPORT, {"run_id": run_id, "host": host, "lake": _address(settings)})
    return host


def require_same_lake(settings: Settings, run_id: str, first_host: str | None) -> None:
    """Check that this host sees the lake in which the run began.

    Args:
        settings: of the run.
        run_id: of the run.
        first_host: on which `leave_report` ran; None for a run of an earlier version, which is not checked.

    Raises:
        SettingsError: it does not.
        StorageError: the lake cannot be read.
    """
    here = socket.gethostname()
    if first_host in (None, here) or past_report(settings, run_id, _REPORT):
        return
    raise SettingsError(
        f"the lake {_address(settings)} on host {here}",
        found=f"no trace of this run, which began on host {first_host}",
        expected="the same lake on every host that runs tasks",
        fix="Set LEAPLINE_LAKE to a bucket, or mount one folder under the same path on all hosts; "
        "then clear the task `resolve`.",
    )


def _address(settings: Settings) -> str:
    return str(settings.lake or settings.home)
