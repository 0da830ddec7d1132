"""Hosts of a small network on one machine: network namespaces that are connected by a bridge.

This machine is the first host. A host sees the machine's files except those in the folders that are hidden from it, and
has its own loopback, so that nothing that listens on 127.0.0.1 here is reachable from there.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

_NETWORK: Final = "10.231.77"


@dataclass(frozen=True)
class Host:
    """A host of the network.

    Args:
        namespace: the name of its network namespace.
        address: its IPv4 address.
    """

    namespace: str
    address: str

    def command(self, argv: Sequence[str], hidden: Sequence[Path]) -> list[str]:
        """Return the command that runs `argv` on this host, with empty folders in place of hidden ones."""
        hide = "".join(f"mount -t tmpfs none {shlex.quote(str(folder))} && " for folder in hidden)
        return [
            "ip",
            "netns",
            "exec",
            self.namespace,
            "unshare",
            "--mount",
            "sh",
            "-c",
            f'{hide}exec "$@"',
            "sh",
            *argv,
        ]


@contextmanager
def network(hosts: int) -> Iterator[tuple[str, list[Host]]]:
    """Provide this machine's address in the network, and its other hosts; skip the test where that is not allowed."""
    if os.geteuid() or not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("NETWORK NAMESPACES NEEDED: run as root on Linux with iproute2 and util-linux")
    _remove_leftovers()
    tag = f"lp{os.getpid()}"
    with ExitStack() as stack:
        try:
            _add(stack, f"link add {tag} type bridge", f"link del {tag}")
        except subprocess.CalledProcessError as exc:
            pytest.skip(f"NETWORK NAMESPACES NEEDED: {exc.stderr.strip()}")
        _ip(f"addr add {_NETWORK}.1/24 dev {tag}")
        _ip(f"link set {tag} up")
        yield f"{_NETWORK}.1", [_host(stack, tag, number) for number in range(2, 2 + hosts)]


def _host(stack: ExitStack, bridge: str, number: int) -> Host:
    name, address = f"{bridge}-{number}", f"{_NETWORK}.{number}"
    _add(stack, f"netns add {name}", f"netns del {name}")
    # Removed together with the namespace that has the other end.
    _ip(f"link add {name} type veth peer name eth0 netns {name}")
    _ip(f"link set {name} master {bridge} up")
    _ip(f"-n {name} addr add {address}/24 dev eth0")
    _ip(f"-n {name} link set eth0 up")
    _ip(f"-n {name} link set lo up")
    return Host(name, address)


def _remove_leftovers() -> None:
    """Remove the bridges and namespaces of killed processes, which would take the same addresses."""
    for name in [path.name for path in Path("/sys/class/net").glob("lp*") if path.name[2:].isdigit()]:
        if not Path(f"/proc/{name[2:]}").exists():
            for namespace in Path("/run/netns").glob(f"{name}-*"):
                _ip(f"netns del {namespace.name}")
            _ip(f"link del {name}")


def _add(stack: ExitStack, command: str, undo: str) -> None:
    _ip(command)
    stack.callback(_ip, undo)


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True, capture_output=True, text=True)
