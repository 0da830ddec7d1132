"""The search for secrets notices planted ones in files that git would take, and nothing in the checkout itself."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from leapline.signing.keys import SigningKey
from tests.conftest import ROOT

# In two parts, so that the search does not find them here.
AWS = "aws_access_key_id = AKIA" + "QYLPMN5HHHFPZAM2"
GITHUB = "ghp_" + "1Zq8vJ3mK5xR7tW2yB4nC6dF9gH0jL1pQ8sT"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with the script and its tool."""
    if not shutil.which("go", path=_path()):
        pytest.skip("GO ABSENT: run `make setup`; no secret was searched for")
    tools = tmp_path / "include" / "tools"
    shutil.copytree(ROOT / "include/tools/secrets", tools / "secrets")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/secrets.sh", tmp_path / "scripts")
    shutil.copy(ROOT / ".gitleaks.toml", tmp_path)
    (tmp_path / ".gitignore").write_text(".env\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def _path() -> str:
    return f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"


def search(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(checkout / "scripts/secrets.sh"), *arguments]
    return subprocess.run(command, env=os.environ | {"PATH": _path()}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("settings.ini", AWS, "aws-access-token"),
        ("key.pem", SigningKey.generate().pem(), "private-key"),
        ("notes.md", GITHUB, "github-pat"),
    ],
)
def test_planted_secret_is_noticed_and_not_printed(checkout: Path, name: str, content: str, rule: str) -> None:
    (checkout / name).write_text(content)
    done = search(checkout)
    assert done.returncode == 1, done.stderr
    assert rule in done.stdout
    assert name in done.stdout
    assert content.split("\n")[1 if "\n" in content else 0].split()[-1] not in done.stdout


def test_ignored_file_may_have_secrets(checkout: Path) -> None:
    (checkout / ".env").write_text(AWS)
    done = search(checkout)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_history_contains_what_was_removed(checkout: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", "-C", str(checkout), *identity, *arguments], check=True)

    (checkout / "settings.ini").write_text(AWS)
    git("add", "settings.ini")
    git("commit", "-qm", "Add")
    git("rm", "-q", "settings.ini")
    git("commit", "-qm", "Remove")
    assert search(checkout).returncode == 0
    done = search(checkout, "history")
    assert done.returncode == 1
    assert "aws-access-token" in done.stdout


def test_folder_without_git_is_named(checkout: Path) -> None:
    shutil.rmtree(checkout / ".git")
    done = search(checkout)
    assert (done.returncode, done.stderr) == (0, "no git checkout, so no secrets were searched for\n")
