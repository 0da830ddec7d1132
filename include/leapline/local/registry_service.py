"""The local registry: CNCF Distribution on a loopback port, its blobs and tags kept in a folder.

The folder holds `data/`, `config.yml`, `log`, `lock`. The running registry inherits an open `lock` file that carries
a flock, and the lock goes with the process, `kill -9` included: so "ours and alive" needs no guess from a process id.

    stopped --start--> starting --/v2/ answers--> running --stop--> stopped
                           |
                           +-- exits, or no answer in time: the error shows its log, stopped
"""

import fcntl
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from leapline.errors import PortTakenError, RegistryError, SettingsError, ToolMissingError
from leapline.serving.registry import LOOPBACK
from leapline.settings import Settings

_WAIT_S = 15.0
_CONFIG = """\
# Written by `leapline`; the local registry's settings.
version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {data}
  delete:
    enabled: true
http:
  addr: {address}
  secret: {secret}
"""


@dataclass(frozen=True)
class Status:
    """Whether it runs; `pid` and `address` are those of the running process, else 0 and ""."""

    running: bool
    pid: int = 0
    address: str = ""


class LocalRegistry:
    """The registry of one data folder.

    Args:
        folder: where it keeps everything; made on the first start.
        binary: the compiled `registry`.
        address: loopback `host:port` to listen on.
    """

    def __init__(self, folder: Path, binary: Path, address: str = "127.0.0.1:5055") -> None:
        self.folder, self.binary, self.address = folder.absolute(), binary, address

    def status(self) -> Status:
        """What is running now."""
        try:
            with (self.folder / "lock").open("r") as lock:
                if _try_lock(lock):
                    return Status(False)
                known = json.loads(lock.read() or "{}")
        except FileNotFoundError:
            return Status(False)
        return Status(True, int(known.get("pid", 0)), str(known.get("address", "")))

    def start(self) -> Status:
        """Start it, or find it running; returns when it answers.

        Raises:
            PortTakenError: something else listens there, or this folder's registry runs at another address.
            RegistryError: it ended or did not answer; its log is in the message.
            ToolMissingError: no `registry` binary.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        child: subprocess.Popen[bytes] | None = None
        deadline = time.monotonic() + _WAIT_S
        while not self._answers():
            child = child or self._spawn()
            if time.monotonic() > deadline or (child is not None and child.poll() is not None):
                raise self._silent()
            time.sleep(0.02)
        status = self.status()
        if status.address != self.address:
            raise PortTakenError(
                f"registry folder {self.folder}",
                found=f"a registry that runs at {status.address or 'no known address'}",
                expected=f"none, or one at {self.address}",
                fix=f"Use LEAPLINE_REGISTRY={status.address}, or stop it first (`leapline registry stop`).",
            )
        return status

    def stop(self) -> bool:
        """Stop it and wait until it is gone; False if it was not running."""
        status = self.status()
        if not status.running or not status.pid:
            return False
        os.kill(status.pid, signal.SIGTERM)
        if not _wait(lambda: not self.status().running, 5.0):
            os.kill(status.pid, signal.SIGKILL)
            _wait(lambda: not self.status().running, 5.0)
        return True

    def _spawn(self) -> "subprocess.Popen[bytes] | None":
        """Start the process, unless one of this folder is alive (another call may just have started it)."""
        with (self.folder / "lock").open("a+") as lock:
            if not _try_lock(lock):
                return None
            self._must_be_free()
            self._write_config()
            child = self._launch(lock)
            lock.truncate(0)
            lock.write(json.dumps({"pid": child.pid, "address": self.address}))
            return child

    def _write_config(self) -> None:
        (self.folder / "config.yml").unlink(missing_ok=True)
        with os.fdopen(os.open(self.folder / "config.yml", os.O_CREAT | os.O_WRONLY, 0o600), "w") as config:
            data = json.dumps(str(self.folder / "data"))
            config.write(_CONFIG.format(data=data, address=self.address, secret=secrets.token_hex(16)))

    def _launch(self, lock: IO[str]) -> "subprocess.Popen[bytes]":
        try:
            with (self.folder / "log").open("wb") as log:
                return subprocess.Popen(
                    [str(self.binary.absolute()), "serve", str(self.folder / "config.yml")],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[lock.fileno()],
                    start_new_session=True, cwd=self.folder, env=os.environ | {"OTEL_TRACES_EXPORTER": "none"},
                )  # fmt: skip
        except FileNotFoundError as exc:
            raise ToolMissingError(
                "registry", found=f"no {self.binary}", expected="the compiled tool", fix="Run `make setup`."
            ) from exc

    def _must_be_free(self) -> None:
        host, port = self.address.rsplit(":", 1)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, int(port)))
            except OSError as exc:
                raise PortTakenError(
                    f"port {port} on {host}",
                    found=f"something else that uses it ({exc.strerror})",
                    expected="a free port for the local registry",
                    fix=f"Stop that, or choose another port: LEAPLINE_REGISTRY={host}:{int(port) + 1}.",
                ) from exc

    def _silent(self) -> RegistryError:
        log = (self.folder / "log").read_text(errors="replace").strip()[-600:]
        self.stop()
        return RegistryError(
            f"local registry at {self.address}",
            found=f"no answer (its log: {log or 'empty'})",
            expected=f"an answer within {_WAIT_S:.0f} s",
            fix=f"Look at {self.folder / 'log'}, then start it again.",
        )

    def _answers(self) -> bool:
        address = self.status().address
        connection = http.client.HTTPConnection(address or self.address, timeout=2)
        try:
            connection.request("GET", "/v2/")
            return bool(address) and connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def of_settings(settings: Settings) -> LocalRegistry:
    """The local registry of an installation: in the lake's folder `registry`, at the address of the settings.

    Raises:
        SettingsError: the registry of the settings is not on this machine.
    """
    if settings.registry.rsplit(":", 1)[0] not in LOOPBACK:
        raise SettingsError(
            "LEAPLINE_REGISTRY",
            found=settings.registry,
            expected="a loopback address such as 127.0.0.1:5055, for the local registry",
            fix="Start that registry by its own means, or unset the variable.",
        )
    return LocalRegistry(settings.home / "registry", settings.tools / "bin" / "registry", settings.registry)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
