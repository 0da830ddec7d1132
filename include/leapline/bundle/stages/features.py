"""Writers of feature transformers."""

import math
from typing import Any

from pyspark.ml.feature import (
    Binarizer,
    Bucketizer,
    ImputerModel,
    IndexToString,
    MaxAbsScalerModel,
    MinMaxScalerModel,
    Normalizer,
    OneHotEncoderModel,
    PCAModel,
    StandardScalerModel,
    StringIndexerModel,
    VectorAssembler,
    VectorIndexerModel,
)

from leapline.bundle.model import Node, float32, list_of, matrix, scalar, vector
from leapline.bundle.stage_writers import (
    Columns,
    input_ports,
    node,
    output_ports,
    reject_skip,
    unsupported_option,
    writes,
)


@writes(StringIndexerModel)
def string_indexer(stage: StringIndexerModel, _: Columns) -> Node:
    """Write the labels of one or several columns."""
    labels = [list(map(str, column)) for column in stage.labelsArray]
    attributes = {
        "labels_length": scalar("int", len(labels)),
        "handle_invalid": scalar("string", _handle_invalid(stage)),
        **{f"labels_array_{i}": list_of("string", column) for i, column in enumerate(labels)},
    }
    return node("string_indexer", attributes, input_ports(stage), output_ports(stage))


@writes(OneHotEncoderModel)
def one_hot_encoder(stage: OneHotEncoderModel, _: Columns) -> Node:
    """Write the category sizes of one or several columns."""
    attributes = {
        "category_sizes": list_of("int", list(map(int, stage.categorySizes))),
        "drop_last": scalar("boolean", stage.getDropLast()),
        "handle_invalid": scalar("string", _handle_invalid(stage)),
    }
    return node("one_hot_encoder", attributes, input_ports(stage), output_ports(stage))


@writes(VectorAssembler)
def vector_assembler(stage: VectorAssembler, columns: Columns) -> list[Node]:
    """Write an assembler. Bundle.ML's assembler accepts NaN and rejects null, in every mode.

    With "keep" Spark replaces null by NaN, so an imputer that does the same is inserted before each nullable number.
    With "error" Spark fails on NaN, so there is no result to reproduce.
    """
    inputs, before = [], []
    keep = _handle_invalid(stage) == "keep"
    for column in stage.getInputCols():
        if keep and columns.field(column).nullable and not columns.is_vector(column):
            before.append(_imputer(column, f"{stage.getOutputCol()}_{column}_or_nan", math.nan, math.nan, "constant"))
            inputs.append(before[-1].outputs[0].column)
        else:
            inputs.append(column)
    shapes = list_of("data_shape", [columns.shape(column) for column in stage.getInputCols()])
    return [*before, node("vector_assembler", {"input_shapes": shapes}, inputs, stage.getOutputCol())]


@writes(VectorIndexerModel)
def vector_indexer(stage: VectorIndexerModel, _: Columns) -> Node:
    """Write the category values and their indices per feature, in ascending order."""
    maps = {int(k): {float(v): int(i) for v, i in stage.categoryMaps[k].items()} for k in stage.categoryMaps}
    attributes = {
        "num_features": scalar("long", stage.numFeatures),
        "keys": list_of("long", sorted(maps)),
        "handle_invalid": scalar("string", _handle_invalid(stage)),
    }
    for key, values in maps.items():
        attributes[f"key_{key}_keys"] = list_of("double", sorted(values))
        attributes[f"key_{key}_values"] = list_of("long", [values[v] for v in sorted(values)])
    return node("vector_indexer", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(ImputerModel)
def imputer(stage: ImputerModel, columns: Columns) -> list[Node]:
    """Write one MLeap imputer per column.

    Spark casts the surrogate to the type of the column, and so does this writer. MLeap replaces NaN even if
    `missingValue` is another number; such a stage is rejected where Spark would keep NaN.
    """
    surrogates = stage.surrogateDF.collect()[0]
    missing, nodes = stage.getMissingValue(), []
    for source, target in zip(*_columns(stage), strict=True):
        kind = columns.field(source).dataType.typeName()
        if not math.isnan(missing) and kind in ("double", "float") and target in columns.nan_passes:
            raise unsupported_option(
                stage,
                "missingValue",
                missing,
                "NaN: MLeap's imputer always replaces NaN, but here Spark does not",
                f"Use NaN as missingValue, or assemble {target} with a VectorAssembler with handleInvalid='error'.",
            )
        nodes.append(
            _imputer(
                source, target, _as_type(stage, source, float(surrogates[source]), kind), missing, stage.getStrategy()
            )
        )
    return nodes


@writes(StandardScalerModel)
def standard_scaler(stage: StandardScalerModel, _: Columns) -> Node:
    """Write `mean` to centre and `std` to scale. Without both a scale of 1, since MLeap requires one of them."""
    attributes = {}
    if stage.getWithMean():
        attributes["mean"] = vector(stage.mean.toArray())
    if stage.getWithStd():
        attributes["std"] = vector(stage.std.toArray())
    if not attributes:
        attributes["std"] = vector([1.0] * len(stage.std))
    return node("standard_scaler", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(MinMaxScalerModel)
def min_max_scaler(stage: MinMaxScalerModel, _: Columns) -> Node:
    """Write the range of the data and the target range."""
    attributes = {
        "min": vector(stage.originalMin.toArray()),
        "max": vector(stage.originalMax.toArray()),
        "minValue": scalar("double", stage.getMin()),
        "maxValue": scalar("double", stage.getMax()),
    }
    return node("min_max_scaler", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(MaxAbsScalerModel)
def max_abs_scaler(stage: MaxAbsScalerModel, _: Columns) -> Node:
    """Write the maximum absolute values. MLeap clips the result to [-1, 1]; Spark and the scorer do not."""
    return node("max_abs_scaler", {"maxAbs": vector(stage.maxAbs.toArray())}, stage.getInputCol(), stage.getOutputCol())


@writes(Normalizer)
def normalizer(stage: Normalizer, columns: Columns) -> Node:
    """Write the norm and the length of the vector."""
    attributes = {
        "p_norm": scalar("double", stage.getP()),
        "input_size": scalar("int", columns.size(stage.getInputCol())),
    }
    return node("normalizer", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(PCAModel)
def pca(stage: PCAModel, _: Columns) -> Node:
    """Write the components as a matrix of shape [features, k]."""
    attributes = {"principal_components": matrix(stage.pc.toArray())}
    return node("pca", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(Bucketizer)
def bucketizer(stage: Bucketizer, _: Columns) -> list[Node]:
    """Write one node per column, since Bundle.ML's bucketizer has a single column."""
    several = stage.isSet("inputCols")
    all_splits = stage.getSplitsArray() if several else [stage.getSplits()]
    attributes = {"handle_invalid": scalar("string", _handle_invalid(stage))}
    return [
        node("bucketizer", {**attributes, "splits": list_of("double", list(map(float, splits)))}, source, target)
        for splits, source, target in zip(all_splits, *_columns(stage), strict=True)
    ]


@writes(Binarizer)
def binarizer(stage: Binarizer, columns: Columns) -> list[Node]:
    """Write one node per column, since MLeap cannot load its multi-column form."""
    sources, targets = _columns(stage)
    thresholds = stage.getThresholds() if stage.isSet("thresholds") else [stage.getThreshold()] * len(sources)
    return [
        node(
            "binarizer",
            {"threshold": scalar("double", threshold), "input_shapes": scalar("data_shape", columns.shape(source))},
            source,
            target,
        )
        for threshold, source, target in zip(thresholds, sources, targets, strict=True)
    ]


@writes(IndexToString)
def index_to_string(stage: IndexToString, columns: Columns) -> Node:
    """Write the labels from the parameter or, like Spark, from the metadata of the input column."""
    source = stage.getInputCol()
    labels = list(stage.getLabels()) if stage.isSet("labels") and stage.getLabels() else columns.labels(source)
    if labels is None:
        raise unsupported_option(
            stage, "labels", None, f"labels in the stage or in the metadata of {source}", "Set the parameter labels."
        )
    attributes = {"labels": list_of("string", labels), "input_shape": scalar("data_shape", columns.shape(source))}
    return node("reverse_string_indexer", attributes, source, stage.getOutputCol())


def _imputer(source: str, target: str, surrogate: float, missing: float, strategy: str) -> Node:
    attributes = {
        "surrogate_value": scalar("double", surrogate),
        "strategy": scalar("string", strategy),
        "missing_value": scalar("double", missing),
        "nullable_input": scalar("boolean", True),
    }
    return node("imputer", attributes, source, target)


def _as_type(stage: ImputerModel, source: str, surrogate: float, kind: str) -> float:
    """Cast a surrogate to the type of its column, like Spark."""
    if kind == "double":
        return surrogate
    if kind == "float":
        return float32(surrogate)
    if kind in ("integer", "long", "short", "byte"):
        return float(int(surrogate))
    raise unsupported_option(
        stage,
        f"column {source}",
        kind,
        "a column of doubles, floats or integers",
        f"Cast {source} to double before the pipeline.",
    )


def _handle_invalid(stage: Any) -> str:
    reject_skip(stage)
    return str(stage.getHandleInvalid())


def _columns(stage: Any) -> tuple[list[str], list[str]]:
    """Return the input columns and the output columns."""
    sources, targets = input_ports(stage), output_ports(stage)
    return [sources] if isinstance(sources, str) else sources, [targets] if isinstance(targets, str) else targets
