"""Planted problems of lake, events and runs are named with their fix."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from leapline.doctor.finding import Status
from leapline.errors import QuarantineError
from leapline.runtime.reports import describe, write_report
from leapline.settings import Settings
from leapline.storage import lake_of
from leapline.storage.local import LocalStore
from tests.doctor.conftest import YESTERDAY, examine, only


def test_lake_that_cannot_be_written_is_named(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only("Lake writes", Status.OK)
    assert not list(home.glob(".doctor*"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path / "file"))
    assert "writable folder" in only("Lake writes", Status.PROBLEM).expected
    monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path / "new"))
    assert "the first run creates it" in only("Lake writes", Status.OK).found
    assert not (tmp_path / "new").exists()
    monkeypatch.setenv("LEAPLINE_HOME", "/proc/lake")
    assert "LEAPLINE_HOME" in only("Lake writes", Status.PROBLEM).fix


@pytest.mark.parametrize(
    ("method", "text"),
    [("put_if_absent", "requires a new name replaced"), ("put_if_match", "requires another version replaced")],
)
def test_store_that_ignores_conditions_is_named(
    home: Path, method: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always(self: LocalStore, key: str, content: bytes, *_: Any) -> bool:
        self.put(key, content)
        return True

    monkeypatch.setattr(LocalStore, method, always)
    finding = only("Lake writes", Status.PROBLEM)
    assert text in finding.found
    assert "If-Match" in finding.fix
    assert not list(home.glob(".doctor*"))


def test_bucket_is_written_and_left_as_it_was(home: Path, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_LAKE", f"s3://{s3_bucket}/lake")
    assert "written, compared, replaced and removed" in only("Lake writes", Status.OK).found
    assert list(lake_of(Settings.load()).store.list()) == []
    assert {finding.part for finding in examine("Machine clock")} == {"S3"}
    monkeypatch.setenv("LEAPLINE_LAKE", "s3://no-such-bucket/lake")
    assert "Create the bucket" in only("Lake writes", Status.PROBLEM).fix


def test_wrong_credentials_of_a_bucket_are_named(home: Path, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_LAKE", f"s3://{s3_bucket}/of-others")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "some-other-secret-key")
    finding = only("Lake writes", Status.PROBLEM)
    assert "AWS_SECRET_ACCESS_KEY" in finding.fix
    assert "some-other-secret-key" not in str(finding)


def test_files_that_others_can_read_are_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only("Lake permissions", Status.OK)
    file = home / "landing" / "exposed.txt"
    file.touch()
    file.chmod(0o644)
    assert only("Lake permissions", Status.OK), "in a private folder the mode of a file does not matter"
    home.chmod(0o755)
    (home / "landing").chmod(0o700)
    assert "read no file" in only("Lake permissions", Status.WARNING).found
    (home / "landing").chmod(0o711)
    finding = only("Lake permissions", Status.PROBLEM)
    assert f"such as {file}" in finding.found
    assert finding.fix.startswith(f"Run `chmod -R go-rwx {home}`")
    for path in (home, home / "landing"):
        path.chmod(0o750)
    file.chmod(0o640)
    assert only("Lake permissions", Status.PROBLEM)
    monkeypatch.setenv("LEAPLINE_UMASK", "027")
    for path in (home / "landing").rglob("*.txt"):
        path.chmod(0o640)
    assert only("Lake permissions", Status.OK)


def test_result_of_a_later_version_is_named(home: Path) -> None:
    assert only("Lake formats", Status.OK).found == "no results yet"
    lake = lake_of(Settings.load())
    with lake.attempt("checks", YESTERDAY):
        pass
    assert "1 dataset" in only("Lake formats", Status.OK).found
    pointer = next((home / "checks").rglob("CURRENT"))
    pointer.write_text(pointer.read_text().replace('"version": 1', '"version": 99'))
    assert "99" in only("Lake formats", Status.PROBLEM).found


def test_damaged_document_of_the_lake_is_named(home: Path) -> None:
    assert only("Lake documents", Status.OK)
    (home / "excluded-visitors.json").write_text('["someone"]')
    assert "Restore the file" in only("Lake documents", Status.PROBLEM).fix


def test_events_of_yesterday_are_listed_and_their_absence_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_LOOKAHEAD_HOURS", "0")
    assert f"landing, {YESTERDAY}: 1 slice" in only("Events source", Status.OK).found
    monkeypatch.setattr("leapline.doctor.subject.Subject.yesterday", YESTERDAY + timedelta(days=20))
    finding = only("Events source", Status.PROBLEM)
    assert str(YESTERDAY) in finding.found
    assert "collector and the loader" in finding.fix
    monkeypatch.setenv("LEAPLINE_LOOKAHEAD_HOURS", "24")
    assert only("Events source", Status.WARNING), "the nightly run does not start before"


def test_unusable_landing_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "landing" / "notes.txt").touch()
    (home / "landing" / "notes.txt").write_text("x")
    assert "notes.txt" in only("Events source", Status.WARNING).found
    monkeypatch.setenv("LEAPLINE_LANDING", str(home / "nowhere"))
    assert "Correct LEAPLINE_LANDING" in only("Events source", Status.PROBLEM).fix


def test_corrupt_file_of_yesterday_is_named(home: Path) -> None:
    file = next((home / "landing").rglob("part-00000.txt"))
    file.write_bytes(b"PAR1" + bytes(100))
    assert file.name in only("Events source", Status.PROBLEM).found


def test_unreachable_database_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_SOURCE", "postgresql://127.0.0.1:1/shop")
    monkeypatch.setenv("PGPASSWORD", "password-of-the-shop")
    finding = only("Events source", Status.PROBLEM)
    assert "no server at this address" in finding.found
    assert "password-of-the-shop" not in str(finding)
    monkeypatch.setenv("LEAPLINE_SOURCE_CONNECTION", "shop")
    assert only("Events source", Status.NOT_APPLICABLE)


def test_last_run_that_failed_is_a_problem_with_its_reason(home: Path) -> None:
    assert only("Lake last run", Status.NOT_APPLICABLE)
    error = QuarantineError("lines", found="9 % quarantined", expected="5 %", fix="Fix the source.")
    report = {"step": "extract", "day": str(YESTERDAY), "run_id": "manual-1"}
    write_report(Settings.load(), "manual-1", "extract", report | {"ok": False, "error": describe(error)})
    finding = only("Lake last run", Status.PROBLEM)
    assert "manual-1" in finding.found
    assert "9 % quarantined" in finding.found
    summary = {"passed": False, "sentence": "Refused: ROC AUC."}
    write_report(Settings.load(), "manual-1", "extract", report | {"ok": True, "summary": {}})
    write_report(Settings.load(), "manual-1", "gate", report | {"step": "gate", "ok": True, "summary": summary})
    assert "Refused: ROC AUC." in only("Lake last run", Status.OK).found
