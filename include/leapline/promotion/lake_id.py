"""The id of a lake, and the tags by which the lakes that promote into one repository see each other.

A lake that promotes into a repository leaves the tag `lake-<id>` there, once, on the image that it promotes. The tag
never moves, so registries with immutable tags allow it.
"""

import uuid
from typing import Final

from leapline.errors import AccessDeniedError, StorageError
from leapline.serving.registry import Registry
from leapline.storage import json_bytes, read_document
from leapline.storage.store import Store

KEY: Final = "lake.json"
_FIX: Final = "Restore the file from a copy; the registry's tag `lake-<id>` has the id too."
_PREFIX: Final = "lake-"


def lake_id(store: Store) -> str | None:
    """Return the id of a lake; None if it has none yet.

    Raises:
        StorageError: `lake.json` is damaged.
    """
    document = read_document(store, KEY, _FIX)
    if document is None:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("id"), str):
        raise StorageError(f"{store.address}/{KEY}", found="no id", expected="the id of the lake", fix=_FIX)
    return str(document["id"])


def create_lake_id(store: Store) -> str:
    """Return the id of a lake, which is created if it has none yet."""
    while (present := lake_id(store)) is None:
        store.put_if_absent(KEY, json_bytes({"id": uuid.uuid4().hex[:16]}))
    return present


def lakes_of(registry: Registry) -> list[str]:
    """Return the ids of the lakes that have promoted into a repository.

    A registry that does not allow tags to be listed hides them. Promotion is safe without them: the champion of another
    lake is not in this lake's ledger.
    """
    try:
        return [tag.removeprefix(_PREFIX) for tag in registry.tags() if tag.startswith(_PREFIX)]
    except AccessDeniedError:
        return []


def claim(registry: Registry, lake: str, digest: str) -> bool:
    """Leave a lake's tag in a repository, on an image of it; return whether it was not there yet."""
    tag = f"{_PREFIX}{lake}"
    if registry.readable_digest(tag) is not None:
        return False
    registry.tag(digest, tag)
    return True
