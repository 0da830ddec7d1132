"""Texts as literals of Spark SQL."""


def literal(text: str) -> str:
    """Return a text as an SQL literal. Spark substitutes its variables for `${...}` even inside literals."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\u0024")
    return f"'{escaped}'"
