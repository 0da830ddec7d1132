"""Make a release: set the version, close the changelog section, commit and tag. Pushes nothing.

python -m scripts.release 0.2.0 [--dry-run]
"""

import argparse
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

VERSION_FILE: Final = Path("include/leapline/__init__.py")
COMPOSE_FILE: Final = Path("docker-compose.yaml")
CHART_FILE: Final = Path("deploy/helm/leapline-scorer/Chart.yaml")
CHANGELOG: Final = Path("CHANGELOG.md")
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+")
_ASSIGNMENT: Final = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
_IMAGE: Final = re.compile(r"^(\s+image: leapline/(?:airflow|s3):).+$", re.MULTILINE)
_CHART: Final = re.compile(r'^(version: |appVersion: ")[^"\n]+("?)$', re.MULTILINE)
_UNRELEASED: Final = re.compile(r"^## Unreleased\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


class ReleaseError(Exception):
    """The release cannot be made; the message contains the reason and the fix."""


def release(root: Path, version: str, today: date, dry_run: bool) -> list[str]:
    """Make the release in the work tree `root`.

    Args:
        root: a clean checkout.
        version: the new version, `major.minor.patch`.
        today: the date of the changelog section.
        dry_run: whether only to check and report.

    Returns:
        What was done, or would be done, one sentence per action.

    Raises:
        ReleaseError: the version is malformed or not newer, its tag exists, the work tree has changes, or the changelog
            has no entries.
    """
    code = (root / VERSION_FILE).read_text(encoding="utf-8")
    changelog = (root / CHANGELOG).read_text(encoding="utf-8")
    _require_newer(version, _current_version(code))
    if _git(root, "status", "--porcelain"):
        raise ReleaseError("The work tree has changes. Commit or stash them first.")
    if _git(root, "tag", "--list", f"v{version}"):
        raise ReleaseError(f"The tag v{version} exists already. Choose the next version.")
    section = _UNRELEASED.search(changelog)
    if section is None or not section[1].strip():
        raise ReleaseError('CHANGELOG.md has no entries under "## Unreleased". Describe the release there.')
    if not dry_run:
        heading = f"## Unreleased\n\n## {version} ({today.isoformat()})\n"
        compose, chart = ((root / path).read_text(encoding="utf-8") for path in (COMPOSE_FILE, CHART_FILE))
        contents = {
            VERSION_FILE: _ASSIGNMENT.sub(f'__version__ = "{version}"', code),
            COMPOSE_FILE: _IMAGE.sub(rf"\g<1>{version}", compose),
            CHART_FILE: _CHART.sub(rf"\g<1>{version}\g<2>", chart),
            CHANGELOG: changelog.replace("## Unreleased\n", heading, 1),
        }
        for path, content in contents.items():
            (root / path).write_text(content, encoding="utf-8")
        _git(root, "commit", "--quiet", "--message", f"Release {version}", *map(str, contents))
        _git(root, "tag", "--annotate", f"v{version}", "--message", f"Leapline {version}")
    return [
        f"Version {version} in {VERSION_FILE}, which the Python package and the scorer use, in {COMPOSE_FILE} and "
        f"{CHART_FILE}.",
        f"Section {version} in {CHANGELOG}.",
        f"Commit 'Release {version}' and tag v{version}.",
    ]


def _current_version(code: str) -> str:
    assignment = _ASSIGNMENT.search(code)
    if assignment is None:
        raise ReleaseError(f"{VERSION_FILE} has no line __version__ = ...")
    return assignment[1]


def _require_newer(version: str, current: str) -> None:
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"The version is {version!r}; expected three numbers, such as 1.2.3.")
    if tuple(map(int, version.split("."))) < tuple(map(int, current.split("."))):
        raise ReleaseError(f"The version {version} is older than the current one, {current}.")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as exc:
        raise ReleaseError(f"git {arguments[0]} failed: {exc.stderr.strip()}") from exc
    return done.stdout.strip()


def main() -> None:
    """Run from the command line; exit status 1 if the release cannot be made."""
    parser = argparse.ArgumentParser(prog="scripts.release", description=__doc__.splitlines()[0])
    parser.add_argument("version", help="the new version, e.g. 0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="check and report, change nothing")
    args = parser.parse_args()
    try:
        actions = release(Path.cwd(), args.version, datetime.now(UTC).date(), args.dry_run)
    except ReleaseError as exc:
        print(f"make release: {exc}", file=sys.stderr)
        sys.exit(1)
    print("\n".join([*(["Would do:"] if args.dry_run else []), *actions]))


if __name__ == "__main__":
    main()
