"""The Spark master: its form, and the address on which the driver listens for executors."""

import os
import socket
from collections.abc import Iterator

import pytest

from leapline.errors import ClusterError, SettingsError
from leapline.runtime.spark_master import choose_driver_address, is_local, require_form
from tests.ports import free_port


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPARK_LOCAL_IP", "SPARK_LOCAL_HOSTNAME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def listening() -> Iterator[int]:
    """The port of something that accepts connections on every loopback address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("master", "local"),
    [
        ("local[*]", True),
        ("local-cluster[2,1,1024]", True),
        ("spark://127.0.0.1:7077", True),
        ("spark://127.0.0.15:7077", True),
        ("spark://[::1]:7077", True),
        ("spark://127.0.0.1:7077,spark-2:7077", False),
        ("spark://spark-master:7077", False),
        ("spark://127.0.0.1.shop.example:7077", False),
        ("yarn", False),
        ("k8s://https://cluster:6443", False),
        ("k8s://https://127.0.0.1:6443", False),
    ],
)
def test_master_is_local_if_all_its_addresses_are_loopback(master: str, local: bool) -> None:
    require_form(master, "test")
    assert is_local(master) is local


@pytest.mark.parametrize(
    "master", ["", "spark-master:7077", "spark://spark-master", "local[x]", "mesos://a:5050", "Yarn"]
)
def test_other_forms_are_rejected_before_spark_starts(master: str) -> None:
    with pytest.raises(
        SettingsError, match=r"found the master .*; expected local\[\*\], spark://host:port, yarn or k8s"
    ):
        require_form(master, "test")


def test_driver_listens_on_loopback_for_a_local_master() -> None:
    choose_driver_address("local[2]")
    assert os.environ["SPARK_LOCAL_IP"] == "127.0.0.1"


def test_spark_chooses_the_address_on_yarn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    choose_driver_address("yarn")
    assert "SPARK_LOCAL_IP" not in os.environ


def test_driver_is_not_on_loopback_if_the_api_server_of_kubernetes_is(
    listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    choose_driver_address(f"k8s://127.0.0.1:{listening}")
    assert "SPARK_LOCAL_IP" not in os.environ


@pytest.mark.parametrize(
    "master", ["spark://spark-master:{}", "k8s://https://spark-master:{}", "k8s://spark-master:{}"]
)
def test_driver_listens_on_the_address_that_reaches_the_master(
    master: str, listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = socket.create_connection
    dialled: list[str] = []

    def resolve(address: tuple[str, int], timeout: float) -> socket.socket:
        """Resolve the name of a master on another host; connect from an address that no default would choose."""
        dialled.append(address[0])
        return connect(("127.0.0.1", address[1]), timeout, source_address=("127.0.0.9", 0))

    monkeypatch.setattr(socket, "create_connection", resolve)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    choose_driver_address(master.format(listening))
    assert dialled == ["spark-master"]
    assert os.environ["SPARK_LOCAL_IP"] == "127.0.0.9"
    assert os.environ["SPARK_LOCAL_HOSTNAME"] == "127.0.0.9", "a name may stand for the address of another network"


def test_address_of_the_site_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOCAL_IP", "10.0.0.7")
    choose_driver_address("local[2]")
    assert os.environ["SPARK_LOCAL_IP"] == "10.0.0.7"
    assert "SPARK_LOCAL_HOSTNAME" not in os.environ


def test_stand_by_master_is_enough(listening: int) -> None:
    # A name of this machine that is not a loopback address in the master's text.
    choose_driver_address(f"spark://localhost.localdomain.invalid:{free_port()},127.0.0.1:{listening}")
    assert os.environ["SPARK_LOCAL_IP"] == "127.0.0.1"


def test_master_that_does_not_answer_is_reported_before_spark_starts() -> None:
    master = f"spark://127.0.0.1:{free_port()},no-such-host.invalid:7077"
    with pytest.raises(
        ClusterError, match=r"Spark master .*: found no answer \(127.0.0.1:\d+: .*refused; no-such-host"
    ):
        choose_driver_address(master)


def test_machine_without_an_address_for_its_name_is_reported_where_spark_would_look_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "no-such-host.invalid")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SPARK_LOCAL_IP"):
        monkeypatch.delenv(name, raising=False)
    choose_driver_address("local[2]")  # It listens on loopback, and the name does not matter.
    message = (
        "this machine's name no-such-host.invalid: found no address .*Add the line `127.0.0.1 no-such-host.invalid`"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a key")
    with pytest.raises(SettingsError, match=message):
        choose_driver_address("local[2]")
