"""The services of docker-compose.yaml, started from a copy of the checkout as a user starts them."""

import base64
import json
import os
import re
import secrets
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leapline.local.airflow_api import AirflowApi
from tests.conftest import ROOT
from tests.ports import free_port

PROJECT = "leapline-test"
PORTS = ("AIRFLOW_PORT", "REGISTRY_PORT", "SCORER_PORT", "SPARK_UI_PORT", "S3_PORT")


def missing_engine() -> str:
    """Return why no container engine with Compose can be used; empty if one can."""
    if not shutil.which("docker"):
        return "no `docker` on PATH"
    for command in (["docker", "version"], ["docker", "compose", "version"]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return f"`{' '.join(command)}`: {done.stderr.strip()[-300:]}"
    return ""


def copy_checkout(target: Path) -> None:
    """Copy the files of the checkout that Git tracks, or would track."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (source := ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def fill_in_env(folder: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Write `.env` from `.env.example`, with a random value for each secret; return its variables."""
    example = (folder / ".env.example").read_text()
    variables = dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", example, re.MULTILINE))
    variables = {name: value or secrets.token_hex(32) for name, value in variables.items()}
    variables["AIRFLOW_FERNET_KEY"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    variables |= {name: str(free_port()) for name in PORTS} | {"TABLE_FORMATS": ""} | values
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    return variables


@dataclass(frozen=True)
class Stack:
    """The running services.

    Attributes:
        folder: the copy of the checkout.
        variables: of its `.env`.
        docker_config: folder of Docker's configuration with the login of the stack's registry.
    """

    folder: Path
    variables: Mapping[str, str]
    docker_config: Path

    def configure(self, settings: Mapping[str, object]) -> None:
        """Write the services' settings, which they have from their next start on."""
        (self.folder / "leapline.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def docker(self, *arguments: str, timeout: float = 300, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run `docker` in the folder."""
        env = os.environ | {"DOCKER_CONFIG": str(self.docker_config), "COMPOSE_PROJECT_NAME": PROJECT}
        done = subprocess.run(
            ["docker", *arguments], cwd=self.folder, env=env, capture_output=True, text=True, timeout=timeout
        )
        assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}: {done.stderr[-3000:]}"
        return done

    def compose(self, *arguments: str, timeout: float = 300) -> str:
        """Run `docker compose` and return its output."""
        return self.docker("compose", *arguments, timeout=timeout).stdout

    def services(self) -> dict[str, dict[str, Any]]:
        """Return the state of each service's container, as `docker compose ps` reports it."""
        lines = self.compose("--profile", "*", "ps", "--all", "--format", "json").splitlines()
        return {row["Service"]: row for row in map(json.loads, lines)}

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine knows of a service's container."""
        return dict(json.loads(self.docker("inspect", self.services()[service]["ID"]).stdout)[0])

    def wait_until_healthy(self, service: str, seconds: float = 120) -> None:
        """Wait until a service is running and healthy."""
        wait_for(lambda: self.services()[service]["Health"] == "healthy", seconds, f"{service} is healthy")

    def connects(self, service: str, host: str, port: int) -> bool:
        """Return whether a service's container can open a connection to another one."""
        code = f"import socket; socket.create_connection(({host!r}, {port}), 3)"
        return self.docker("compose", "exec", "-T", service, "python", "-c", code, check=False).returncode == 0

    def url(self, port: str, path: str = "") -> str:
        """Return an address on one of the published ports."""
        return f"http://127.0.0.1:{self.variables[port]}{path}"

    def airflow(self) -> AirflowApi:
        """Return a client of Airflow's API."""
        return AirflowApi(self.url("AIRFLOW_PORT"), "admin", self.variables["AIRFLOW_ADMIN_PASSWORD"])

    def applications(self) -> list[str]:
        """Return the names of the applications that Spark's master has seen."""
        with urllib.request.urlopen(self.url("SPARK_UI_PORT", "/json/"), timeout=10) as answer:  # noqa: S310
            state = json.load(answer)
        return [row["name"] for row in state["activeapps"] + state["completedapps"]]

    def champion_digest(self) -> str:
        """Return the digest to which the registry's tag `champion` points."""
        accept = {"Accept": "application/vnd.oci.image.index.v1+json"}
        request = urllib.request.Request(  # noqa: S310
            self.url("REGISTRY_PORT", "/v2/leapline/scorer/manifests/champion"), headers=accept | self._login()
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return str(answer.headers["Docker-Content-Digest"])

    def _login(self) -> dict[str, str]:
        return {"Authorization": f"Basic {registry_login(self.variables)}"}


def registry_login(variables: Mapping[str, str]) -> str:
    """Return the registry's user and password in the form of HTTP and of Docker's configuration."""
    return base64.b64encode(f"leapline:{variables['REGISTRY_PASSWORD']}".encode()).decode()


def write_docker_config(folder: Path, variables: Mapping[str, str]) -> Path:
    """Write what `docker login` writes into a copy of the user's configuration, which stays unchanged."""
    original = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    folder.mkdir()
    file = original / "config.json"
    config = json.loads(file.read_text()) if file.exists() else {}
    address = f"127.0.0.1:{variables['REGISTRY_PORT']}"
    config["auths"] = config.get("auths", {}) | {address: {"auth": registry_login(variables)}}
    config["cliPluginsExtraDirs"] = [*config.get("cliPluginsExtraDirs", []), str(original / "cli-plugins")]
    config.pop("credsStore", None)
    (folder / "config.json").write_text(json.dumps(config))
    if (original / "contexts").exists():
        (folder / "contexts").symlink_to(original / "contexts")
    return folder


def wait_for(condition: Callable[[], object], seconds: float, what: str, retry: Sequence[type[Exception]] = ()) -> None:
    """Wait until a condition is true; errors of the given types count as false."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except tuple(retry):
            pass
        time.sleep(1)
    raise TimeoutError(f"not after {seconds:.0f} s: {what}")
