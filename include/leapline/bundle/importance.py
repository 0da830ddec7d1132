"""Feature names and feature importances, computed from the bundle alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leapline.bundle.model import Bundle, Leaf, Node, Shape, Tensor, Tree
from leapline.bundle.ops import attribute

_ELEMENTWISE = {
    "standard_scaler",
    "min_max_scaler",
    "max_abs_scaler",
    "normalizer",
    "vector_indexer",
    "elementwise_product",
    "idf",
}
_WITH_CLASS_WEIGHTS = {"decision_tree_classifier", "random_forest_classifier"}
_SAME_COLUMN = {"string_indexer", "imputer"}


@dataclass(frozen=True)
class FeatureImportances:
    """The share of each feature, in descending order; the shares add up to 1.

    Attributes:
        kind: what the shares are computed from: "gini", "splits" or "coefficients".
        shares: (feature name, share).
    """

    kind: str
    shares: tuple[tuple[str, float], ...]


def feature_importances(bundle: Bundle) -> FeatureImportances | None:
    """Return the feature importances of the last model.

    Classification trees use the Gini importance as Spark computes it, regression trees the share of splits, linear
    models the share of absolute coefficients.

    Returns:
        None for other models.
    """
    for node in reversed(list(bundle.root.walk())):
        importances = _of_node(node)
        if importances:
            kind, values = importances
            names = feature_names(bundle, node.inputs[0].column, len(values))
            total = sum(values) or 1.0
            shares = sorted(zip(names, (v / total for v in values), strict=True), key=lambda s: (-s[1], s[0]))
            return FeatureImportances(kind, tuple(shares))
    return None


def feature_names(bundle: Bundle, column: str, size: int) -> list[str]:
    """Return a name for each element of a vector column, derived from the input columns of the pipeline."""
    producers = {socket.column: node for node in bundle.root.walk() for socket in node.outputs}
    names = _vector_names(producers, column, size, frozenset())
    return names if len(names) == size else [f"{column}[{i}]" for i in range(size)]


def _vector_names(producers: dict[str, Node], column: str, size: int, seen: frozenset[str]) -> list[str]:
    node = producers.get(column)
    if node is not None and column not in seen:
        if node.op in _ELEMENTWISE:
            return _vector_names(producers, node.inputs[0].column, size, seen | {column})
        if node.op == "vector_assembler":
            return _assembled(producers, node, seen | {column})
        if node.op == "one_hot_encoder":
            return _one_hot(producers, node, column, size)
        if node.op in ("chi_sq_selector", "vector_slicer"):
            return _selected(producers, node, seen | {column})
    return [f"{column}[{i}]" for i in range(size)]


def _selected(producers: dict[str, Node], node: Node, seen: frozenset[str]) -> list[str]:
    size = int(str(attribute(node.model.attributes, "input_size", 0)))
    names = _vector_names(producers, node.inputs[0].column, size, seen)
    selected = [attribute(node.model.attributes, name, ()) for name in ("filter_indices", "indices", "named_indices")]
    return [names[int(i)] for indices in selected if isinstance(indices, tuple) for i in indices if 0 <= i < len(names)]


def _assembled(producers: dict[str, Node], node: Node, seen: frozenset[str]) -> list[str]:
    shapes = attribute(node.model.attributes, "input_shapes", ())
    names: list[str] = []
    for socket, shape in zip(node.inputs, shapes if isinstance(shapes, tuple) else (), strict=False):
        if isinstance(shape, Shape) and shape.dims:
            names += _vector_names(producers, socket.column, shape.dims[0].size, seen)
        else:
            names.append(_source(producers, socket.column))
    return names


def _one_hot(producers: dict[str, Node], node: Node, column: str, size: int) -> list[str]:
    place = [s.column for s in node.outputs].index(column)
    indexed = node.inputs[place].column
    indexer = producers.get(indexed)
    if indexer is None or indexer.op != "string_indexer":
        return [f"{indexed}={i}" for i in range(size)]
    of_column = [s.column for s in indexer.outputs].index(indexed)
    labels = attribute(indexer.model.attributes, f"labels_array_{of_column}", ())
    texts = [str(label) for label in labels] if isinstance(labels, tuple) else []
    return [f"{indexer.inputs[of_column].column}={label}" for label in (*texts, "(unknown)", "(invalid)")[:size]]


def _source(producers: dict[str, Node], column: str) -> str:
    node = producers.get(column)
    if node is None or node.op not in _SAME_COLUMN:
        return column
    return node.inputs[[s.column for s in node.outputs].index(column)].column


def _of_node(node: Node) -> tuple[str, list[float]] | None:
    trees = node.trees()
    if trees:
        size = int(str(attribute(node.model.attributes, "num_features", 0)))
        kind, of_tree = ("gini", gini) if node.op in _WITH_CLASS_WEIGHTS else ("splits", splits)
        return kind, _summed(trees, size, of_tree)
    for name in ("coefficients", "coefficient_matrix"):
        tensor = node.model.attributes.get(name)
        if isinstance(tensor, Tensor):
            classes = tensor.dims[0].size if len(tensor.dims) == 2 else 1
            flat = [abs(v) for v in tensor.values]
            return "coefficients", [sum(flat[i : i + classes]) for i in range(0, len(flat), classes)]
    return None


def _summed(trees: Sequence[Tree], size: int, of_tree: Callable[[Tree, int], list[float]]) -> list[float]:
    """Sum over the trees. Each tree has the same weight, as in Spark's featureImportances."""
    sums = [0.0] * size
    for tree in trees:
        values = of_tree(tree, size)
        total = sum(values)
        if total > 0:
            sums = [s + v / total for s, v in zip(sums, values, strict=True)]
    return sums


def splits(tree: Tree, size: int) -> list[float]:
    """Return the number of splits on each feature."""
    counts = [0.0] * size
    for record in tree:
        if not isinstance(record, Leaf):
            counts[record.feature] += 1
    return counts


def gini(tree: Tree, size: int) -> list[float]:
    """Return the decrease of weighted Gini impurity by the splits on each feature."""
    gains = [0.0] * size
    stack: list[tuple[float, ...]] = []
    # In reverse pre-order both children precede their parent, the left one last: it is on top of the stack.
    for record in reversed(tree):
        if isinstance(record, Leaf):
            stack.append(record.values)
            continue
        left, right = stack.pop(), stack.pop()
        both = tuple(a + b for a, b in zip(left, right, strict=True))
        gains[record.feature] += _impurity(both) - _impurity(left) - _impurity(right)
        stack.append(both)
    return gains


def _impurity(values: Sequence[float]) -> float:
    """Return the Gini impurity times the total weight."""
    total = sum(values)
    return total - sum(v * v for v in values) / total if total > 0 else 0.0
