"""What is wrong in a JSON document and on which line, in the words of whoever has to correct it."""

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


def in_words(error: "ErrorDetails", owner: str, width: int) -> tuple[str, str]:
    """What was found and what was expected, of one of pydantic's errors.

    Args:
        owner: whose fields they are ("a mapping"), for an unknown one.
        width: the most characters of the value that are shown.
    """
    if error["type"] == "missing":
        return "nothing", "a value"
    if error["type"] == "extra_forbidden":
        return "an unknown field", f"only fields that {owner} has"
    return _short(error["input"], width), error["msg"].removeprefix("Input should be ")


def _short(value: Any, width: int) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= width else f"{text[: width - 3]}..."


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
