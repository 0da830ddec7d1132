"""Writing of fitted PySpark pipelines as Bundle.ML archives, compatible with MLeap, without MLeap's jars.

docs/decisions/0040-bundle-writer-without-mleap-jars.md explains why.
"""

import hashlib
import uuid as uuids
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from leapline.bundle.archive import FilePath, write_entries
from leapline.bundle.column_types import ENTRY as TYPES
from leapline.bundle.column_types import type_entry
from leapline.bundle.files import INFO, info_file, to_files
from leapline.bundle.fitted import fitted_pipeline
from leapline.bundle.model import Bundle, Format, Model, Node, list_of
from leapline.bundle.ops import with_types
from leapline.bundle.spark_errors import error_message
from leapline.bundle.stage_writers import Columns, inputs_of, outputs_of, unquoted, writer_of
from leapline.errors import BundleError, LeaplineError

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel, Transformer
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType


def write(
    model: "Transformer",
    sample: "StructType | DataFrame",
    path: FilePath,
    *,
    format: Format = "protobuf",
    name: str = "model",
    uid: uuids.UUID | None = None,
    timestamp: str | None = None,
    extra: Mapping[str, bytes] | None = None,
) -> str:
    """Write `model` as a canonical archive at `path`.

    Args:
        model: the fitted pipeline, a single fitted stage, or a CrossValidatorModel or TrainValidationSplitModel, whose
            best model is written.
        sample: input or output of the pipeline. A schema is sufficient, unless the pipeline reads vector columns
            without ML attributes; then a data frame with at least one row. At most its first row is computed.
        path: the archive.
        format: the format of the files in the archive.
        name: the name of the bundle.
        uid: default: derived from the content.
        timestamp: ISO date and time without a time zone, such as the end of the data interval; default: now, in UTC.
            The same pipeline, name and timestamp produce the same bytes.
        extra: additional entries, path ("leapline/manifest.json") -> content; MLeap ignores them.

    Returns:
        The SHA-256 of the archive, in hexadecimal digits.

    Raises:
        UnsupportedStageError: Bundle.ML cannot represent a stage or one of its options.
        BundleError: the sample does not match the pipeline, or the format cannot represent a value.
    """
    timestamp = timestamp or datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return save(to_bundle(model, sample, format=format, name=name, timestamp=timestamp, extra=extra), path, uid)


def to_bundle(
    model: "Transformer",
    sample: "StructType | DataFrame",
    *,
    format: Format = "protobuf",
    name: str,
    timestamp: str,
    extra: Mapping[str, bytes] | None = None,
) -> Bundle:
    """Convert `model` to a bundle with an empty uid. Arguments and errors are those of `write`."""
    import leapline.bundle.stages  # noqa: F401  registers the writers of Spark's stages

    pipeline = fitted_pipeline(model)
    columns = _columns(pipeline, sample)
    root = replace(_pipeline(pipeline, columns), name=name)
    extra = {**type_entry(root, columns), **(extra or {})}
    return Bundle("", name, timestamp, with_stage_names(root, name), format, extra=extra)


def save(bundle: Bundle, path: FilePath, uid: uuids.UUID | None = None) -> str:
    """Write `bundle` as a canonical archive.

    Args:
        bundle: its uid is replaced.
        path: the archive.
        uid: default: derived from the content.

    Returns:
        The SHA-256 of the archive, in hexadecimal digits.

    Raises:
        BundleError: the format cannot represent a value.
    """
    entries = to_files(replace(bundle, uid=str(uid or "")))
    if not uid:
        entries[INFO] = info_file(replace(bundle, uid=str(_content_uid(entries))))
    return write_entries(path, entries)


def with_stage_names(root: Node, name: str) -> Node:
    """Name every node by op and position: `string_indexer_0`; in a nested pipeline `imputer_2_0`."""
    return _renamed(replace(root, name=name), ())


def _renamed(node: Node, position: tuple[int, ...]) -> Node:
    name = "_".join([node.op, *map(str, position)]) if position else node.name
    children = tuple(_renamed(child, (*position, i)) for i, child in enumerate(node.children))
    model = (
        Model(node.op, {**node.model.attributes, "nodes": list_of("string", [c.name for c in children])})
        if node.op == "pipeline"
        else node.model
    )
    return replace(node, name=name, model=model, children=children)


def _content_uid(entries: Mapping[str, bytes]) -> uuids.UUID:
    digest = hashlib.sha256()
    for name in sorted(entries.keys() - {TYPES}):  # the types follow from the pipeline
        digest.update(name.encode() + b"\0" + hashlib.sha256(entries[name]).digest())
    return uuids.uuid5(uuids.NAMESPACE_OID, digest.hexdigest())


def _pipeline(model: "PipelineModel", columns: Columns) -> Node:
    from pyspark.ml import PipelineModel

    children: list[Node] = []
    for stage in model.stages:
        nodes = _pipeline(stage, columns) if isinstance(stage, PipelineModel) else _stage_nodes(stage, columns)
        children += [nodes] if isinstance(nodes, Node) else nodes
    return Node("", Model("pipeline", {"nodes": list_of("string", [])}), children=tuple(map(_checked, children)))


def _stage_nodes(stage: "Transformer", columns: Columns) -> Node | Sequence[Node]:
    write_stage = writer_of(stage)
    try:
        return write_stage(stage, columns)
    except LeaplineError:
        raise
    except Exception as exc:  # such as a parameter without a value, in a stage or in a user's writer
        raise BundleError(
            f"stage {type(stage).__name__} ({stage.uid})",
            found=f"{type(exc).__name__}: {error_message(exc)}",
            expected="a stage with all parameters that its writer reads",
            fix="Set the parameters of the stage, or correct its writer.",
        ) from exc


def _checked(node: Node) -> Node:
    """Check a writer's attributes: MLeap would silently read those of a wrong type as zero."""
    try:
        return replace(node, model=with_types(node.model))
    except ValueError as exc:
        raise BundleError(
            f"writer of op {node.op}",
            found=str(exc),
            expected="the attributes of the op",
            fix="Correct the stage writer.",
        ) from exc


def _columns(model: "PipelineModel", sample: "StructType | DataFrame") -> Columns:
    stages = list(_stages(model))
    _reject_ambiguous({column for stage in stages for column in inputs_of(stage)})
    computed = {column for stage in stages for column in outputs_of(stage)}
    frame = _frame(sample)
    try:
        frame = model.transform(frame.drop(*(computed & set(frame.columns))))
    except Exception as exc:  # stages of users can raise any error
        raise BundleError(
            "sample of the pipeline's input",
            found=error_message(exc),
            expected="every input column, of the types that the pipeline was fitted on",
            fix="Pass the data frame that the pipeline was fitted on, with a row if vectors have no ML attributes.",
        ) from exc
    keeping = [s for s in stages if s.hasParam("handleInvalid") and s.getOrDefault("handleInvalid") == "keep"]
    lenient = {"Bucketizer", "VectorAssembler", "VectorIndexerModel"}
    return Columns(
        frame,
        out_of_domain=any(type(s).__name__ in lenient for s in keeping),
        nan_passes=frozenset(computed - _guarded(stages)),
    )


def _reject_ambiguous(inputs: set[str]) -> None:
    """Reject a column and a field of a struct that have the same name in a row of the scorer."""
    if same := sorted(name for name in inputs if unquoted(name) != name and "." in name and unquoted(name) in inputs):
        raise BundleError(
            f"input columns {same[0]} and {unquoted(same[0])}",
            found="a column with a dot in its name, and a field of a struct with the same name",
            expected="different names",
            fix="Rename one of them before the pipeline.",
        )


def _guarded(stages: Sequence["Transformer"]) -> set[str]:
    """Return the columns in which a VectorAssembler rejects NaN."""
    assemblers = [
        s for s in stages if type(s).__name__ == "VectorAssembler" and s.getOrDefault("handleInvalid") == "error"
    ]
    return {column for s in assemblers for column in inputs_of(s)}


def _stages(model: Any) -> Iterator[Any]:
    """Iterate over the stages, including those of nested pipelines."""
    for stage in model.stages:
        yield from _stages(stage) if type(stage).__name__ == "PipelineModel" else (stage,)


def _frame(sample: "StructType | DataFrame") -> "DataFrame":
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    return SparkSession.active().createDataFrame([], sample) if isinstance(sample, StructType) else sample
