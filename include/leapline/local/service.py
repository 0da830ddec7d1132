"""Servers for this machine: one process on a loopback port, with its data and its log in a folder.

The folder contains `log`, `lock` and what the server needs. The server inherits the open `lock` file with a flock on
it. The operating system releases the lock when the process ends, even after `kill -9`, so the lock is a reliable sign
that this folder's server is alive; a process id alone is not, because it may be reused.

    stopped --ensure_running--> starting --answers--> running --stop--> stopped
                                   |
                                   +-- exits, or no answer in time: error with its log tail, stopped
"""

import fcntl
import http.client
import json
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from leapline.errors import LeaplineError, LocalServiceError, PortTakenError, ToolMissingError
from leapline.local.ports import require_free

_START_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Status:
    """State of a server process.

    Attributes:
        running: whether the process is alive.
        pid: its process id; 0 if it is not running.
        address: the address on which it listens; empty if it is not running.
    """

    running: bool
    pid: int = 0
    address: str = ""


class LocalService(ABC):
    """The server of one folder.

    Args:
        folder: where its data, configuration and log are; created at the first start.
        binary: the compiled server.
        address: loopback `host:port` to listen on.
    """

    title: ClassVar[str]
    """The server, as messages name it, such as "local registry"."""
    health_path: ClassVar[str]
    """Path that a running server answers with status 200."""
    setting: ClassVar[str]
    """The environment variable of the address."""
    scheme: ClassVar[str] = ""
    """What the variable has before the address, such as `http://`."""
    stop_hint: ClassVar[str] = ""
    """How to stop a running server, such as " (`leapline registry stop`)"."""
    install_command: ClassVar[str]
    """The command that installs the binary."""
    start_error: ClassVar[type[LeaplineError]] = LocalServiceError
    """Raised if the server does not start."""

    def __init__(self, folder: Path, binary: Path, address: str) -> None:
        self.folder, self.binary, self.address = folder.absolute(), binary, address

    @abstractmethod
    def prepare(self) -> list[str]:
        """Write what the server reads at its start; return its arguments. Called while the lock is held."""

    @abstractmethod
    def process_environment(self) -> Mapping[str, str]:
        """Return the environment of the server's process."""

    def status(self) -> Status:
        """Return whether the server runs, and its address."""
        try:
            with (self.folder / "lock").open("r") as lock:
                if _try_lock(lock):
                    return Status(False)
                owner = json.loads(lock.read() or "{}")
        except FileNotFoundError:
            return Status(False)
        return Status(True, int(owner.get("pid", 0)), str(owner.get("address", "")))

    def ensure_running(self) -> Status:
        """Start the server unless it is running already, and wait until it answers.

        Raises:
            PortTakenError: another process listens on the port, or this folder's server runs at another address.
            LeaplineError: it exited or did not answer (`start_error`); the message contains its log tail.
            ToolMissingError: the binary is missing.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        child: subprocess.Popen[bytes] | None = None
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            child = child or self._spawn()
            if time.monotonic() > deadline or (child is not None and child.poll() is not None):
                raise self._not_answering()
            time.sleep(0.02)
        status = self.status()
        if status.address != self.address:
            raise PortTakenError(
                f"{self.title} of {self.folder}",
                found=f"already running at {status.address or 'an unknown address'}",
                expected=f"it stopped, or running at {self.address}",
                fix=f"Use {self.setting}={self.scheme}{status.address}, or stop it first{self.stop_hint}.",
            )
        return status

    def stop(self) -> bool:
        """Stop the server and wait until it has exited; return whether it was running."""
        status = self.status()
        if not status.running or not status.pid:
            return False
        os.kill(status.pid, signal.SIGTERM)
        if not _wait(lambda: not self.status().running, 5.0):
            os.kill(status.pid, signal.SIGKILL)
            _wait(lambda: not self.status().running, 5.0)
        return True

    def _spawn(self) -> "subprocess.Popen[bytes] | None":
        """Start the process, unless this folder's server is alive (a concurrent call may have started it)."""
        with (self.folder / "lock").open("a+") as lock:
            if not _try_lock(lock):
                return None
            self._require_free_port()
            child = self._launch(self.prepare(), lock)
            lock.truncate(0)
            lock.write(json.dumps({"pid": child.pid, "address": self.address}))
            return child

    def _launch(self, arguments: list[str], lock: IO[str]) -> "subprocess.Popen[bytes]":
        try:
            with (self.folder / "log").open("wb") as log:
                return subprocess.Popen(
                    [str(self.binary.absolute()), *arguments],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[lock.fileno()],
                    start_new_session=True, cwd=self.folder, env=self.process_environment(),
                )  # fmt: skip
        except FileNotFoundError as exc:
            raise ToolMissingError(
                self.binary.name,
                found=f"{self.binary} is missing",
                expected="the compiled tool",
                fix=f"Run `{self.install_command}`.",
            ) from exc

    def _require_free_port(self) -> None:
        host, port = self.address.rsplit(":", 1)
        fix = f"choose another port: {self.setting}={self.scheme}{host}:{int(port) + 1}."
        require_free(host, int(port), purpose=f"the {self.title}", fix=fix)

    def _not_answering(self) -> LeaplineError:
        log = (self.folder / "log").read_text(errors="replace").strip()[-600:]
        self.stop()
        return self.start_error(
            f"{self.title} at {self.address}",
            found=f"no answer; log tail: {log or '(empty)'}",
            expected=f"an answer within {_START_TIMEOUT_S:.0f} s",
            fix=f"Read {self.folder / 'log'}, then start it again.",
        )

    def _answers(self) -> bool:
        address = self.status().address
        connection = http.client.HTTPConnection(address or self.address, timeout=2)
        try:
            connection.request("GET", self.health_path)
            return bool(address) and connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def write_private(file: Path, text: str) -> None:
    """Replace a file by one that only its owner may read."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        out.write(text)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
