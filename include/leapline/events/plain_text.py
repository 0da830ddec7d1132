"""The plain form of a text, in which encodings are undone that hide an address or a number.

Percent and HTML escapes, also repeated, escapes of JavaScript, `name (at) shop (dot) example`, full-width characters,
and invisible characters between the others. The same substitutions in the same order in Python and in the
program that cleans events.
"""

import base64
import re
from typing import Any, Final

_INVISIBLE: Final = r"[\u00AD\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u2064\uFEFF]"
_ESCAPED: Final = {
    "@": ("40", "64", "commat"), ".": ("2[eE]", "46", "period"), ":": ("3[aA]", "58", "colon"),
    "+": ("2[bB]", "43", "plus"), " ": ("20", "32", "nbsp"), "-": ("2[dD]", "45", "hyphen"),
    "/": ("2[fF]", "47", "sol"), "(": ("28", "40", "lpar"), ")": ("29", "41", "rpar"),
}  # fmt: skip
"""Character -> its hexadecimal and decimal code, and its name in HTML."""


def _forms(code: str, decimal: str, name: str) -> str:
    return rf"%(?:25)*{code}|&(?:amp;)*(?:#0*{decimal}|#[xX]0*{code}|{name});|\\+(?:u00|x){code}"


_SUBSTITUTIONS: Final = (
    (_INVISIBLE, ""),
    *((_forms(*codes), character) for character, codes in _ESCAPED.items()),
    (r"\s?[\[({]\s?[aA][tT]\s?[\])}]\s?", "@"),
    (r"\s?[\[({]\s?(?:dot|DOT|punkt)\s?[\])}]\s?", "."),
)
_WIDE, _NARROW = "＠﹫．｡＋０１２３４５６７８９", "@@..+0123456789"
_BRACKETED: Final = r"[\[({]\s?(?:[aA][tT]|dot|DOT|punkt)\s?[\])}]"

_FIRST, _SECOND, _THIRD = "[A-Za-f]", "[A-HQ-Xg-nw-z0-3]", "[ABEFIJMNQRUVYZcdghkloptswx014589]"
ENCODED: Final = re.compile(
    f"(?<![A-Za-z0-9])(?:{_FIRST}{_SECOND}{_THIRD}[A-Za-z0-9]){{3,}}(?:{_FIRST}{_SECOND}(?:{_THIRD}=?|==)?)?"
)
"""A part that can be base64 of ASCII text: only some characters are possible in each place."""


def plain_text(text: str) -> str:
    """Return the plain form of a text."""
    for pattern, replacement in _SUBSTITUTIONS:
        text = re.sub(pattern, replacement, text, flags=re.ASCII)
    return text.translate(str.maketrans(_WIDE, _NARROW))


def patterns() -> dict[str, Any]:
    """Return the patterns for `include/cleaner/internal/personal`, which undoes the same encodings."""
    return {
        "substitutions": _SUBSTITUTIONS,
        "wide": _WIDE,
        "narrow": _NARROW,
        "special": f"[{_WIDE}{_INVISIBLE[1:]}",
        "bracketed": _BRACKETED,
        "encoded": ENCODED.pattern,
    }


def decoded(part: str) -> str:
    """Return the text of a match of `ENCODED`."""
    characters = part.rstrip("=")
    return base64.b64decode(characters + "=" * (-len(characters) % 4)).decode("latin-1")
