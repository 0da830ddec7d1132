"""The Spark master of a step: its form, whether it answers, and the address at which executors reach the driver."""

import os
import re
import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from leapline.errors import ClusterError, SettingsError

_FORM: Final = re.compile(
    r"local(-cluster)?(\[[*\d,\s]+\])?|yarn|k8s://(?P<api>\S+)|spark://(?P<hosts>[^\s/,]+:\d+(,[^\s/,]+:\d+)*)"
)
_LOOPBACK: Final = re.compile(r"127\.\d+\.\d+\.\d+|localhost|\[?::1\]?")
_AWS_KEYS: Final = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
"""With these variables Spark notes on which host it found them."""
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
    """Return whether driver and executors run on this machine, so that loopback is enough for them.

    Pods have a loopback of their own, also where the API server of Kubernetes listens on this machine's.
    """
    return master.startswith("local") or (master.startswith("spark://") and _all_loopback(master))


def _all_loopback(master: str) -> bool:
    return all(_LOOPBACK.fullmatch(host) for host, _ in _addresses(master))


def choose_driver_address(master: str) -> None:
    """Set the address on which a driver that is started next listens, unless the site has set it (`SPARK_LOCAL_IP`).

    The driver listens on loopback for executors of this machine, and for those of a standalone cluster or of Kubernetes
    on the address by which this machine reaches the master: the machine's name may stand for another network, or for
    loopback. If Kubernetes' API server is on loopback, Spark chooses.

    Args:
        master: Spark's master, of a form that `require_form` accepts.

    Raises:
        ClusterError: the master of a standalone cluster, or Kubernetes' API server, does not answer.
        SettingsError: Spark would look up this machine's own name, which has no address.
    """
    _choose_address(master)
    if "SPARK_LOCAL_IP" not in os.environ or os.environ.keys() >= _AWS_KEYS:
        _require_own_name()


def _choose_address(master: str) -> None:
    if is_local(master):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        return
    if _LOOPBACK.fullmatch(os.environ.get("SPARK_LOCAL_IP", "")):
        del os.environ["SPARK_LOCAL_IP"]
    address = _own_address(master)
    if address and not _all_loopback(master):
        chosen = os.environ.setdefault("SPARK_LOCAL_IP", address)
        # By default Spark uses the machine's name, which may stand for its address in another network.
        os.environ.setdefault("SPARK_LOCAL_HOSTNAME", chosen)


def require_answer(master: str) -> None:
    """Check that the master of a standalone cluster, or Kubernetes' API server, answers; others are not asked.

    Raises:
        ClusterError: it does not.
    """
    _own_address(master)


def _require_own_name() -> None:
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError as exc:
        raise SettingsError(
            f"this machine's name {name}",
            found=f"no address ({exc.strerror})",
            expected="a name that this machine can look up, as Spark does",
            fix=f"Add the line `127.0.0.1 {name}` to /etc/hosts.",
        ) from exc


def _own_address(master: str) -> str:
    """Return the address of this machine on the way to a standalone master or an API server; empty for other masters.

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
    """The hosts and ports of a standalone master, of which stand-by masters are further ones, or of an API server."""
    match = _FORM.fullmatch(master)
    if match and match["api"]:
        # Spark assumes HTTPS where the address has no scheme.
        url = urlsplit(match["api"] if "://" in match["api"] else f"https://{match['api']}")
        yield url.hostname or "", url.port or (80 if url.scheme == "http" else 443)
        return
    for address in (match["hosts"] or "").split(",") if match else ():
        host, _, port = address.rpartition(":")
        if host:
            yield host.strip("[]"), int(port)
