"""Registry of stage writers: the functions that convert fitted Spark stages to Bundle.ML nodes.

The writer of a custom stage is one decorated function. Importing its module registers it:

    @writes(Log1pScaler)
    def log1p_scaler(stage: Log1pScaler, columns: Columns) -> Node:
        attributes = {"scale": scalar("double", stage.getScale())}
        return node("log1p_scaler", attributes, stage.getInputCol(), stage.getOutputCol())
"""

import re
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
_GENERAL_ADVICE = "Replace the stage, or register a writer with @leapline.bundle.writes (docs/custom-transformers.md)."
_ADVICE = {
    "SQLTransformer": "Define the columns as features (LEAPLINE_FEATURES, docs/features.md), or write a transformer "
    "(docs/custom-transformers.md).",
    "RFormulaModel": "Use StringIndexer, OneHotEncoder and VectorAssembler, which compute the same columns.",
}


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
        fix=_ADVICE.get(type(stage).__name__, _GENERAL_ADVICE),
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
    """Return whether a categorical feature can have a value outside its categories without an error in Spark."""
    nan_passes: frozenset[str] = frozenset()
    """Columns in which NaN reaches a model or the output without an error in Spark."""
    _sizes: dict[str, int] = field(default_factory=dict)

    def field(self, column: str) -> "StructField":
        """Return the Spark field of a column.

        Raises:
            BundleError: the sample has no such column.
        """
        name = self._resolved(column)
        if name is None:
            raise BundleError(
                f"column {column} of the sample of the pipeline's input",
                found=f"columns {', '.join(self.frame.columns)}",
                expected="every input column of the pipeline",
                fix="Pass the data frame that the pipeline was fitted on.",
            )
        return self.frame.select(name).schema[0]

    def _resolved(self, column: str) -> str | None:
        """Return the expression that selects a column like Spark: regardless of case, or as a field of a struct."""
        from pyspark.errors import PySparkException

        names = self.frame.columns
        matches = [name for name in names if name == column] or [n for n in names if n.lower() == column.lower()]
        if len(matches) == 1:
            return f"`{matches[0].replace('`', '``')}`"
        try:
            self.frame.select(column).schema  # noqa: B018  the analysis fails if there is no such field
        except PySparkException:
            return None
        return column

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
            row = self.frame.select(self._resolved(column) or column).first()
            if row is None or row[0] is None:
                raise BundleError(
                    f"vector column {column}",
                    found="no size in its metadata and no row in the sample",
                    expected="a size",
                    fix="Pass a sample with at least one row.",
                )
            self._sizes[column] = len(row[0])
        return int(size) if size is not None else self._sizes[column]

    def element_names(self, column: str) -> dict[str, int]:
        """Return the names of a vector's elements that its metadata contains, name -> index."""
        return {a["name"]: int(a["idx"]) for a in self._attributes(column) if "name" in a}

    def category_counts(self, column: str) -> list[int]:
        """Return the number of categories of each element of a column, 1 for a numeric element.

        Raises:
            BundleError: the metadata of a nominal element does not contain its categories.
        """
        if not self.is_vector(column):
            return [self._category_count(column, self.field(column).metadata.get("ml_attr", {}))]
        counts = [1] * self.size(column)
        for attribute in self._attributes(column):
            counts[int(attribute["idx"])] = self._category_count(column, attribute)
        return counts

    def _category_count(self, column: str, attribute: Mapping[str, Any]) -> int:
        if attribute.get("type") != "nominal":
            return 1
        count = attribute.get("num_vals", len(attribute.get("vals", ())))
        if not count:
            raise BundleError(
                f"nominal column {column}",
                found="no categories in its metadata",
                expected="the number of categories",
                fix="Create the column with a StringIndexer.",
            )
        return int(count)

    def _attributes(self, column: str) -> list[dict[str, Any]]:
        """Return the attributes of a vector's elements, each with its type."""
        groups = self.field(column).metadata.get("ml_attr", {}).get("attrs", {})
        return [{**attribute, "type": kind} for kind, group in groups.items() for attribute in group]

    def labels(self, column: str) -> list[str] | None:
        """Return the labels of a nominal column; None if its metadata contains none."""
        labels = self.field(column).metadata.get("ml_attr", {}).get("vals")
        return None if labels is None else list(map(str, labels))


def reject_skip(stage: Any) -> None:
    """Reject handleInvalid="skip": it drops rows, which no op of Bundle.ML can do.

    Raises:
        UnsupportedStageError: the stage skips rows.
    """
    if str(stage.getHandleInvalid()) == "skip":
        raise unsupported_option(
            stage,
            "handleInvalid",
            "skip",
            "'error' or 'keep': the scorer returns a result for every row",
            "Set handleInvalid to 'error' or 'keep' and fit again, or filter the rows before the pipeline.",
        )


def input_ports(stage: Any) -> str | list[str]:
    """Return the input column, or the list of input columns if the stage has several."""
    return list(stage.getInputCols()) if stage.isSet("inputCols") else str(stage.getInputCol())


def output_ports(stage: Any) -> str | list[str]:
    """Return the output column, or the list of output columns if the stage has several."""
    return list(stage.getOutputCols()) if stage.isSet("outputCols") else str(stage.getOutputCol())


_QUOTED = re.compile("`((?:[^`]|``)+)`")
_OUTPUT_PARAMS = ("outputCol", "predictionCol", "probabilityCol", "rawPredictionCol", "linkPredictionCol", "leafCol")


def outputs_of(stage: "Transformer") -> list[str]:
    """Return the output columns in the parameters of the stage."""
    return _columns_of(stage, _OUTPUT_PARAMS)


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


def unquoted(column: str) -> str:
    """Return a column's name without the backticks with which Spark's parameters quote names that contain dots."""
    return match[1].replace("``", "`") if (match := _QUOTED.fullmatch(column)) else column


def _sockets(ports: Ports, port: str) -> tuple[Socket, ...]:
    if isinstance(ports, str):
        return (Socket(port, unquoted(ports)),)
    if isinstance(ports, Mapping):
        return tuple(Socket(name, unquoted(column)) for name, column in ports.items() if column)
    return tuple(Socket(f"{port}{i}", unquoted(column)) for i, column in enumerate(ports))
