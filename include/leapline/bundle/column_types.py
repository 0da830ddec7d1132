"""The types of the columns that a pipeline was trained on, as far as the scorer needs more than Bundle.ML stores.

A StringIndexer over numbers has labels such as "5" (integers) or "5.0" (doubles). Bundle.ML does not store the type of
the column, so the archive contains it in `leapline/columns.json`, which MLeap ignores.
"""

import json
from typing import TYPE_CHECKING

from leapline.bundle.archive import invalid_archive
from leapline.bundle.json_codec import dumps
from leapline.bundle.model import Bundle, Node

if TYPE_CHECKING:
    from leapline.bundle.stage_writers import Columns

ENTRY = "leapline/columns.json"


def type_entry(root: Node, columns: "Columns") -> dict[str, bytes]:
    """Return the archive entry with the Spark types of the pipeline's input columns.

    It is empty if every column that is read as a string was trained on strings.
    """
    nodes = list(root.walk())
    computed = {socket.column for node in nodes for socket in node.outputs}
    inputs = {socket.column for node in nodes for socket in node.inputs} - computed
    indexed = {socket.column for node in nodes if node.op == "string_indexer" for socket in node.inputs} & inputs
    if all(_spark_type(column, columns) == "string" for column in indexed):
        return {}
    return {ENTRY: dumps({"columns": {column: _spark_type(column, columns) for column in sorted(inputs)}})}


def _spark_type(column: str, columns: "Columns") -> str:
    return columns.field(column).dataType.simpleString()


def stored_types(bundle: Bundle) -> dict[str, str]:
    """Return the types in the archive, column -> Spark type; empty if there are none.

    Raises:
        BundleError: the entry is not JSON.
    """
    try:
        content = json.loads(bundle.extra.get(ENTRY, b"{}"))
    except ValueError as exc:
        raise invalid_archive(bundle.name, f"entry {ENTRY}", str(exc)) from exc
    columns = content.get("columns", {}) if isinstance(content, dict) else {}
    return {str(name): str(kind) for name, kind in columns.items()} if isinstance(columns, dict) else {}
