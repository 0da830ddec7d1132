"""Cloud Run: a service takes over an image, or gets its former one back."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from leapline.errors import DeployUnusableError, RolloutFailedError
from leapline.rollout.cloud_run import CloudRunTarget
from leapline.rollout.logins import Connection, Logins
from leapline.rollout.platform import Running
from leapline.rollout.target import Target, parse_targets
from tests.fakes.cloud_run_api import CloudRunApi, cloud_run_api
from tests.rollout.conftest import NEW, OLD, QUICK, FakeImages


@pytest.fixture
def api() -> Iterator[CloudRunApi]:
    with cloud_run_api(OLD) as server:
        yield server


def score(api: CloudRunApi, service: str = "score") -> CloudRunTarget:
    [target] = parse_targets(f"cloudrun://shop/europe-west1/{service}")
    return CloudRunTarget(target, Logins(), api.api, requests.Session())


def test_template_gets_the_image_and_the_revision_is_awaited(api: CloudRunApi) -> None:
    target = score(api)
    before = target.running()
    assert before == Running(OLD, True)
    target.roll_out(target.image(FakeImages()), before, QUICK)
    assert target.running() == Running(NEW, True)
    [patch] = api.patches
    assert "revision" not in patch["template"], "a revision's name cannot be used twice"
    assert patch["template"]["containers"] == [{"image": NEW, "ports": [{"containerPort": 8080}]}]


def test_revision_that_does_not_start_is_replaced_by_the_former_image(api: CloudRunApi) -> None:
    api.broken = {NEW}
    target = score(api)
    with pytest.raises(RolloutFailedError, match=f"The container did not start.*the service is back at {OLD}"):
        target.roll_out(NEW, target.running(), QUICK)
    assert target.running() == Running(OLD, True)


def test_service_that_is_reconciling_is_not_complete(api: CloudRunApi) -> None:
    api.service["reconciling"] = True
    assert score(api).running() == Running(OLD, False)


def test_pinned_traffic_is_rejected_before_the_change(api: CloudRunApi) -> None:
    api.service["traffic"] = [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "percent": 100, "revision": "x"}]
    with pytest.raises(DeployUnusableError, match="100 % of the traffic pinned"):
        score(api).roll_out(NEW, Running(OLD), QUICK)
    assert api.patches == []


def test_missing_service_and_permission_are_named(api: CloudRunApi) -> None:
    with pytest.raises(DeployUnusableError, match="HTTP 404: Resource .*/services/other' was not found"):
        score(api, "other").running()
    api.status = 403
    with pytest.raises(DeployUnusableError, match="HTTP 403: Permission denied.*roles/run.developer"):
        score(api).running()


def test_login_with_the_key_of_a_connection(api: CloudRunApi) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = {
        "type": "service_account", "client_email": "leapline@shop.example", "token_uri": f"{api.api}token",
        "private_key": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }  # fmt: skip

    class OneConnection(Logins):
        def connection(self, target: Target) -> Connection:
            return Connection(extra={"keyfile_dict": json.dumps(key)})

    api.requires_token = True
    [target] = parse_targets("cloudrun://shop/europe-west1/score?connection=gcp")
    assert CloudRunTarget(target, OneConnection(), api.api).running() == Running(OLD, True)
    claims = json.loads(urlsafe_b64decode(api.assertions[0].split(".")[1] + "=="))
    assert (claims["iss"], claims["scope"]) == (key["client_email"], "https://www.googleapis.com/auth/cloud-platform")
    with pytest.raises(DeployUnusableError, match="HTTP 401"):
        CloudRunTarget(target, OneConnection(), api.api, requests.Session()).running()


def test_key_of_a_connection_that_is_no_key_is_rejected_without_showing_it() -> None:
    class OneConnection(Logins):
        def connection(self, target: Target) -> Connection:
            return Connection(extra={"keyfile_dict": '{"type": "service_account", "private_key": "SECRET"}'})

    [target] = parse_targets("cloudrun://shop/europe-west1/score?connection=gcp")
    with pytest.raises(DeployUnusableError, match="expected a Google login") as error:
        CloudRunTarget(target, OneConnection()).running()
    assert "SECRET" not in str(error.value)
