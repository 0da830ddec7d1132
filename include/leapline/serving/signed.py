"""Documents of the lake that carry a signature of the installation: the ledger's head and the intent of a promotion.

    {"document": {...}, "signature": {"key": SHA-256 of the public key, "value": base64} or null}

What is signed is the kind of the document and its canonical JSON, so that a signature of one kind is none of another.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from leapline.errors import LedgerError
from leapline.storage import json_bytes


class Verifier(Protocol):
    """A public key whose signatures count."""

    @property
    def key_id(self) -> str:
        """The name of the key: SHA-256 of its PEM text."""

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Return whether the signature of the message was made with this key."""


class Signer(Protocol):
    """A private key."""

    @property
    def public(self) -> Verifier:
        """The public key."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""


@dataclass(frozen=True)
class Keys:
    """The keys of an installation.

    Attributes:
        signing: signs; None if nothing is signed here.
        accepted: their signatures count. If there are any, a document without a valid signature is rejected.
    """

    signing: Signer | None = None
    accepted: Sequence[Verifier] = ()


def canonical(content: Any) -> bytes:
    """Return canonical JSON: sorted keys, no spaces, UTF-8, one line."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of a content, `sha256:...`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def signed(kind: str, document: dict[str, Any], keys: Keys) -> bytes:
    """Return a document with its signature, or without one if the installation signs nothing."""
    signature = None
    if keys.signing:
        value = base64.b64encode(keys.signing.sign(_message(kind, document))).decode()
        signature = {"key": keys.signing.public.key_id, "value": value}
    return json_bytes({"document": document, "signature": signature})


def unsigned_reason(kind: str, content: dict[str, Any], keys: Keys) -> str:
    """Return why the signature of a document does not count; empty if it does, or if the installation has no keys.

    Args:
        kind: of the document.
        content: `{"document", "signature"}`.
        keys: of the installation.
    """
    signature = content.get("signature")
    if not keys.accepted:
        return ""
    if not isinstance(signature, dict):
        return "no signature"
    key = next((key for key in keys.accepted if key.key_id == signature.get("key")), None)
    if key is None:
        return f"a signature by the unknown key {str(signature.get('key'))[:12]}"
    try:
        value = base64.b64decode(str(signature.get("value")), validate=True)
    except binascii.Error:
        return "a damaged signature"
    return "" if key.verifies(_message(kind, content["document"]), value) else "a signature of other content"


def require_signer(thing: str, signature: Any, keys: Keys) -> None:
    """Reject a signed document that this installation would replace by an unsigned one.

    Raises:
        LedgerError: the document is signed, and there is no key to sign its successor with.
    """
    if signature is None or keys.signing is not None:
        return
    raise LedgerError(
        thing,
        found="a signed ledger, and no signing key in this installation",
        expected=f"the private key {str(signature.get('key'))[:12]}",
        fix="Give this installation the key that the others use.",
    )


def _message(kind: str, document: dict[str, Any]) -> bytes:
    return f"leapline {kind}\n".encode() + canonical(document)
