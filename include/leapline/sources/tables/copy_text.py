"""From the text form of SQL's COPY to lines of the enriched format."""

from typing import Final

_ESCAPES: Final = (
    # As Snowplow's enrichment does with the values of an event: no value of the format contains a tab or a line end.
    (b"\\t", b"    "),
    (b"\\n", b""),
    (b"\\r", b""),
    (b"\\b", b"\x08"),
    (b"\\f", b"\x0c"),
    (b"\\v", b"\x0b"),
)


def unescape(rows: bytes) -> bytes:
    r"""Return rows of COPY's text form as lines of the enriched format, which has no escapes.

    COPY writes a backslash as `\\` and control characters as `\t`, `\n` and so on. Between two doubled backslashes,
    counted from the left, a backslash therefore always starts the escape of a control character.

    Args:
        rows: complete rows.
    """
    if b"\\" not in rows:
        return rows
    return b"\\".join(map(_control_characters, rows.split(b"\\\\")))


def _control_characters(part: bytes) -> bytes:
    if b"\\" in part:
        for escape, character in _ESCAPES:
            part = part.replace(escape, character)
    return part
