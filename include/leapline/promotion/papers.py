"""The papers of an image: an entry of the ledger that promoted it, or its unchanged record in the lake.

An image without papers was not judged by this installation, whatever its labels say. It is neither compared with nor
promoted, and no rollback returns to it.
"""

import re
from collections.abc import Iterable
from typing import Final

from leapline.errors import ContradictionError
from leapline.promotion.ledger_entry import Entry
from leapline.serving.image import LABEL
from leapline.serving.registry import Registry
from leapline.storage import Lake, read_json
from leapline.storage.seal import SEAL, digest_of

_MODEL_ID: Final = re.compile(r"\d{4}-\d\d-\d\d-[0-9a-f]{12}")
NO_PAPERS: Final = "no entry in the ledger and no record of it in the lake"


def missing_papers(lake: Lake, entries: Iterable[Entry], registry: Registry, digest: str) -> str:
    """Return why an image has no papers; empty if it has them.

    Args:
        lake: has the records of the published models.
        entries: of a sound ledger; none if the ledger is not to be relied on.
        registry: has the image.
        digest: of the image.

    Raises:
        RegistryError: the registry does not answer.
    """
    if any(entry.after == digest for entry in entries):
        return ""
    # The label is text of an image that nobody has checked yet.
    model_id = registry.annotations(digest).get(LABEL + "version", "")
    if not _MODEL_ID.fullmatch(model_id) or not lake.has("models", model_id):
        return NO_PAPERS
    return record_problem(lake, model_id, digest)


def record_problem(lake: Lake, model_id: str, digest: str) -> str:
    """Return why the record of a published model in the lake is not to be relied on; empty if it is.

    Args:
        lake: has the records.
        model_id: of the model.
        digest: of its image.
    """
    if not lake.has("models", model_id):
        return f"the record of {model_id} is not in the lake"
    folder = lake.current("models", model_id)
    if read_json(folder / "publication.json").get("digest") != digest:
        return f"the record of {model_id} in the lake names another image"
    if not (folder / SEAL).exists() or read_json(folder / SEAL)["digest"] != digest_of(lake, folder):
        return f"the record of {model_id} in the lake was changed since it was published"
    return ""


def require_papers(lake: Lake, entries: Iterable[Entry], registry: Registry, digest: str) -> None:
    """Reject an image without papers.

    Raises:
        ContradictionError: it has none.
        RegistryError: the registry does not answer.
    """
    if reason := missing_papers(lake, entries, registry, digest):
        raise ContradictionError(
            f"image {registry.ref(digest)}",
            found=reason,
            expected="a model that this installation has published",
            fix="Choose one that `leapline models` lists.",
        )
