"""UNLOAD: Redshift writes the rows of a query into a bucket, as lines of the enriched format, with a manifest."""

from dataclasses import dataclass
from typing import Any, Final

from leapline.errors import BalanceError
from leapline.sources.tables.events_table import TIMES
from leapline.storage import Store
from leapline.storage.store import read_document

_NUMBERS: Final = ("smallint", "integer", "bigint", "numeric", "double precision", "real")


@dataclass(frozen=True)
class Unloaded:
    """A file of an export.

    Attributes:
        key: in the store.
        size: bytes.
        rows: in it.
    """

    key: str
    size: int
    rows: int


def unload(query: str, address: str, role: str, region: str) -> str:
    """Return the statement that writes the rows of a query below an address, in zstd files of at most 128 MB.

    Args:
        query: its columns are texts without tabs and line ends (`select_list`).
        address: `s3://bucket/prefix/`.
        role: ARN of an IAM role, or `default` for that of the cluster.
        region: of the bucket; empty if it is the cluster's.
    """
    quoted = query.replace("'", "''")
    iam_role = "IAM_ROLE default" if role == "default" else f"IAM_ROLE '{role}'"
    where = f" REGION '{region}'" if region else ""
    return (
        f"UNLOAD ('{quoted}') TO '{address}' {iam_role} DELIMITER '\\t' ZSTD MANIFEST VERBOSE "
        f"MAXFILESIZE 128 MB PARALLEL ON{where}"
    )


def as_text(name: str, type_: str | None) -> str:
    """Return SQL of a column in the form of the enriched format, for `select_list`."""
    if type_ is None:
        return "NULL::varchar(1)"
    if type_ in TIMES:
        # Snowplow writes milliseconds. Further digits are kept, because the order of events depends on them.
        return f"regexp_replace(to_char({name}, 'YYYY-MM-DD HH24:MI:SS.US'), '000$', '')"
    if type_ == "boolean":
        return f"{name}::int"
    if type_ in _NUMBERS:
        return name
    text = f"rtrim({name})" if type_ == "character" else f"{name}::varchar(65535)"
    # As Snowplow's enrichment does: no value of the format contains a tab or a line end.
    return f"replace(replace(replace({text}, chr(9), '    '), chr(10), ''), chr(13), '')"


def unloaded_files(store: Store, prefix: str, source: str) -> list[Unloaded]:
    """Return the files of an export, after comparing them with the manifest.

    Args:
        store: the bucket.
        prefix: key of the export's folder.
        source: the source's name, for messages.

    Raises:
        BalanceError: a file is missing, has another size, or is not in the manifest.
    """
    present = {item.key: item.size for item in store.list(prefix)}
    manifest: Any = read_document(store, f"{prefix}/manifest") or {"entries": []}
    root = store.spark_address("").replace("s3a://", "s3://").rstrip("/")
    files = [
        Unloaded(
            entry["url"].removeprefix(root).lstrip("/"), entry["meta"]["content_length"], entry["meta"]["record_count"]
        )
        for entry in manifest["entries"]
    ]
    present.pop(f"{prefix}/manifest", None)
    if {file.key: file.size for file in files} != present:
        raise BalanceError(
            f"export of {source}",
            found=f"{len(present)} files with {sum(present.values()):,} bytes",
            expected=f"the {len(files)} files of its manifest with {sum(file.size for file in files):,} bytes",
            fix="Run the step again.",
        )
    return files
