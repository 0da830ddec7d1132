"""A network of its own for a process: loopback alone, so that it can reach no other host and no service of this one.

    this process ── thread inside of the network ──┬── starts the process
                                                   └── opens the sockets that talk to it

A network namespace belongs to a thread, and a socket belongs to the namespace of the thread that opened it. So the
clients of the process stay ordinary TCP clients. Entering a namespace needs root's rights (CAP_SYS_ADMIN) on Linux;
elsewhere the process stays in the network of this host.
"""

import ctypes
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

_CLONE_NEWNET: Final = 0x40000000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_REQUEST: Final = "16sh14x"  # struct ifreq: the interface's name and its flags
Result = TypeVar("Result")


class PrivateNetwork:
    """A thread inside of a private network, or in that of the host where the platform does not allow one.

    Attributes:
        is_private: whether the network is private.
    """

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self.is_private = self.run(_enter)

    def run(self, work: Callable[[], Result]) -> Result:
        """Do something inside of the network, such as starting a process; raise what it raises."""
        return self._thread.submit(work).result()

    def connect(self, address: tuple[str, int], timeout_s: float | None) -> socket.socket:
        """Return a connection to an address of the network; it can be used by any thread."""
        return self.run(lambda: socket.create_connection(address, timeout_s))


@contextmanager
def private_network() -> Iterator[PrivateNetwork]:
    """Create a private network for the `with` block. It ends with the last process and socket in it."""
    with ThreadPoolExecutor(1, "leapline-network") as thread:
        yield PrivateNetwork(thread)


def _enter() -> bool:
    """Move this thread into a new network, and turn its loopback on; return False where that is not allowed."""
    if sys.platform != "linux" or ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        return False
    import fcntl

    with socket.socket() as control:
        _, flags = struct.unpack(_REQUEST, fcntl.ioctl(control, _GET_FLAGS, struct.pack(_REQUEST, b"lo", 0)))
        fcntl.ioctl(control, _SET_FLAGS, struct.pack(_REQUEST, b"lo", flags | _UP))
    return True
