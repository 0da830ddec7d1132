"""Writers of clustering models."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pyspark.ml.clustering import BisectingKMeansModel, GaussianMixtureModel, KMeansModel

from leapline.bundle.model import Cluster, Node, list_of, matrix, scalar, vector
from leapline.bundle.stage_writers import Columns, unsupported_option, writes
from leapline.bundle.stages.models import model_node


@writes(KMeansModel)
def k_means(stage: KMeansModel, _: Columns) -> Node:
    """Write the cluster centres."""
    _require_euclidean(stage)
    centres = stage.clusterCenters()
    attributes = {
        "cluster_centers": list_of("tensor", map(vector, centres)),
        "num_features": scalar("long", len(centres[0])),
    }
    return model_node(stage, "k_means", attributes, "prediction")


@writes(GaussianMixtureModel)
def gaussian_mixture(stage: GaussianMixtureModel, _: Columns) -> Node:
    """Write means, covariances and weights."""
    attributes = {
        "means": list_of("tensor", [vector(g.mean.toArray()) for g in stage.gaussians]),
        "covs": list_of("tensor", [matrix(g.cov.toArray()) for g in stage.gaussians]),
        "weights": list_of("double", list(map(float, stage.weights))),
    }
    return model_node(stage, "gaussian_mixture", attributes, "prediction", "probability")


@writes(BisectingKMeansModel)
def bisecting_k_means(stage: BisectingKMeansModel, _: Columns) -> Node:
    """Write the tree of centres, which Spark's public API does not expose."""
    _require_euclidean(stage)
    model: Any = stage._java_obj
    parent = next(f for f in model.getClass().getDeclaredFields() if f.getName().endswith("parentModel"))
    parent.setAccessible(True)
    return replace(
        model_node(stage, "bisecting_k_means", {}, "prediction"),
        clusters=list(_clusters(parent.get(model).root())),
    )


def _clusters(java_node: Any) -> Iterator[Cluster]:
    centre = java_node.centerWithNorm()
    children = list(java_node.children())
    yield Cluster(java_node.index(), centre.norm(), len(children), tuple(map(float, centre.vector().toArray())))
    for child in children:
        yield from _clusters(child)


def _require_euclidean(stage: Any) -> None:
    measure = stage.getDistanceMeasure()
    if measure != "euclidean":
        raise unsupported_option(
            stage,
            "distanceMeasure",
            measure,
            "'euclidean', the only distance measure of Bundle.ML",
            "Add a Normalizer, then use 'euclidean'.",
        )
