"""Docker's configuration, from which `crane` reads logins, and copies of it with further logins.

A login reaches `crane` in a copy of the user's `config.json` that only this user can read, in a folder that is removed
afterwards; `DOCKER_CONFIG` names the folder. Command lines and the user's file never contain it.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from leapline.errors import RegistryUnusableError

_ORIGINS: Final = "leapline"
"""Key of Leapline's notes in a copy; Docker and `crane` ignore keys that they do not know."""
_DOCKER_HUB: Final = ("docker.io", "index.docker.io")
_DOCKER_HUB_KEY: Final = "https://index.docker.io/v1/"


@dataclass(frozen=True)
class DockerLogin:
    """A login to a registry.

    Attributes:
        target: a registry's host, or one image of it (`host/repository`).
        auth: user name and password as Docker's configuration contains them: joined by a colon, in Base64.
        origin: where the login comes from, for errors.
    """

    target: str
    auth: str
    origin: str


def docker_config() -> Path:
    """Return the file from which `crane` reads logins."""
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def write_logins(folder: Path, base: Path, logins: Sequence[DockerLogin]) -> None:
    """Write a copy of Docker's configuration with further logins, readable by this user only.

    Args:
        folder: the folder of the copy.
        base: the configuration to copy, whose other logins stay usable; it may be missing.
        logins: they replace those of the same registries.

    Raises:
        RegistryUnusableError: `base` is not a JSON document.
    """
    config = _read(base)
    notes = config.get(_ORIGINS) or {"file": str(base), "logins": {}}
    notes["logins"] |= {_key(login.target): login.origin for login in logins}
    auths = {_key(login.target): {"auth": login.auth} for login in logins}
    # An empty name makes Docker read the file; otherwise credsStore or a helper of the host would win over the login.
    helpers = dict.fromkeys(auths, "")
    config |= {
        "auths": {**(config.get("auths") or {}), **auths},
        "credHelpers": {**(config.get("credHelpers") or {}), **helpers},
        _ORIGINS: notes,
    }
    with os.fdopen(os.open(folder / "config.json", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        json.dump(config, file)


def has_login(host: str) -> bool:
    """Return whether Docker's configuration has a login, or a helper that may have one, for the host."""
    config = _readable()
    try:
        helpers = {name: helper for name, helper in (config.get("credHelpers") or {}).items() if helper}
        named = {**(config.get("auths") or {}), **helpers}
        hosts = {urlsplit(f"//{key.split('://')[-1]}").netloc for key in named}
        return bool(config.get("credsStore")) or urlsplit(f"//{_key(host).split('://')[-1]}").netloc in hosts
    except (TypeError, AttributeError):  # not Docker's format
        return False


def login_origin(host: str) -> str:
    """Return where the login to a host comes from: the user's file, or what `write_logins` was given."""
    notes = _readable().get(_ORIGINS) or {}
    origins = {key.split("://")[-1].split("/")[0]: origin for key, origin in (notes.get("logins") or {}).items()}
    return str(origins.get(_key(host).split("://")[-1].split("/")[0]) or user_config())


def user_config() -> str:
    """Return the user's file, of which the configuration in use may be a copy."""
    notes = _readable().get(_ORIGINS) or {}
    return str(notes.get("file") or docker_config())


def _key(target: str) -> str:
    """Return the key of a registry or image in Docker's configuration; Docker Hub's is historical."""
    return _DOCKER_HUB_KEY if target in _DOCKER_HUB else target


def _readable() -> dict[str, Any]:
    """Return the configuration in use; an empty one if it cannot be read."""
    try:
        return _read(docker_config())
    except RegistryUnusableError:
        return {}


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise _unreadable(path, str(exc)) from exc
    if not isinstance(config, dict):
        raise _unreadable(path, type(config).__name__)
    return config


def _unreadable(path: Path, reason: str) -> RegistryUnusableError:
    return RegistryUnusableError(
        f"Docker's configuration {path}",
        found=reason,
        expected="a JSON document",
        fix="Correct it, or point DOCKER_CONFIG at another folder.",
    )
