"""What each op carries: attribute names and types, ports. One table for the writer's own check and for the reader.

MLeap reads a wrong numeric type key as zero without an error; here it is refused.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from leapline.bundle.model import DEFAULTS, Attributes, ListOf, Model, Scalar, Tensor, Value


@dataclass(frozen=True, slots=True)
class Op:
    """An op's attributes (`name: type`, a trailing "?" = may be absent; names are patterns) and its ports."""

    attributes: Mapping[str, str]
    inputs: str = "features"
    outputs: tuple[str, ...] = ("prediction",)


def _column_op(attributes: Mapping[str, str]) -> Op:
    """From one column to one column."""
    return Op(attributes, "input", ("output",))


_CLASSIFIER = ("raw_prediction", "probability", "prediction")
_FOREST = {"num_features": "long", "tree_weights": "list double", "trees": "list string"}
_CLASSES = {"num_classes": "long", "thresholds": "list double?"}

OPS: dict[str, Op] = {
    "pipeline": Op({"nodes": "list string"}, "", ()),
    "string_indexer": Op(
        {
            "labels_length": "int?",
            "handle_invalid": "string?",
            r"labels_array_\d+": "list string?",
            "labels": "list string?",
        },
        r"input\d*",
        (r"output\d*",),
    ),
    "one_hot_encoder": Op(
        {"category_sizes": "list int?", "size": "long?", "drop_last": "boolean", "handle_invalid": "string?"},
        r"input\d*",
        (r"output\d*",),
    ),
    "imputer": _column_op(
        {
            "surrogate_value": "double",
            "strategy": "string",
            "missing_value": "double?",
            "nullable_input": "boolean?",
        }
    ),
    "vector_assembler": Op({"input_shapes": "list data_shape"}, r"input\d+", ("output",)),
    "standard_scaler": _column_op({"mean": "tensor double?", "std": "tensor double?"}),
    "min_max_scaler": _column_op(
        {
            "min": "tensor double",
            "max": "tensor double",
            "minValue": "double?",
            "maxValue": "double?",
        }
    ),
    "max_abs_scaler": _column_op({"maxAbs": "tensor double"}),
    "normalizer": _column_op({"p_norm": "double", "input_size": "int"}),
    "pca": _column_op({"principal_components": "tensor double"}),
    "bucketizer": _column_op({"splits": "list double", "handle_invalid": "string?"}),
    "binarizer": _column_op({"threshold": "double", "input_shapes": "data_shape"}),
    "vector_indexer": _column_op(
        {
            "num_features": "long",
            "keys": "list long",
            r"key_\d+_keys": "list double?",
            r"key_\d+_values": "list long?",
            "handle_invalid": "string?",
        }
    ),
    "reverse_string_indexer": _column_op({"labels": "list string", "input_shape": "data_shape?"}),
    "decision_tree_classifier": Op({"num_features": "long", **_CLASSES}, outputs=_CLASSIFIER),
    "decision_tree_regression": Op({"num_features": "long"}),
    "random_forest_classifier": Op({**_FOREST, **_CLASSES}, outputs=_CLASSIFIER),
    "random_forest_regression": Op(_FOREST),
    "gbt_classifier": Op({**_FOREST, **_CLASSES, "lossType": "string?"}, outputs=_CLASSIFIER),
    "gbt_regression": Op(_FOREST),
    "logistic_regression": Op(
        {
            "num_classes": "long",
            "coefficients": "tensor double?",
            "intercept": "double?",
            "threshold": "double?",
            "coefficient_matrix": "tensor double?",
            "intercept_vector": "tensor double?",
            "thresholds": "list double?",
        },
        outputs=_CLASSIFIER,
    ),
    "linear_regression": Op({"coefficients": "tensor double", "intercept": "double"}),
    "linear_svc": Op(
        {"num_classes": "long", "coefficients": "tensor double", "intercept": "double", "threshold": "double"},
        outputs=("raw_prediction", "prediction"),
    ),
    "naive_bayes": Op(
        {
            "num_features": "long",
            **_CLASSES,
            "pi": "tensor double",
            "theta": "tensor double",
            "sigma": "tensor double?",
            "model_type": "string",
        },
        outputs=_CLASSIFIER,
    ),
    "k_means": Op({"cluster_centers": "list tensor", "num_features": "long"}),
    "gaussian_mixture": Op(
        {"means": "list tensor", "covs": "list tensor", "weights": "list double"}, outputs=("prediction", "probability")
    ),
    "bisecting_k_means": Op({}),
}


def typed(model: Model) -> Model:
    """`model` with its default values given their types back, checked.

    Raises:
        ValueError: an attribute is missing, of the wrong type, or a tensor whose shape and values disagree.
    """
    op = OPS.get(model.op)
    out = {}
    for name, value in model.attributes.items():
        wanted = _type_of(op, name) if op else None
        out[name] = _cast(name, value, wanted) if wanted else value
        _check_tensor(name, value)
    missing = [
        name for name, kind in (op.attributes if op else {}).items() if name not in out and not kind.endswith("?")
    ]
    if missing:
        raise ValueError(f"op {model.op} without attribute {missing[0]}")
    return Model(model.op, out)


def _type_of(op: Op, name: str) -> str | None:
    if name in op.attributes:
        return op.attributes[name].removesuffix("?")
    return next(
        (kind.removesuffix("?") for pattern, kind in op.attributes.items() if re.fullmatch(pattern, name)), None
    )


def _cast(name: str, value: Value, wanted: str) -> Value:
    form, _, kind = wanted.rpartition(" ")
    if isinstance(value, Scalar) and not form and value.kind == "" and kind in DEFAULTS:
        return Scalar(kind, DEFAULTS[kind])
    if isinstance(value, ListOf) and form == "list" and value.kind == "":
        return ListOf(kind, ())
    if describe(value) != wanted:
        raise ValueError(f"attribute {name} is {describe(value) or 'an untyped default'}, not {wanted}")
    return value


def describe(value: Value) -> str:
    """The value's type in the table's words."""
    if isinstance(value, Tensor):
        return f"tensor {value.base}"
    return value.kind if isinstance(value, Scalar) else f"list {value.kind}"


def _check_tensor(name: str, value: Value) -> None:
    tensors = [value] if isinstance(value, Tensor) else [v for v in _items(value) if isinstance(v, Tensor)]
    for tensor in tensors:
        if math.prod(d.size for d in tensor.dims) != len(tensor.values):
            shape = [d.size for d in tensor.dims]
            raise ValueError(f"attribute {name} is a tensor of shape {shape} with {len(tensor.values)} values")


def _items(value: Scalar | ListOf) -> tuple[object, ...]:
    return (value.value,) if isinstance(value, Scalar) else value.values


def attribute(attributes: Attributes, name: str, default: object = None) -> object:
    """A scalar's value or a list's values, `default` where absent."""
    value = attributes.get(name)
    if value is None:
        return default
    return value.value if isinstance(value, Scalar) else value.values
