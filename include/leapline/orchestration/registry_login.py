"""The Airflow connections that have the logins to the registries."""

import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from leapline.errors import SettingsError
from leapline.orchestration.environment import set_variables
from leapline.serving.docker_config import DockerLogin, docker_config, write_logins
from leapline.serving.ecr import EcrHost
from leapline.settings import Settings

STEPS: Final = frozenset({"evaluate", "publish", "promote", "deploy", "roll_back", "promote_model", "deploy_champion"})
"""The tasks that use the registry; `evaluate` pulls the champion."""
_TYPES: Final = ("docker", "generic")
"""Airflow's form offers the type Docker only where its Docker provider is installed, and Generic always."""
_DOCKER_HUB: Final = "docker.io"
_FIX: Final = "Correct it in Airflow under Admin > Connections, or the setting."


@contextmanager
def registry_login(settings: Settings, step: str) -> Iterator[None]:
    """Point `DOCKER_CONFIG` at a copy of Docker's configuration that also has the logins of the connections.

    The copy is a file in a new folder that only this user can read; it is removed at the end of the block. Where
    temporary files should be in memory, let `TMPDIR` name such a folder.

    Args:
        settings: of the run.
        step: the task; nothing is done for one that is not in `STEPS`.

    Raises:
        SettingsError: a connection is missing or incomplete, or its host is no registry of the settings.
        RegistryUnusableError: Docker's configuration is not a JSON document.
    """
    if step not in STEPS or not settings.registry_connection_ids:
        yield
        return
    logins = docker_logins(settings)
    with tempfile.TemporaryDirectory(prefix="leapline-docker-") as folder:
        write_logins(Path(folder), docker_config(), logins)
        with set_variables({"DOCKER_CONFIG": folder}):
            yield


def docker_logins(settings: Settings) -> list[DockerLogin]:
    """Return the logins of the connections in the setting `registry_connections`.

    A login to a registry is also listed for each of its images: `crane` looks the image up first, and would run
    a helper of the user for it.

    Raises:
        SettingsError: a connection is missing or incomplete, its host is no registry of the settings, or two
            connections are for the same registry.
    """
    logins: dict[str, DockerLogin] = {}
    for conn_id in settings.registry_connection_ids:
        login = _login(conn_id, settings)
        if login.target in logins:
            raise SettingsError(
                _thing(conn_id),
                found=f"a second login for {login.target}",
                expected=f"one, that of {logins[login.target].origin}",
                fix="Remove one of them from LEAPLINE_REGISTRY_CONNECTIONS.",
            )
        logins[login.target] = login
    for image in _images(settings):
        host = image.partition("/")[0]
        if host in logins and image not in logins:
            logins[image] = replace(logins[host], target=image)
    return list(logins.values())


def _login(conn_id: str, settings: Settings) -> DockerLogin:
    connection = _connection(conn_id)
    target = _target(connection, settings)
    text = f"{connection.login}:{connection.password}"
    return DockerLogin(target, b64encode(text.encode()).decode(), f"Airflow's connection {conn_id}")


def _connection(conn_id: str) -> Any:
    """Return a connection with user name and password."""
    thing, types = _thing(conn_id), " or ".join(kind.capitalize() for kind in _TYPES)
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        fix = "Create it in Airflow under Admin > Connections, or take it out of the setting."
        raise SettingsError(thing, found="no such connection", expected=f"one of type {types}", fix=fix) from None
    if connection.conn_type not in _TYPES:
        raise SettingsError(thing, found=f"type {connection.conn_type}", expected=f"type {types}", fix=_FIX)
    absent = [name for name in ("host", "login", "password") if not getattr(connection, name)]
    if absent:
        raise SettingsError(thing, found=f"no {' and no '.join(absent)}", expected="all of them", fix=_FIX)
    return connection


def _target(connection: Any, settings: Settings) -> str:
    """Return the registry, or the image, of the settings that a connection is for."""
    address = _address(connection.host, connection.port)
    hosts = {image.partition("/")[0] for image in _images(settings)}
    targets = sorted(hosts | set(_images(settings)))
    target = next((target for target in targets if _address(target) == address), None)
    if target is None:
        raise SettingsError(
            _thing(connection.conn_id),
            found=f"the host {address}",
            expected=f"a registry of the settings: {', '.join(sorted(hosts))}",
            fix=_FIX,
        )
    if EcrHost.parse(target.partition("/")[0]):
        raise SettingsError(
            _thing(connection.conn_id),
            found=f"a login for {target}",
            expected="AWS credentials for a registry of Amazon ECR",
            fix="Take it out of the setting, and let LEAPLINE_AWS_CONNECTION name a connection of type Amazon Web "
            "Services, or give the machine a role.",
        )
    return target


def _images(settings: Settings) -> list[str]:
    return [settings.image, *settings.more_images]


def _address(host: str, port: int | None = None) -> str:
    """Return `host[:port][/repository]`, the same for all names of Docker Hub."""
    address = host.split("://")[-1].strip("/")
    name, slash, path = address.partition("/")
    if port and ":" not in name:
        name = f"{name}:{port}"
    if name in (_DOCKER_HUB, f"index.{_DOCKER_HUB}", f"registry-1.{_DOCKER_HUB}"):
        return _DOCKER_HUB + (f"/{path}" if path not in ("", "v1", "v2") else "")
    return name + slash + path


def _thing(conn_id: str) -> str:
    return f"Airflow's connection {conn_id} (LEAPLINE_REGISTRY_CONNECTIONS)"
