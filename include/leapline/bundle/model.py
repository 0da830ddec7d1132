"""Bundle.ML as plain data: what a bundle says, apart from the form in which it is written.

The names are the format's own: a bundle has a root node; a node has an op, attributes, input and output ports, and,
by op, child nodes (pipeline), member trees (ensembles) or a tree of its own.
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
"""The MLeap release whose files ours equal; readers never compare it."""

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
"""Basic types and their protobuf numbers."""

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
    """A dense tensor; a matrix's values are column-major."""

    base: str
    dims: tuple[Dim, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A data shape: `scalar`, `list` or `tensor`; `dims` only for tensors."""

    base: str
    nullable: bool = False
    dims: tuple[Dim, ...] | None = None


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `kind` is its type key, or "" for a default value that was read without one."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class ListOf:
    """Values of one type. `kind` is "" for an empty list that was read without a type."""

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
    """Class weights (classification) or the one prediction (regression)."""

    values: tuple[float, ...]


class Continuous(NamedTuple):
    """Left if x <= threshold."""

    feature: int
    threshold: float


class Categorical(NamedTuple):
    """Left if (x in categories) == is_left."""

    feature: int
    is_left: bool
    num_categories: int
    categories: tuple[float, ...]


class Cluster(NamedTuple):
    """One node of a bisecting k-means tree; inner nodes may have negative numbers."""

    number: int
    norm: float
    num_children: int
    centre: tuple[float, ...]


Record = Leaf | Continuous | Categorical
Tree = Sequence[Record]
"""Records in pre-order: node, left subtree, right subtree."""


class Socket(NamedTuple):
    """The op's own slot name, and the column joined to it."""

    port: str
    column: str


@dataclass(frozen=True, slots=True)
class Node:
    """One stage. `members` are an ensemble's trees by folder name, each with its own model."""

    name: str
    model: Model
    inputs: tuple[Socket, ...] = ()
    outputs: tuple[Socket, ...] = ()
    children: tuple["Node", ...] = ()
    members: Mapping[str, tuple[Model, Tree]] = field(default_factory=dict)
    tree: Tree | None = None
    clusters: Sequence[Cluster] | None = None

    @property
    def op(self) -> str:
        """The op's name."""
        return self.model.op

    def trees(self) -> list[Tree]:
        """The members' trees, or its own."""
        return [tree for _, tree in self.members.values()] or ([self.tree] if self.tree is not None else [])

    def walk(self) -> Iterator["Node"]:
        """This node and all below it, in pipeline order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A whole bundle: bundle.json's fields, the nodes, and the entries that are not Bundle.ML's own."""

    uid: str
    name: str
    timestamp: str
    root: Node
    format: Format
    version: str = VERSION
    meta: Attributes = field(default_factory=dict)
    extra: Mapping[str, bytes] = field(default_factory=dict)


def scalar(kind: str, value: Any) -> Value:
    """A typed value."""
    return Scalar(kind, value)


def list_of(kind: str, values: Iterable[Any]) -> Value:
    """A typed list."""
    return ListOf(kind, tuple(values))


def vector(values: Iterable[float]) -> Value:
    """A 1-D double tensor."""
    flat = tuple(map(float, values))
    return Tensor("double", (Dim(len(flat)),), flat)


def matrix(values: "NDArray[Any]") -> Value:
    """A double tensor of a 2-D array [rows, cols], its values column-major."""
    rows, cols = values.shape
    return Tensor("double", (Dim(rows), Dim(cols)), tuple(map(float, values.ravel(order="F"))))


def is_default(kind: str, value: Any) -> bool:
    """Whether proto3 drops this value; the negative zero is kept, its bits are not the default's."""
    if kind not in DEFAULTS:
        return kind == ""
    return bool(value == DEFAULTS[kind]) and not (kind in ("float", "double") and math.copysign(1, value) < 0)


def float32(value: float) -> float:
    """The nearest value that a 4-byte float holds; infinite beyond its range."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)
