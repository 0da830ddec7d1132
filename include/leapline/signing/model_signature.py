"""Signatures of model files in the format of OpenSSF model signing, which `model_signing verify key` accepts.

A signature lists the SHA-256 of every file, and is a file of its own: the archive stays as it is. The archive of
Leapline is one file, which the format calls `.`.

Source: OpenSSF Model Signing, predicate `https://model_signing/signature/v1.0`, serialization method `files`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from leapline.errors import SignatureError
from leapline.signing.keys import PublicKey, SigningKey
from leapline.signing.statement import Statement, sign_statement, verify_statement

FILE: Final = "model.sig"
"""Name of the signature next to `model.zip`, in the lake and in the image."""
PREDICATE_TYPE: Final = "https://model_signing/signature/v1.0"
SINGLE: Final = "."
"""The name of a model that is one file."""


def sign_archive(sha256: str, key: SigningKey, name: str = "model.zip") -> bytes:
    """Return the signature of an archive, as the content of `model.sig`.

    Args:
        sha256: digest of the archive, 64 hexadecimal digits.
        key: the installation's signing key.
        name: of the archive's file.
    """
    predicate = {
        "resources": [{"name": SINGLE, "algorithm": "sha256", "digest": sha256}],
        "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []},
    }
    return sign_statement(Statement(name, _root([sha256]), PREDICATE_TYPE, predicate), key)


def verify_archive(signature: bytes, sha256: str, keys: Sequence[PublicKey], thing: str) -> PublicKey:
    """Return the key that signed an archive.

    Args:
        signature: content of `model.sig`, untrusted.
        sha256: digest of the archive, 64 hexadecimal digits.
        keys: the keys that are accepted.
        thing: the archive, for errors.

    Raises:
        SignatureError: the signature is damaged, by another key, or of another archive.
    """
    return verify_files(signature, {SINGLE: sha256}, keys, thing)


def verify_files(signature: bytes, files: Mapping[str, str], keys: Sequence[PublicKey], thing: str) -> PublicKey:
    """Return the key that signed a set of files.

    Args:
        signature: the signature, untrusted.
        files: SHA-256 by path relative to the model's folder; `.` if the model is one file.
        keys: the keys that are accepted.
        thing: the model, for errors.

    Raises:
        SignatureError: the signature is damaged, by another key, or of other files.
    """
    statement, signer = verify_statement(signature, keys, PREDICATE_TYPE, thing)
    try:
        resources = {str(item["name"]): item for item in statement.predicate["resources"]}
        digests = {name: _sha256(item) for name, item in resources.items()}
        is_consistent = statement.sha256 == _root(list(digests.values()))
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise _mismatch(thing, f"a signature without the SHA-256 of each file ({exc})") from exc
    if not is_consistent:
        raise _mismatch(thing, "a signature whose digest is not that of its files")
    if digests != dict(files):
        differing = sorted(name for name in digests.keys() | files.keys() if digests.get(name) != files.get(name))
        name = differing[0]
        content = f"{files.get(name) or 'no file'}" if name == SINGLE else f"{name} with {files.get(name) or 'no file'}"
        raise _mismatch(thing, f"{content}, signed was {digests.get(name) or 'no such file'}")
    return signer


def _root(digests: Sequence[str]) -> str:
    """Return the digest of a model: SHA-256 over the digests of its files, in the order of the signature."""
    return hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()


def _sha256(item: Mapping[str, Any]) -> str:
    if item["algorithm"] != "sha256":
        raise ValueError(f"algorithm {item['algorithm']!r}")
    return str(item["digest"])


def _mismatch(thing: str, found: str) -> SignatureError:
    fix = "Do not use it; restore the signed file, or package the model again."
    return SignatureError(thing, found=found, expected="the files that were signed", fix=fix)
