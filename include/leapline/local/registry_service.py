"""The local registry: CNCF Distribution on a loopback port, its blobs and tags stored in a folder.

The folder contains `data/`, `config.yml`, `log` and `lock`. The registry process inherits the open `lock` file with a
flock on it. The operating system releases the lock when the process ends, even after `kill -9`, so the lock is a
reliable sign that this folder's registry is alive; a process id alone is not, because it may be reused.

    stopped --start--> starting --/v2/ answers--> running --stop--> stopped
                           |
                           +-- exits, or no answer in time: error with its log tail, stopped
"""

import fcntl
import http.client
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from leapline.errors import PortTakenError, RegistryError, SettingsError, ToolMissingError
from leapline.local.ports import require_free
from leapline.serving.registry import LOOPBACK
from leapline.settings import Settings

_START_TIMEOUT_S = 15.0
_CONFIG = """\
# Written by `leapline`: configuration of the local registry.
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
    """State of the registry process.

    Attributes:
        running: whether the process is alive.
        pid: its process id; 0 if it is not running.
        address: the address on which it listens; empty if it is not running.
    """

    running: bool
    pid: int = 0
    address: str = ""


class LocalRegistry:
    """The registry of one folder.

    Args:
        folder: where its data, configuration and log are; created at the first start.
        binary: the compiled `registry`.
        address: loopback `host:port` to listen on.
    """

    def __init__(self, folder: Path, binary: Path, address: str = "127.0.0.1:5055") -> None:
        self.folder, self.binary, self.address = folder.absolute(), binary, address

    def status(self) -> Status:
        """Return whether the registry runs, and its address."""
        try:
            with (self.folder / "lock").open("r") as lock:
                if _try_lock(lock):
                    return Status(False)
                owner = json.loads(lock.read() or "{}")
        except FileNotFoundError:
            return Status(False)
        return Status(True, int(owner.get("pid", 0)), str(owner.get("address", "")))

    def start(self) -> Status:
        """Start the registry unless it is running already, and wait until it answers.

        Raises:
            PortTakenError: another process listens on the port, or this folder's registry runs at another address.
            RegistryError: it exited or did not answer; the message contains its log tail.
            ToolMissingError: the `registry` binary is missing.
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
                f"registry folder {self.folder}",
                found=f"already running at {status.address or 'an unknown address'}",
                expected=f"the registry stopped, or running at {self.address}",
                fix=f"Use LEAPLINE_REGISTRY={status.address}, or stop it first (`leapline registry stop`).",
            )
        return status

    def stop(self) -> bool:
        """Stop the registry and wait until it has exited; return whether it was running."""
        status = self.status()
        if not status.running or not status.pid:
            return False
        os.kill(status.pid, signal.SIGTERM)
        if not _wait(lambda: not self.status().running, 5.0):
            os.kill(status.pid, signal.SIGKILL)
            _wait(lambda: not self.status().running, 5.0)
        return True

    def _spawn(self) -> "subprocess.Popen[bytes] | None":
        """Start the process, unless this folder's registry is alive (a concurrent call may have started it)."""
        with (self.folder / "lock").open("a+") as lock:
            if not _try_lock(lock):
                return None
            self._require_free_port()
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
                "registry", found=f"{self.binary} is missing", expected="the compiled tool", fix="Run `make setup`."
            ) from exc

    def _require_free_port(self) -> None:
        host, port = self.address.rsplit(":", 1)
        fix = f"choose another port: LEAPLINE_REGISTRY={host}:{int(port) + 1}."
        require_free(host, int(port), purpose="the local registry", fix=fix)

    def _not_answering(self) -> RegistryError:
        log = (self.folder / "log").read_text(errors="replace").strip()[-600:]
        self.stop()
        return RegistryError(
            f"local registry at {self.address}",
            found=f"no answer; log tail: {log or '(empty)'}",
            expected=f"an answer within {_START_TIMEOUT_S:.0f} s",
            fix=f"Read {self.folder / 'log'}, then start it again.",
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


def local_registry(settings: Settings) -> LocalRegistry:
    """Return the local registry of an installation: in `<home>/registry`, at the configured address.

    Raises:
        SettingsError: the configured registry is not on this machine.
    """
    if settings.registry.rsplit(":", 1)[0] not in LOOPBACK:
        raise SettingsError(
            "LEAPLINE_REGISTRY",
            found=settings.registry,
            expected="a loopback address such as 127.0.0.1:5055 for the local registry",
            fix="Start that registry yourself, or unset the variable.",
        )
    return LocalRegistry(settings.home / "registry", settings.tools / "bin" / "registry", settings.registry)


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
