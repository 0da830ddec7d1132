"""The scorer with public keys: it serves signed archives only, and no older one than allowed."""

import hashlib
import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from leapline.signing.keys import SigningKey
from leapline.signing.model_signature import sign_archive
from tests.ports import free_port
from tests.scorer.conftest import await_ready

KEY, FORMER, OTHER = SigningKey.generate(), SigningKey.generate(ed25519_key=True), SigningKey.generate()
KEYS = {"SCORER_PUBLIC_KEYS": (KEY.public.pem + FORMER.public.pem).replace("\n", "\\n")}
DAY = "2026-03-01"
"""The data day of the small bundle."""


@pytest.fixture
def archive(small_bundle: Path, tmp_path: Path) -> Path:
    path = tmp_path / "model.zip"
    path.write_bytes(small_bundle.read_bytes())
    return path


def sign(archive: Path, key: SigningKey = KEY) -> Path:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    archive.with_suffix(".sig").write_bytes(sign_archive(digest, key))
    return archive


def refusal(binary: Path, archive: Path, **environment: str) -> str:
    """The one line with which the scorer ends."""
    done = subprocess.run(
        [binary, "serve", "--addr", f"127.0.0.1:{free_port()}", archive],
        env=os.environ | environment, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert (done.returncode, len(lines)) == (1, 1), done.stderr
    return lines[0]


@pytest.mark.parametrize("key", [KEY, FORMER], ids=["key", "former key"])
def test_signed_archive_is_served(scorer_binary: Path, archive: Path, key: SigningKey) -> None:
    address = f"127.0.0.1:{free_port()}"
    limits = {"SCORER_MAX_MODEL_AGE": "100000", "SCORER_MIN_DATA_DAY": DAY}
    process = subprocess.Popen(
        [scorer_binary, "serve", "--addr", address, sign(archive, key)],
        env=os.environ | KEYS | limits, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert await_ready(f"http://{address}", process).startswith(DAY)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def with_changed_byte(archive: Path) -> None:
    sign(archive)
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)


def with_changed_signature(archive: Path) -> None:
    signature = sign(archive).with_suffix(".sig")
    document = json.loads(signature.read_bytes())
    envelope = document["dsseEnvelope"]
    envelope["payload"] = envelope["payload"].swapcase()
    signature.write_text(json.dumps(document))


def with_signature_of_another_model(archive: Path) -> None:
    sign(archive)
    with zipfile.ZipFile(archive, "a") as zipped:
        zipped.comment = b"another model"


@pytest.mark.parametrize(
    ("attack", "found"),
    [
        (lambda archive: None, "found no signature"),
        (lambda archive: sign(archive, OTHER), "found a signature by key"),
        (with_changed_byte, "as it was signed"),
        (with_changed_signature, "found a signature that is damaged or of other content"),
        (with_signature_of_another_model, "as it was signed"),
        (lambda archive: archive.with_suffix(".sig").write_text("{}"), "0 signatures"),
    ],
    ids=["unsigned", "another key", "archive changed", "signature changed", "another model", "no bundle"],
)
def test_untrusted_archive_is_refused(
    scorer_binary: Path, archive: Path, attack: Callable[[Path], object], found: str
) -> None:
    attack(archive)
    assert found in refusal(scorer_binary, archive, **KEYS)


def test_old_model_is_refused(scorer_binary: Path, archive: Path) -> None:
    sign(archive)
    replayed = refusal(scorer_binary, archive, SCORER_MIN_DATA_DAY="2026-03-02", **KEYS)
    assert f"found data day {DAY}; expected data day 2026-03-02 or later." in replayed
    expired = refusal(scorer_binary, archive, SCORER_MAX_MODEL_AGE="1", **KEYS)
    assert f"found data day {DAY}, " in expired and "days old; expected at most 1 days." in expired


def test_directory_is_refused(scorer_binary: Path) -> None:
    folder = Path(__file__).resolve().parents[2] / "include/scorer/testdata/buy"
    assert "found a directory" in refusal(scorer_binary, folder, **KEYS)
