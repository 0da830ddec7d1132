"""A bundle of about five megabytes, to measure the start of the scorer: the trees of a forest, repeated."""

from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from leapline.bundle.archive import write_entries
from leapline.bundle.files import to_files
from leapline.bundle.model import ListOf, Node
from leapline.bundle.reader import read

BYTES = 5_000_000


def make(source: Path, target: Path) -> int:
    """Write a copy of a bundle whose forest has enough trees for about `BYTES`.

    Args:
        source: a bundle whose last stage is a forest.
        target: the file to write.

    Returns:
        The number of trees.
    """
    bundle = read(source)
    forest = bundle.root.children[-1]
    trees = len(forest.members) * BYTES // source.stat().st_size
    children = (*bundle.root.children[:-1], _with_trees(forest, trees))
    write_entries(target, to_files(replace(bundle, root=replace(bundle.root, children=children))))
    return trees


def _with_trees(forest: Node, trees: int) -> Node:
    names = [f"tree{number}" for number in range(trees)]
    members = dict(zip(names, islice(cycle(forest.members.values()), trees), strict=True))
    attributes = {
        **forest.model.attributes,
        "trees": ListOf("string", tuple(names)),
        "tree_weights": ListOf("double", (1.0,) * trees),
    }
    return replace(forest, model=replace(forest.model, attributes=attributes), members=members)
