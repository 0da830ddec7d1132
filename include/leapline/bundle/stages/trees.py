"""Writers of decision trees, random forests and gradient-boosted trees.

Traversing a Spark tree through py4j takes one round trip per node. Instead, the NodeData records of Spark's save format
are built in the JVM, in pre-order, and transferred as one JSON string for many trees: 0.5 s for 60 trees of depth 10.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pyspark.ml.classification import (
    DecisionTreeClassificationModel,
    GBTClassificationModel,
    RandomForestClassificationModel,
)
from pyspark.ml.regression import DecisionTreeRegressionModel, GBTRegressionModel, RandomForestRegressionModel

from leapline.bundle.model import Categorical, Continuous, Leaf, Model, Node, Record, Tree, Value, list_of, scalar
from leapline.bundle.stage_writers import Columns, unsupported_option, writes
from leapline.bundle.stages.models import classifier_node, model_node, thresholds_of

_TREES_PER_CALL = 200


@writes(DecisionTreeClassificationModel)
def decision_tree_classifier(stage: DecisionTreeClassificationModel, columns: Columns) -> Node:
    """Write a tree with class weights in its leaves."""
    attributes = {**_sizes(stage, classes=True), **thresholds_of(stage)}
    return replace(
        classifier_node(stage, "decision_tree_classifier", attributes), tree=_only_tree(stage, columns, True)
    )


@writes(DecisionTreeRegressionModel)
def decision_tree_regression(stage: DecisionTreeRegressionModel, columns: Columns) -> Node:
    """Write a tree with predictions in its leaves."""
    if stage.isDefined("varianceCol") and stage.getOrDefault("varianceCol"):
        raise unsupported_option(
            stage,
            "varianceCol",
            stage.getVarianceCol(),
            "no variance column: Bundle.ML has no such output",
            "Unset varianceCol.",
        )
    result = model_node(stage, "decision_tree_regression", _sizes(stage), "prediction")
    return replace(result, tree=_only_tree(stage, columns, False))


@writes(RandomForestClassificationModel)
def random_forest_classifier(stage: RandomForestClassificationModel, columns: Columns) -> Node:
    """Write a forest whose trees have class weights in their leaves."""
    attributes = {**_ensemble(stage), "num_classes": scalar("long", stage.numClasses), **thresholds_of(stage)}
    member = Model("decision_tree_classifier", _sizes(stage, classes=True))
    return _with_members(classifier_node(stage, "random_forest_classifier", attributes), stage, member, columns)


@writes(RandomForestRegressionModel)
def random_forest_regression(stage: RandomForestRegressionModel, columns: Columns) -> Node:
    """Write a forest that predicts the mean of its trees."""
    result = model_node(stage, "random_forest_regression", _ensemble(stage), "prediction")
    return _with_members(result, stage, Model("decision_tree_regression", _sizes(stage)), columns)


@writes(GBTClassificationModel)
def gbt_classifier(stage: GBTClassificationModel, columns: Columns) -> Node:
    """Write boosted regression trees, whose weighted sum is the margin."""
    attributes = {**_ensemble(stage), "num_classes": scalar("long", stage.numClasses), **thresholds_of(stage)}
    result = classifier_node(stage, "gbt_classifier", attributes)
    return _with_members(result, stage, Model("decision_tree_regression", _sizes(stage)), columns)


@writes(GBTRegressionModel)
def gbt_regression(stage: GBTRegressionModel, columns: Columns) -> Node:
    """Write boosted regression trees, whose weighted sum is the prediction."""
    result = model_node(stage, "gbt_regression", _ensemble(stage), "prediction")
    return _with_members(result, stage, Model("decision_tree_regression", _sizes(stage)), columns)


def _sizes(stage: Any, *, classes: bool = False) -> dict[str, Value]:
    out: dict[str, Value] = {"num_features": scalar("long", stage.numFeatures)}
    return {**out, "num_classes": scalar("long", stage.numClasses)} if classes else out


def _ensemble(stage: Any) -> dict[str, Value]:
    weights = [float(w) for w in stage.treeWeights]
    names = [f"tree{i}" for i in range(len(weights))]
    return {**_sizes(stage), "tree_weights": list_of("double", weights), "trees": list_of("string", names)}


def _only_tree(stage: Any, columns: Columns, classes: bool) -> Tree:
    (tree,) = _trees([stage._java_obj], columns.out_of_domain, classes)
    return tree


def _with_members(result: Node, stage: Any, member: Model, columns: Columns) -> Node:
    trees = _trees(list(stage._java_obj.trees()), columns.out_of_domain, member.op == "decision_tree_classifier")
    return replace(result, members={f"tree{i}": (member, tree) for i, tree in enumerate(trees)})


def _trees(java_trees: Sequence[Any], out_of_domain: bool, classes: bool) -> Iterator[Tree]:
    """Yield the records of each tree, in pre-order like NodeData."""
    for at in range(0, len(java_trees), _TREES_PER_CALL):
        for tree in json.loads(_node_data(java_trees[at : at + _TREES_PER_CALL])):
            yield [_record(data, out_of_domain, classes) for data in tree]


def _node_data(java_trees: Sequence[Any]) -> str:
    """Return the NodeData of several trees as JSON. Java prints doubles such that they parse to the same value."""
    from pyspark import SparkContext

    jvm: Any = SparkContext._active_spark_context._jvm  # type: ignore[union-attr]
    build = getattr(jvm.org.apache.spark.ml.tree, "DecisionTreeModelReadWrite$NodeData$").__getattr__("MODULE$").build
    node_data = jvm.java.util.ArrayList()
    for tree in java_trees:
        node_data.add(build(tree.rootNode(), 0)._1())
    jackson = jvm.com.fasterxml.jackson
    mapper = jackson.databind.ObjectMapper()
    mapper.registerModule(getattr(jackson.module.scala, "DefaultScalaModule$").__getattr__("MODULE$"))
    # Serialize fields only: the getters of NodeData compute values, and fail on leaves.
    visibility = getattr(jackson.annotation, "JsonAutoDetect$Visibility")
    mapper.setVisibility(jackson.annotation.PropertyAccessor.ALL, visibility.NONE)
    mapper.setVisibility(jackson.annotation.PropertyAccessor.FIELD, visibility.ANY)
    return str(mapper.writeValueAsString(node_data))


def _record(data: dict[str, Any], out_of_domain: bool, classes: bool) -> Record:
    if data["leftChild"] < 0:
        return Leaf(tuple(map(float, data["impurityStats"])) if classes else (float(data["prediction"]),))
    split = data["split"]
    values, count = split["leftCategoriesOrThreshold"], split["numCategories"]
    if count < 0:
        return Continuous(split["featureIndex"], float(values[0]))
    return _categorical(split["featureIndex"], {int(v) for v in values}, count, out_of_domain)


def _categorical(feature: int, left: set[int], count: int, out_of_domain: bool) -> Categorical:
    """Return a split that lists the smaller side, like MLeap's writer.

    If both sides have the same size, MLeap stores the right one and Spark the left one. This matters for a value
    outside the categories: Spark goes right, MLeap's form goes left. Where such a value is possible, Spark's form is
    written.
    """
    right = set(range(count)) - left
    is_left = len(left) < len(right) or (len(left) == len(right) and out_of_domain)
    return Categorical(feature, is_left, count, tuple(map(float, sorted(left if is_left else right))))
