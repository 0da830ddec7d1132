"""A lake in a bucket: publication and promotion are killed before each changing HTTP request to the S3 server."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import connection
from pathlib import Path
from typing import Any

import pytest

from leapline.local.s3_service import LocalS3
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG
from leapline.settings import Settings
from leapline.storage import Lake, lake_of
from leapline.storage.lease import lease
from leapline.storage.seal import changed_part
from tests.fakes.s3_proxy import Changes, s3_proxy
from tests.faults.conftest import Copy
from tests.faults.kills.actions import promote, publish
from tests.faults.kills.forks import start
from tests.faults.kills.installations import moves, tags_of, without_varying
from tests.faults.kills.scenes import Scene, kill_everywhere
from tests.lakes import folder_of
from tests.steps.packaged import CHAMPION, MODEL


@dataclass(frozen=True)
class RequestDeed:
    """An action in a process that is killed before a changing request reaches the S3 server.

    Attributes:
        action: what the process does.
        settings: of the installation.
        server: the S3 server.
        work: a folder for the process.
    """

    action: Callable[[Settings], object]
    settings: Settings
    server: LocalS3
    work: Path

    def effects(self) -> list[str]:
        """Do it, and return its changing requests."""
        changes = Changes()
        code = self._run(changes)
        assert code == 0
        return changes.seen

    def killed(self, before: int, *, torn: bool = False) -> str:
        """Do it until the request of that number, and kill the process; return the last request before."""
        assert not torn, "a bucket has no torn objects"
        changes = Changes(hold_at=before)
        code = self._run(changes)
        assert code in (-signal.SIGKILL, 0)
        assert len(changes.seen) == before
        return changes.seen[-1] if changes.seen else "nothing"

    def _run(self, changes: Changes) -> int | None:
        with s3_proxy(self.server.address, changes) as endpoint:
            settings = self.settings.model_copy(update={"s3_endpoint": endpoint})
            process = start(self.action, (settings,), self.server.environment | {"AWS_ENDPOINT_URL": endpoint})
            while not changes.held.is_set() and not connection.wait([process.sentinel], timeout=0.005):
                pass
            if changes.held.is_set():
                process.kill()
            process.join()
            return process.exitcode


@pytest.fixture
def in_bucket(s3_server: LocalS3, s3_bucket: str, copied: Copy) -> Callable[[Settings, str], Settings]:
    """Copies an installation, with its lake in the bucket."""

    def copy(settings: Settings, name: str) -> Settings:
        local = copied(settings, f"bucket-{name}")
        remote = local.model_copy(update={"lake": f"s3://{s3_bucket}/{name}", "s3_endpoint": s3_server.endpoint})
        store, home = lake_of(remote).store, folder_of(Lake(local.home))
        for path in (path for path in home.rglob("*") if path.is_file() and not path.name.endswith(".lock")):
            store.upload(path.relative_to(home).as_posix(), path)
        return remote

    return copy


def contents(settings: Settings) -> dict[str, str]:
    """Return the digests of the objects that readers see, without what differs between two runs of the same step."""
    lake, objects = lake_of(settings), dict[str, str]()
    for item in lake.store.list(""):
        dataset, key, attempt, *_ = [*item.key.split("/"), "", ""]
        if not attempt.startswith("attempt-"):
            current = ""
        elif (current := lake.current(dataset, key).name if lake.has(dataset, key) else "") != attempt:
            continue
        name = item.key.replace(current, "current") if current else item.key
        stored = lake.store.get(item.key)
        if stored and not name.endswith(("/.heartbeat", "seal.json", "CURRENT")):
            objects[name] = without_varying(stored.content, lake.store.address)
    return objects


@pytest.mark.parametrize(
    ("action", "every"),
    [
        pytest.param(promote, 1, id="promote"),
        pytest.param(publish, 4, id="publish, a quarter"),
        pytest.param(publish, 1, id="publish", marks=pytest.mark.every_kill),
    ],
)
def test_lake_in_a_bucket_killed_between_any_two_changing_requests_is_completed_by_the_retry(
    installed: Settings, published: Settings, in_bucket: Callable[[Settings, str], Settings], s3_server: LocalS3,
    registry_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: Callable[[Settings], object],
    every: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(lease.__wrapped__, "__defaults__", (timedelta(seconds=0.2),))  # type: ignore[attr-defined]
    before = installed if action is publish else published

    def require_whole(settings: Settings) -> None:
        lake = lake_of(settings)
        assert changed_part(lake, lake.current("packages", "date=2026-03-01")) == ""
        for model in lake.keys("models"):
            assert changed_part(lake, lake.current("models", model)) == "", model
        assert len(moves(settings)) in (1, 2)

    def result(settings: Settings) -> dict[str, Any]:
        tags = tags_of(settings, registry_folder, CHAMPION_TAG, PREVIOUS_TAG, CHAMPION, MODEL)
        return contents(settings) | tags | {"moves": moves(settings)}

    scene = Scene(
        prepare=lambda name: in_bucket(before, name),
        deed=lambda settings: RequestDeed(action, settings, s3_server, tmp_path),
        again=action,
        require_whole=require_whole,
        result=result,
    )
    effects = kill_everywhere(scene, every)
    assert len(effects) > 5
