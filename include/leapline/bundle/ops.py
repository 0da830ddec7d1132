"""The ops of Bundle.ML: attribute names, attribute types and ports, for the writer and the reader.

MLeap silently reads an attribute with the wrong numeric type key as zero; here it is an error.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from leapline.bundle.model import DEFAULTS, Attributes, ListOf, Model, Scalar, Tensor, Value


@dataclass(frozen=True, slots=True)
class Op:
    """An op: its attributes and ports.

    Attributes:
        attributes: attribute name (a regular expression) -> type; a trailing "?" marks an optional attribute.
        inputs: a regular expression for the input ports.
        outputs: regular expressions for the output ports.
    """

    attributes: Mapping[str, str]
    inputs: str = "features"
    outputs: tuple[str, ...] = ("prediction",)


def _column_op(attributes: Mapping[str, str]) -> Op:
    """Return an op with one input column and one output column."""
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
    "k_means": Op({"cluster_centers": "list tensor", "num_features": "long", "distance_measure": "string?"}),
    "gaussian_mixture": Op(
        {"means": "list tensor", "covs": "list tensor", "weights": "list double"}, outputs=("prediction", "probability")
    ),
    "bisecting_k_means": Op({"distance_measure": "string?"}),
    "tokenizer": _column_op({}),
    "regex_tokenizer": _column_op(
        {"regex": "string", "match_gaps": "boolean", "token_min_length": "int", "lowercase_text": "boolean"}
    ),
    "stopwords_remover": Op({"stop_words": "list string", "case_sensitive": "boolean"}, r"input\d*", (r"output\d*",)),
    "ngram": _column_op({"n": "long"}),
    "count_vectorizer": _column_op({"vocabulary": "list string", "binary": "boolean", "min_tf": "double"}),
    "hashing_term_frequency": _column_op(
        {"num_features": "long", "binary": "boolean?", "hashUnsafeBytesVersion": "int?"}
    ),
    "idf": _column_op({"idf": "tensor double", "docFreq": "list long?", "numDocs": "long?"}),
    "word_to_vector": _column_op(
        {"words": "list string", "indices": "list long?", "word_vectors": "list double", "kernel": "string?"}
    ),
    "polynomial_expansion": _column_op({"degree": "long", "input_size": "long"}),
    "elementwise_product": _column_op({"scaling_vec": "tensor double"}),
    "dct": _column_op({"inverse": "boolean", "input_size": "int"}),
    "vector_slicer": _column_op(
        {"indices": "list long", "names": "list string", "named_indices": "list int", "input_size": "int"}
    ),
    "chi_sq_selector": _column_op({"filter_indices": "list long", "input_size": "int"}),
    "feature_hasher": Op(
        {
            "num_features": "long",
            "categorical_cols": "list string",
            "input_shapes": "list data_shape",
            "basic_types": "list basic_type",
            "input_names": "list string",
        },
        r"input\d+",
        ("output",),
    ),
    "interaction": Op(
        {"num_inputs": "int", "input_shapes": "list data_shape", r"num_features\d+": "list int?"},
        r"input\d+",
        ("output",),
    ),
    "isotonic_regression": Op(
        {
            "boundaries": "list double",
            "predictions": "list double",
            "isotonic": "boolean",
            "feature_index": "long?",
        }
    ),
    "generalized_linear_regression": Op(
        {
            "coefficients": "tensor double",
            "intercept": "double",
            "family": "string",
            "link": "string?",
            "variance_power": "double?",
            "link_power": "double?",
        },
        outputs=("prediction", "link_prediction"),
    ),
    "multi_layer_perceptron_classifier": Op(
        {"layers": "list long", "weights": "tensor double", "thresholds": "list double?"}, outputs=_CLASSIFIER
    ),
    "one_vs_rest": Op(
        {"num_classes": "long", "num_features": "long"}, outputs=("raw_prediction", "probability", "prediction")
    ),
}


def with_types(model: Model) -> Model:
    """Check the attributes of `model`, and add the types of default values, which the formats omit.

    Raises:
        ValueError: an attribute is missing or has the wrong type, or the shape of a tensor does not match its values.
    """
    op = OPS.get(model.op)
    out = {}
    for name, value in model.attributes.items():
        expected = _type_of(op, name) if op else None
        out[name] = _cast(name, value, expected) if expected else value
        _check_tensor(name, value)
    missing = [
        name for name, kind in (op.attributes if op else {}).items() if name not in out and not kind.endswith("?")
    ]
    if missing:
        raise ValueError(f"missing attribute {missing[0]} of op {model.op}")
    return Model(model.op, out)


def _type_of(op: Op, name: str) -> str | None:
    if name in op.attributes:
        return op.attributes[name].removesuffix("?")
    return next(
        (kind.removesuffix("?") for pattern, kind in op.attributes.items() if re.fullmatch(pattern, name)), None
    )


def _cast(name: str, value: Value, expected: str) -> Value:
    container, _, kind = expected.rpartition(" ")
    if isinstance(value, Scalar) and not container and value.kind == "" and kind in DEFAULTS:
        return Scalar(kind, DEFAULTS[kind])
    if isinstance(value, ListOf) and container == "list" and value.kind == "":
        return ListOf(kind, ())
    if describe(value) != expected:
        raise ValueError(f"attribute {name}: expected {expected}, got {describe(value) or 'an untyped default'}")
    return value


def describe(value: Value) -> str:
    """Return the type of a value as in `Op.attributes`, such as "list double"."""
    if isinstance(value, Tensor):
        return f"tensor {value.base}"
    return value.kind if isinstance(value, Scalar) else f"list {value.kind}"


def _check_tensor(name: str, value: Value) -> None:
    tensors = [value] if isinstance(value, Tensor) else [v for v in _items(value) if isinstance(v, Tensor)]
    for tensor in tensors:
        if math.prod(d.size for d in tensor.dims) != len(tensor.values):
            shape = [d.size for d in tensor.dims]
            raise ValueError(f"attribute {name}: tensor of shape {shape} with {len(tensor.values)} values")


def _items(value: Scalar | ListOf) -> tuple[object, ...]:
    return (value.value,) if isinstance(value, Scalar) else value.values


def attribute(attributes: Attributes, name: str, default: object = None) -> object:
    """Return the value of a scalar, or the values of a list or tensor; `default` if the attribute is absent."""
    value = attributes.get(name)
    if value is None:
        return default
    return value.value if isinstance(value, Scalar) else value.values
