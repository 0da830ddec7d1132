"""Free ports for local services."""

import contextlib
import socket

import psutil

from leapline.errors import PortTakenError


def require_free(host: str, port: int, *, purpose: str, fix: str) -> None:
    """Raise unless a server can listen on a loopback port.

    Args:
        host: the address to listen on.
        port: the port.
        purpose: what needs the port, for the message.
        fix: what to do instead of stopping the process that has the port.

    Raises:
        PortTakenError: another process listens on it; the message contains its id and name where they can be read.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise PortTakenError(
                f"port {port} on {host}",
                found=f"in use by {_listener(port)} ({exc.strerror})",
                expected=f"a free port for {purpose}",
                fix=f"Stop that process, or {fix}",
            ) from exc


def _listener(port: int) -> str:
    """Return the id and name of the process that listens on a port, as far as this user may see them."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another process"


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
