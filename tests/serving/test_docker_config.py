"""Copies of Docker's configuration with further logins: read by the real `crane`, against a real registry."""

import json
from base64 import b64encode
from pathlib import Path

import pytest

from leapline.errors import AccessDeniedError, RegistryUnusableError
from leapline.serving.crane import AbsentError
from leapline.serving.docker_config import DockerLogin, has_login, login_origin, write_logins
from tests.serving.test_registry_causes import LOGIN, SetConfig, Start, crane, docker_config, read_tag, start

__all__ = ["docker_config", "start"]


@pytest.fixture
def port(start: Start, tmp_path: Path) -> int:
    """The port of a registry that asks for a login."""
    (tmp_path / "htpasswd").write_text(LOGIN)
    return start(auth=f"auth: {{htpasswd: {{realm: x, path: {tmp_path}/htpasswd}}}}")


@pytest.fixture
def copy(tmp_path: Path, docker_config: SetConfig) -> Path:
    """A folder for the copy; Docker's configuration names a helper that is not installed for every host."""
    docker_config(json.dumps({"credsStore": "nosuch", "auths": {"ghcr.io": {"auth": "eDp5"}}}))
    (tmp_path / "copy").mkdir()
    return tmp_path / "copy"


def login(target: str, user: str = "shop:secret") -> DockerLogin:
    return DockerLogin(target, b64encode(user.encode()).decode(), "Airflow's connection shop")


def test_login_in_a_copy_wins_over_the_helpers_of_the_user(
    port: int, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users_file = tmp_path / "docker" / "config.json"
    before = users_file.read_bytes()
    write_logins(copy, users_file, [login(f"localhost:{port}"), login(f"localhost:{port}/shop/scorer")])
    monkeypatch.setenv("DOCKER_CONFIG", str(copy))
    with pytest.raises(AbsentError, match="manifest unknown"):
        read_tag(crane(port))
    assert (copy / "config.json").stat().st_mode & 0o077 == 0
    assert users_file.read_bytes() == before
    assert json.loads((copy / "config.json").read_text())["auths"]["ghcr.io"] == {"auth": "eDp5"}


def test_rejected_login_names_the_place_to_correct(port: int, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_logins(copy, copy / "no such file", [login(f"localhost:{port}", "shop:wrong")])
    monkeypatch.setenv("DOCKER_CONFIG", str(copy))
    expected = rf"rejects the login for localhost:{port} in Airflow's connection shop: check user name and password"
    with pytest.raises(AccessDeniedError, match=expected) as error:
        read_tag(crane(port))
    assert not error.value.retriable
    assert "wrong" not in str(error.value)


def test_host_without_login_names_the_file_of_the_user(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_logins(tmp_path, tmp_path / "mine.json", [login("ghcr.io")])
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(AccessDeniedError, match=rf"{tmp_path}/mine.json has no login for localhost:{port}"):
        read_tag(crane(port))


def test_docker_hub_has_its_historical_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_logins(tmp_path, tmp_path / "none", [login("docker.io")])
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert json.loads((tmp_path / "config.json").read_text())["auths"].keys() == {"https://index.docker.io/v1/"}
    assert has_login("index.docker.io")
    assert login_origin("docker.io") == "Airflow's connection shop"
    assert not has_login("ghcr.io")


@pytest.mark.parametrize("content", ["{no json", "[]"])
def test_unreadable_configuration_is_named_and_not_copied(content: str, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(content)
    with pytest.raises(RegistryUnusableError, match=f"Docker's configuration {tmp_path}/mine.json"):
        write_logins(tmp_path, tmp_path / "mine.json", [login("ghcr.io")])
    assert not (tmp_path / "config.json").exists()
