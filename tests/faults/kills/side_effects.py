"""Side effects of Python code, as the interpreter's audit events report them, and SIGKILL right before one of them.

Only effects below given folders count, programs that are started (`crane`, the scorer), and HTTP requests that change
something: what a step does to the lake, to temporary files, to platforms and, through `crane`, to the registry. A probe
asks its scorer hundreds of questions, which change nothing: those in a row count as one effect, so that a process is
killed while it has a scorer, but not several hundred times. Native code writes files without an event; such files
belong to attempts that no reader sees yet, so the next event is the earliest that matters.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

_CHANGING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PATHS: Final = {
    "os.rename": 1, "os.link": 1, "os.symlink": 1, "os.remove": 0, "os.mkdir": 0, "os.rmdir": 0, "os.truncate": 0,
    "os.chmod": 0,
}  # fmt: skip
"""Event -> the position of the changed path among its arguments; the last argument is a folder's descriptor."""


_OTHERS: Final = ("open", "subprocess.Popen", "http.client.send")
_METHODS: Final = (b"POST", b"PUT", b"PATCH", b"DELETE")
_QUESTIONS: Final = ("send POST /v1/predict", "send POST /v1/score")
"""Requests to a scorer."""


class Recorder:
    """Writes one line per side effect to a file, and kills the process right before one.

    Args:
        folders: of the effects that count.
        log: gets the lines.
        kill_at: number of the effect, from 0, before which the process is killed; None for none.
        torn: create the file that is about to be written before the kill, empty, if the effect is one.
    """

    def __init__(self, folders: Sequence[Path], log: Path, kill_at: int | None = None, torn: bool = False) -> None:
        self._folders = tuple(f"{folder}{os.sep}" for folder in folders)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._kill_at, self._torn, self._count, self._busy = kill_at, torn, 0, False
        self._is_asking = False

    def start(self) -> None:
        """Record from now on; a hook cannot be removed, so this is for processes that end soon."""
        sys.addaudithook(self._hook)

    def note(self, line: str) -> None:
        """Write a line."""
        os.write(self._log, line.encode() + b"\n")

    def finish(self) -> None:
        """Kill the process if it was to be killed after the last effect."""
        if self._count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy or (event not in _PATHS and event not in _OTHERS):
            return
        self._busy = True
        try:
            effect = self._effect(event, arguments)
            if effect and not self._is_repeated(effect):
                if self._count == self._kill_at:
                    self._end(event, arguments)
                self._count += 1
                self.note(effect)
        finally:
            self._busy = False

    def _is_repeated(self, effect: str) -> bool:
        """Return whether this is a question to a scorer right after another one."""
        was_asking, self._is_asking = self._is_asking, effect in _QUESTIONS
        return was_asking and self._is_asking

    def _effect(self, event: str, arguments: tuple[Any, ...]) -> str:
        """Return the description of an effect; empty if it is none, or elsewhere."""
        if event == "subprocess.Popen":
            program, *options = map(os.fsdecode, arguments[1])
            return " ".join(["run", Path(program).name, *(option for option in options if option[0] != "-")][:5])
        if event == "http.client.send":
            return _request(arguments[1])
        if event == "open":
            path, _, flags = arguments
            return self._located("write", path) if flags & _CHANGING else ""
        return self._located(event.removeprefix("os."), arguments[_PATHS[event]], arguments[-1])

    def _located(self, verb: str, path: Any, descriptor: Any = -1) -> str:
        if isinstance(path, int):
            return ""
        name = Path(os.fsdecode(path))
        if not name.is_absolute():
            is_folder = isinstance(descriptor, int) and descriptor >= 0
            name = (Path(f"/proc/self/fd/{descriptor}").readlink() if is_folder else Path.cwd()) / name
        return f"{verb} {name}" if str(name).startswith(self._folders) and _changes(verb, name) else ""

    def _end(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._torn and event == "open" and isinstance(arguments[0], str | Path):
            os.close(os.open(arguments[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        os.kill(os.getpid(), signal.SIGKILL)


def _request(data: Any) -> str:
    """Return the first line of a changing request; empty for others, and for what follows the head of one."""
    line = bytes(data).partition(b"\r\n")[0].split() if isinstance(data, bytes | bytearray) else []
    return f"send {line[0].decode()} {line[1].decode()}" if len(line) == 3 and line[0] in _METHODS else ""


def _changes(verb: str, path: Path) -> bool:
    """Return whether there is anything to do: a folder that exists is not made, and what is absent is not removed."""
    if verb == "mkdir":
        return not path.is_dir()
    return verb not in ("remove", "rmdir") or path.exists() or path.is_symlink()
