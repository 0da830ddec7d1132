"""Where in a JSON text a value stands, so that a message can name the line that its reader has to correct."""

import re
from collections.abc import Sequence
from json import JSONDecoder

_SPACE = re.compile(r"\s*")
_DECODER = JSONDecoder()


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line, from 1, on which the value begins that a path of keys and indices leads to; as far as there is one.

    Args:
        text: known to be JSON.
        path: `("rules", 3, "kind")`.
    """
    at = _skip(text, 0)
    for step in path:
        found = _inside(text, at, step)
        if found is None:
            break
        at = found
    return text.count("\n", 0, at) + 1


def _inside(text: str, at: int, step: str | int) -> int | None:
    """Where the member or element of the object or list at `at` begins."""
    if text[at] != ("{" if isinstance(step, str) else "["):
        return None
    at, number = _skip(text, at + 1), 0
    while text[at] not in "}]":
        name: str | int = number
        if isinstance(step, str):
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)  # past the colon
        if name == step:
            return at
        _, at = _DECODER.raw_decode(text, at)
        at, number = _skip(text, at), number + 1
        if text[at] == ",":
            at = _skip(text, at + 1)
    return None


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
