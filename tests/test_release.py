"""`make release`: checks first, then version, changelog, commit and tag."""

import subprocess
from datetime import date
from pathlib import Path

import pytest

from scripts.release import CHANGELOG, CHART_FILE, COMPOSE_FILE, VERSION_FILE, ReleaseError, release

TODAY = date(2026, 3, 9)


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / VERSION_FILE).parent.mkdir(parents=True)
    (tmp_path / VERSION_FILE).write_text('"""Leapline."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / CHANGELOG).write_text("# Changelog\n\n## Unreleased\n\n- A new thing.\n")
    (tmp_path / COMPOSE_FILE).write_text("a:\n  image: leapline/airflow:0.1.0\nb:\n  image: leapline/s3:0.1.0\n")
    (tmp_path / CHART_FILE).parent.mkdir(parents=True)
    (tmp_path / CHART_FILE).write_text('apiVersion: v2\nversion: 0.1.0\nappVersion: "0.1.0"\n')
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.email", "test@example.org")
    git(tmp_path, "config", "user.name", "Test")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "First")
    return tmp_path


def test_sets_version_closes_changelog_commits_and_tags(checkout: Path) -> None:
    release(checkout, "0.2.0", TODAY, dry_run=False)
    assert '__version__ = "0.2.0"' in (checkout / VERSION_FILE).read_text()
    assert (
        checkout / COMPOSE_FILE
    ).read_text() == "a:\n  image: leapline/airflow:0.2.0\nb:\n  image: leapline/s3:0.2.0\n"
    assert (checkout / CHART_FILE).read_text() == 'apiVersion: v2\nversion: 0.2.0\nappVersion: "0.2.0"\n'
    changelog = (checkout / CHANGELOG).read_text()
    assert changelog == "# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-03-09)\n\n- A new thing.\n"
    assert git(checkout, "log", "-1", "--format=%s") == "Release 0.2.0"
    assert git(checkout, "rev-parse", "v0.2.0^{commit}") == git(checkout, "rev-parse", "HEAD")
    assert git(checkout, "status", "--porcelain") == ""


def test_dry_run_changes_nothing(checkout: Path) -> None:
    before = git(checkout, "rev-parse", "HEAD")
    assert len(release(checkout, "0.2.0", TODAY, dry_run=True)) == 3
    assert git(checkout, "rev-parse", "HEAD") == before
    assert git(checkout, "status", "--porcelain") == git(checkout, "tag") == ""


@pytest.mark.parametrize(
    ("version", "message"),
    [("0.2", "three numbers"), ("v0.2.0", "three numbers"), ("0.0.9", "older than the current one, 0.1.0")],
)
def test_rejects_malformed_and_older_versions(checkout: Path, version: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        release(checkout, version, TODAY, dry_run=True)


def test_rejects_uncommitted_changes(checkout: Path) -> None:
    (checkout / "new.txt").write_text("x")
    with pytest.raises(ReleaseError, match="The work tree has changes"):
        release(checkout, "0.2.0", TODAY, dry_run=False)


def test_rejects_a_release_without_entries_and_an_existing_tag(checkout: Path) -> None:
    release(checkout, "0.2.0", TODAY, dry_run=False)
    with pytest.raises(ReleaseError, match=r"v0\.2\.0 exists already"):
        release(checkout, "0.2.0", TODAY, dry_run=False)
    with pytest.raises(ReleaseError, match="no entries under"):
        release(checkout, "0.3.0", TODAY, dry_run=False)
