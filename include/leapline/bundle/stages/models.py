"""Functions shared by the writers of models."""

from collections.abc import Mapping
from typing import Any

from leapline.bundle.model import Node as _Node
from leapline.bundle.model import Value, list_of
from leapline.bundle.stage_writers import node, unsupported_option

_PORTS = {
    "raw_prediction": "rawPredictionCol",
    "probability": "probabilityCol",
    "prediction": "predictionCol",
    "link_prediction": "linkPredictionCol",
}


def model_node(stage: Any, op: str, attributes: Mapping[str, Value], *ports: str) -> _Node:
    """Return the node of a model, with the input port `features` and the given output ports.

    An output column that is disabled ("") gets no port.
    """
    if stage.hasParam("leafCol") and stage.getOrDefault("leafCol"):
        raise unsupported_option(
            stage, "leafCol", stage.getLeafCol(), "no leaf column: Bundle.ML has no such output", "Unset leafCol."
        )
    columns = {port: _PORTS[port] for port in ports}
    outputs = {
        port: str(stage.getOrDefault(param)) if stage.isDefined(param) else "" for port, param in columns.items()
    }
    return node(op, attributes, {"features": stage.getFeaturesCol()}, outputs)


def classifier_node(stage: Any, op: str, attributes: Mapping[str, Value]) -> _Node:
    """Return the node of a probabilistic classifier, with its three output ports."""
    return model_node(stage, op, attributes, "raw_prediction", "probability", "prediction")


def thresholds_of(stage: Any) -> dict[str, Value]:
    """Return the attribute `thresholds`, if the parameter is set."""
    return (
        {"thresholds": list_of("double", list(map(float, stage.getThresholds())))} if stage.isSet("thresholds") else {}
    )
