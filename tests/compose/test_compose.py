"""The compose file: valid, pinned images, health checks, loopback ports, no secrets."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from leapline import __version__
from leapline.settings import Settings
from tests.conftest import ROOT

FILE = ROOT / "docker-compose.yaml"
CELERY = ROOT / "docker-compose.celery.yaml"
TEXT = FILE.read_text()
EXAMPLE = dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
OPTIONAL = {"S3_SECRET_KEY", "REDIS_PASSWORD", "TABLE_FORMATS"}
SECRETS = sorted(name for name, value in EXAMPLE.items() if not value and name not in OPTIONAL)
RUN_ONCE = {"init", "registry-password"}
IMAGES = ["Dockerfile", "include/compose/s3.Dockerfile"]
PINNED = re.compile(r"^[^:@]+(:\d+/[^:@]+)?:v?\d+\.\d+(\.\d+)?(-[\w.]+)*$")
Load = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Return a function that loads compose files with compose's own library and a complete `.env`."""
    binary = tmp_path_factory.mktemp("loader") / "loader"
    source = Path(__file__).parent / "loader"
    subprocess.run(["go", "build", "-buildvcs=false", "-o", str(binary), "."], cwd=source, check=True)

    def run(*files: Path, **changed: str) -> "subprocess.CompletedProcess[str]":
        values = {name: value or "x" * 64 for name, value in EXAMPLE.items()} | changed
        env = {"PATH": os.environ["PATH"]} | {k: v for k, v in values.items() if v}
        return subprocess.run([str(binary), *map(str, files or (FILE,))], env=env, capture_output=True, text=True)

    return run


@pytest.fixture(scope="module")
def model(load: Load) -> dict[str, Any]:
    done = load()
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_file_defines_expected_services_and_volumes(model: dict[str, Any]) -> None:
    airflow = {"init", "api-server", "scheduler", "dag-processor", "triggerer"}
    others = {"postgres", "spark-master", "spark-worker", "registry", "registry-password", "s3", "scorer"}
    assert set(model["services"]) == airflow | others
    assert set(model["volumes"]) == {"postgres", "airflow-logs", "lake", "registry", "registry-auth", "s3"}


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("    pull_policy: always", "    pullpolicy: always", "services.scorer.pullpolicy"),
        ("volumes: [registry:/var", "volumes: [regstry:/var", "undefined volume regstry"),
        ("networks: [scorer]", "networks: [champion]", "undefined network champion"),
        ("api-server: {condition: service_healthy}", "web: {condition: service_healthy}", "undefined service"),
    ],
)
def test_invalid_files_are_rejected(load: Load, tmp_path: Path, old: str, new: str, error: str) -> None:
    assert old in TEXT
    invalid = tmp_path / "docker-compose.yaml"
    invalid.write_text(TEXT.replace(old, new))
    done = load(invalid)
    assert done.returncode == 1
    assert error in done.stderr


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_have_no_default(load: Load, name: str) -> None:
    done = load(**{name: ""})
    assert done.returncode == 1
    assert f"required variable {name} is missing a value: set it in .env" in done.stderr


def test_every_variable_is_documented_and_used() -> None:
    assert set(re.findall(r"\$\{([A-Z0-9_]+)", TEXT + CELERY.read_text())) == set(EXAMPLE)
    for name, default in re.findall(r"\$\{([A-Z0-9_]+):-([^}]*)\}", TEXT):
        assert EXAMPLE[name] == default


def test_secrets_come_from_variables() -> None:
    for line in TEXT.splitlines():
        key, _, value = line.strip().partition(": ")
        if re.search(r"PASSWORD$|SECRET|(?<!ACCESS)_KEY$|TOKEN", key) and value:
            assert "${" in value, line


def test_images_are_pinned(model: dict[str, Any]) -> None:
    images = {name: service["image"] for name, service in model["services"].items()}
    assert images.pop("scorer").endswith("/leapline/scorer:champion"), "the only tag that moves"
    assert [image for image in images.values() if not PINNED.match(image)] == []
    stages = {image for file in IMAGES for image in re.findall(r"^FROM (\S+)", (ROOT / file).read_text(), re.MULTILINE)}
    assert len(stages) == 2, "both images are based on the same two"
    assert [image for image in stages if not PINNED.match(image)] == []


def test_built_images_have_version_of_package(model: dict[str, Any]) -> None:
    built = {service["image"] for service in model["services"].values() if service.get("build")}
    assert built == {f"leapline/airflow:{__version__}", f"leapline/s3:{__version__}"}


def test_long_running_services_have_health_checks_and_restart(model: dict[str, Any]) -> None:
    for name, service in model["services"].items():
        long_running = name not in RUN_ONCE
        assert bool(service.get("healthcheck")) is long_running, name
        assert service["restart"] == ("unless-stopped" if long_running else "no"), name


def test_ports_are_on_loopback(model: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in model["services"].items() if service.get("ports")}
    assert set(ports) == {"api-server", "registry", "s3", "scorer", "spark-master"}
    assert {port["host_ip"] for published in ports.values() for port in published} == {"127.0.0.1"}


def test_services_are_hardened(model: dict[str, Any]) -> None:
    for name, service in model["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert not service.get("cap_add"), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"], name


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("postgres", "spark-worker", set()),
        ("postgres", "registry", set()),
        ("spark-worker", "registry", set()),
        ("spark-worker", "api-server", set()),
        ("spark-worker", "s3", {"spark"}),
        ("scheduler", "spark-master", {"spark"}),
        ("api-server", "postgres", {"database"}),
    ],
)
def test_trust_zones_have_separate_networks(model: dict[str, Any], first: str, second: str, shared: set[str]) -> None:
    networks = {name: set(service.get("networks") or ()) for name, service in model["services"].items()}
    assert networks[first] & networks[second] == shared


def test_scorer_reaches_no_other_service(model: dict[str, Any]) -> None:
    others = {n for name, s in model["services"].items() if name != "scorer" for n in s.get("networks") or ()}
    assert set(model["services"]["scorer"]["networks"]) == {"scorer"}
    assert "scorer" not in others


@pytest.mark.parametrize(
    ("secret", "services"),
    [
        ("LEAPLINE_PSEUDONYM_KEY", {"scheduler"}),
        ("SPARK_SECRET", {"scheduler", "spark-master", "spark-worker"}),
        ("REGISTRY_PASSWORD", {"scheduler", "api-server"}),
        ("AIRFLOW_ADMIN_PASSWORD", {"api-server"}),
    ],
)
def test_secrets_reach_only_the_services_that_need_them(model: dict[str, Any], secret: str, services: set[str]) -> None:
    assert {n for n, s in model["services"].items() if secret in (s.get("environment") or {})} == services


def test_scorer_and_s3_are_optional(model: dict[str, Any]) -> None:
    profiles = {n: s["profiles"] for n, s in model["services"].items() if s.get("profiles")}
    assert profiles == {"scorer": ["champion"], "s3": ["s3"]}
    assert not any(set(profiles) & set(service.get("depends_on", {})) for service in model["services"].values())


def test_variables_exist_in_airflow_and_in_the_settings(model: dict[str, Any]) -> None:
    from airflow.configuration import retrieve_configuration_description

    options = {
        f"AIRFLOW__{section.upper()}__{option.upper()}"
        for section, content in retrieve_configuration_description().items()
        for option in content["options"]
    }
    dockerfile = re.findall(r"\b((?:AIRFLOW__|LEAPLINE_)\w+)=", (ROOT / "Dockerfile").read_text())
    used = {n for s in model["services"].values() for n in s.get("environment") or {}} | set(dockerfile)
    assert {n for n in used if n.startswith("AIRFLOW__")} - options == {"AIRFLOW__LEAPLINE__SPARK_POOL"}
    settings = {f"LEAPLINE_{field.upper()}" for field in Settings.model_fields}
    assert {n for n in used if n.startswith("LEAPLINE_")} <= settings


def test_airflow_publishes_to_the_registry_of_this_file_without_tls(
    model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = model["services"]["scheduler"]["environment"]
    for name in (name for name in variables if name.startswith("LEAPLINE_")):
        monkeypatch.setenv(name, variables[name])
    settings = Settings.load()
    service, port = settings.registry.split(":")
    assert [published["target"] for published in model["services"][service]["ports"]] == [int(port)]
    assert settings.registry_plain_http


def test_dockerignore_keeps_every_copied_path() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    kept = [line[1:] for line in ignore if line.startswith("!")]
    texts = "".join((ROOT / file).read_text() for file in IMAGES)
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", texts, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists(), source
            assert any(source == top or source.startswith(f"{top}/") for top in kept), source


def test_leapline_reads_the_env_file_of_compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{name}={value or 'x' * 64}" for name, value in EXAMPLE.items()]
    (tmp_path / ".env").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    assert Settings.load().key_bytes() == b"x" * 64


def test_health_checks_are_python(model: dict[str, Any]) -> None:
    tests = [s["healthcheck"]["test"] for s in model["services"].values() if s.get("healthcheck")]
    codes = [test[3] for test in tests if test[:3] == ["CMD", "python", "-c"]]
    assert len(codes) == 7
    for code in codes:
        compile(code, "healthcheck", "exec")


def test_celery_file_adds_hardened_workers_without_access_to_the_database(load: Load, model: dict[str, Any]) -> None:
    done = load(FILE, CELERY)
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert set(services) - set(model["services"]) == {"redis", "worker"}
    assert set(services["worker"]["networks"]) == set(model["services"]["scheduler"]["networks"]) - {"database"} | {
        "broker"
    }
    assert not {"spark", "registry"} & set(services["scheduler"]["networks"])
    assert services["worker"]["volumes"] == services["scheduler"]["volumes"]
    built = {service["image"] for service in services.values() if service.get("build", {}).get("args")}
    assert built == {f"leapline/airflow-celery:{__version__}"}
    for name in ("redis", "worker"):
        service = services[name]
        assert (service["cap_drop"], service["read_only"]) == (["ALL"], True), name
        assert service["healthcheck"]["test"] and service["restart"] == "unless-stopped", name
    assert PINNED.match(services["redis"]["image"])


def test_spark_master_remembers_applications_on_a_volume(model: dict[str, Any]) -> None:
    lines = (ROOT / "include/compose/spark.conf").read_text().splitlines()
    options = dict(line.split(maxsplit=1) for line in lines if not line.startswith("#"))
    assert options["spark.deploy.recoveryMode"] == "FILESYSTEM"
    folder = options["spark.deploy.recoveryDirectory"]
    assert folder in [volume["target"] for volume in model["services"]["spark-master"]["volumes"]]
    assert re.search(rf"install -d -o leapline [^\n]*{folder}\b", (ROOT / "Dockerfile").read_text()), "writable"


def test_celery_file_needs_a_password(load: Load) -> None:
    done = load(FILE, CELERY, REDIS_PASSWORD="")
    assert "required variable REDIS_PASSWORD is missing a value: set it in .env" in done.stderr


def test_file_is_plain_yaml() -> None:
    assert yaml.safe_load(TEXT)["name"] == "leapline"
