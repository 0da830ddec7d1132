"""The forest as a library of C code, by treelite's model builder and tl2cgen."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forest import COLUMNS

LIBRARY = "tl2cgen.so"


def make(folder: Path) -> None:
    """Compile the forest of `folder/bundle.zip` into `folder/tl2cgen.so`, with GCC.

    A leaf's value is its share of class 1, so the mean over the trees is Spark's probability up to rounding: Spark
    divides the sum of the shares by the sum over both classes.
    """
    import tl2cgen

    model = _forest(folder / "bundle.zip")
    tl2cgen.export_lib(model, toolchain="gcc", libpath=str(folder / LIBRARY), params={"parallel_comp": 8})


def _forest(bundle: Path) -> Any:
    """Return the forest of a bundle as a model of treelite."""
    from treelite.model_builder import Metadata, ModelBuilder, PostProcessorFunc, TreeAnnotation

    from leapline.bundle.reader import read

    node = next(node for node in read(bundle).root.walk() if node.op == "random_forest_classifier")
    trees = node.trees()
    builder = ModelBuilder(
        threshold_type="float64",
        leaf_output_type="float64",
        metadata=Metadata(
            num_feature=len(COLUMNS), task_type="kRegressor", average_tree_output=True, num_target=1, num_class=[1],
            leaf_vector_shape=(1, 1),
        ),
        tree_annotation=TreeAnnotation(num_tree=len(trees), target_id=[0] * len(trees), class_id=[0] * len(trees)),
        postprocessor=PostProcessorFunc(name="identity"),
        base_scores=[0.0],
    )  # fmt: skip
    for tree in trees:
        builder.start_tree()
        for key, (record, right) in enumerate(zip(tree, right_children(tree), strict=True)):
            builder.start_node(key)
            if right:
                builder.numerical_test(record.feature, record.threshold, False, "<=", key + 1, right)  # type: ignore[union-attr]
            else:
                builder.leaf(record.values[1] / sum(record.values))  # type: ignore[union-attr]
            builder.end_node()
        builder.end_tree()
    return builder.commit()


def right_children(tree: Any) -> list[int]:
    """Return the index of each split's right child in pre-order, and 0 for leaves."""
    from leapline.bundle.model import Leaf

    right, open_splits = [0] * len(tree), list[int]()
    after_leaf = False
    for key, record in enumerate(tree):
        if after_leaf:  # the left subtree of the innermost open split is complete
            right[open_splits.pop()] = key
        after_leaf = isinstance(record, Leaf)
        if not after_leaf:
            open_splits.append(key)
    return right


def scorer(folder: Path) -> Any:
    """Return a function that maps values (rows, columns) to probabilities of class 1, on one thread."""
    import tl2cgen

    predictor = tl2cgen.Predictor(str(folder / LIBRARY), nthread=1)

    def probabilities(values: np.ndarray) -> np.ndarray:
        return np.asarray(predictor.predict(tl2cgen.DMatrix(values, dtype="float64"))).reshape(-1)

    return probabilities
