"""Signing keys: read and write them as PEM, sign bytes, verify signatures.

A key is ECDSA on P-256, P-384 or P-521, or Ed25519. New keys are P-256: of these, OpenSSF model signing accepts only
the ECDSA keys (docs/decisions/0080-signatures.md). Signatures of both kinds are deterministic, ECDSA with the nonces of
RFC 6979: the same bytes and the same key always result in the same signature.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from leapline.errors import SettingsError, SignatureError

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_ACCEPTED: Final = "a key of ECDSA (P-256, P-384, P-521) or Ed25519"
_HASHES: Final = {"secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}
"""The hash of each curve, as Sigstore's bundles require it."""
_END: Final = "-----END PUBLIC KEY-----"


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are verified with.

    Attributes:
        pem: the key as PEM (SubjectPublicKeyInfo), with a final line break.
    """

    pem: str

    @property
    def key_id(self) -> str:
        """SHA-256 of the PEM text, 64 hexadecimal digits: the `hint` in bundles of OpenSSF model signing."""
        return hashlib.sha256(self.pem.encode()).hexdigest()

    @property
    def algorithm(self) -> str:
        """`ECDSA P-256`, `ECDSA P-384`, `ECDSA P-521` or `Ed25519`."""
        return _algorithm(load_pem_public_key(self.pem.encode()), "public key")

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Return whether the signature of the message was made with this key."""
        key = load_pem_public_key(self.pem.encode())
        try:
            if isinstance(key, ed25519.Ed25519PublicKey):
                key.verify(signature, message)
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, message, ec.ECDSA(_HASHES[key.curve.name]))
            else:
                return False
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """A private key. Neither its text form nor its errors contain the key.

    Args:
        private: the key.

    Raises:
        SettingsError: the key is of another type or curve.
    """

    def __init__(self, private: PrivateKey) -> None:
        self._private = private
        public = private.public_key()
        _algorithm(public, "signing key")
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.public: Final = PublicKey(pem.decode())

    @classmethod
    def generate(cls, ed25519_key: bool = False) -> "SigningKey":
        """Return a new random key: ECDSA on P-256, or Ed25519."""
        return cls(ed25519.Ed25519PrivateKey.generate() if ed25519_key else ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: str, thing: str = "signing key") -> "SigningKey":
        r"""Return the key of a PEM text (PKCS#8, not encrypted); its line breaks may be written as `\n`.

        Args:
            pem: the text.
            thing: where it comes from, for errors.

        Raises:
            SettingsError: the text is not such a key.
        """
        try:
            private = load_pem_private_key(_with_line_breaks(pem).encode(), None)
        except TypeError:
            raise _unusable(thing, "an encrypted key", "a key without a pass phrase") from None
        except (ValueError, UnsupportedAlgorithm):
            raise _unusable(thing, "no private key in PEM form", f"PKCS#8 with {_ACCEPTED}") from None
        if not isinstance(private, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise _unusable(thing, "a key of another type", _ACCEPTED)
        _algorithm(private.public_key(), thing)
        return cls(private)

    def pem(self) -> str:
        """Return the private key as PEM (PKCS#8), not encrypted."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message: 64 bytes for Ed25519, ASN.1 DER for ECDSA."""
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(message)
        algorithm = _HASHES[self._private.curve.name]
        return self._private.sign(message, ec.ECDSA(algorithm, deterministic_signing=True))

    def __repr__(self) -> str:
        return f"SigningKey({self.public.key_id})"


def public_keys_from_pem(pem: str, thing: str = "public keys") -> list[PublicKey]:
    r"""Return the keys of a PEM text, which may contain several; its line breaks may be written as `\n`.

    Args:
        pem: the text.
        thing: where it comes from, for errors.

    Raises:
        SettingsError: the text contains no key, or something that is not a key of a supported type.
    """
    blocks = [block.strip() for block in _with_line_breaks(pem).split(_END)]
    if len(blocks) < 2 or blocks[-1]:
        raise _unusable(thing, "no public key in PEM form", "blocks of `-----BEGIN PUBLIC KEY-----`")
    return [_public_key(f"{block}\n{_END}\n", thing) for block in blocks[:-1]]


def verify(message: bytes, signature: bytes, keys: Iterable[PublicKey], thing: str) -> PublicKey:
    """Return the key that made a signature.

    Args:
        message: the signed bytes.
        signature: the signature, as `SigningKey.sign` returns it.
        keys: the keys that are accepted.
        thing: what is signed, for errors.

    Raises:
        SignatureError: no key of `keys` made it.
    """
    accepted = list(keys)
    signer = next((key for key in accepted if key.verifies(message, signature)), None)
    if signer is None:
        names = ", ".join(key.key_id[:12] for key in accepted) or "none"
        raise SignatureError(
            thing,
            found="a signature by another key, or changed content",
            expected=f"a signature by one of the accepted keys ({names})",
            fix="Do not use it; find out who changed it. After a change of keys, add the former public key to "
            "LEAPLINE_PUBLIC_KEYS.",
        )
    return signer


def _public_key(pem: str, thing: str) -> PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable(thing, "a damaged public key", _ACCEPTED) from None
    _algorithm(key, thing)
    return PublicKey(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def _algorithm(public: object, thing: str) -> str:
    """Return the name of a public key's algorithm.

    Raises:
        SettingsError: the type or curve is not supported.
    """
    if isinstance(public, ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _HASHES:
        return f"ECDSA P-{public.curve.key_size}"
    kind = public.curve.name if isinstance(public, ec.EllipticCurvePublicKey) else "a key of another type"
    raise _unusable(thing, kind, _ACCEPTED)


def _with_line_breaks(pem: str) -> str:
    r"""Return a text with real line breaks; variables of containers often carry them as `\n`."""
    return pem.replace("\\n", "\n").strip() + "\n"


def _unusable(thing: str, found: str, expected: str) -> SettingsError:
    fix = (
        "Create a key with `leapline keys create`, or `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`."
    )
    return SettingsError(thing, found=found, expected=expected, fix=fix)
