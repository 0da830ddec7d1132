"""The forms of an Airflow connection to Spark."""

import json
from typing import Any

import pytest

from leapline.errors import SettingsError
from leapline.orchestration.spark_connection import require_client_mode


def master_of(monkeypatch: pytest.MonkeyPatch, connection: str | dict[str, Any]) -> str:
    text = connection if isinstance(connection, str) else json.dumps({"conn_type": "spark"} | connection)
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", text)
    return require_client_mode("spark_default")


@pytest.mark.parametrize(
    ("connection", "master"),
    [
        ({"host": "local[*]"}, "local[*]"),
        ({"host": "spark://spark-master:7077"}, "spark://spark-master:7077"),
        ({"host": "spark://spark-master", "port": 7077}, "spark://spark-master:7077"),
        ({"host": "spark-master", "port": 7077}, "spark://spark-master:7077"),
        ("spark://spark-master:7077", "spark://spark-master:7077"),
        ({"host": "yarn", "extra": {"deploy-mode": "client"}}, "yarn"),
        ({"host": "spark://master.k8s.shop.example:7077"}, "spark://master.k8s.shop.example:7077"),
        ({"host": "k8s://https://cluster", "port": 6443}, "k8s://https://cluster:6443"),
        ({"host": "k8s://https://cluster:6443", "extra": {"namespace": "spark"}}, "k8s://https://cluster:6443"),
    ],
)
def test_master_is_the_one_that_the_hook_submits_to(
    monkeypatch: pytest.MonkeyPatch, connection: str | dict[str, Any], master: str
) -> None:
    from leapline.orchestration.client_submit import ClientSubmitHook

    assert master_of(monkeypatch, connection) == master
    hook = ClientSubmitHook(conn_id="spark_default")
    assert hook._connection["master"] == master
    namespace = {"spark.kubernetes.namespace": "spark"} if "namespace" in str(connection) else {}
    assert hook.namespace_option() == namespace


def test_master_without_scheme_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="connection spark_default: found the master 'spark-master:7077'"):
        master_of(monkeypatch, {"host": "spark-master:7077"})


def test_driver_on_the_cluster_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="found deploy mode cluster; expected deploy mode client"):
        master_of(monkeypatch, {"host": "yarn", "extra": {"deploy-mode": "cluster"}})
