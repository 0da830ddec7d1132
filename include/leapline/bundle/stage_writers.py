"""Registry of stage writers: the functions that convert fitted Spark stages to Bundle.ML nodes.

The writer of a custom stage is one decorated function. Importing its module registers it:

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
    """Register the decorated function as the writer of fitted stages of exactly these classes.

    The function returns a node, or a list of nodes that replace the stage in the pipeline. Node names are set later.
    """

    def register(function: F) -> F:
        for stage in stages:
            _WRITERS[stage] = function
        return function

    return register


def writer_of(stage: "Transformer") -> StageWriter:
    """Return the writer that is registered for the class of `stage`.

    Raises:
        UnsupportedStageError: there is none.
    """
    # A subclass may compute something else, so it needs its own registration.
    if type(stage) in _WRITERS:
        return _WRITERS[type(stage)]
    supported = ", ".join(sorted(cls.__name__ for cls in _WRITERS))
    raise UnsupportedStageError(
        f"stage {type(stage).__name__} ({stage.uid}) with output column {', '.join(outputs_of(stage)) or 'unknown'}",
        found="no Bundle.ML writer for this class",
        expected=f"one of PipelineModel, {supported}",
        fix="Replace the stage, or register a writer with @leapline.bundle.writes (docs/custom-transformers.md).",
    )


def unsupported_option(
    stage: "Transformer", option: str, found: object, expected: str, fix: str
) -> UnsupportedStageError:
    """Return the error for an option that Bundle.ML cannot represent."""
    thing = f"{option} of stage {type(stage).__name__} with output column {', '.join(outputs_of(stage)) or 'unknown'}"
    return UnsupportedStageError(thing, found=repr(found), expected=expected, fix=fix)


def node(op: str, attributes: Mapping[str, Value], inputs: "Ports", outputs: "Ports") -> Node:
    """Return a node without a name.

    Args:
        op: the op.
        attributes: attribute name -> value.
        inputs: one column (port `input`), several columns (ports `input0`, `input1`, ...), or port -> column.
        outputs: likewise, with `output`.
    """
    return Node("", Model(op, attributes), _sockets(inputs, "input"), _sockets(outputs, "output"))


Ports = str | Sequence[str] | Mapping[str, str]


@dataclass
class Columns:
    """The columns of the sample after the pipeline has transformed it."""

    frame: "DataFrame"
    out_of_domain: bool = False
    """Whether a categorical feature can have a value outside its categories without an error in Spark."""
    nan_passes: frozenset[str] = frozenset()
    """Columns in which NaN reaches a model or the output without an error in Spark."""
    _sizes: dict[str, int] = field(default_factory=dict)

    def field(self, column: str) -> "StructField":
        """Return the Spark field of a column.

        Raises:
            BundleError: the sample has no such column.
        """
        if column not in self.frame.columns:
            raise BundleError(
                f"column {column} of the sample of the pipeline's input",
                found=f"columns {', '.join(self.frame.columns)}",
                expected="every input column of the pipeline",
                fix="Pass the data frame that the pipeline was fitted on.",
            )
        return self.frame.schema[column]

    def is_vector(self, column: str) -> bool:
        """Return whether the column contains vectors."""
        from pyspark.ml.linalg import VectorUDT

        return isinstance(self.field(column).dataType, VectorUDT)

    def shape(self, column: str) -> Shape:
        """Return the data shape of a column, nullable if the Spark field is."""
        nullable = self.field(column).nullable
        if self.is_vector(column):
            return Shape("tensor", nullable, (Dim(self.size(column)),))
        return Shape("scalar", nullable)

    def size(self, column: str) -> int:
        """Return the length of a vector column, from its ML attributes or from the first row of the sample.

        Raises:
            BundleError: the column has no attributes and the sample has no row.
        """
        size = self.field(column).metadata.get("ml_attr", {}).get("num_attrs")
        if size is None and column not in self._sizes:
            row = self.frame.select(column).first()
            if row is None or row[0] is None:
                raise BundleError(
                    f"vector column {column}",
                    found="no size in its metadata and no row in the sample",
                    expected="a size",
                    fix="Pass a sample with at least one row.",
                )
            self._sizes[column] = len(row[0])
        return int(size) if size is not None else self._sizes[column]

    def labels(self, column: str) -> list[str] | None:
        """Return the labels of a nominal column; None if its metadata contains none."""
        labels = self.field(column).metadata.get("ml_attr", {}).get("vals")
        return None if labels is None else list(map(str, labels))


def outputs_of(stage: "Transformer") -> list[str]:
    """Return the output columns in the parameters of the stage."""
    return _columns_of(stage, ("outputCol", "predictionCol", "probabilityCol", "rawPredictionCol"))


def inputs_of(stage: "Transformer") -> list[str]:
    """Return the input columns in the parameters of the stage."""
    return _columns_of(stage, ("inputCol", "featuresCol"))


def _columns_of(stage: "Transformer", params: Iterable[str]) -> list[str]:
    out: list[str] = []
    for param in params:
        # A stage of several columns also has the default name of the single column.
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
