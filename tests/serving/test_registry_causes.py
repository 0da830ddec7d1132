"""Each way in which a registry refuses is named with its remedy; only what may pass by itself is retried."""

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leapline.errors import AccessDeniedError, RegistryError, RegistryUnusableError
from leapline.serving.crane import AbsentError, Crane
from tests.conftest import ROOT
from tests.fakes.registry_proxy import Fault, RegistryProxy
from tests.ports import free_port

CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, maintenance: {{readonly: {{enabled: {read_only}}}}}}}
http: {{addr: "{host}:{port}", secret: x{tls}}}
{auth}
"""
LOGIN = "shop:$2b$04$6YyrRuWAnl.RrrK9kePW.e2XVOcOt.KV9w94n9txPjucuQCjk8Uqm"
"""User `shop` with the password `secret`, as htpasswd writes it."""

Start = Callable[..., int]
SetConfig = Callable[[str], None]


@pytest.fixture
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetConfig:
    """A function that sets the content of Docker's configuration."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "docker").mkdir()

    def write(content: str) -> None:
        (tmp_path / "docker" / "config.json").write_text(content)

    write("{}")
    return write


@pytest.fixture
def start(tmp_path: Path, docker_config: SetConfig) -> Iterator[Start]:
    """A function that starts a real registry with some options, and returns its port."""
    if not (ROOT / ".local/bin/registry").exists():
        pytest.skip("TOOLS MISSING: `make setup` installs the registry into .local")
    children = []

    def run(*, tls: str = "", auth: str = "", read_only: bool = False, host: str = "127.0.0.1") -> int:
        port = free_port()
        settings = {
            "folder": tmp_path,
            "host": host,
            "port": port,
            "tls": tls,
            "auth": auth,
            "read_only": str(read_only).lower(),
        }
        (tmp_path / "config.yml").write_text(CONFIG.format(**settings))
        command = [ROOT / ".local/bin/registry", "serve", tmp_path / "config.yml"]
        with (tmp_path / "log").open("wb") as log:
            children.append(subprocess.Popen(command, stdout=log, stderr=log))
        deadline = time.monotonic() + 20
        with socket.socket() as probe:
            while probe.connect_ex((host, port)):
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.05)
        return port

    yield run
    for child in children:
        child.terminate()
        child.wait(10)


def crane(port: int, host: str = "localhost") -> Crane:
    return Crane(ROOT / ".local/bin/crane", f"{host}:{port}", budget_s=10)


def read_tag(crane: Crane) -> None:
    """Ask for a tag that does not exist.

    Raises:
        RegistryError: in any case.
    """
    crane.run("digest", f"{crane.host}/shop/scorer:champion")


def login(port: int, password: str) -> str:
    text = base64.b64encode(f"shop:{password}".encode()).decode()
    return json.dumps({"auths": {f"localhost:{port}": {"auth": text}}})


def test_missing_and_wrong_logins_are_told_apart(start: Start, docker_config: SetConfig, tmp_path: Path) -> None:
    (tmp_path / "htpasswd").write_text(LOGIN)
    port = start(auth=f"auth: {{htpasswd: {{realm: x, path: {tmp_path}/htpasswd}}}}")
    with pytest.raises(AccessDeniedError, match=rf"Log in: .*config.json has no login for localhost:{port}"):
        read_tag(crane(port))
    docker_config(login(port, "wrong"))
    with pytest.raises(AccessDeniedError, match=rf"rejects the login for localhost:{port} in .*: check user name"):
        read_tag(crane(port))
    docker_config(login(port, "secret"))
    with pytest.raises(AbsentError, match="manifest unknown"):
        read_tag(crane(port))


def test_unknown_authority_names_the_variable_that_adds_one(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shutil.which("openssl"):
        pytest.skip("TOOLS MISSING: openssl, which makes the test's certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=localhost"
    subprocess.run([*command.split(), "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    port = start(tls=f", tls: {{certificate: {certificate}, key: {key}}}")
    with pytest.raises(RegistryError, match=r"failed 1 time .*Set SSL_CERT_FILE to a PEM file"):
        read_tag(crane(port))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(AbsentError, match="manifest unknown"):
        read_tag(crane(port))
    with pytest.raises(RegistryError, match=r"failed 1 time .*Use a host name that is in the registry's certificate"):
        read_tag(crane(port, "127.0.0.1"))


def test_registry_that_accepts_no_writes_is_named(start: Start, tmp_path: Path) -> None:
    port = start(read_only=True)
    with pytest.raises(AbsentError, match="manifest unknown"):
        read_tag(crane(port))
    (tmp_path / "layer.tar").write_bytes(bytes(10240))
    with pytest.raises(RegistryError, match=r"failed 1 time .*end its read-only mode"):
        crane(port).run("append", "-f", str(tmp_path / "layer.tar"), "-t", f"localhost:{port}/shop/scorer:x")


@pytest.mark.parametrize(
    ("status", "message", "error", "fix"),
    [
        (403, "adding 2.1 MiB of storage resource, which when updated to current usage of 9.9 GiB will exceed the "
         "configured upper limit of 10.0 GiB.", RegistryUnusableError, "have its quota raised"),
        (403, "The system is in read only mode. Any modification is prohibited.", RegistryUnusableError,
         "end its read-only mode"),
        (403, "requested access to the resource is denied", AccessDeniedError, "Ask for permission"),
        (401, "The access token has expired.", AccessDeniedError, "The login has expired: log in again"),
    ],
)  # fmt: skip
def test_refused_push_is_named_and_not_repeated_in_vain(
    start: Start,
    docker_config: SetConfig,
    tmp_path: Path,
    status: int,
    message: str,
    error: type[RegistryError],
    fix: str,
) -> None:
    """The texts are those of Harbor, for which a real registry behind a proxy stands in."""
    (tmp_path / "layer.tar").write_bytes(bytes(10240))
    with RegistryProxy(f"127.0.0.1:{start()}") as proxy:
        host = proxy.address
        docker_config(json.dumps({"auths": {host: {"auth": base64.b64encode(b"shop:x").decode()}}}))
        proxy.faults.append(Fault("PUT", "/manifests/", status=status, message=message, times=9))
        with pytest.raises(error, match=fix) as info:
            Crane(ROOT / ".local/bin/crane", host, 10).run(
                "append", "-f", f"{tmp_path}/layer.tar", "-t", f"{host}/a/b:c"
            )
    assert not info.value.retriable
    assert f"failed {'2 times' if error is AccessDeniedError else '1 time'}" in str(info.value), "denied: tried again"


@pytest.mark.parametrize(
    ("config", "fix"),
    [
        ('{"credsStore": "nosuch"}', "Install this credential helper on PATH"),
        ("{no json", "Correct Docker's configuration"),
        ('{"auths": null}', "Check the address"),
    ],
)
def test_fault_in_dockers_configuration_is_named(config: str, fix: str, docker_config: SetConfig) -> None:
    docker_config(config)
    port = free_port()
    with pytest.raises(RegistryError, match=fix):
        Crane(ROOT / ".local/bin/crane", f"localhost:{port}", budget_s=1).run("digest", f"localhost:{port}/a/b:c")


@pytest.mark.parametrize(
    ("message", "fix", "is_retried"),
    [
        ("http: server gave HTTP response to HTTPS client", "LEAPLINE_REGISTRY_PLAIN_HTTP=true", False),
        ("status code 400 Bad Request: Client sent an HTTP request to an HTTPS server.", "PLAIN_HTTP=false", False),
        ("status code 403 Forbidden: DENIED: project quota exceeded", "have its quota raised", False),
        ("status code 507 Insufficient Storage: no space left on device", "Free space", False),
        ("x509: certificate has expired or is not yet valid: current time 2026", "this machine's clock", False),
        ("dial tcp: lookup nosuch.example: no such host", "Check the address", True),
        ("status code 401 Unauthorized: your authorization token has expired", "log in again", True),
        ("status code 500 Internal Server Error", "Run it again later", True),
        ("GET https://r.example/v2/quota/read-only/x: status code 500", "Run it again later", True),
    ],
)
def test_message_decides_the_remedy_and_the_retries(message: str, fix: str, is_retried: bool, tmp_path: Path) -> None:
    (tmp_path / "message").write_text(f"Error: GET https://r.example/v2/a/manifests/t: {message}\n")
    (tmp_path / "crane").write_text(f"#!/bin/sh\nprintf x >>{tmp_path}/calls\ncat {tmp_path}/message >&2\nexit 1\n")
    (tmp_path / "crane").chmod(0o755)
    with pytest.raises(RegistryError, match=fix) as info:
        Crane(tmp_path / "crane", "r.example", budget_s=2.5).run("digest", "r.example/a:t")
    assert info.value.retriable is is_retried
    assert ((tmp_path / "calls").read_text() != "x") is is_retried
