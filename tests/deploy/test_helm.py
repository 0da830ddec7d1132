"""The Helm chart: lint, templates against the schemas of Kubernetes, and what the deployment hook relies on."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from leapline import __version__
from tests.conftest import ROOT
from tests.fakes.kubernetes_api import KubernetesApi, kubernetes_api

pytestmark = pytest.mark.deployment_files
CHART = ROOT / "deploy" / "helm" / "leapline-scorer"
HELM = ROOT / ".local" / "bin" / "helm"
REPOSITORY, DIGEST = "registry.shop.example/leapline/scorer", f"sha256:{'1' * 64}"
IMAGE: dict[str, Any] = {"image": {"repository": REPOSITORY, "digest": DIGEST}}
EVERYTHING = IMAGE | {
    "autoscaling": {"enabled": False}, "replicas": 3, "env": {"SCORER_LOG_LEVEL": "warn"},
    "deployer": {"create": True, "serviceAccount": {"name": "airflow-worker", "namespace": "airflow"}},
    "podAnnotations": {"prometheus.io/scrape": "true"}, "podLabels": {"team": "web"},
    "nodeSelector": {"kubernetes.io/arch": "arm64"}, "tolerations": [{"key": "spot", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}}, "topologySpread": [], "service": {"type": "LoadBalancer", "port": 8080},
    "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"name": "shop"}}}]},
}  # fmt: skip
LITTLE = IMAGE | {name: {"enabled": False} for name in ("autoscaling", "podDisruptionBudget", "networkPolicy")}
VERSIONS = ["1.30", "1.34", "1.37"]


@pytest.fixture(autouse=True)
def _helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not HELM.exists():
        pytest.skip("HELM ABSENT: run `scripts/setup.sh helm`; the chart was not tested")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("HELM_", "KUBE"))]:
        monkeypatch.delenv(name)


def helm(values: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    content = json.dumps(values)
    command = [str(HELM), *arguments, str(CHART), "--values", "-"]
    return subprocess.run(command, input=content, capture_output=True, text=True, timeout=60)


def rendered(values: dict[str, Any], *arguments: str) -> dict[str, Any]:
    """Return the objects of a release `score` in the namespace `shop`, by kind."""
    done = helm(values, "template", "score", "--namespace", "shop", *arguments)
    assert done.returncode == 0, done.stderr
    return {f"{o['kind']} {o['metadata']['name']}": o for o in yaml.safe_load_all(done.stdout) if o}


def container(objects: dict[str, Any]) -> dict[str, Any]:
    [content] = objects["Deployment score"]["spec"]["template"]["spec"]["containers"]
    return dict(content)


@pytest.mark.parametrize("values", [IMAGE, EVERYTHING, LITTLE], ids=["default", "everything", "little"])
def test_objects_have_the_form_that_kubernetes_documents(values: dict[str, Any]) -> None:
    done = helm(values, "lint", "--strict")
    assert done.returncode == 0, done.stdout
    for version in VERSIONS:
        for content in rendered(values, "--kube-version", version).values():
            kubernetes_validate.validate(content, version, strict=True)


def test_schemas_reject_what_kubernetes_would_reject() -> None:
    deployment = rendered(IMAGE)["Deployment score"]
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.34", strict=True)


def test_default_release_is_hardened_and_available() -> None:
    objects = rendered(IMAGE)
    assert set(objects) == {
        "Deployment score", "Service score", "ServiceAccount score", "NetworkPolicy score", "PodDisruptionBudget score",
        "HorizontalPodAutoscaler score",
    }  # fmt: skip
    pod, scorer = objects["Deployment score"]["spec"]["template"]["spec"], container(objects)
    assert (pod["securityContext"]["runAsNonRoot"], pod["automountServiceAccountToken"]) == (True, False)
    assert scorer["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert scorer["image"] == f"{REPOSITORY}@{DIGEST}"
    policy = objects["NetworkPolicy score"]["spec"]
    assert (policy["policyTypes"], "egress" in policy) == (["Ingress", "Egress"], False)
    assert objects["Deployment score"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_every_selector_matches_the_pods() -> None:
    objects = rendered(IMAGE)
    labels = objects["Deployment score"]["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        objects["Deployment score"]["spec"]["selector"]["matchLabels"], objects["Service score"]["spec"]["selector"],
        objects["NetworkPolicy score"]["spec"]["podSelector"]["matchLabels"],
        objects["PodDisruptionBudget score"]["spec"]["selector"]["matchLabels"],
    ]  # fmt: skip
    assert all(selector and selector.items() <= labels for selector in selectors)
    [constraint] = objects["Deployment score"]["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert constraint["labelSelector"]["matchLabels"].items() <= labels


def test_probes_are_paths_of_the_scorer() -> None:
    """The paths that docs/api.md promises; tests/scorer calls them."""
    scorer = container(rendered(IMAGE))
    paths = [scorer[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")]
    assert paths == ["/readyz", "/readyz", "/healthz"]
    assert {scorer[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "readiness", "liveness")} == {"http"}
    assert scorer["ports"] == [{"name": "http", "containerPort": 8080}]


def test_number_of_pods_is_left_to_the_autoscaler() -> None:
    assert "replicas" not in rendered(IMAGE)["Deployment score"]["spec"]
    assert rendered(EVERYTHING)["Deployment score"]["spec"]["replicas"] == 3


def test_deployer_may_do_what_the_hook_does_and_nothing_else() -> None:
    objects = rendered(EVERYTHING)
    assert objects["Role score-deployer"]["rules"] == [
        {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["score"], "verbs": ["get", "patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]
    subject = {"kind": "ServiceAccount", "name": "airflow-worker", "namespace": "airflow"}
    assert objects["RoleBinding score-deployer"]["subjects"] == [subject]
    alone = rendered(IMAGE | {"deployer": {"create": True}})
    assert alone["RoleBinding score-deployer"]["subjects"][0]["name"] == "score-deployer"
    assert "ServiceAccount score-deployer" in alone


@pytest.fixture
def cluster() -> Iterator[KubernetesApi]:
    """A cluster in which a release named `scorer` runs a later champion."""
    with kubernetes_api(f"{REPOSITORY}@sha256:{'9' * 64}") as api:
        api.requires_token = False
        yield api


@pytest.mark.parametrize(("keep", "digit"), [(True, "9"), (False, "1")])
def test_upgrade_keeps_the_champion_that_was_deployed_since(
    cluster: KubernetesApi, tmp_path: Path, keep: bool, digit: str
) -> None:
    (tmp_path / "kubeconfig").write_text(json.dumps(cluster.kubeconfig()))
    values = {"image": IMAGE["image"] | {"keepDeployed": keep}}
    online = ("--dry-run=server", "--kubeconfig", str(tmp_path / "kubeconfig"))
    done = helm(values, "template", "scorer", "--namespace", "shop", *online)
    assert done.returncode == 0, done.stderr
    objects = {o["kind"]: o for o in yaml.safe_load_all(done.stdout) if o}
    [scorer] = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert scorer["image"] == f"{REPOSITORY}@sha256:{digit * 64}"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"image": {"repository": REPOSITORY, "digest": "champion"}}, "/image/digest"),
        ({"image": {"repository": f"https://{REPOSITORY}", "digest": DIGEST}}, "/image/repository"),
        ({}, "/image/digest"),
        (IMAGE | {"replica": 3}, "additional properties 'replica' not allowed"),
        (IMAGE | {"env": {"PATH": "/"}}, "'PATH' does not match pattern '^SCORER_"),
        (IMAGE | {"networkPolicy": {"from": []}}, "/networkPolicy/from"),
    ],
)
def test_wrong_values_are_rejected_by_name(values: dict[str, Any], problem: str) -> None:
    done = helm(values, "template", "score")
    assert done.returncode != 0
    assert problem in done.stderr


def test_documented_values_are_those_of_the_schema() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]
    assert set(values) | {"global"} == set(schema)
    for name, content in values.items():
        if schema[name].get("additionalProperties") is False:
            assert set(content) == set(schema[name]["properties"]), name


def test_version_of_the_chart_is_that_of_leapline() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
