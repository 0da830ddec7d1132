"""Logins to registries come from Airflow connections, and leave no trace on command lines, in logs or in files."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from leapline.errors import AccessDeniedError, RegistryUnusableError, SettingsError
from leapline.orchestration.logins import usable_logins
from leapline.orchestration.registry_login import docker_logins, registry_login
from leapline.serving.layout import index_digest
from leapline.settings import Settings
from tests.conftest import ROOT
from tests.serving.conftest import MakeImage, make_image
from tests.serving.test_registry_causes import Start, docker_config, start

__all__ = ["docker_config", "make_image", "start"]
USER, PASSWORD = "robot$shop+ci", "p%@/s: s"
HTPASSWD = f"{USER}:$2b$04$abcdefghijklmnopqrstuui91hVU7KpvzX0mHu65tCZjkR/6L8Fwq"


def define(monkeypatch: pytest.MonkeyPatch, conn_id: str, host: str | None, **fields: Any) -> None:
    """Define an Airflow connection."""
    connection = {"conn_type": "docker", "host": host, "login": USER, "password": PASSWORD} | fields
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, Path]:
    """Key and certificate of `localhost` by an authority that nobody knows."""
    if not shutil.which("openssl"):
        pytest.skip("TOOLS MISSING: openssl, which makes the test's certificate")
    paths = {"key": tmp_path / "key.pem", "certificate": tmp_path / "certificate.pem"}
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {paths['key']} -out {paths['certificate']} -days 2"
    extension = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command.split(), *extension], check=True, capture_output=True)
    return paths


@pytest.fixture
def secured(start: Start, certificate: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports of two registries with TLS and a login; Docker's configuration has none."""
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    tls = f", tls: {{certificate: {certificate['certificate']}, key: {certificate['key']}}}"
    auth = f"auth: {{htpasswd: {{realm: x, path: {tmp_path}/htpasswd}}}}"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate["certificate"]))
    return [start(tls=tls, auth=auth) for _ in range(2)]


@pytest.fixture
def settings(secured: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an installation with two registries, each with a connection."""
    first, second = secured
    define(monkeypatch, "main", "https://localhost/", port=first)
    define(monkeypatch, "mirror", f"localhost:{second}/shop/mirror", conn_type="generic")
    monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path / "lake"))
    monkeypatch.setenv("LEAPLINE_TOOLS", str(ROOT / ".local"))
    monkeypatch.setenv("LEAPLINE_REGISTRY", f"localhost:{first}")
    monkeypatch.setenv("LEAPLINE_MORE_REGISTRIES", f"localhost:{second}/shop/mirror")
    monkeypatch.setenv("LEAPLINE_REGISTRY_CONNECTIONS", "main, mirror")
    return Settings.load()


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which a wrapper of `crane` writes its command lines, and Docker's configuration that it was given."""
    tools, log = tmp_path / "tools" / "bin", tmp_path / "commands"
    tools.mkdir(parents=True)
    (tools / "crane").write_text(f'#!/bin/sh\necho "$DOCKER_CONFIG $@" >>{log}\nexec "{ROOT}/.local/bin/crane" "$@"\n')
    (tools / "crane").chmod(0o755)
    monkeypatch.setenv("LEAPLINE_TOOLS", str(tmp_path / "tools"))
    return log


def publish(settings: Settings, make_image: MakeImage) -> list[str]:
    """Push two models to both registries and make the second the champion of both; return their digests."""
    from leapline.deployment.factory import champion_tags, more_registries, promotion_request, registry

    images = [make_image(day, model_id=f"{day}-0123456789ab", day=day) for day in ("2026-03-01", "2026-03-02")]
    for target in [registry(settings), *more_registries(settings)]:
        for image, day in zip(images, ("2026-03-01", "2026-03-02"), strict=True):
            target.push(image, f"{day}-0123456789ab")
    one, two = (index_digest(image) for image in images)
    champion_tags(settings).promote(one, promotion_request("r1", "test"), expected_current=None)
    champion_tags(settings).promote(two, promotion_request("r2", "test"), expected_current=one)
    return [one, two]


def test_tasks_log_in_to_every_registry_and_leave_no_trace(
    settings: Settings,
    make_image: MakeImage,
    commands: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from leapline.deployment.factory import more_registries, registry
    from leapline.orchestration.operators import RollBack

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    settings = Settings.load()  # with the wrapper as its `crane`
    before = {path: path.read_bytes() for path in (tmp_path / "docker").iterdir()}
    with registry_login(settings, "publish"):
        one, two = publish(settings, make_image)
    run = SimpleNamespace(triggering_user_name="Ann")
    context = {"params": {"model_id": None, "reason": ""}, "dag_run": run, "run_id": "r3"}
    with caplog.at_level("DEBUG"):
        moved = RollBack().execute(context)  # type: ignore[arg-type]
    assert (moved["champion"], moved["previous"]) == (one, two)
    with registry_login(settings, "evaluate"):
        champions = [target.digest("champion") for target in (registry(settings), *more_registries(settings))]
    assert champions == [one, one]
    folders = {Path(line.split()[0]) for line in commands.read_text().splitlines()}
    assert len(folders) == 3, "one folder per task"
    assert not any(folder.exists() for folder in folders)
    assert {path: path.read_bytes() for path in (tmp_path / "docker").iterdir()} == before
    texts = [caplog.text, json.dumps(moved), commands.read_text()]
    texts += [path.read_text(errors="replace") for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    [auth] = {login.auth for login in docker_logins(settings)}
    assert not any(secret in text for text in texts for secret in (PASSWORD, auth))


def test_wrong_password_names_the_connection(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from leapline.deployment.factory import registry

    define(monkeypatch, "main", settings.registry, password="wrong password")
    expected = f"rejects the login for {settings.registry} in Airflow's connection main"
    with registry_login(settings, "promote"), pytest.raises(AccessDeniedError, match=expected) as error:
        registry(settings).tags()
    assert "wrong password" not in str(error.value)


def test_certificate_that_is_not_accepted_is_named_before_the_first_request(
    start: Start, certificate: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from leapline.deployment.factory import more_registries, registry

    tls = f", tls: {{certificate: {certificate['certificate']}, key: {certificate['key']}}}"
    host = f"127.0.0.2:{start(tls=tls, host='127.0.0.2')}"
    settings = Settings(registry=host, more_registries=f"{host}/shop/mirror", tools=ROOT / ".local")
    for targets in (registry, more_registries):
        with pytest.raises(RegistryUnusableError, match="self-signed certificate.*Set SSL_CERT_FILE to a PEM file"):
            targets(settings)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate["certificate"]))
    with pytest.raises(RegistryUnusableError, match="Use a host name that is in the registry's certificate"):
        registry(settings)


@pytest.mark.parametrize("step", ["extract", "featurize", "train", "gate", "package", "probe"])
def test_other_tasks_do_not_get_the_logins(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", "/mine")
    with registry_login(Settings(registry_connections="nowhere"), step):
        assert os.environ["DOCKER_CONFIG"] == "/mine"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"conn_type": "postgres"}, "found type postgres; expected type Docker or Generic"),
        ({"password": None}, "found no password; expected all of them"),
        ({"host": None, "login": ""}, "found no host and no login"),
        ({"host": "ghcr.io"}, "found the host ghcr.io; expected a registry of the settings: eu.example, us.example"),
        ({"host": "eu.example/other/scorer"}, "found the host eu.example/other/scorer"),
        ({"host": "eu.example", "port": 5000}, "found the host eu.example:5000"),
    ],
)
def test_unusable_connection_is_named(fields: dict[str, Any], problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "shop", **({"host": "eu.example"} | fields))
    settings = Settings(registry="eu.example", more_registries="us.example/shop/x", registry_connections="shop")
    with pytest.raises(SettingsError, match=problem) as error:
        docker_logins(settings)
    assert str(error.value).startswith("Airflow's connection shop (LEAPLINE_REGISTRY_CONNECTIONS): ")
    assert PASSWORD not in str(error.value)


def test_missing_connection_is_named_and_does_not_keep_state_from_being_shown() -> None:
    settings = Settings(registry_connections="nowhere")
    with pytest.raises(SettingsError, match="connection nowhere .*: found no such connection"):
        docker_logins(settings)
    with usable_logins(settings):
        pass


def test_two_connections_for_a_registry_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "one", "ghcr.io")
    define(monkeypatch, "two", "https://ghcr.io/")
    with pytest.raises(SettingsError, match="two .*found a second login for ghcr.io.*Airflow's connection one"):
        docker_logins(Settings(registry="ghcr.io", registry_connections="one,two"))


def test_ecr_is_rejected_because_its_logins_come_from_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    define(monkeypatch, "ecr", host)
    with pytest.raises(SettingsError, match="LEAPLINE_AWS_CONNECTION"):
        docker_logins(Settings(registry=host, registry_connections="ecr"))


@pytest.mark.parametrize("host", ["docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"])
def test_every_name_of_docker_hub_is_accepted(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "hub", host)
    settings = Settings(registry="index.docker.io", repository="shop/scorer", registry_connections="hub")
    assert [login.target for login in docker_logins(settings)] == ["index.docker.io", "index.docker.io/shop/scorer"]


def test_google_key_of_several_lines_is_passed_on_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    from base64 import b64decode

    key = json.dumps({"type": "service_account", "private_key": "-----BEGIN\nx\n-----END\n"}, indent=2)
    define(monkeypatch, "google", "europe-west1-docker.pkg.dev", login="_json_key", password=key)
    settings = Settings(registry="europe-west1-docker.pkg.dev", registry_connections="google")
    assert {b64decode(login.auth).decode() for login in docker_logins(settings)} == {f"_json_key:{key}"}
