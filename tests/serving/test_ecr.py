"""ECR: AWS's API comes from moto; pushes go to a real registry with TLS and a login, under ECR's host name."""

import base64
import json
import select
import shutil
import socket
import socketserver
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from leapline.errors import AccessDeniedError, RegistryUnusableError
from leapline.serving.crane import AbsentError, Crane
from leapline.serving.ecr import EcrHost, EcrLogin
from leapline.serving.layout import index_digest
from leapline.serving.registry import Registry
from tests.fakes.servers import up
from tests.serving.conftest import MakeImage
from tests.serving.test_registry_causes import Start, docker_config, start

__all__ = ["docker_config", "start"]
ACCOUNT, REGION = "123456789012", "eu-west-1"
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
HTPASSWD = "AWS:$2b$04$PtFyVMLUhAvTX/DN7BiTdeFaxcuNaodQF3TrS3ESdAW/6SxkvtsB2"
"""User `AWS` with the password of moto's tokens, as htpasswd writes it."""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """moto's ECR in this process, and its client."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield boto3.client("ecr", region_name=REGION)


@pytest.fixture
def ecr_registry(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A registry with ECR's name in its certificate, reached through an HTTPS proxy that resolves the name to it."""
    if not shutil.which("openssl"):
        pytest.skip("TOOLS MISSING: openssl, which makes the test's certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=ecr"
    subprocess.run([*command.split(), "-addext", f"subjectAltName=DNS:{HOST}"], check=True, capture_output=True)
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    tls, auth = (
        f", tls: {{certificate: {certificate}, key: {key}}}",
        f"auth: {{htpasswd: {{realm: x, path: {tmp_path}/htpasswd}}}}",
    )
    port = start(tls=tls, auth=auth)
    with up(tunnel_to(port)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        for name in ("NO_PROXY", "no_proxy", "https_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield port


def tunnel_to(port: int) -> socketserver.ThreadingTCPServer:
    """Return an HTTP proxy whose tunnels all lead to one port."""

    class Tunnel(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while b"\r\n\r\n" not in self.request.recv(4096):
                pass
            self.request.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            with socket.create_connection(("127.0.0.1", port)) as target:
                ends = {self.request: target, target: self.request}
                while ready := select.select(list(ends), [], [], 30)[0]:
                    for end in ready:
                        data = end.recv(65536)
                        if not data:
                            return
                        ends[end].sendall(data)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel, bind_and_activate=True)
    server.daemon_threads = True
    return server


def target(crane: Path) -> Registry:
    return Registry(f"{HOST}/shop/scorer", crane, budget_s=20)


@pytest.mark.parametrize(
    "host",
    [HOST, f"{ACCOUNT}.dkr.ecr-fips.us-gov-west-1.amazonaws.com", f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn",
     f"{ACCOUNT}.dkr-ecr.{REGION}.on.aws"],
)  # fmt: skip
def test_hosts_of_ecr_are_recognised(host: str) -> None:
    registry = EcrHost.parse(host)
    assert registry is not None
    assert registry.account == ACCOUNT
    assert registry.region in host


@pytest.mark.parametrize("host", ["127.0.0.1:5055", "public.ecr.aws", f"{HOST}.example.org", "ghcr.io"])
def test_other_hosts_are_not_ecr(host: str) -> None:
    assert EcrHost.parse(host) is None


@pytest.mark.usefixtures("ecr_registry")
def test_first_push_creates_the_repository_and_later_ones_leave_it(
    aws: Any, crane: Path, make_image: MakeImage
) -> None:
    image = make_image()
    registry = target(crane)
    registry.ping()
    assert registry.tags() == []
    assert registry.push(image, "2026-03-01-a")
    [repository] = aws.describe_repositories()["repositories"]
    assert repository["repositoryName"] == "shop/scorer"
    assert repository["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    filters = {entry["filter"] for entry in repository["imageTagMutabilityExclusionFilters"]}
    assert filters == {"champion*", "previous*"}
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    policy = json.loads(aws.get_lifecycle_policy(repositoryName="shop/scorer")["lifecyclePolicyText"])
    assert [rule["selection"]["tagStatus"] for rule in policy["rules"]] == ["untagged"]
    aws.delete_lifecycle_policy(repositoryName="shop/scorer")
    assert target(crane).push(make_image("another"), "2026-03-02-b")
    with pytest.raises(ClientError, match="LifecyclePolicyNotFound"):
        aws.get_lifecycle_policy(repositoryName="shop/scorer")
    registry.tag("2026-03-01-a", "champion")
    assert registry.digest("champion") == index_digest(image)


@pytest.mark.usefixtures("ecr_registry", "aws")
def test_login_that_is_rejected_midway_is_renewed(crane: Path, tmp_path: Path) -> None:
    class Expired(EcrLogin):
        renewals = 0

        def environment(self) -> dict[str, str]:
            if not self.renewals:
                auth = base64.b64encode(b"AWS:a token from yesterday").decode()
                (self._folder / "config.json").write_text(json.dumps({"auths": {HOST: {"auth": auth}}}))
            return {"DOCKER_CONFIG": str(self._folder)}

        def renew(self) -> None:
            self.renewals += 1
            super().renew()

    login = Expired(EcrHost(HOST, ACCOUNT, REGION), tmp_path)
    with pytest.raises(AbsentError):
        Crane(crane, HOST, 20, login=login).run("digest", f"{HOST}/shop/scorer:champion")
    assert login.renewals == 1


@pytest.mark.usefixtures("aws")
def test_other_logins_of_the_user_stay_usable(tmp_path: Path) -> None:
    mine = {"auths": {"ghcr.io": {"auth": "eDp5"}}, "credHelpers": {HOST: "ecr-login", "gcr.io": "gcloud"}}
    (tmp_path / "config.json").write_text(json.dumps(mine))
    folder = Path(EcrLogin(EcrHost(HOST, ACCOUNT, REGION), tmp_path).environment()["DOCKER_CONFIG"])
    config = json.loads((folder / "config.json").read_text())
    assert config["auths"].keys() == {"ghcr.io", HOST}
    assert config["credHelpers"] == {"gcr.io": "gcloud", HOST: ""}, "a helper for the host would win over the token"
    assert (folder / "config.json").stat().st_mode & 0o077 == 0
    assert json.loads((tmp_path / "config.json").read_text()) == mine


@pytest.mark.usefixtures("aws")
def test_token_is_requested_again_before_it_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login = EcrLogin(EcrHost(HOST, ACCOUNT, REGION), tmp_path)
    answers = iter([datetime.now(UTC).replace(year=2999), datetime.now(UTC)])
    requested: list[str] = []

    def token() -> dict[str, Any]:
        requested.append("token")
        return {"authorizationData": [{"authorizationToken": "QVdTOng=", "expiresAt": next(answers)}]}

    monkeypatch.setattr(login.client, "get_authorization_token", token)
    login.environment()
    login.environment()
    assert len(requested) == 1
    login.renew()
    with pytest.raises(StopIteration):
        login.environment()


def test_missing_credentials_name_the_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(RegistryUnusableError, match="AWS_ACCESS_KEY_ID") as error:
        EcrLogin(EcrHost(HOST, ACCOUNT, REGION), tmp_path).environment()
    assert not error.value.retriable


@pytest.mark.parametrize(
    ("code", "kind", "fix"),
    [
        ("AccessDeniedException", AccessDeniedError, "Allow ecr:GetAuthorizationToken"),
        ("UnrecognizedClientException", RegistryUnusableError, "Correct AWS_ACCESS_KEY_ID"),
        ("ExpiredTokenException", RegistryUnusableError, "aws sso login"),
    ],
)
@pytest.mark.usefixtures("aws")
def test_rejections_by_aws_are_told_apart(
    code: str, kind: type[Exception], fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = EcrLogin(EcrHost(HOST, ACCOUNT, REGION), tmp_path)

    def reject() -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetAuthorizationToken")

    monkeypatch.setattr(login.client, "get_authorization_token", reject)
    with pytest.raises(kind, match=fix):
        login.environment()


@pytest.mark.usefixtures("ecr_registry")
def test_role_that_may_not_look_at_repositories_can_push(
    aws: Any, crane: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = target(crane)

    def reject(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeRepositories")

    client = boto3.Session(region_name=REGION).client("ecr")
    monkeypatch.setattr(client, "describe_repositories", reject)
    monkeypatch.setattr(EcrLogin, "client", client)
    assert registry.push(make_image(), "2026-03-01-a")
    assert aws.describe_repositories()["repositories"] == []
