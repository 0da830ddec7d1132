"""Compare Leapline's Python protobuf codec with the package `protobuf`: `python -m benchmarks.protobuf_codec`.

It measures import time, reading and writing of trees, and which invalid files are accepted. The message types are built
at run time, as `protoc` would generate them. The results are in docs/decisions/0041-python-protobuf-codec.md.
"""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from leapline.bundle import protobuf_codec, wire
from leapline.bundle.model import Categorical, Continuous, Leaf, Model, Record, Tree, scalar
from leapline.bundle.trees import decode_tree, encode_tree

TREES, DEPTH, REPEATS = 100, 10, 5


def messages() -> dict[str, Any]:
    """Return the message classes of Bundle.ML's trees and of a part of its models."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="bundle.proto", package="b", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, int, bool, str], oneof: bool = False) -> None:
        message = file.message_type.add(name=name)
        if oneof:
            message.oneof_decl.add(name="kind")
        for title, number, kind, repeated, of in fields:
            label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            added = message.field.add(name=title, number=number, type=kind, label=label)  # type: ignore[arg-type]
            if of:
                added.type_name = f".b.{of}"
            if oneof:
                added.oneof_index = 0

    nested, double, uint = field.TYPE_MESSAGE, field.TYPE_DOUBLE, field.TYPE_UINT32
    message("Node", ("internal", 1, nested, False, "Internal"), ("leaf", 2, nested, False, "LeafNode"), oneof=True)
    message("Internal", ("split", 1, nested, False, "Split"))
    message("LeafNode", ("values", 1, double, True, ""))
    message(
        "Split", ("categorical", 1, nested, False, "Categorical"), ("continuous", 2, nested, False, "Continuous"),
        oneof=True,
    )  # fmt: skip
    message(
        "Categorical", ("feature", 1, uint, False, ""), ("is_left", 2, field.TYPE_BOOL, False, ""),
        ("num_categories", 3, uint, False, ""), ("categories", 4, double, True, ""),
    )  # fmt: skip
    message("Continuous", ("feature", 1, uint, False, ""), ("threshold", 2, double, False, ""))
    scalars = (
        ("b", 1, field.TYPE_BOOL, False, ""), ("s", 2, field.TYPE_STRING, False, ""),
        ("i", 3, field.TYPE_INT32, False, ""), ("l", 4, field.TYPE_INT64, False, ""), ("d", 6, double, False, ""),
    )  # fmt: skip
    message("Scalar", *scalars, oneof=True)
    message("Value", ("s", 1, nested, False, "Scalar"), oneof=True)
    message("Entry", ("key", 1, field.TYPE_STRING, False, ""), ("value", 2, nested, False, "Value"))
    message("Attributes", ("list", 1, nested, True, "Entry"))
    message("Model", ("op", 1, field.TYPE_STRING, False, ""), ("attributes", 2, nested, False, "Attributes"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call]
    names = [m.name for m in file.message_type]
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"b.{name}")) for name in names}


def random_tree(draw: random.Random, depth: int) -> list[Record]:
    """Return the records of a complete tree, a quarter of them with categorical splits."""
    if not depth:
        return [Leaf((draw.random() * 100, draw.random()))]
    split: Record = (
        Categorical(draw.randrange(30), True, 8, (1.0, 4.0, 5.0))
        if draw.random() < 0.25
        else Continuous(draw.randrange(30), draw.gauss(0, 1))
    )
    return [split, *random_tree(draw, depth - 1), *random_tree(draw, depth - 1)]


def read_with_library(data: bytes, node: Any) -> Tree:
    """Decode a tree file with the package `protobuf`; completeness is not checked."""
    out: list[Record] = []
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        record = node.FromString(data[at + 4 : at + 4 + size])
        at += 4 + size
        if record.WhichOneof("kind") == "leaf":
            out.append(Leaf(tuple(record.leaf.values)))
        elif record.internal.split.WhichOneof("kind") == "continuous":
            split = record.internal.split.continuous
            out.append(Continuous(split.feature, split.threshold))
        else:
            split = record.internal.split.categorical
            out.append(Categorical(split.feature, split.is_left, split.num_categories, tuple(split.categories)))
    return out


def write_with_library(tree: Tree, node: Any) -> bytes:
    """Encode a tree file with the package `protobuf`."""
    out = []
    for record in tree:
        message = node()
        if isinstance(record, Leaf):
            message.leaf.values.extend(record.values)
        elif isinstance(record, Continuous):
            split = message.internal.split.continuous
            split.feature, split.threshold = record.feature, record.threshold
        else:
            split = message.internal.split.categorical
            split.feature, split.is_left, split.num_categories = record.feature, record.is_left, record.num_categories
            split.categories.extend(record.categories)
        data = message.SerializeToString()
        out.append(len(data).to_bytes(4, "big") + data)
    return b"".join(out)


def milliseconds(function: Callable[[], object]) -> float:
    """Return the median processor time of a call."""
    durations = []
    for _ in range(REPEATS):
        started = time.process_time()
        function()
        durations.append(time.process_time() - started)
    return statistics.median(durations) * 1e3


def import_milliseconds(modules: str) -> float:
    """Return the median processor time of an import in a new interpreter."""
    code = f"import time; s = time.process_time(); import {modules}; print(time.process_time() - s)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(REPEATS)]
    return statistics.median(float(run.stdout) for run in runs) * 1e3


def invalid_models() -> dict[str, bytes]:
    """Return model files that a reader of Bundle.ML has to reject."""
    model = protobuf_codec.encode_model(Model("op", {"n": scalar("long", 5)}))
    entry = wire.bytes_field(1, wire.text_field(1, "n") + wire.bytes_field(2, b""))
    unknown = wire.bytes_field(
        1, wire.text_field(1, "n") + wire.bytes_field(2, wire.bytes_field(1, wire.number_field(99, 1)))
    )
    return {
        "truncated": model[:-1],
        "attribute without a value": wire.text_field(1, "op") + wire.bytes_field(2, entry),
        "string instead of a message": wire.text_field(1, "op") + wire.number_field(2, 7),
        "number instead of a string": wire.number_field(1, 7),
        "unknown type of value": wire.text_field(1, "op") + wire.bytes_field(2, unknown),
    }


def accepts(decode: Callable[[bytes], object], data: bytes, error: type[Exception]) -> bool:
    """Return whether `decode` accepts `data`."""
    try:
        decode(data)
    except error:
        return False
    return True


def main() -> None:
    """Print the results."""
    from google.protobuf.message import DecodeError

    classes = messages()
    draw = random.Random(1)
    trees: Sequence[Tree] = [random_tree(draw, DEPTH) for _ in range(TREES)]
    files = [encode_tree(tree, "protobuf") for tree in trees]
    if [read_with_library(data, classes["Node"]) for data in files] != list(trees):
        raise SystemExit("The package protobuf reads other trees.")
    if [write_with_library(tree, classes["Node"]) for tree in trees] != files:
        raise SystemExit("The package protobuf writes other bytes.")
    print(f"{TREES} trees, {sum(map(len, trees)):,} records, {sum(map(len, files)):,} bytes")
    print(f"Median of {REPEATS}, ms of processor time:")
    print(f"{'':8}{'codec':>10}{'protobuf':>10}")
    node = classes["Node"]
    rows = {
        "import": (
            import_milliseconds("leapline.bundle.wire"),
            import_milliseconds("google.protobuf.message_factory, google.protobuf.descriptor_pb2"),
        ),
        "read": (
            milliseconds(lambda: [decode_tree(data, "protobuf") for data in files]),
            milliseconds(lambda: [read_with_library(data, node) for data in files]),
        ),
        "write": (
            milliseconds(lambda: [encode_tree(tree, "protobuf") for tree in trees]),
            milliseconds(lambda: [write_with_library(tree, node) for tree in trees]),
        ),
    }
    for name, (codec, library) in rows.items():
        print(f"{name:8}{codec:10.0f}{library:10.0f}")
    for name, data in invalid_models().items():
        ours = accepts(protobuf_codec.decode_model, data, ValueError)
        theirs = accepts(classes["Model"].FromString, data, DecodeError)
        print(f"{name}: codec {'accepts' if ours else 'rejects'}, protobuf {'accepts' if theirs else 'rejects'}")


if __name__ == "__main__":
    main()
