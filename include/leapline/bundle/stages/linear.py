"""Writers of linear models and naive Bayes."""

from collections.abc import Iterable

from pyspark.ml.classification import LinearSVCModel, LogisticRegressionModel, NaiveBayesModel
from pyspark.ml.regression import LinearRegressionModel

from leapline.bundle.model import Node, Value, matrix, scalar, vector
from leapline.bundle.stage_writers import Columns, unsupported_option, writes
from leapline.bundle.stages.models import classifier_node, model_node, thresholds_of


@writes(LogisticRegressionModel)
def logistic_regression(stage: LogisticRegressionModel, _: Columns) -> Node:
    """Write a binary or multinomial model."""
    if stage.coefficientMatrix.numRows == 1:
        attributes = _attributes(stage.coefficients.toArray(), stage.intercept, stage.getThreshold())
        return classifier_node(stage, "logistic_regression", attributes)
    if stage.numClasses == 2:
        return _two_class_softmax(stage)
    attributes = {
        "num_classes": scalar("long", stage.numClasses),
        "coefficient_matrix": matrix(stage.coefficientMatrix.toArray()),
        "intercept_vector": vector(stage.interceptVector.toArray()),
        **thresholds_of(stage),
    }
    return classifier_node(stage, "logistic_regression", attributes)


def _attributes(coefficients: Iterable[float], intercept: float, threshold: float) -> dict[str, Value]:
    return {
        "num_classes": scalar("long", 2),
        "coefficients": vector(coefficients),
        "intercept": scalar("double", intercept),
        "threshold": scalar("double", threshold),
    }


def _two_class_softmax(stage: LogisticRegressionModel) -> Node:
    """Write a multinomial model of two classes as the equivalent binary model, the only form that MLeap reads.

    The softmax of two margins is the sigmoid of their difference, so probability and prediction are equal. Spark's two
    margins cannot be represented, so the raw prediction is omitted.
    """
    weights, intercepts = stage.coefficientMatrix.toArray(), stage.interceptVector.toArray()
    threshold = 0.5
    if stage.isSet("thresholds"):
        first, second = map(float, stage.getThresholds())
        threshold = second / (first + second)
    attributes = _attributes(weights[1] - weights[0], float(intercepts[1] - intercepts[0]), threshold)
    return model_node(stage, "logistic_regression", attributes, "probability", "prediction")


@writes(LinearSVCModel)
def linear_svc(stage: LinearSVCModel, _: Columns) -> Node:
    """Write coefficients, intercept and threshold."""
    attributes = _attributes(stage.coefficients.toArray(), stage.intercept, stage.getThreshold())
    return model_node(stage, "linear_svc", attributes, "raw_prediction", "prediction")


@writes(NaiveBayesModel)
def naive_bayes(stage: NaiveBayesModel, _: Columns) -> Node:
    """Write a multinomial or Bernoulli model; MLeap does not read the variances of the Gaussian model."""
    kind = stage.getModelType()
    if kind not in ("multinomial", "bernoulli"):
        raise unsupported_option(
            stage, "modelType", kind, "'multinomial' or 'bernoulli', the model types of Bundle.ML", "Use one of these."
        )
    attributes = {
        "num_features": scalar("long", stage.numFeatures),
        "num_classes": scalar("long", stage.numClasses),
        "pi": vector(stage.pi.toArray()),
        "theta": matrix(stage.theta.toArray()),
        "sigma": matrix(stage.sigma.toArray()),
        "model_type": scalar("string", kind),
        **thresholds_of(stage),
    }
    return classifier_node(stage, "naive_bayes", attributes)


@writes(LinearRegressionModel)
def linear_regression(stage: LinearRegressionModel, _: Columns) -> Node:
    """Write coefficients and intercept."""
    attributes = {"coefficients": vector(stage.coefficients.toArray()), "intercept": scalar("double", stage.intercept)}
    return model_node(stage, "linear_regression", attributes, "prediction")
