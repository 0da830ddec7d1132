"""Writes a fitted PySpark pipeline as Bundle.ML, as MLeap 0.25.2 would, without MLeap."""

import hashlib
import uuid as uuids
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leapline.bundle.archive import write_entries
from leapline.bundle.files import INFO, info_file, to_files
from leapline.bundle.model import Bundle, Format, Model, Node, list_of
from leapline.bundle.ops import typed
from leapline.bundle.stage_writers import Columns, inputs_of, outputs_of, writer_of
from leapline.errors import BundleError

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel, Transformer
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType


def write(
    model: "PipelineModel",
    sample: "StructType | DataFrame",
    path: Path,
    *,
    format: Format = "protobuf",
    name: str,
    uid: uuids.UUID | None = None,
    timestamp: str,
    extra: Mapping[str, bytes] | None = None,
) -> str:
    """Writes `model` as a canonical archive at `path`; gives the archive's SHA-256, hex.

    Args:
        sample: the pipeline's input, or its output. A schema is enough, unless the pipeline reads vectors whose columns
            carry no ML attributes: then a frame with at least one row. No more than its first row is computed.
        format: the form of the files within the archive.
        name: the bundle's name.
        uid: default: made from the content.
        timestamp: ISO date and time without a zone, e.g. the end of the data interval.
        extra: entries beside the model, by path ("leapline/manifest.json"); MLeap ignores them.

    Raises:
        UnsupportedStageError: a stage, or an option of one, has no Bundle.ML form.
        BundleError: the sample does not fit the pipeline, or the form cannot hold a value.
    """
    return save(to_bundle(model, sample, format=format, name=name, timestamp=timestamp, extra=extra), path, uid)


def to_bundle(
    model: "PipelineModel",
    sample: "StructType | DataFrame",
    *,
    format: Format = "protobuf",
    name: str,
    timestamp: str,
    extra: Mapping[str, bytes] | None = None,
) -> Bundle:
    """`model` as a bundle in memory, its uid still empty; arguments and errors as for `write`."""
    import leapline.bundle.stages  # noqa: F401  registers the writers of Spark's own stages

    columns = _columns(model, sample)
    root = replace(_pipeline(model, columns), name=name)
    return Bundle("", name, timestamp, named(root, name), format, extra=dict(extra or {}))


def save(bundle: Bundle, path: Path, uid: uuids.UUID | None = None) -> str:
    """Writes `bundle` canonically; gives the archive's SHA-256, hex. `uid` defaults to one made from the content.

    Raises:
        BundleError: its form cannot hold a value.
    """
    entries = to_files(replace(bundle, uid=str(uid or "")))
    if not uid:
        entries[INFO] = info_file(replace(bundle, uid=str(_content_uid(entries))))
    return write_entries(path, entries)


def named(root: Node, name: str) -> Node:
    """`root` with every node named by op and place: `string_indexer_0`, within a nested pipeline `imputer_2_0`."""
    return _named(replace(root, name=name), ())


def _named(node: Node, place: tuple[int, ...]) -> Node:
    name = "_".join([node.op, *map(str, place)]) if place else node.name
    children = tuple(_named(child, (*place, i)) for i, child in enumerate(node.children))
    model = (
        Model(node.op, {**node.model.attributes, "nodes": list_of("string", [c.name for c in children])})
        if node.op == "pipeline"
        else node.model
    )
    return replace(node, name=name, model=model, children=children)


def _content_uid(entries: Mapping[str, bytes]) -> uuids.UUID:
    digest = hashlib.sha256()
    for name in sorted(entries):
        digest.update(name.encode() + b"\0" + hashlib.sha256(entries[name]).digest())
    return uuids.uuid5(uuids.NAMESPACE_OID, digest.hexdigest())


def _pipeline(model: "PipelineModel", columns: Columns) -> Node:
    from pyspark.ml import PipelineModel

    children: list[Node] = []
    for stage in model.stages:
        made = _pipeline(stage, columns) if isinstance(stage, PipelineModel) else writer_of(stage)(stage, columns)
        children += [made] if isinstance(made, Node) else made
    return Node("", Model("pipeline", {"nodes": list_of("string", [])}), children=tuple(map(_checked, children)))


def _checked(node: Node) -> Node:
    """A writer's mistake must not become a bundle that MLeap reads as zeros."""
    try:
        return replace(node, model=typed(node.model))
    except ValueError as exc:
        raise BundleError(
            f"writer of op {node.op}", found=str(exc), expected="the op's attributes", fix="Correct it."
        ) from exc


def _columns(model: "PipelineModel", sample: "StructType | DataFrame") -> Columns:
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    stages = list(_stages(model))
    made = {column for stage in stages for column in outputs_of(stage)}
    frame = _frame(sample)
    try:
        frame = model.transform(frame.drop(*(made & set(frame.columns))))
    except (PySparkException, Py4JJavaError) as exc:
        raise BundleError(
            "sample of the pipeline's input",
            found=str(exc).strip().splitlines()[0],
            expected="every input column, of the types that the pipeline was fitted on",
            fix="Pass the frame that the pipeline was fitted on, with a row where vectors carry no ML attributes.",
        ) from exc
    keep = [s for s in stages if s.hasParam("handleInvalid") and s.getOrDefault("handleInvalid") == "keep"]
    lenient = {"Bucketizer", "VectorAssembler", "VectorIndexerModel"}
    return Columns(
        frame,
        out_of_domain=any(type(s).__name__ in lenient for s in keep),
        nan_passes=frozenset(made - _guarded(stages)),
    )


def _guarded(stages: Sequence["Transformer"]) -> set[str]:
    """Columns of which Spark's assembler refuses NaN."""
    assemblers = [
        s for s in stages if type(s).__name__ == "VectorAssembler" and s.getOrDefault("handleInvalid") == "error"
    ]
    return {column for s in assemblers for column in inputs_of(s)}


def _stages(model: Any) -> Iterator[Any]:
    """The stages, those of nested pipelines in their place."""
    for stage in model.stages:
        yield from _stages(stage) if type(stage).__name__ == "PipelineModel" else (stage,)


def _frame(sample: "StructType | DataFrame") -> "DataFrame":
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    return SparkSession.active().createDataFrame([], sample) if isinstance(sample, StructType) else sample
