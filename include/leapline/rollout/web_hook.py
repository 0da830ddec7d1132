"""A web hook: the promotion as JSON, signed as in the Standard Webhooks specification.

The headers are `webhook-id`, `webhook-timestamp` and `webhook-signature`: `v1,` and the base64 of the HMAC-SHA256 of
`id.timestamp.body`. The id is the same for every attempt to deliver one promotion, so that a receiver can tell a
repetition; `Idempotency-Key` repeats it.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from leapline.errors import DeployError, DeployUnusableError
from leapline.rollout.platform import Images, Running, Wait
from leapline.rollout.target import Target

MIN_SECRET_BYTES: Final = 24
ATTEMPTS: Final = 4
_REQUEST_TIMEOUT_S: Final = 15


@dataclass(frozen=True)
class Delivery:
    """What was delivered to a web hook last.

    Attributes:
        image: the image of the last promotion that it accepted; empty if there is none.
        when: when it accepted it, UTC, ISO 8601.
    """

    image: str = ""
    when: str = ""


class WebHookTarget:
    """A web hook. It has no state that could be asked, so the last delivery is recorded in the lake.

    Args:
        target: its URL.
        secret: signs the requests.
        last: the last delivery.
        backoff_s: seconds before the second attempt; doubled before each further one.
    """

    def __init__(self, target: Target, secret: str, last: Delivery, backoff_s: float = 2.0) -> None:
        self.target, self._last, self._backoff_s = target, last, backoff_s
        self._key = secret_bytes(secret, target)
        self._body: dict[str, Any] = {}

    def running(self) -> Running:
        """Return the image that was delivered last."""
        return Running(self._last.image)

    def image(self, images: Images) -> str:
        """Return the image for all architectures."""
        self._body = {"model_id": images.model_id, "digest": images.digest, "image": images.index()}
        return images.index()

    def roll_out(self, image: str, before: Running, wait: Wait) -> None:
        """Send the promotion, several times if the receiver does not answer or is busy."""
        message_id = self._message_id(image)
        body = {"type": "champion.moved", "data": self._body | {"image": image, "before": before.image or None}}
        content = json.dumps(body, sort_keys=True).encode()
        for attempt in range(ATTEMPTS):
            try:
                self._send(message_id, content)
            except DeployError as exc:
                if not exc.retriable or attempt == ATTEMPTS - 1:
                    raise
                time.sleep(self._backoff_s * 2**attempt)
            else:
                self._last = Delivery(image)
                return

    def _message_id(self, image: str) -> str:
        """The same until this promotion is accepted, and another one when the model comes back later."""
        text = "\n".join((self.target.key, image, self._last.image, self._last.when))
        return f"msg_{hashlib.sha256(text.encode()).hexdigest()[:32]}"

    def _send(self, message_id: str, content: bytes) -> None:
        import requests

        try:
            response = requests.post(
                self.target.parts["url"], data=content, headers=signed_headers(self._key, message_id, content),
                timeout=_REQUEST_TIMEOUT_S, allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException as exc:
            kind = type(exc).__name__  # Its text contains the URL, which may be secret.
            raise DeployError(
                self.target.name, found=f"no answer ({kind})", expected="status 200 to 299",
                fix="Start the receiver or correct its address, then run it again.",
            ) from None  # fmt: skip
        if response.ok and response.status_code < 300:
            return
        busy = response.status_code in (408, 409, 425, 429) or response.status_code >= 500
        raise (DeployError if busy else DeployUnusableError)(
            self.target.name, found=f"status {response.status_code}", expected="status 200 to 299",
            fix="Run it again later." if busy else "Correct its address or its secret.",
        )  # fmt: skip


def secret_bytes(secret: str, target: Target) -> bytes:
    """Return the key of a secret: what follows `whsec_` in base64, or the text itself.

    Raises:
        DeployUnusableError: it is missing, too short or not base64.
    """
    try:
        key = base64.b64decode(secret[6:], validate=True) if secret.startswith("whsec_") else secret.encode()
    except binascii.Error:
        key = b""
    if len(key) >= MIN_SECRET_BYTES:
        return key
    raise DeployUnusableError(
        f"{target.name}, secret", found="none" if not secret else f"one of {len(key)} bytes",
        expected=f"a secret of {MIN_SECRET_BYTES} bytes or more",
        fix="Set LEAPLINE_DEPLOY_WEBHOOK_SECRET, for example to the output of `openssl rand -hex 32`.",
    )  # fmt: skip


def signed_headers(
    key: bytes, message_id: str, content: bytes, now: Callable[[], float] = time.time
) -> Mapping[str, str]:
    """Return the headers of a request.

    Args:
        key: of the signature.
        message_id: the same for every repetition.
        content: the body.
        now: seconds since 1970.
    """
    timestamp = str(int(now()))
    mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + content, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": message_id,
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
