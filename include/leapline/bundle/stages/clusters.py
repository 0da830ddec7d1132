"""Writers of clustering models."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pyspark.ml.clustering import BisectingKMeansModel, GaussianMixtureModel, KMeansModel

from leapline.bundle.model import Cluster, Node, Value, list_of, matrix, scalar, vector
from leapline.bundle.stage_writers import Columns, writes
from leapline.bundle.stages.models import model_node


@writes(KMeansModel)
def k_means(stage: KMeansModel, _: Columns) -> Node:
    """Write the cluster centres."""
    centres = stage.clusterCenters()
    attributes = {
        "cluster_centers": list_of("tensor", map(vector, centres)),
        "num_features": scalar("long", len(centres[0])),
        **_distance_measure(stage),
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
    model: Any = stage._java_obj
    parent = next(f for f in model.getClass().getDeclaredFields() if f.getName().endswith("parentModel"))
    parent.setAccessible(True)
    return replace(
        model_node(stage, "bisecting_k_means", _distance_measure(stage), "prediction"),
        clusters=list(_clusters(parent.get(model).root())),
    )


def _clusters(java_node: Any) -> Iterator[Cluster]:
    centre = java_node.centerWithNorm()
    children = list(java_node.children())
    yield Cluster(java_node.index(), centre.norm(), len(children), tuple(map(float, centre.vector().toArray())))
    for child in children:
        yield from _clusters(child)


def _distance_measure(stage: Any) -> dict[str, Value]:
    """Return the attribute `distance_measure`, which MLeap does not have, unless the measure is Euclidean."""
    measure = str(stage.getDistanceMeasure())
    return {} if measure == "euclidean" else {"distance_measure": scalar("string", measure)}
