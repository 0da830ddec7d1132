"""An action is killed before each of its side effects, and done again: nobody sees half of it, and the result is equal.

The side effects are those of an undisturbed action, recorded, so nothing has to be guessed or waited for.
"""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import pytest

from leapline.settings import Settings
from leapline.storage import heartbeat, lake_of
from leapline.storage.sweeping import sweep
from tests.faults.kills.installations import left_over


class Killed(Protocol):
    """An action in a process of its own, such as `Deed`."""

    def effects(self) -> list[str]:
        """Do it, and return its side effects in order."""

    def killed(self, before: int, *, torn: bool = False) -> str:
        """Do it until a side effect, by number, and kill the process; return the last effect that happened."""


@dataclass(frozen=True)
class Scene:
    """An action and what has to be true around it.

    Attributes:
        prepare: a name -> an installation of its own, as it is before the action.
        deed: the action in a process that is killed.
        again: the action, repeated in this process.
        require_whole: fails if a reader sees half of the action; called after the kill.
        result: what there is after the action, by name; equal for equal results.
    """

    prepare: Callable[[str], Settings]
    deed: Callable[[Settings], Killed]
    again: Callable[[Settings], object]
    require_whole: Callable[[Settings], object]
    result: Callable[[Settings], Mapping[str, Any]]


def kill_everywhere(scene: Scene, every: int = 1, *, torn: bool = False) -> list[str]:
    """Kill the action before its side effects, and once after the last.

    Args:
        scene: the action.
        every: 1 for each side effect, 3 for each third.
        torn: files that are being written exist already, and are empty.

    Returns:
        The side effects.
    """
    undisturbed = scene.prepare("undisturbed")
    effects = scene.deed(undisturbed).effects()
    expected = scene.result(undisturbed)
    problems = []
    numbers = sorted({*range(0, len(effects), every), len(effects)})
    for number in numbers:
        name = effects[number] if number < len(effects) else "the end"
        try:
            _survive(scene, number, expected, torn)
        except Exception as exc:
            at = traceback.extract_tb(exc.__traceback__)[-1]
            problems.append(f"killed before {name} ({number}): {type(exc).__name__} in {at.name}: {exc}")
    assert not problems, f"{len(problems)} of {len(numbers)} kills: " + "\n".join(problems)
    print(f"{len(effects)} side effects, killed before {len(numbers)} of them and the end")
    return effects


def _survive(scene: Scene, number: int, expected: Mapping[str, Any], torn: bool) -> None:
    settings = scene.prepare(f"killed-{number}")
    scene.deed(settings).killed(number, torn=torn)
    scene.require_whole(settings)
    scene.again(settings)
    result = scene.result(settings)
    differing = sorted(name for name in {*result, *expected} if result.get(name) != expected.get(name))
    assert not differing, {name: (result.get(name), "instead of", expected.get(name)) for name in differing}
    lake = lake_of(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heartbeat, "ABANDONED", timedelta(seconds=-5))
        sweep(lake.store)
    if lake.store.folder is not None:
        assert left_over(lake) == []
