"""The data model of Bundle.ML, independent of the JSON and the protobuf format.

The names are those of the format. A bundle has a root node. A node has an op, attributes, and input and output ports.
Depending on its op it also has child nodes (pipelines), member trees (ensembles) or one tree.
"""

import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

Format = Literal["json", "protobuf"]
EXTENSIONS: dict[Format, str] = {"json": "json", "protobuf": "pb"}
VERSION = "0.25.2"
"""The MLeap version in bundle.json. The writer follows this release; readers ignore the field."""

BASES = {
    "boolean": 1,
    "byte": 2,
    "short": 3,
    "int": 4,
    "long": 5,
    "float": 6,
    "double": 7,
    "string": 100,
    "byte_string": 101,
}
"""Basic types and their numbers in the protobuf format."""

DEFAULTS: dict[str, Any] = {
    "boolean": False,
    "int": 0,
    "long": 0,
    "float": 0.0,
    "double": 0.0,
    "string": "",
    "byte_string": b"",
}


class Dim(NamedTuple):
    """One dimension of a tensor."""

    size: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A dense tensor; the values of a matrix are in column-major order."""

    base: str
    dims: tuple[Dim, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A data shape: `scalar`, `list` or `tensor`. Only tensors have `dims`."""

    base: str
    nullable: bool = False
    dims: tuple[Dim, ...] | None = None


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `kind` is its type key, or "" for a default value that was decoded without a type key."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class ListOf:
    """Values of one type. `kind` is "" for an empty list that was decoded without a type key."""

    kind: str
    values: tuple[Any, ...]


Value = Scalar | ListOf | Tensor
Attributes = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Model:
    """An op and its attributes."""

    op: str
    attributes: Attributes = field(default_factory=dict)


class Leaf(NamedTuple):
    """A leaf: one weight per class (classification), or a single prediction (regression)."""

    values: tuple[float, ...]


class Continuous(NamedTuple):
    """A split on a number: left if x <= threshold."""

    feature: int
    threshold: float


class Categorical(NamedTuple):
    """A split on a category: left if (x in categories) == is_left."""

    feature: int
    is_left: bool
    num_categories: int
    categories: tuple[float, ...]


class Cluster(NamedTuple):
    """One node of a bisecting k-means tree. The numbers of inner nodes can be negative."""

    number: int
    norm: float
    num_children: int
    centre: tuple[float, ...]


Record = Leaf | Continuous | Categorical
Tree = Sequence[Record]
"""The records of a tree in pre-order: node, left subtree, right subtree."""


class Socket(NamedTuple):
    """A port of the op, and the data frame column that is connected to it."""

    port: str
    column: str


@dataclass(frozen=True, slots=True)
class Node:
    """One stage.

    Attributes:
        members: folder name -> model and tree, for the trees of an ensemble.
        submodels: folder name -> node without name and ports, for the binary models of a one-vs-rest.
    """

    name: str
    model: Model
    inputs: tuple[Socket, ...] = ()
    outputs: tuple[Socket, ...] = ()
    children: tuple["Node", ...] = ()
    members: Mapping[str, tuple[Model, Tree]] = field(default_factory=dict)
    tree: Tree | None = None
    clusters: Sequence[Cluster] | None = None
    submodels: Mapping[str, "Node"] = field(default_factory=dict)

    @property
    def op(self) -> str:
        """The name of the op."""
        return self.model.op

    def trees(self) -> list[Tree]:
        """Return the trees of the members, or the single tree of this node."""
        return [tree for _, tree in self.members.values()] or ([self.tree] if self.tree is not None else [])

    def walk(self) -> Iterator["Node"]:
        """Iterate over this node and all nodes below it, in pipeline order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle: the fields of bundle.json, the root node, and archive entries that do not belong to Bundle.ML."""

    uid: str
    name: str
    timestamp: str
    root: Node
    format: Format
    version: str = VERSION
    meta: Attributes = field(default_factory=dict)
    extra: Mapping[str, bytes] = field(default_factory=dict)


def scalar(kind: str, value: Any) -> Value:
    """Return an attribute with one value."""
    return Scalar(kind, value)


def list_of(kind: str, values: Iterable[Any]) -> Value:
    """Return an attribute with a list of values."""
    return ListOf(kind, tuple(values))


def vector(values: Iterable[float]) -> Value:
    """Return a one-dimensional tensor of doubles."""
    flat = tuple(map(float, values))
    return Tensor("double", (Dim(len(flat)),), flat)


def matrix(values: "NDArray[Any]") -> Value:
    """Return a tensor of doubles for an array of shape [rows, columns], in column-major order."""
    rows, cols = values.shape
    return Tensor("double", (Dim(rows), Dim(cols)), tuple(map(float, values.ravel(order="F"))))


def is_default(kind: str, value: Any) -> bool:
    """Return whether proto3 omits this value. Negative zero is not a default: its bits differ from those of zero."""
    if kind not in DEFAULTS:
        return kind == ""
    return bool(value == DEFAULTS[kind]) and not (kind in ("float", "double") and math.copysign(1, value) < 0)


def float32(value: float) -> float:
    """Round to the nearest 4-byte float; values outside its range become infinite."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)
