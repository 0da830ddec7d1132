"""Keys, signatures of bytes, and the keys of an installation."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from leapline.errors import SettingsError, SignatureError
from leapline.local.signing_key import create_signing_key, ensure_signing_key
from leapline.settings import Settings
from leapline.signing.key_ring import KeyRing, key_ring
from leapline.signing.keys import SigningKey, public_keys_from_pem, verify
from leapline.storage import Lake

KEYS = {"P-256": SigningKey.generate(), "Ed25519": SigningKey.generate(ed25519_key=True)} | {
    f"P-{curve.key_size}": SigningKey(ec.generate_private_key(curve)) for curve in (ec.SECP384R1(), ec.SECP521R1())
}


@pytest.mark.parametrize("name", KEYS)
def test_signatures_are_deterministic_and_fail_for_changed_bytes(name: str) -> None:
    key, other = KEYS[name], SigningKey.generate()
    signature = key.sign(b"head")
    assert signature == SigningKey.from_pem(key.pem()).sign(b"head")
    assert verify(b"head", signature, [other.public, key.public], "ledger") == key.public
    damaged = bytes([*signature[:-1], signature[-1] ^ 1])
    for message, given, keys in (
        (b"Head", signature, [key.public]),
        (b"head", damaged, [key.public]),
        (b"head", b"", [key.public]),
        (b"head", signature, [other.public]),
        (b"head", signature, []),
    ):
        with pytest.raises(SignatureError, match="^ledger: found a signature by another key, or changed content;"):
            verify(message, given, keys, "ledger")


@pytest.mark.parametrize("name", KEYS)
def test_openssl_verifies_a_signature(name: str, tmp_path: Path) -> None:
    key = KEYS[name]
    for file, content in (("m", b"head"), ("s", key.sign(b"head")), ("k", key.public.pem.encode())):
        (tmp_path / file).write_bytes(content)
    digest = {"P-384": "sha384", "P-521": "sha512"}.get(name, "sha256")
    options = ["-rawin", *([] if name == "Ed25519" else ["-digest", digest])]
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "k", "-sigfile", "s", "-in", "m", *options]
    assert b"Success" in subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout


def test_pem_may_have_escaped_line_breaks() -> None:
    key = KEYS["P-256"]
    assert SigningKey.from_pem(key.pem().replace("\n", "\\n")).public == key.public
    both = key.public.pem + KEYS["Ed25519"].public.pem
    assert public_keys_from_pem(both.replace("\n", "\\n")) == [key.public, KEYS["Ed25519"].public]
    assert [k.algorithm for k in public_keys_from_pem(both)] == ["ECDSA P-256", "Ed25519"]


def test_unusable_private_key_is_named_without_its_content() -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    curve = ec.generate_private_key(ec.SECP256K1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    plain = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for pem, problem in (
        (plain, "a key of another type"),
        (curve, "secp256k1"),
        (locked, "an encrypted key"),
        (b"secret", "no private key in PEM form"),
        (KEYS["P-256"].public.pem.encode(), "no private key in PEM form"),
        (KEYS["P-256"].pem()[:100].encode(), "no private key in PEM form"),
    ):
        with pytest.raises(SettingsError) as error:
            SigningKey.from_pem(pem.decode(), "the key")
        assert str(error.value).startswith(f"the key: found {problem}; expected ")
        assert "secret" not in str(error.value)
    assert KEYS["P-256"].pem().splitlines()[1] not in repr(KEYS["P-256"])


@pytest.mark.parametrize(
    "pem", ["", "text", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", KEYS["P-256"].public.pem + "x"]
)
def test_unusable_public_key_is_an_error(pem: str) -> None:
    with pytest.raises(SettingsError, match="public key"):
        public_keys_from_pem(pem)


def test_key_ring_reads_key_and_public_keys_from_text_or_files(tmp_path: Path) -> None:
    key, former = KEYS["P-256"], KEYS["Ed25519"].public
    (tmp_path / "key.pem").write_text(key.pem())
    (tmp_path / "former.pem").write_text(former.pem + key.public.pem)
    text = key_ring(Settings(signing_key=key.pem(), public_keys=former.pem))
    files = key_ring(Settings(signing_key_file=tmp_path / "key.pem", public_keys=str(tmp_path / "former.pem")))
    assert text.accepted == files.accepted == (key.public, former)
    assert text.verifies and files.signing is not None and files.signing.public == key.public
    only_public = key_ring(Settings(public_keys=former.pem))
    assert (only_public.signing_key(), only_public.accepted) == (None, (former,))
    assert key_ring(Settings(signing="off", signing_key=key.pem())) == KeyRing()
    assert not key_ring(Settings()).verifies


def test_required_signatures_need_a_key() -> None:
    ring = key_ring(Settings(signing="required"))
    assert ring.verifies
    with pytest.raises(SettingsError, match="SIGNING=required: found no signing key"):
        ring.signing_key()


@pytest.mark.parametrize("setting", ["signing_key_file", "public_keys"])
def test_missing_key_file_is_named(setting: str, tmp_path: Path) -> None:
    path = tmp_path / "absent.pem"
    with pytest.raises(SettingsError, match=f"LEAPLINE_{setting.upper()} {path}: found no such file"):
        key_ring(Settings(**{setting: str(path)}))


def test_created_key_is_readable_by_its_owner_only_and_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("LEAPLINE_SEED=5")
    monkeypatch.chdir(tmp_path)
    path, key = create_signing_key(Settings.load())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path == tmp_path / "signing_key.pem" and path.read_text() == key.pem()
    settings = Settings.load()
    assert settings.signing_key_file == path and key_ring(settings).accepted == (key.public,)
    with pytest.raises(SettingsError, match="found a key that is configured already"):
        create_signing_key(settings)
    (tmp_path / ".env").write_text("LEAPLINE_SEED=5")
    with pytest.raises(SettingsError, match="found a file that exists already"):
        create_signing_key(Settings.load())
    assert path.read_text() == key.pem()


def test_demo_creates_a_key_only_where_nothing_was_published_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("LEAPLINE_SEED=5")
    monkeypatch.chdir(tmp_path)
    with Lake(tmp_path / ".leapline").attempt("models", "2026-03-01-0123456789ab"):
        pass
    assert ensure_signing_key(Settings.load()).signing_key_file is None
    shutil.rmtree(tmp_path / ".leapline")
    for change in ({"signing": "off"}, {"signing_connection": "signer"}, {"public_keys": KEYS["P-256"].public.pem}):
        assert ensure_signing_key(Settings.load(**change)).signing_key_file is None
    settings = ensure_signing_key(Settings.load())
    assert settings.signing_key_file == tmp_path / "signing_key.pem" and settings.seed == 5
    assert f"Created the signing key in {settings.signing_key_file}" in capsys.readouterr().err
    assert ensure_signing_key(settings) == settings == Settings.load()


def test_settings_never_show_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    body = KEYS["P-256"].pem().splitlines()[1]
    settings = Settings(signing_key=KEYS["P-256"].pem())
    assert body not in repr(settings) and body not in settings.model_dump_json()
