"""Signatures of archives: our format and that of OpenSSF's `model_signing`, in both directions, and attacks on them."""

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from leapline.errors import SignatureError
from leapline.signing.keys import SigningKey, public_keys_from_pem
from leapline.signing.model_signature import FILE, sign_archive, verify_archive, verify_files
from leapline.signing.statement import Statement, sign_statement, verify_statement

VECTORS = Path(__file__).parent / "vectors"
KEYS = [SigningKey.generate(), SigningKey(ec.generate_private_key(ec.SECP384R1()))]
CONTENT = b"a model"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def model_signing(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "model_signing", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    """A key whose two parts are in files next to a model."""
    key = KEYS[0]
    (tmp_path / "private.pem").write_text(key.pem())
    (tmp_path / "public.pem").write_text(key.public.pem)
    (tmp_path / "model.zip").write_bytes(CONTENT)
    return key


def test_openssf_verifier_accepts_our_signature_and_rejects_another_model(key: SigningKey, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(sign_archive(SHA256, key))
    command = ("verify", "key", tmp_path / "model.zip", "--signature", tmp_path / FILE)
    accepted = model_signing(*command, "--public_key", tmp_path / "public.pem")
    assert (accepted.returncode, accepted.stdout) == (0, "Verification succeeded\n"), accepted.stderr
    (tmp_path / "model.zip").write_bytes(CONTENT + b".")
    assert model_signing(*command, "--public_key", tmp_path / "public.pem").returncode != 0


def test_we_accept_the_signature_of_openssf_and_reject_another_model(key: SigningKey, tmp_path: Path) -> None:
    signed = model_signing(
        "sign", "key", tmp_path / "model.zip", "--private_key", tmp_path / "private.pem", "--signature", tmp_path / FILE
    )
    assert signed.returncode == 0, signed.stderr
    signature = (tmp_path / FILE).read_bytes()
    assert verify_archive(signature, SHA256, [key.public], "the archive") == key.public
    with pytest.raises(SignatureError, match=f"found {'0' * 64}, signed was {SHA256}"):
        verify_archive(signature, "0" * 64, [key.public], "the archive")


@pytest.mark.parametrize("version", ["v0.3.1", "v1.0.0", "v1.0.1", "v1.1.0"])
def test_signatures_of_earlier_releases_of_openssf_are_verified(version: str) -> None:
    keys = public_keys_from_pem((VECTORS / "signing-key-pub.pem").read_text())
    paths = sorted((VECTORS / version).glob("signme-*"))
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    files = files if len(files) > 1 else {".": files["signme-1"]}
    signature = (VECTORS / version / "model.sig").read_bytes()
    assert verify_files(signature, files, keys, "the model") == keys[0]
    for changed in ({**files, "more": SHA256}, dict.fromkeys(files, SHA256), {}):
        with pytest.raises(SignatureError, match="expected the files that were signed"):
            verify_files(signature, changed, keys, "the model")


def test_same_archive_and_key_result_in_the_same_bytes() -> None:
    assert sign_archive(SHA256, KEYS[0]) == sign_archive(SHA256, SigningKey.from_pem(KEYS[0].pem()))


def test_signature_by_another_key_is_named() -> None:
    signature = sign_archive(SHA256, KEYS[1])
    with pytest.raises(SignatureError, match=f"found a signature by key {KEYS[1].public.key_id[:12]}"):
        verify_archive(signature, SHA256, [KEYS[0].public], "the archive")
    assert verify_archive(signature, SHA256, [KEYS[0].public, KEYS[1].public], "the archive") == KEYS[1].public


def test_forged_key_id_does_not_help() -> None:
    forged = sign_archive(SHA256, KEYS[1]).replace(KEYS[1].public.key_id.encode(), KEYS[0].public.key_id.encode())
    with pytest.raises(SignatureError, match="by another key, or changed content"):
        verify_archive(forged, SHA256, [KEYS[0].public], "the archive")


def test_every_changed_byte_of_payload_and_signature_is_rejected() -> None:
    document = json.loads(sign_archive(SHA256, KEYS[0]))
    envelope = document["dsseEnvelope"]
    for holder, name in ((envelope, "payload"), (envelope["signatures"][0], "sig")):
        original = holder[name]
        raw = bytearray(base64.b64decode(original))
        for position in range(0, len(raw), 7):
            raw[position] ^= 1
            holder[name] = base64.b64encode(raw).decode()
            with pytest.raises(SignatureError):
                verify_archive(json.dumps(document).encode(), SHA256, [KEYS[0].public], "the archive")
            raw[position] ^= 1
        holder[name] = original


@pytest.mark.parametrize(
    "bundle",
    [
        b"", b"{", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000, b" " * (5 << 20),
        sign_archive(SHA256, KEYS[0]).replace(b"v0.3", b"v0.9"),
        sign_archive(SHA256, KEYS[0]).replace(b'"signatures":[', b'"signatures":[{"sig":""},'),
    ],
    ids=range(10),
)  # fmt: skip
def test_damaged_bundle_is_an_error(bundle: bytes) -> None:
    with pytest.raises(SignatureError, match="^the archive: found no bundle with one signature"):
        verify_archive(bundle, SHA256, [KEYS[0].public], "the archive")


def test_signed_statement_of_another_type_is_no_signature_of_a_model() -> None:
    statement = Statement("model.zip", SHA256, "https://slsa.dev/provenance/v1", {})
    bundle = sign_statement(statement, KEYS[0])
    assert verify_statement(bundle, [KEYS[0].public], statement.predicate_type, "x")[0] == statement
    with pytest.raises(SignatureError, match="found a statement of type https://slsa"):
        verify_archive(bundle, SHA256, [KEYS[0].public], "the archive")


@pytest.mark.parametrize(
    "predicate",
    [
        {},
        {"resources": []},
        {"resources": [{"name": ".", "algorithm": "blake2b", "digest": SHA256}]},
        {"resources": [{"name": ".", "algorithm": "sha256", "digest": "xyz"}]},
        {"resources": 5},
    ],
    ids=range(5),
)
def test_signed_statement_without_the_digest_is_an_error(predicate: dict[str, object]) -> None:
    bundle = sign_statement(Statement("x", SHA256, "https://model_signing/signature/v1.0", predicate), KEYS[0])
    with pytest.raises(SignatureError, match="^the archive: "):
        verify_archive(bundle, SHA256, [KEYS[0].public], "the archive")
