"""Writers of multilayer perceptrons and one-vs-rest models."""

from dataclasses import replace

from pyspark.ml.classification import MultilayerPerceptronClassificationModel, OneVsRestModel

from leapline.bundle.model import Node, list_of, scalar, vector
from leapline.bundle.stage_writers import Columns, unsupported_option, writer_of, writes
from leapline.bundle.stages.models import classifier_node, model_node, thresholds_of


@writes(MultilayerPerceptronClassificationModel)
def multi_layer_perceptron_classifier(stage: MultilayerPerceptronClassificationModel, _: Columns) -> Node:
    """Write the sizes of the layers and the weights."""
    attributes = {
        "layers": list_of("long", map(int, stage.getLayers())),
        "weights": vector(stage.weights.toArray()),
        **thresholds_of(stage),
    }
    return classifier_node(stage, "multi_layer_perceptron_classifier", attributes)


@writes(OneVsRestModel)
def one_vs_rest(stage: OneVsRestModel, columns: Columns) -> Node:
    """Write one binary model per class, without ports."""
    submodels = {}
    for number, model in enumerate(stage.models):
        written = writer_of(model)(model, columns)
        if not isinstance(written, Node) or "raw_prediction" not in {socket.port for socket in written.outputs}:
            raise unsupported_option(
                stage,
                "classifier",
                type(model).__name__,
                "a classifier with a raw prediction",
                "Use LogisticRegression, LinearSVC or a tree model.",
            )
        submodels[f"model{number}"] = replace(written, inputs=(), outputs=())
    attributes = {
        "num_classes": scalar("long", len(submodels)),
        "num_features": scalar("long", stage.models[0].numFeatures),
    }
    return replace(model_node(stage, "one_vs_rest", attributes, "raw_prediction", "prediction"), submodels=submodels)
