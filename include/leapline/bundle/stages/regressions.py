"""Writers of isotonic and generalized linear regressions."""

from pyspark.ml.regression import GeneralizedLinearRegressionModel, IsotonicRegressionModel

from leapline.bundle.model import Node, Value, list_of, scalar, vector
from leapline.bundle.stage_writers import Columns, unsupported_option, writes
from leapline.bundle.stages.models import model_node


@writes(IsotonicRegressionModel)
def isotonic_regression(stage: IsotonicRegressionModel, columns: Columns) -> Node:
    """Write boundaries and predictions, and the index of the feature if the input is a vector."""
    attributes = {
        "boundaries": list_of("double", map(float, stage.boundaries.toArray())),
        "predictions": list_of("double", map(float, stage.predictions.toArray())),
        "isotonic": scalar("boolean", stage.getIsotonic()),
    }
    if columns.is_vector(stage.getFeaturesCol()):
        attributes["feature_index"] = scalar("long", stage.getFeatureIndex())
    return model_node(stage, "isotonic_regression", attributes, "prediction")


@writes(GeneralizedLinearRegressionModel)
def generalized_linear_regression(stage: GeneralizedLinearRegressionModel, _: Columns) -> Node:
    """Write coefficients, intercept, family and link."""
    if stage.isDefined("offsetCol") and stage.getOffsetCol():
        raise unsupported_option(
            stage, "offsetCol", stage.getOffsetCol(), "no offset: Bundle.ML has no such input", "Unset offsetCol."
        )
    family = str(stage.getFamily())
    attributes: dict[str, Value] = {
        "coefficients": vector(stage.coefficients.toArray()),
        "intercept": scalar("double", stage.intercept),
        "family": scalar("string", family),
    }
    if family == "tweedie":
        attributes["variance_power"] = scalar("double", stage.getVariancePower())
        if stage.isDefined("linkPower"):
            attributes["link_power"] = scalar("double", stage.getLinkPower())
    elif stage.isDefined("link"):
        attributes["link"] = scalar("string", stage.getLink())
    return model_node(stage, "generalized_linear_regression", attributes, "prediction", "link_prediction")
