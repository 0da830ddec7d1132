"""The Spark master of a step: its form, whether it answers, and the address at which executors reach the driver."""

import os
import re
import socket
from collections.abc import Iterator
from typing import Final

from leapline.errors import ClusterError, SettingsError

_FORM: Final = re.compile(
    r"local(-cluster)?(\[[*\d,\s]+\])?|yarn|k8s://\S+|spark://(?P<hosts>[^\s/,]+:\d+(,[^\s/,]+:\d+)*)"
)
_LOOPBACK: Final = re.compile(r"127\.\d+\.\d+\.\d+|localhost|\[?::1\]?")
_PATIENCE_S: Final = 10.0


def require_form(master: str, setting: str) -> None:
    """Check that a master is one that Spark understands.

    Args:
        master: such as `local[*]` or `spark://host:7077`.
        setting: where it is set, for the message.

    Raises:
        SettingsError: Spark would refuse it.
    """
    if not _FORM.fullmatch(master):
        raise SettingsError(
            setting,
            found=f"the master {master!r}",
            expected="local[*], spark://host:port, yarn or k8s://https://host:port",
            fix="Correct it; a Spark master without a port listens on 7077.",
        )


def is_local(master: str) -> bool:
    """Return whether driver and executors run on this machine, so that loopback is enough for them."""
    addresses = list(_addresses(master))
    return master.startswith("local") or (bool(addresses) and all(_LOOPBACK.fullmatch(host) for host, _ in addresses))


def choose_driver_address(master: str) -> None:
    """Set the address on which a driver that is started next listens, unless the site has set it (`SPARK_LOCAL_IP`).

    The driver listens on loopback for executors of this machine, and for those of a standalone cluster on the address
    by which this machine reaches the master: the machine's name may stand for another network, or for loopback.

    Args:
        master: Spark's master, of a form that `require_form` accepts.

    Raises:
        ClusterError: the master of a standalone cluster does not answer.
    """
    if is_local(master):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        return
    if _LOOPBACK.fullmatch(os.environ.get("SPARK_LOCAL_IP", "")):
        del os.environ["SPARK_LOCAL_IP"]
    if address := _own_address(master):
        chosen = os.environ.setdefault("SPARK_LOCAL_IP", address)
        # By default Spark uses the machine's name, which may stand for its address in another network.
        os.environ.setdefault("SPARK_LOCAL_HOSTNAME", chosen)


def _own_address(master: str) -> str:
    """Return the address of this machine on the way to a standalone master; empty for other masters.

    Raises:
        ClusterError: none of the masters answers.
    """
    problems = []
    for host, port in _addresses(master):
        try:
            with socket.create_connection((host, port), _PATIENCE_S) as connection:
                return str(connection.getsockname()[0])
        except OSError as exc:
            problems.append(f"{host}:{port}: {exc}")
    if problems:
        raise ClusterError(
            f"Spark master {master}",
            found=f"no answer ({'; '.join(problems)})",
            expected="a running master",
            fix="Start it, or correct the address and the network between this machine and the master.",
        )
    return ""


def _addresses(master: str) -> Iterator[tuple[str, int]]:
    """The hosts and ports of a standalone master; a cluster with stand-by masters has several."""
    match = _FORM.fullmatch(master)
    for address in (match["hosts"] or "").split(",") if match else ():
        host, _, port = address.rpartition(":")
        if host:
            yield host.strip("[]"), int(port)
