"""What was deployed where: `deployments.json` in the lake, one entry per target, written when it has succeeded."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from leapline.storage import json_bytes, read_document
from leapline.storage.store import Store, update

KEY: Final = "deployments.json"


@dataclass(frozen=True)
class Record:
    """The last successful deployment to a target.

    Attributes:
        target: its name.
        model_id: the model.
        image: what it runs since then.
        run_id: the run that deployed it.
        when: UTC, ISO 8601.
        seconds: duration of the rollout.
    """

    target: str
    model_id: str
    image: str
    run_id: str
    when: str
    seconds: float


def read_records(store: Store) -> dict[str, Record]:
    """Return the records by the targets' keys.

    Raises:
        StorageError: the document is damaged.
    """
    content: dict[str, Any] = read_document(store, KEY) or {}
    return {key: Record(**record) for key, record in content.items()}


def write_record(store: Store, key: str, record: Record) -> None:
    """Replace the record of a target; concurrent changes of other records are not lost."""

    def changed(present: bytes | None) -> bytes:
        return json_bytes(json.loads(present or b"{}") | {key: asdict(record)})

    update(store, KEY, changed)
