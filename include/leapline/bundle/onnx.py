"""Export of bundles as ONNX graphs in double precision, for ONNX Runtime.

`onnxmltools` is not used: its trees keep only one category of a categorical split, and its indexers cannot be combined
with numeric columns. The `TreeEnsemble` op of ai.onnx.ml 5 supports sets of categories and doubles.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from leapline.bundle.model import Bundle, Categorical, Leaf, Node, Tree
from leapline.bundle.ops import OPS, attribute
from leapline.errors import UnsupportedStageError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

ML = "ai.onnx.ml"
OPSETS: Final = {"": 20, ML: 5}
IR_VERSION: Final = 10  # the version of these opsets; a newer one would exclude older runtimes without need
LESS_OR_EQUAL, MEMBER = 0, 6  # values of nodes_modes in TreeEnsemble
BATCH: Final = "rows"


@dataclass
class _Graph:
    """The nodes so far, the input columns of the pipeline (name -> ONNX element type), and the computed columns."""

    nodes: list["NodeProto"] = field(default_factory=list)
    inputs: dict[str, int] = field(default_factory=dict)
    computed: set[str] = field(default_factory=set)

    def read(self, column: str, kind: int) -> str:
        if column not in self.computed:
            self.inputs[column] = kind
        return column

    def add(self, op: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(op, list(inputs), [output], domain=domain, **attributes))
        self.computed.add(output)
        return output


def to_onnx(bundle: Bundle) -> "ModelProto":
    """Convert a pipeline to an ONNX graph.

    Returns:
        A model whose inputs are the columns, tensors of shape [rows, 1] (double or string). Its outputs are
        `probability`, shape [rows, classes], and `prediction`, shape [rows], of the last stage, as doubles.

    Raises:
        UnsupportedStageError: a stage cannot be exported, or fails on unseen categories.
    """
    from onnx import helper

    graph = _Graph()
    outputs: list[ValueInfoProto] = []
    for node in bundle.root.walk():
        if node.op == "pipeline":
            continue
        if node.op not in _STAGES:
            raise _unsupported(f"stage {node.name}", f"op {node.op}", f"one of {', '.join(_STAGES)}")
        outputs = _STAGES[node.op](graph, node) or outputs
    if not outputs:
        raise _unsupported(f"bundle {bundle.name}", "no model", "a decision tree or a random forest")
    inputs = [helper.make_tensor_value_info(name, kind, [BATCH, 1]) for name, kind in graph.inputs.items()]
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    return helper.make_model(
        helper.make_graph(graph.nodes, bundle.name, inputs, outputs),
        opset_imports=opsets,
        ir_version=IR_VERSION,
        producer_name="leapline",
    )


def _unsupported(thing: str, found: str, expected: str) -> UnsupportedStageError:
    fix = "Serve the bundle itself, or use only these stages."
    return UnsupportedStageError(thing, found=found, expected=expected, fix=fix)


def _index(graph: _Graph, node: Node) -> list["ValueInfoProto"]:
    """Encode each column: a label as its position, any other value as the position after the last label."""
    from onnx import TensorProto

    if attribute(node.model.attributes, "handle_invalid") != "keep":
        raise _unsupported(f"stage {node.name}", "an indexer that rejects unseen values", 'handleInvalid="keep"')
    for position, (source, target) in enumerate(zip(node.inputs, node.outputs, strict=True)):
        labels = attribute(node.model.attributes, f"labels_array_{position}") or attribute(
            node.model.attributes, "labels"
        )
        texts = [str(label) for label in labels] if isinstance(labels, tuple) else []
        column = graph.read(source.column, TensorProto.STRING)
        encoded = graph.add(
            "LabelEncoder",
            [column],
            f"{target.column}:long",
            ML,
            keys_strings=texts,
            values_int64s=list(range(len(texts))),
            default_int64=len(texts),
        )
        graph.add("Cast", [encoded], target.column, to=TensorProto.DOUBLE)
    return []


def _assemble(graph: _Graph, node: Node) -> list["ValueInfoProto"]:
    from onnx import TensorProto

    columns = [graph.read(socket.column, TensorProto.DOUBLE) for socket in node.inputs]
    graph.add("Concat", columns, node.outputs[0].column, axis=1)
    return []


def _forest(graph: _Graph, node: Node) -> list["ValueInfoProto"]:
    """Sum the class shares of the leaves over the trees, and normalize the sums."""
    from onnx import TensorProto, helper

    prefix = f"{node.name}:"  # of intermediate values; a pipeline may contain several forests
    # A disabled output column of Spark is still a value of the graph.
    columns = {port: port for port in OPS[node.op].outputs} | {socket.port: socket.column for socket in node.outputs}
    features = node.inputs[0].column
    classes = int(str(attribute(node.model.attributes, "num_classes")))
    votes = [
        graph.add("TreeEnsemble", [features], f"{prefix}votes:{k}", ML, **_ensemble(node.trees(), k))
        for k in range(classes)
    ]
    raw = graph.add("Concat", votes, columns["raw_prediction"], axis=1)
    axes = graph.add("Constant", [], f"{prefix}axes", value=helper.make_tensor("axes", TensorProto.INT64, [1], [1]))
    total = graph.add("ReduceSum", [raw, axes], f"{prefix}total", keepdims=1)
    probability = graph.add("Div", [raw, total], columns["probability"])
    best = graph.add("ArgMax", [_scaled(graph, node, probability)], f"{prefix}best", axis=1, keepdims=0)
    graph.add("Cast", [best], columns["prediction"], to=TensorProto.DOUBLE)
    return [
        helper.make_tensor_value_info(probability, TensorProto.DOUBLE, [BATCH, classes]),
        helper.make_tensor_value_info(columns["prediction"], TensorProto.DOUBLE, [BATCH]),
    ]


def _scaled(graph: _Graph, node: Node, probability: str) -> str:
    """Divide the probabilities by the thresholds of the classes, if the model has thresholds."""
    thresholds = attribute(node.model.attributes, "thresholds")
    if not thresholds or not isinstance(thresholds, tuple):
        return probability
    limits = graph.add(
        "Constant", [], f"{probability}:thresholds", value=_doubles("thresholds", [float(str(t)) for t in thresholds])
    )
    return graph.add("Div", [probability, limits], f"{probability}:scaled")


def _ensemble(trees: Sequence[Tree], of_class: int) -> dict[str, Any]:
    """Return the attributes of a `TreeEnsemble` that sums the votes for one class."""
    from onnx import TensorProto, helper

    out = _Arrays()
    for tree in trees:
        out.roots.append(len(out.features))
        out.add(tree, of_class)
    modes = helper.make_tensor("modes", TensorProto.UINT8, [len(out.modes)], out.modes)
    attributes = {
        "n_targets": 1,
        "tree_roots": out.roots,
        "nodes_featureids": out.features,
        "nodes_modes": modes,
        "nodes_splits": _doubles("splits", out.splits),
        "nodes_truenodeids": [at for at, _ in out.true],
        "nodes_trueleafs": [leaf for _, leaf in out.true],
        "nodes_falsenodeids": [at for at, _ in out.false],
        "nodes_falseleafs": [leaf for _, leaf in out.false],
        "leaf_targetids": [0] * len(out.leaves),
        "leaf_weights": _doubles("leaves", out.leaves),
    }
    return attributes | ({"membership_values": _doubles("members", out.members)} if out.members else {})


@dataclass
class _Arrays:
    """The arrays of inner nodes and leaves. A branch is (index, 1 for a leaf or 0 for an inner node)."""

    roots: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    true: list[tuple[int, int]] = field(default_factory=list)
    false: list[tuple[int, int]] = field(default_factory=list)
    leaves: list[float] = field(default_factory=list)

    def add(self, tree: Tree, of_class: int) -> None:
        pending: list[tuple[list[tuple[int, int]], int]] = []  # branches without a target
        for record in tree:
            target = self._leaf(record, of_class) if isinstance(record, Leaf) else (len(self.features), 0)
            if pending:
                branches, at = pending.pop()
                branches[at] = target
            elif isinstance(record, Leaf):  # a tree of one leaf: a node with that leaf in both branches
                self._split(0, LESS_OR_EQUAL, 0.0, target)
            if isinstance(record, Leaf):
                continue
            left, right = self.true, self.false
            at = len(self.features)
            if isinstance(record, Categorical):
                self._split(record.feature, MEMBER, 0.0)
                self.members += [*record.categories, float("nan")]
                if not record.is_left:
                    left, right = right, left
            else:
                self._split(record.feature, LESS_OR_EQUAL, record.threshold)
            pending += [(right, at), (left, at)]  # the left subtree comes first

    def _leaf(self, leaf: Leaf, of_class: int) -> tuple[int, int]:
        total = sum(leaf.values)
        self.leaves.append(leaf.values[of_class] / total if total else 0.0)
        return len(self.leaves) - 1, 1

    def _split(self, feature: int, mode: int, split: float, both: tuple[int, int] = (0, 0)) -> None:
        self.features.append(feature)
        self.modes.append(mode)
        self.splits.append(split)
        self.true.append(both)
        self.false.append(both)


def _doubles(name: str, values: Sequence[float]) -> "TensorProto":
    from onnx import TensorProto, helper

    return helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], values)


_STAGES: Final[dict[str, Callable[[_Graph, Node], list["ValueInfoProto"]]]] = {
    "string_indexer": _index,
    "vector_assembler": _assemble,
    "random_forest_classifier": _forest,
    "decision_tree_classifier": _forest,
}
