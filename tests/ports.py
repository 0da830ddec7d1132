"""Free ports on loopback."""

import socket


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_address() -> str:
    """Return `host:port` of such a port."""
    return f"127.0.0.1:{free_port()}"
