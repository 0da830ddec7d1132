"""Signed statements: in-toto statements in DSSE envelopes, in Sigstore's bundle format 0.3.

Statements about archives and images share this form, which OpenSSF model signing and Cosign write and verify too. JSON
keys are sorted and signatures deterministic, so the same statement and key result in the same bytes.

Sources: in-toto Attestation Framework 1.0 (statement), DSSE 1.0.2 (protocol), Sigstore protobuf-specs (bundle 0.3).
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from leapline.errors import SignatureError
from leapline.signing.keys import PublicKey, SigningKey, verify

BUNDLE_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
MAX_BUNDLE_BYTES: Final = 4 << 20
"""Maximum size of a bundle; that of an archive has about one kilobyte, that of a bill of materials fewer than 100."""


@dataclass(frozen=True)
class Statement:
    """A statement about one subject.

    Attributes:
        name: of the subject.
        sha256: digest of the subject, 64 hexadecimal digits.
        predicate_type: URI of the predicate's type.
        predicate: what is stated.
    """

    name: str
    sha256: str
    predicate_type: str
    predicate: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the statement as in-toto's JSON object."""
        return {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": self.name, "digest": {"sha256": self.sha256}}],
            "predicateType": self.predicate_type,
            "predicate": self.predicate,
        }


def sign_statement(statement: Statement, key: SigningKey) -> bytes:
    """Return the bundle of a signed statement, one line of JSON."""
    payload = _json(statement.as_dict())
    signature = key.sign(_pre_authentication_encoding(payload))
    return _json(
        {
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": {"publicKey": {"hint": key.public.key_id}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }
    )


def verify_statement(
    bundle: bytes, keys: Sequence[PublicKey], predicate_type: str, thing: str
) -> tuple[Statement, PublicKey]:
    """Verify a bundle's signature; the caller compares the subject with what it has.

    Args:
        bundle: untrusted bytes.
        keys: the keys that are accepted.
        predicate_type: the expected type of the predicate.
        thing: what is signed, for errors.

    Returns:
        The statement, and the key that signed it.

    Raises:
        SignatureError: the bundle is damaged, of another format or type, or not signed by one of the keys.
    """
    payload, signature, hint = _envelope(bundle, thing)
    if hint and hint not in {key.key_id for key in keys}:
        raise _rejected(
            thing,
            found=f"a signature by key {hint[:12]}",
            expected=f"a signature by {' or '.join(key.key_id[:12] for key in keys) or 'an accepted key'}",
            fix="If that key is a former one of this installation, add its public key to LEAPLINE_PUBLIC_KEYS; "
            "otherwise do not use the model.",
        )
    signer = verify(_pre_authentication_encoding(payload), signature, keys, thing)
    statement = _statement(payload, thing)
    if statement.predicate_type != predicate_type:
        raise _rejected(thing, f"a statement of type {statement.predicate_type}", f"type {predicate_type}")
    return statement, signer


def _pre_authentication_encoding(payload: bytes) -> bytes:
    """Return the bytes that DSSE signs."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _envelope(bundle: bytes, thing: str) -> tuple[bytes, bytes, str]:
    """Return payload, signature and key id of a bundle; nothing of it is verified yet."""
    try:
        if len(bundle) > MAX_BUNDLE_BYTES:
            raise ValueError(f"{len(bundle)} bytes")
        document = json.loads(bundle)
        envelope = document["dsseEnvelope"]
        (signature,) = envelope["signatures"]
        hint = document["verificationMaterial"].get("publicKey", {}).get("hint") or ""
        types = document["mediaType"], envelope["payloadType"]
        if types != (BUNDLE_TYPE, PAYLOAD_TYPE):
            raise ValueError(f"the types {types[0]!r} and {types[1]!r}")
        payload = base64.b64decode(envelope["payload"], validate=True)
        return payload, base64.b64decode(signature["sig"], validate=True), str(hint)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        problem = f"no bundle with one signature ({type(exc).__name__}: {str(exc)[:200]})"
        raise _rejected(thing, problem, f"a Sigstore bundle ({BUNDLE_TYPE})") from exc


def _statement(payload: bytes, thing: str) -> Statement:
    try:
        document = json.loads(payload)
        (subject,) = document["subject"]
        if document["_type"] != STATEMENT_TYPE:
            raise ValueError(f"type {document['_type']!r}")
        return Statement(
            str(subject["name"]), str(subject["digest"]["sha256"]), str(document["predicateType"]),
            dict(document["predicate"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        problem = f"a signed text that is no statement ({type(exc).__name__}: {str(exc)[:200]})"
        raise _rejected(thing, problem, "an in-toto statement about one subject") from exc


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _rejected(
    thing: str, found: str, expected: str, fix: str = "Do not use it; publish the model again."
) -> SignatureError:
    return SignatureError(thing, found=found, expected=expected, fix=fix)
