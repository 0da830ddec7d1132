"""Steps with executors in pods of Kubernetes' own API server: results equal those of one machine, one pod is lost."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.settings import Settings
from leapline.storage import lake_of
from leapline.synthetic import GeneratorSpec, generate
from tests.conftest import ROOT
from tests.e2e.night import DAY, TABLES, Night, run_steps, settings_of
from tests.fakes.kubernetes_cluster import cluster
from tests.fakes.pod_processes import PodProcesses
from tests.steps.nights import FEATURES, spec_of

pytestmark = [pytest.mark.kubernetes, pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(1200)]
BIN = ROOT / ".local" / "bin"
STEPS = ["extract", "check_events", "featurize", "train"]
OPTIONS = {
    "spark.kubernetes.container.image": "registry.shop.example/spark:4.1.2",
    "spark.executor.instances": "2",
    "spark.executor.memory": "700m",
    "spark.executor.defaultJavaOptions": FEW_EVENTS,
}


def completed(settings: Settings) -> Night:
    run_steps(settings, steps=STEPS)
    return Night(settings, lake_of(settings))


def kill_one(pods: PodProcesses, ended: threading.Event) -> None:
    """Kill the first executor some seconds after both have started."""
    while not ended.wait(1):
        if len(pods.processes) == 2:
            time.sleep(20)
            pods.kill(next(iter(pods.processes)))
            return


def test_steps_with_executors_in_pods_equal_those_of_one_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not all((BIN / name).exists() for name in ("etcd", "kube-apiserver", "kube-controller-manager")):
        pytest.skip("KUBERNETES ABSENT: run `make test-kubernetes`, which compiles it; no executor ran in a pod")
    generate(tmp_path / "landing", GeneratorSpec(start=DAY - timedelta(days=1), days=2, sessions_per_day=600))
    (tmp_path / "features.json").write_text(spec_of(FEATURES).dumps())
    where = {"landing": tmp_path / "landing", "features": tmp_path / "features.json"}
    expected = completed(settings_of(tmp_path / "one", **where))
    (tmp_path / "spark").mkdir()
    (tmp_path / "spark/spark-defaults.conf").write_text("".join(f"{k} {v}\n" for k, v in OPTIONS.items()))
    pods, ended = PodProcesses(tmp_path / "pods"), threading.Event()
    killer = threading.Thread(target=kill_one, args=[pods, ended], daemon=True)
    with cluster(tmp_path / "cluster", BIN, pods.run) as kubernetes:
        monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig()))
        monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path / "spark"))
        master = {"spark_master": f"k8s://https://127.0.0.1:{kubernetes.port}"}
        killer.start()
        in_pods = completed(settings_of(tmp_path / "kubernetes", **where).model_copy(update=master))
        ended.set()
    assert len(pods.processes) == 3, "Spark replaces the lost pod"
    for dataset, name in TABLES:
        assert in_pods.table(dataset, name) == expected.table(dataset, name), (dataset, name)
    for step in ("extract", "featurize"):
        assert in_pods.summary(step) == expected.summary(step)
    assert in_pods.summary("train")["digest"] == expected.summary("train")["digest"]
    first, second = (each.lake.current("candidates", DAY) / "model.zip" for each in (expected, in_pods))
    assert first.read_bytes() == second.read_bytes()
