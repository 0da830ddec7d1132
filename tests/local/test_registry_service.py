"""The local registry: started once, found by other processes, content kept across restarts."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from leapline.errors import PortTakenError, RegistryError, ToolMissingError
from leapline.local.registry_service import LocalRegistry
from leapline.local.service import Status
from leapline.serving.registry import Registry
from tests.ports import free_address
from tests.serving.conftest import MakeImage, crane, make_image, registry_binary

__all__ = ["crane", "make_image", "registry_binary"]


@pytest.fixture
def local(tmp_path: Path, registry_binary: Path) -> Iterator[LocalRegistry]:
    service = LocalRegistry(tmp_path / "a registry: #1", registry_binary, free_address())
    yield service
    service.stop()


def test_start_is_idempotent_and_stop_reports_whether_it_was_running(local: LocalRegistry) -> None:
    assert local.status() == Status(False)
    assert local.stop() is False
    first = local.start()
    assert first.running
    assert first.address == local.address
    assert local.start() == first == local.status()
    assert local.stop() is True
    assert local.status() == Status(False)


def test_content_survives_a_restart_and_a_kill(local: LocalRegistry, crane: Path, make_image: MakeImage) -> None:
    registry = Registry(f"{local.address}/shop/scorer", crane)
    pid = local.start().pid
    registry.push(make_image(), "m1")
    registry.tag("m1", "champion")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert local.status() == Status(False)
    local.start()
    assert registry.tags() == ["champion", "m1"]


def test_concurrent_starts_from_two_processes_share_one_registry(local: LocalRegistry) -> None:
    code = "import sys; from pathlib import Path; from leapline.local.registry_service import LocalRegistry; "
    code += "print(LocalRegistry(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]).start().pid)"
    args = [sys.executable, "-c", code, str(local.folder), str(local.binary), local.address]
    both = [subprocess.Popen(args, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    pids = {process.communicate(timeout=30)[0].strip() for process in both}
    assert pids == {str(local.status().pid)}


def test_port_in_use_is_reported_with_an_alternative(local: LocalRegistry) -> None:
    host, port = local.address.split(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(PortTakenError, match=f"port {port}.*LEAPLINE_REGISTRY="),
    ):
        local.start()
    assert local.status() == Status(False)


def test_start_at_another_address_is_rejected(local: LocalRegistry) -> None:
    local.start()
    other = LocalRegistry(local.folder, local.binary, free_address())
    with pytest.raises(PortTakenError, match=local.address):
        other.start()
    assert local.status().running


def test_failing_or_missing_binary_is_reported_with_its_log(local: LocalRegistry, tmp_path: Path) -> None:
    broken = tmp_path / "registry"
    broken.write_text("#!/bin/sh\necho the disk is on fire >&2; exit 1\n")
    broken.chmod(0o755)
    with pytest.raises(RegistryError, match="the disk is on fire"):
        LocalRegistry(local.folder, broken, local.address).start()
    with pytest.raises(ToolMissingError, match="make setup"):
        LocalRegistry(local.folder, tmp_path / "absent", local.address).start()
    assert local.start().running


def test_listens_on_loopback_only_and_hides_its_secret(local: LocalRegistry) -> None:
    pid = local.start().pid
    sockets = set(sockets_of(pid))
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                listening.append(fields[1].split(":")[0])
    assert listening == ["0100007F"]
    assert (local.folder / "config.yml").stat().st_mode & 0o077 == 0


def sockets_of(pid: int) -> Iterator[str]:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            target = str(link.readlink())
            if target.startswith("socket:["):
                yield target[8:-1]
