"""What the writers of models share."""

from collections.abc import Mapping
from typing import Any

from leapline.bundle.model import Node as _Node
from leapline.bundle.model import Value, list_of
from leapline.bundle.stage_writers import node, refusal

_PORTS = {"raw_prediction": "rawPredictionCol", "probability": "probabilityCol", "prediction": "predictionCol"}


def model_node(stage: Any, op: str, attributes: Mapping[str, Value], *ports: str) -> _Node:
    """A model's node: `features` in, the given ports out; a column that is switched off ("") is left out."""
    if stage.hasParam("leafCol") and stage.getOrDefault("leafCol"):
        raise refusal(stage, "leafCol", stage.getLeafCol(), "none: Bundle.ML has no leaf output", "Unset leafCol.")
    outputs = {port: str(stage.getOrDefault(_PORTS[port])) for port in ports}
    return node(op, attributes, {"features": stage.getFeaturesCol()}, outputs)


def classifier_node(stage: Any, op: str, attributes: Mapping[str, Value]) -> _Node:
    """A probabilistic classifier's node, with its three outputs."""
    return model_node(stage, op, attributes, "raw_prediction", "probability", "prediction")


def thresholds_of(stage: Any) -> dict[str, Value]:
    """The attribute `thresholds`, absent unless set."""
    return (
        {"thresholds": list_of("double", list(map(float, stage.getThresholds())))} if stage.isSet("thresholds") else {}
    )
