"""Environment variables that are set for the duration of a block, which programs started in it inherit."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def set_variables(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables, and restore the former values afterwards.

    The environment is the only way on which a password reaches a step's program: command lines, reports and XComs can
    be read by others.

    Args:
        variables: name -> value; None removes a variable.
    """
    before = {name: os.environ.get(name) for name in variables}
    _update(variables)
    try:
        yield
    finally:
        _update(before)


def _update(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
