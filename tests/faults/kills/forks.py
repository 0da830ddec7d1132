"""Functions in forked processes that are killed before a side effect.

The processes are forks of a server (`multiprocessing`'s) that has imported the product and nothing else has happened
in: forks of the tests' own process would lack the threads of Spark and of the S3 client.
"""

import os
import signal
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, Final

from tests.faults.kills.side_effects import Recorder

_IMPORTED: Final = (
    "leapline.steps.gate", "leapline.steps.package", "leapline.steps.probe", "leapline.steps.publish",
    "leapline.steps.promote", "leapline.steps.deploy", "leapline.steps.retain", "pandas", "pyarrow.parquet",
    "matplotlib.figure", "requests", "kubernetes.client", "tests.faults.kills.forks", "tests.faults.kills.actions",
)  # fmt: skip
_FAILED: Final = "failed: "


@dataclass(frozen=True)
class Deed:
    """What a process does.

    Attributes:
        function: of a module, so that the process can import it.
        arguments: of the function.
        folders: whose changes count as side effects.
        work: folder for temporary files and the log; the former count too.
        environment: additional variables.
    """

    function: Callable[..., object]
    arguments: tuple[Any, ...]
    folders: Sequence[Path]
    work: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def effects(self) -> list[str]:
        """Do it, and return its side effects in order; fails if it raises."""
        code, lines = self._run(None, torn=False)
        assert code == 0, lines[-1]
        return lines

    def killed(self, before: int, *, torn: bool = False) -> str:
        """Do it until the side effect of that number, and kill the process; return the last effect that happened.

        Args:
            before: number of the effect, from 0.
            torn: the file that is about to be written exists already, and is empty.
        """
        code, lines = self._run(before, torn)
        assert code == -signal.SIGKILL, f"exit status {code} before effect {before}: {lines[-1:]}"
        return lines[-1] if lines else "nothing"

    def _run(self, kill_at: int | None, torn: bool) -> tuple[int | None, list[str]]:
        temporary, log = self.work / "tmp", self.work / "effects.log"
        temporary.mkdir(parents=True, exist_ok=True)
        process = start(_recorded, (self, temporary, log, kill_at, torn), self.environment)
        process.join()
        return process.exitcode, log.read_text().splitlines()


@cache
def _forks() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))
    return context


def without_effect(descriptor: int) -> None:
    """Stands for `os.fsync`: a kill does not lose what the system has not written to the disk yet."""


def start(
    function: Callable[..., object], arguments: tuple[Any, ...], environment: Mapping[str, str]
) -> ForkServerProcess:
    """Start a function in a process of its own, with additional variables in its environment."""
    process = _forks().Process(target=_process, args=(function, arguments, dict(environment)))
    process.start()
    return process


def _process(function: Callable[..., object], arguments: tuple[Any, ...], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    os.fsync = without_effect
    function(*arguments)


def _recorded(deed: Deed, temporary: Path, log: Path, kill_at: int | None, torn: bool) -> None:
    tempfile.tempdir = str(temporary)
    recorder = Recorder([*deed.folders, temporary], log, kill_at, torn)
    recorder.start()
    try:
        deed.function(*deed.arguments)
    except BaseException:
        recorder.note(_FAILED + traceback.format_exc().replace("\n", " | "))
        os._exit(1)
    recorder.finish()
    os._exit(0)
