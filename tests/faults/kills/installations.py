"""Installations with a lake in a folder and a repository in a real registry: copies, invariants and contents."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Final

from leapline.deployment.factory import ledger_of
from leapline.deployment.ledger_report import verify_ledger
from leapline.doctor.lake import documents, formats
from leapline.doctor.subject import Subject
from leapline.records import history
from leapline.records.candidates import candidates
from leapline.settings import Settings
from leapline.storage import POINTER, Lake
from leapline.storage.seal import changed_part
from tests.lakes import folder_of

REPOSITORIES: Final = Path("data/docker/registry/v2/repositories")
_VARYING: Final = re.compile(
    rb"attempt-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)?|(sha256:)?[0-9a-f]{64}|\"seconds\": [\d.]+"
    rb"|\"[0-9a-f]{12}\"|\\?\"[0-9a-f]{16}\\?\"|this lake is \w+|\"pushed\": \w+|shop/[a-z0-9-]+|\"value\": \"[^\"]*\""
)
"""What differs between two runs of the same step: names of attempts, times, repositories, whether something had to be
sent, the ids of new lakes, digests and signatures of texts with any of these."""
_digests: dict[bytes, str] = {}
"""SHA-256 of a content -> digest of it without `_VARYING`. Installations have the same images, archives and tables, for
which the pattern takes longer than a kill."""
_LEFT: Final = re.compile(r"\..+\.[0-9a-f]{8}")
"""Files that were to replace another one."""
_NAMED_BY_SPARK: Final = re.compile(r"(?<=part-\d{5}-)[0-9a-f-]{36}")
"""What Spark makes up for the names of its files."""


def copy_of(settings: Settings, registry_folder: Path, name: str, folder: Path) -> Settings:
    """Copy a lake into a folder, and its repository to another one of the same registry.

    Files are linked: neither Leapline nor the registry changes a file in place.
    """
    shutil.copytree(settings.home, folder / "lake", copy_function=os.link)
    source = registry_folder / REPOSITORIES / settings.repository
    if source.exists():
        shutil.copytree(source, registry_folder / REPOSITORIES / name)
    return settings.model_copy(update={"home": folder / "lake", "repository": name})


def require_readable(settings: Settings) -> None:
    """Fail if a reader of the lake would see half a result, or an error that is none of the lake's."""
    lake = Lake(settings.home)
    for pointer in folder_of(lake).glob(f"*/*/{POINTER}"):
        dataset, key = pointer.parent.parent.name, pointer.parent.name
        assert changed_part(lake, lake.current(dataset, key)) == "", f"{dataset} of {key} is incomplete"
    subject = Subject(settings)
    for check in (formats, documents):
        check(subject)
    candidates(lake)
    history.rows(lake)
    assert verify_ledger(settings, offline=True)["problems"] == []


def tags_of(settings: Settings, registry_folder: Path, *names: str) -> dict[str, str | None]:
    """Return the digests of some tags, as the registry has them on disk: asking it takes a process per tag."""
    tags = registry_folder / REPOSITORIES / settings.repository / "_manifests" / "tags"
    links = {name: tags / name / "current" / "link" for name in names}
    return {name: link.read_text() if link.exists() else None for name, link in links.items()}


def contents(lake: Lake) -> dict[str, str]:
    """Return the digest of each file that readers see, without what differs between two runs of the same step."""
    root, files = folder_of(lake), dict[str, str]()
    pointers = _pointers(root)
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path.name not in (POINTER, "seal.json"):
            attempt = _attempt(root, path)
            if attempt is None or pointers.get(attempt.parent, {}).get("attempt") == attempt.name:
                name = path.relative_to(root).as_posix()
                name = name.replace(attempt.name, "current") if attempt else name
                files[_NAMED_BY_SPARK.sub("...", name)] = _digest(root, path)
    return files


def left_over(lake: Lake) -> list[str]:
    """Return files and folders that no reader sees and no writer will finish.

    The heartbeat of a committed attempt, which may be left, is removed with the attempt.
    """
    root = folder_of(lake)
    pointers = _pointers(root)
    temporary = [path for path in root.rglob(".*") if _LEFT.fullmatch(path.name)]
    dead = [path for path in root.glob("*/*/attempt-*") if path.name not in pointers.get(path.parent, {}).values()]
    return [path.relative_to(root).as_posix() for path in (*temporary, *dead)]


def _pointers(root: Path) -> dict[Path, dict[str, Any]]:
    return {path.parent: json.loads(path.read_text()) for path in root.glob(f"*/*/{POINTER}")}


def _attempt(root: Path, path: Path) -> Path | None:
    """Return the folder of the attempt that a file belongs to; None if it belongs to none."""
    parts = path.relative_to(root).parts
    return root.joinpath(*parts[:3]) if len(parts) > 3 and parts[2].startswith("attempt-") else None


def _digest(root: Path, path: Path) -> str:
    return without_varying(path.read_bytes(), str(root))


def without_varying(content: bytes, address: str) -> str:
    """Return the digest of a content without what differs between two runs of the same step: besides `_VARYING`, the
    lake's address, and that a later run has finished a move."""
    content = content.replace(address.encode(), b"lake").replace(b" (finished by a later run)", b"")
    key = hashlib.sha256(content).digest()
    if key not in _digests:
        _digests[key] = hashlib.sha256(_VARYING.sub(b"...", content)).hexdigest()
    return _digests[key]


def moves(settings: Settings) -> list[tuple[str, str, str | None, str | None]]:
    """Return the ledger's entries: what was moved by which run, from where and to where."""
    return [(e.action, e.run_id, e.before, e.after) for e in ledger_of(settings).checked_entries()]
