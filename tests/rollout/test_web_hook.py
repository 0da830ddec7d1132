"""Web hooks: signature, repetitions, and what is not sent."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier
from typing import Any

import pytest

from leapline.errors import DeployError, DeployUnusableError
from leapline.rollout.platform import Running
from leapline.rollout.target import parse_targets
from leapline.rollout.web_hook import ATTEMPTS, Delivery, WebHookTarget, signed_headers
from tests.conftest import ROOT
from tests.fakes.servers import up
from tests.rollout.conftest import NEW, OLD, QUICK, FakeImages

SECRET = "0123456789abcdef0123456789abcdef"


class _Receiver(BaseHTTPRequestHandler):
    server: "Receiver"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((dict(self.headers.items()), content))
        if self.server.barrier:
            self.server.barrier.wait()
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Discard log messages."""


class Receiver(ThreadingHTTPServer):
    """Answers with `statuses`, then with 204, and at a `barrier` if there is one; `received` has headers and bodies."""

    def __init__(self, statuses: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.statuses, self.received = statuses, list[tuple[dict[str, str], bytes]]()
        self.barrier: Barrier | None = None


@contextmanager
def receiver(*statuses: int) -> Iterator[Receiver]:
    with up(Receiver(list(statuses))) as server:
        yield server


def hook(server: Receiver, last: Delivery | None = None, secret: str = SECRET) -> WebHookTarget:
    [target] = parse_targets(f"http://127.0.0.1:{server.server_address[1]}/hooks/secret-part?token=x")
    return WebHookTarget(target, secret, last or Delivery(), backoff_s=0.001)


def deliver(target: WebHookTarget) -> None:
    target.roll_out(target.image(FakeImages()), target.running(), QUICK)


def test_promotion_is_sent_as_signed_json() -> None:
    with receiver() as server:
        target = hook(server, Delivery(OLD, "2026-03-01T04:00:00+00:00"))
        assert target.running() == Running(OLD)
        deliver(target)
        assert target.running() == Running(NEW)
    [(headers, content)] = server.received
    assert json.loads(content) == {
        "type": "champion.moved",
        "data": {"model_id": FakeImages().model_id, "digest": FakeImages().digest, "image": NEW, "before": OLD},
    }
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
    mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert headers["Idempotency-Key"] == headers["webhook-id"]


def test_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', now=lambda: 1614265330.5)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_documented_check_accepts_genuine_requests_only() -> None:
    page = (ROOT / "docs/deployment.md").read_text()
    scope: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], scope)  # noqa: S102
    headers = dict(signed_headers(SECRET.encode(), "msg_1", b"{}"))
    assert scope["is_genuine"](headers, b"{}", SECRET)
    assert not scope["is_genuine"](headers, b"{} ", SECRET)
    assert not scope["is_genuine"](headers, b"{}", "another secret")
    assert not scope["is_genuine"](headers | {"webhook-timestamp": "1614265330"}, b"{}", SECRET)


def test_busy_receiver_gets_the_same_message_again() -> None:
    with receiver(503, 429) as server:
        deliver(hook(server))
    assert len(server.received) == 3
    assert len({headers["webhook-id"] for headers, _ in server.received}) == 1


def test_message_id_lasts_until_it_is_accepted_and_differs_when_the_model_comes_back() -> None:
    with receiver(*[503] * ATTEMPTS) as server:
        with pytest.raises(DeployError, match="found status 503") as error:
            deliver(hook(server))
        assert error.value.retriable
        deliver(hook(server))
        deliver(hook(server, Delivery(OLD, "2026-03-02T04:00:00+00:00")))
        deliver(hook(server, Delivery(OLD, "2026-03-03T04:00:00+00:00")))
    ids = [headers["webhook-id"] for headers, _ in server.received]
    assert len(set(ids[: ATTEMPTS + 1])) == 1
    assert len(set(ids[ATTEMPTS:])) == 3


@pytest.mark.parametrize("status", [302, 401, 404])
def test_rejection_and_redirection_are_not_repeated(status: int) -> None:
    with receiver(status) as server, pytest.raises(DeployUnusableError, match=f"found status {status}") as error:
        deliver(hook(server))
    assert len(server.received) == 1
    assert "secret-part" not in str(error.value)


def test_receiver_that_is_down_is_named_without_the_secret_part_of_its_url() -> None:
    with receiver() as server:
        target = hook(server)
    with pytest.raises(DeployError, match=r"http://127.0.0.1/\.\.\.: found no answer") as error:
        deliver(target)
    assert "secret-part" not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("secret", ["", "short", "whsec_c2hvcnQ=", "whsec_no base64 at all, and long enough"])
def test_missing_or_short_secret_is_rejected_before_anything_is_sent(secret: str) -> None:
    with receiver() as server, pytest.raises(DeployUnusableError, match="24 bytes or more"):
        hook(server, secret=secret)
    assert server.received == []
