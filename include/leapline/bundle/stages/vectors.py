"""Writers of stages that compute, select or combine elements of vectors."""

from typing import Any

from pyspark.ml.feature import (
    DCT,
    ChiSqSelectorModel,
    ElementwiseProduct,
    FeatureHasher,
    Interaction,
    PolynomialExpansion,
    RobustScalerModel,
    UnivariateFeatureSelectorModel,
    VarianceThresholdSelectorModel,
    VectorSizeHint,
    VectorSlicer,
)

from leapline.bundle.model import Node, list_of, scalar, vector
from leapline.bundle.stage_writers import Columns, node, reject_skip, unsupported_option, writes

_BASIC_TYPES = {
    "string": "string",
    "boolean": "boolean",
    "tinyint": "byte",
    "smallint": "short",
    "int": "int",
    "bigint": "long",
    "float": "float",
    "double": "double",
}
"""Spark type -> type in Bundle.ML, for the inputs of a FeatureHasher."""


@writes(PolynomialExpansion)
def polynomial_expansion(stage: PolynomialExpansion, columns: Columns) -> Node:
    """Write the degree and the length of the vector."""
    attributes = {
        "degree": scalar("long", stage.getDegree()),
        "input_size": scalar("long", columns.size(stage.getInputCol())),
    }
    return node("polynomial_expansion", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(ElementwiseProduct)
def elementwise_product(stage: ElementwiseProduct, _: Columns) -> Node:
    """Write the factors."""
    attributes = {"scaling_vec": vector(stage.getScalingVec().toArray())}
    return node("elementwise_product", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(DCT)
def dct(stage: DCT, columns: Columns) -> Node:
    """Write the direction of the transform and the length of the vector."""
    attributes = {
        "inverse": scalar("boolean", stage.getInverse()),
        "input_size": scalar("int", columns.size(stage.getInputCol())),
    }
    return node("dct", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(VectorSlicer)
def vector_slicer(stage: VectorSlicer, columns: Columns) -> Node:
    """Write the selected indices and names; the metadata of the input column maps names to indices."""
    source, names = stage.getInputCol(), list(stage.getNames())
    indices = columns.element_names(source)
    unknown = [name for name in names if name not in indices]
    if unknown:
        raise unsupported_option(
            stage, "names", unknown, f"names in the metadata of {source}", "Select these elements by index."
        )
    attributes = {
        "indices": list_of("long", stage.getIndices()),
        "names": list_of("string", names),
        "named_indices": list_of("int", [indices[name] for name in names]),
        "input_size": scalar("int", columns.size(source)),
    }
    return node("vector_slicer", attributes, source, stage.getOutputCol())


@writes(ChiSqSelectorModel, UnivariateFeatureSelectorModel, VarianceThresholdSelectorModel)
def selector(stage: Any, columns: Columns) -> Node:
    """Write the selected elements as `chi_sq_selector`, the op of Bundle.ML that selects elements."""
    selected = sorted(map(int, stage.selectedFeatures))
    if not selected:
        raise unsupported_option(
            stage, "selectedFeatures", "none", "one or more", "Select more features, and fit again."
        )
    attributes = {
        "filter_indices": list_of("long", selected),
        "input_size": scalar("int", columns.size(stage.getFeaturesCol())),
    }
    return node("chi_sq_selector", attributes, stage.getFeaturesCol(), stage.getOutputCol())


@writes(RobustScalerModel)
def robust_scaler(stage: RobustScalerModel, _: Columns) -> Node:
    """Write a `standard_scaler` with the medians as means and the quantile ranges as standard deviations."""
    attributes = {}
    if stage.getWithCentering():
        attributes["mean"] = vector(stage.median.toArray())
    if stage.getWithScaling():
        attributes["std"] = vector(stage.range.toArray())
    if not attributes:
        attributes["std"] = vector([1.0] * len(stage.range))
    return node("standard_scaler", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(FeatureHasher)
def feature_hasher(stage: FeatureHasher, columns: Columns) -> Node:
    """Write the names, types and roles of the columns."""
    names = list(stage.getInputCols())
    types = [columns.field(name).dataType.simpleString() for name in names]
    for name, kind in zip(names, types, strict=True):
        if kind not in _BASIC_TYPES:
            raise unsupported_option(
                stage, f"column {name}", kind, f"one of {', '.join(_BASIC_TYPES)}", "Cast it, for example to double."
            )
    categorical = stage.getCategoricalCols() if stage.isDefined("categoricalCols") else []
    attributes = {
        "num_features": scalar("long", stage.getNumFeatures()),
        "categorical_cols": list_of("string", categorical),
        "input_shapes": list_of("data_shape", [columns.shape(name) for name in names]),
        "basic_types": list_of("basic_type", [_BASIC_TYPES[kind] for kind in types]),
        "input_names": list_of("string", names),
    }
    return node("feature_hasher", attributes, names, stage.getOutputCol())


@writes(Interaction)
def interaction(stage: Interaction, columns: Columns) -> Node:
    """Write the number of categories of each element, 1 for a number."""
    names = list(stage.getInputCols())
    attributes = {
        "num_inputs": scalar("int", len(names)),
        "input_shapes": list_of("data_shape", [columns.shape(name) for name in names]),
        **{f"num_features{i}": list_of("int", columns.category_counts(name)) for i, name in enumerate(names)},
    }
    return node("interaction", attributes, names, stage.getOutputCol())


@writes(VectorSizeHint)
def vector_size_hint(stage: VectorSizeHint, _: Columns) -> list[Node]:
    """Write nothing: the sizes of vectors are part of other stages."""
    reject_skip(stage)
    return []
