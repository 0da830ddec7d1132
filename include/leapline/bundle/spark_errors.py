"""Messages of errors that Spark raises."""

from typing import Any

_MAX_LENGTH = 2000
_STACK_TRACES = ("\n\tat ", "\nJVM stacktrace:", "\nTraceback (most recent call last)")


def error_message(exc: Exception) -> str:
    """Return the complete message of an error in Spark, without stack traces.

    The JVM wraps errors of tasks and user functions; the message is that of the innermost cause.
    """
    text = _root_cause(exc) or str(exc).strip()
    for mark in _STACK_TRACES:
        text = text.split(mark)[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines)[:_MAX_LENGTH] or type(exc).__name__


def _root_cause(exc: Exception) -> str:
    from py4j.protocol import Py4JJavaError

    if not isinstance(exc, Py4JJavaError):
        return ""
    cause: Any = exc.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    return str(cause.toString())
