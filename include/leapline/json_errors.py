"""Validation errors in JSON documents: line numbers, and texts for the author of the document."""

import json
import re
from collections.abc import Sequence
from json import JSONDecoder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_SPACE = re.compile(r"\s*")
_DECODER = JSONDecoder()


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Return the line, counted from 1, on which a value begins.

    Args:
        text: valid JSON.
        path: the keys and indices that lead to the value, e.g. `("rules", 3, "kind")`. If the document does not have
            the value, the line is that of the innermost object or list on the path.
    """
    position = _skip_space(text, 0)
    for step in path:
        child = _child_position(text, position, step)
        if child is None:
            break
        position = child
    return text.count("\n", 0, position) + 1


def found_and_expected(error: "ErrorDetails", owner: str, width: int) -> tuple[str, str]:
    """Return what was found and what was expected, as text, for an error of pydantic.

    Args:
        error: from `ValidationError.errors()`.
        owner: the kind of document ("a mapping"), for unknown fields.
        width: maximum number of characters of the value in the text.
    """
    if error["type"] == "missing":
        return "nothing", "a value"
    if error["type"] == "extra_forbidden":
        return "an unknown field", f"a field of {owner}"
    return _short(error["input"], width), error["msg"].removeprefix("Input should be ")


def _short(value: Any, width: int) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _child_position(text: str, at: int, step: str | int) -> int | None:
    """Return the position of a member or element of the object or list at `at`; None if there is none."""
    if text[at] != ("{" if isinstance(step, str) else "["):
        return None
    at, number = _skip_space(text, at + 1), 0
    while text[at] not in "}]":
        name: str | int = number
        if isinstance(step, str):
            name, at = _DECODER.raw_decode(text, at)
            at = _skip_space(text, _skip_space(text, at) + 1)  # past the colon
        if name == step:
            return at
        _, at = _DECODER.raw_decode(text, at)
        at, number = _skip_space(text, at), number + 1
        if text[at] == ",":
            at = _skip_space(text, at + 1)
    return None


def _skip_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
