"""The demo's bucket: its events, its settings, and nothing left running or in the environment."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from leapline.errors import PortTakenError, ToolMissingError
from leapline.local.demo_bucket import FOLDER, demo_bucket, upload_events
from leapline.local.s3_service import LocalS3
from leapline.settings import Settings
from leapline.storage.factory import store_at
from tests.ports import free_address


@pytest.fixture
def settings(s3_server: LocalS3, tmp_path: Path) -> Settings:
    """An installation with the server's binary; the server listens on a free port."""
    (tmp_path / "tools" / "bin").mkdir(parents=True)
    (tmp_path / "tools" / "bin" / "versitygw").symlink_to(s3_server.binary)
    endpoint = f"http://{free_address()}"
    return Settings(home=tmp_path / "home", tools=tmp_path / "tools", s3_endpoint=endpoint, forest_trees=7)


def test_server_and_credentials_last_as_long_as_the_block(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another account")
    before = dict(os.environ)
    with demo_bucket(settings) as on_bucket:
        assert "AWS_SESSION_TOKEN" not in os.environ
        store = store_at(on_bucket.lake, on_bucket)
        store.put("a", b"1")
        assert on_bucket.landing_buckets
        assert (on_bucket.home, on_bucket.forest_trees) == (settings.home, 7)
    assert dict(os.environ) == before
    assert not LocalS3(settings.home / FOLDER, settings.tools / "bin" / "versitygw", "").status().running


def test_taken_port_is_reported_with_the_setting_for_another(settings: Settings) -> None:
    host, port = settings.s3_endpoint.removeprefix("http://").split(":")
    expected = rf"port {port}.*LEAPLINE_S3_ENDPOINT=http://{host}:{int(port) + 1}"
    with socket.create_server((host, int(port))), pytest.raises(PortTakenError, match=expected), demo_bucket(settings):
        pass


def test_events_are_uploaded_once_and_without_the_ground_truth(settings: Settings, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    for name in ("run=1/part-0.gz", "run=2/part-0.gz", "_truth/date=1.csv.gz", ".claim.json"):
        (landing / name).parent.mkdir(parents=True, exist_ok=True)
        (landing / name).write_text(name)
    with demo_bucket(settings) as on_bucket:
        assert upload_events(landing, on_bucket) == 2
        (landing / "run=3").mkdir()
        shutil.copy(landing / "run=1/part-0.gz", landing / "run=3/part-0.gz")
        assert upload_events(landing, on_bucket) == 1
        keys = {item.key for item in store_at(on_bucket.landing_buckets[0], on_bucket).list()}
    assert keys == {"run=1/part-0.gz", "run=2/part-0.gz", "run=3/part-0.gz"}


def test_missing_server_is_reported_with_the_command_that_compiles_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", tools=tmp_path / "no tools", s3_endpoint=f"http://{free_address()}")
    with pytest.raises(ToolMissingError, match=r"scripts/setup\.sh s3"), demo_bucket(settings):
        pass
