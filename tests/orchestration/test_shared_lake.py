"""Tasks on several hosts: each has to see the lake in which its run began."""

import socket
from pathlib import Path

import pytest

from leapline.errors import SettingsError
from leapline.orchestration.shared_lake import leave_report, require_same_lake
from leapline.records.runs import list_outcomes
from leapline.settings import Settings

RUN = "manual__2026-03-05T01:00:00+00:00"


@pytest.fixture
def first_host(tmp_path: Path) -> str:
    """A run began on this host, in the lake `shared`."""
    return leave_report(Settings(home=tmp_path / "shared"), RUN)


def test_same_folder_on_another_host_is_the_same_lake(
    tmp_path: Path, first_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "worker-2")
    require_same_lake(Settings(home=tmp_path / "shared"), RUN, first_host)


def test_folder_of_its_own_on_another_host_is_reported_with_both_hosts(
    tmp_path: Path, first_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "worker-2")
    message = (
        rf"the lake {tmp_path}/own on host worker-2: found no trace of this run, which began on host {first_host};"
    )
    with pytest.raises(SettingsError, match=message) as caught:
        require_same_lake(Settings(home=tmp_path / "own"), RUN, first_host)
    assert "Set LEAPLINE_LAKE to a bucket, or mount one folder under the same path on all hosts" in str(caught.value)
    assert not (tmp_path / "own").exists()


def test_host_of_the_first_task_and_runs_of_earlier_versions_are_not_checked(tmp_path: Path, first_host: str) -> None:
    for host in (first_host, None):
        require_same_lake(Settings(home=tmp_path / "removed since"), RUN, host)


def test_report_of_the_first_task_alone_is_no_run_on_the_models_page(tmp_path: Path, first_host: str) -> None:
    assert list_outcomes(Settings(home=tmp_path / "shared")) == []
