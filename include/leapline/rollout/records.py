"""What was deployed where: `deployments.json` in the lake, one entry per target, written when it has succeeded."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from leapline.errors import StorageError
from leapline.storage import read_document
from leapline.storage.store import Store, update_document

KEY: Final = "deployments.json"
_FIX: Final = "Restore the file from a copy, or remove it: then every target is deployed to once more."


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
    return {key: Record(**record) for key, record in _checked(store, read_document(store, KEY, _FIX)).items()}


def write_record(store: Store, key: str, record: Record) -> None:
    """Replace the record of a target; concurrent changes of other records are not lost.

    Raises:
        StorageError: the document is damaged, and stays as it is.
    """
    update_document(store, KEY, lambda present: _checked(store, present) | {key: asdict(record)}, _FIX)


def _checked(store: Store, content: Any) -> dict[str, Any]:
    fields = set(Record.__dataclass_fields__)
    if content is None:
        return {}
    if isinstance(content, dict) and all(isinstance(one, dict) and set(one) == fields for one in content.values()):
        return content
    raise StorageError(
        f"{store.address}/{KEY}",
        found="something else than records of deployments",
        expected="what each target runs",
        fix=_FIX,
    )
