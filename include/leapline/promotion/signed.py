"""Documents of the lake that carry a signature of the installation: the ledger's head and the intent of a promotion.

    {"document": {...}, "signature": {"key": SHA-256 of the public key, "value": base64} or null}

What is signed is the kind of the document and its canonical JSON, so that a signature of one kind is none of another.
"""

import base64
import binascii
import hashlib
import json
from typing import Any

from leapline.errors import LedgerError
from leapline.signing.key_ring import KeyRing
from leapline.storage import json_bytes


def canonical(content: Any) -> bytes:
    """Return canonical JSON: sorted keys, no spaces, UTF-8, one line."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of a content, `sha256:...`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def signed(kind: str, document: dict[str, Any], keys: KeyRing) -> bytes:
    """Return a document with its signature, or without one if the installation signs nothing.

    Raises:
        SettingsError: signatures are required, and there is no key.
    """
    key, signature = keys.signing_key(), None
    if key:
        value = base64.b64encode(key.sign(_message(kind, document))).decode()
        signature = {"key": key.public.key_id, "value": value}
    return json_bytes({"document": document, "signature": signature})


def unsigned_reason(kind: str, content: dict[str, Any], keys: KeyRing) -> str:
    """Return why the signature of a document does not count; empty if it does, or if the installation verifies none.

    Args:
        kind: of the document.
        content: `{"document", "signature"}`.
        keys: of the installation.
    """
    signature = content.get("signature")
    if not keys.verifies:
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


def require_signer(thing: str, signature: Any, keys: KeyRing) -> None:
    """Reject writing an unsigned document where a signed one is expected.

    Args:
        thing: what would be written, for the error.
        signature: of the present document; None if it has none, or there is no document.
        keys: of the installation.

    Raises:
        LedgerError: there is no private key, although the present document is signed or signatures are verified here.
    """
    if keys.signing is not None or (signature is None and not keys.verifies):
        return
    name = f"the private key {str(signature.get('key'))[:12]}" if isinstance(signature, dict) else "a private key"
    raise LedgerError(
        thing,
        found="a signed ledger, and no signing key in this installation",
        expected=name,
        fix="Give this installation the key that the others use, or promote where it is.",
    )


def _message(kind: str, document: dict[str, Any]) -> bytes:
    return f"leapline {kind}\n".encode() + canonical(document)
