r"""Regular expressions of a site's mapping: those that mean the same in Java, Python and Go.

The program `cleaner` evaluates them with Java's meaning (`include/cleaner/internal/java`): `\w`, `\d`, `\s` and `\b`
are about ASCII characters, `(?i)` ignores the case of ASCII letters only, `$` also matches before a final line end.
Constructs that exist in only one of the languages, or mean something else in another, are rejected with an explanation.
"""

import re
from collections.abc import Iterator
from typing import Final

_ESCAPE: Final = r"\\(?:[dDwWsStnrf]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^A-Za-z0-9])"
_KINDS: Final = {
    "quantifier": r"(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??",
    "assertion": r"[\^$]|\\[bB]",
    "atom": rf"{_ESCAPE}|\.|\[\^?(?:{_ESCAPE}|&(?!&)|[^\\\[\]&])+\]|[^\\\[(){{*+?|^$.]",
    "group": r"\((?:\?(?:[:=!>]|<[=!]|i:))?(?![?*+])",
    "end": r"[)|]",
}
_TOKEN: Final = re.compile("|".join(f"(?P<{kind}>{form})" for kind, form in _KINDS.items()), re.DOTALL)
_LEADING_FLAG: Final = "(?i)"
_HINTS: Final = (
    (r"\(\?P?<", "name no groups"),
    (r"\(\?[a-zA-Z-]+\)", "the only flag is (?i), at the start"),
    (r"\(\?[a-zA-Z-]+:", "the only flag of a group is (?i:...)"),
    (r"\(\?", "groups are (...), (?:...), (?=...), (?!...), (?<=...), (?<!...) and (?>...)"),
    (r"\\[1-9]", "write the text again instead of a back reference"),
    (
        r"\\",
        r"escapes are \d \w \s \b, their capital forms, \t \n \r \f, \xhh, \uhhhh, and \ before a punctuation mark",
    ),
    (r"\[", r"in a class, write \[ and \] for brackets, and && as &"),
    (r"\{", r"write \{ for a brace"),
    (r"[*+?]", "a construct has at most one quantifier, with ? after it if it should match little; none is possessive"),
)


def require_portable(pattern: str) -> str:
    """Return a pattern unchanged.

    Raises:
        ValueError: it is malformed, or has a construct that does not mean the same everywhere.
    """
    try:
        re.compile(pattern)
    except re.error as exc:
        raise ValueError(f"not a regular expression: {exc}") from exc
    before = "end"
    for kind, position in _tokens(pattern):
        if kind == "quantifier" and before != "atom":
            raise ValueError(_explained(pattern, position))
        before = "atom" if kind == "end" and pattern[position] == ")" else kind
    return pattern


def groups_of(pattern: str) -> int:
    """Return the number of groups of a pattern, the value of each of which is remembered."""
    return re.compile(pattern).groups


def _tokens(pattern: str) -> Iterator[tuple[str, int]]:
    position = len(_LEADING_FLAG) if pattern.startswith(_LEADING_FLAG) else 0
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if not token:
            raise ValueError(_explained(pattern, position))
        yield str(token.lastgroup), position
        position = token.end()


def _explained(pattern: str, position: int) -> str:
    rest = pattern[position:]
    hint = next((text for start, text in _HINTS if re.match(start, rest)), "it is not understood")
    return (
        f"a regular expression that means the same in Java, Python and Go; "
        f"not so {rest[:12]!r} at character {position + 1}: {hint}"
    )
