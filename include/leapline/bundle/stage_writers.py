"""Which function writes which stage, and what a writer is given.

A writer of a stage of one's own is one decorated function; importing its module registers it:

    @writes(Log1pScaler)
    def log1p_scaler(stage: Log1pScaler, columns: Columns) -> Node:
        attributes = {"scale": scalar("double", stage.getScale())}
        return node("log1p_scaler", attributes, stage.getInputCol(), stage.getOutputCol())
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from leapline.bundle.model import Dim, Model, Node, Shape, Socket, Value
from leapline.errors import BundleError, UnsupportedStageError

if TYPE_CHECKING:
    from pyspark.ml import Transformer
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructField

StageWriter = Callable[[Any, "Columns"], Node | Sequence[Node]]
F = TypeVar("F", bound=StageWriter)

_WRITERS: dict[type, StageWriter] = {}


def writes(*stages: type) -> Callable[[F], F]:
    """Registers the decorated function as the writer of fitted stages of exactly these classes.

    The function gives one node, or several where one stage becomes a row of them; names are filled in by the caller.
    """

    def register(function: F) -> F:
        for stage in stages:
            _WRITERS[stage] = function
        return function

    return register


def writer_of(stage: "Transformer") -> StageWriter:
    """The registered writer.

    Raises:
        UnsupportedStageError: names the stage's class and column, and what is supported.
    """
    # A subclass may compute something else, so it needs a registration of its own.
    if type(stage) in _WRITERS:
        return _WRITERS[type(stage)]
    supported = ", ".join(sorted(cls.__name__ for cls in _WRITERS))
    raise UnsupportedStageError(
        f"stage {type(stage).__name__} ({stage.uid}) making column {', '.join(outputs_of(stage)) or 'unknown'}",
        found="no Bundle.ML writer for it",
        expected=f"one of PipelineModel, {supported}",
        fix="Replace the stage, or register a writer with @leapline.bundle.writes (docs/custom-transformers.md).",
    )


def refusal(stage: "Transformer", option: str, found: object, expected: str, fix: str) -> UnsupportedStageError:
    """The error for an option that Bundle.ML cannot express."""
    thing = f"{option} of stage {type(stage).__name__} making column {', '.join(outputs_of(stage)) or 'unknown'}"
    return UnsupportedStageError(thing, found=repr(found), expected=expected, fix=fix)


def node(op: str, attributes: Mapping[str, Value], inputs: "Ports", outputs: "Ports") -> Node:
    """A node without a name yet. Ports: one column (`input`, `output`), several (`input0`, ...), or port -> column."""
    return Node("", Model(op, attributes), _sockets(inputs, "input"), _sockets(outputs, "output"))


Ports = str | Sequence[str] | Mapping[str, str]


@dataclass
class Columns:
    """What is known of the columns once the pipeline has run over the sample."""

    frame: "DataFrame"
    out_of_domain: bool = False
    """Whether a categorical feature may hold a value outside its categories without Spark failing."""
    nan_passes: frozenset[str] = frozenset()
    """Columns whose NaN reaches a model or the output without Spark failing."""
    _sizes: dict[str, int] = field(default_factory=dict)

    def field(self, column: str) -> "StructField":
        """The column's Spark field.

        Raises:
            BundleError: the sample has no such column.
        """
        if column not in self.frame.columns:
            raise BundleError(
                f"sample of the pipeline's input, column {column}",
                found=f"columns {', '.join(self.frame.columns)}",
                expected="every input column of the pipeline",
                fix="Pass the frame that the pipeline was fitted on.",
            )
        return self.frame.schema[column]

    def is_vector(self, column: str) -> bool:
        """Whether the column holds vectors."""
        from pyspark.ml.linalg import VectorUDT

        return isinstance(self.field(column).dataType, VectorUDT)

    def shape(self, column: str) -> Shape:
        """The column's data shape, nullable as Spark's field is."""
        nullable = self.field(column).nullable
        if self.is_vector(column):
            return Shape("tensor", nullable, (Dim(self.size(column)),))
        return Shape("scalar", nullable)

    def size(self, column: str) -> int:
        """A vector column's length: from its ML attributes, else from the sample's first row.

        Raises:
            BundleError: neither is there.
        """
        known = self.field(column).metadata.get("ml_attr", {}).get("num_attrs")
        if known is None and column not in self._sizes:
            row = self.frame.select(column).first()
            if row is None or row[0] is None:
                raise BundleError(
                    f"vector column {column}",
                    found="no size in its metadata and no row in the sample",
                    expected="a size",
                    fix="Pass a sample frame with at least one row.",
                )
            self._sizes[column] = len(row[0])
        return int(known) if known is not None else self._sizes[column]

    def labels(self, column: str) -> list[str] | None:
        """A nominal column's labels, None where its metadata has none."""
        labels = self.field(column).metadata.get("ml_attr", {}).get("vals")
        return None if labels is None else list(map(str, labels))


def outputs_of(stage: "Transformer") -> list[str]:
    """The columns that the stage makes, as far as its parameters say."""
    return _columns_of(stage, ("outputCol", "predictionCol", "probabilityCol", "rawPredictionCol"))


def inputs_of(stage: "Transformer") -> list[str]:
    """The columns that the stage reads, as far as its parameters say."""
    return _columns_of(stage, ("inputCol", "featuresCol"))


def _columns_of(stage: "Transformer", params: Iterable[str]) -> list[str]:
    out: list[str] = []
    for param in params:
        # A stage of several columns still has the default name of the single one.
        for name in (f"{param}s", param):
            if stage.hasParam(name) and stage.isDefined(name):
                value = stage.getOrDefault(name)
                out += [value] if isinstance(value, str) else value
                break
    return [column for column in out if column]


def _sockets(ports: Ports, port: str) -> tuple[Socket, ...]:
    if isinstance(ports, str):
        return (Socket(port, ports),)
    if isinstance(ports, Mapping):
        return tuple(Socket(name, column) for name, column in ports.items() if column)
    return tuple(Socket(f"{port}{i}", column) for i, column in enumerate(ports))
