"""Folders and buckets behave alike: each store passes the same tests."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leapline.local.s3_service import LocalS3
from leapline.settings import Settings
from leapline.storage import LocalStore, Store
from leapline.storage.factory import store_at
from leapline.storage.lease import lease
from leapline.storage.store import open_stored, update


@pytest.fixture(params=["folder", "bucket", "bucket with a prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return LocalStore(tmp_path / "store")
    bucket = request.getfixturevalue("s3_bucket")
    return store_at(f"s3://{bucket}" + ("/deep/er" if "prefix" in request.param else ""), Settings.load())


def keys(store: Store, prefix: str = "") -> set[str]:
    return {item.key for item in store.list(prefix) if not item.key.endswith(".lock")}


def test_content_is_read_as_it_was_written(store: Store) -> None:
    assert store.get("a/b") is None
    store.put("a/b", b"one")
    first = store.get("a/b")
    store.put("a/b", b"two")
    second = store.get("a/b")
    assert first and second
    assert (first.content, second.content) == (b"one", b"two")
    assert first.version != second.version
    assert store.exist(["a/b", "a", "a/c"]) == [True, False, False]


def test_listing_has_everything_below_a_folder(store: Store) -> None:
    assert keys(store) == set()
    for key in ("a/b", "a/c/d", "ab", "e/f"):
        store.put(key, b"12345")
    assert keys(store) == {"a/b", "a/c/d", "ab", "e/f"}
    assert keys(store, "a") == {"a/b", "a/c/d"}
    assert keys(store, "none") == set()
    level = store.scan("a")
    assert (list(level.folders), [item.key for item in level.items]) == (["c"], ["a/b"])
    assert set(store.scan().folders) == {"a", "e"}
    [item] = level.items
    assert item.size == 5
    assert abs(item.modified - datetime.now(UTC)) < timedelta(minutes=1)


def test_conditional_writes_have_one_winner(store: Store) -> None:
    with ThreadPoolExecutor(12) as pool:
        created = list(pool.map(lambda n: store.put_if_absent("new", b"%d" % n), range(12)))
        version = (store.get("new") or pytest.fail("nothing was written")).version
        replaced = list(pool.map(lambda n: store.put_if_match("new", b"replaced by %d" % n, version), range(12)))
    assert created.count(True) == replaced.count(True) == 1
    winner = replaced.index(True)
    assert store.get("new").content == b"replaced by %d" % winner
    assert not store.put_if_match("absent", b"", version)


def test_concurrent_changes_are_not_lost(store: Store) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: update(store, "log", lambda old: (old or b"") + b"%d," % n), range(12)))
    assert sorted(store.get("log").content.split(b",")[:-1], key=int) == [b"%d" % n for n in range(12)]


def test_refused_change_writes_nothing(store: Store) -> None:
    assert not update(store, "log", lambda old: None)
    assert store.get("log") is None


def test_large_files_are_copied_in_both_directions_and_read_in_parts(store: Store, tmp_path: Path) -> None:
    content = bytes(range(256)) * 50_000
    (tmp_path / "source").write_bytes(content)
    store.put("a/marker", b"")
    store.upload("a/large", tmp_path / "source")
    assert store.download("a/large", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == content
    assert not store.download("a/none", tmp_path / "none")
    item = next(item for item in store.list("a") if item.key == "a/large")
    with open_stored(store, item) as file:
        assert file.read(3) == content[:3]
        file.seek(-5, 2)
        assert file.read() == content[-5:]
    assert store.get_range("a/large", 1000, 10) == content[1000:1010]


def test_deleted_content_is_gone(store: Store) -> None:
    for key in ("a/b", "a/c/d", "e"):
        store.put(key, b"x")
    store.delete("e")
    store.delete("e")
    store.delete_folder("a")
    store.delete_folder("a")
    assert keys(store) == set()


def test_touched_content_is_newer_and_unchanged(store: Store) -> None:
    store.put("a", b"x")
    before = next(iter(store.list())).modified
    assert not store.touch("b")
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while next(item for item in store.list() if item.key == "a").modified <= before:
        assert datetime.now(UTC) < deadline
        assert store.touch("a")
    assert store.get("a").content == b"x"


def test_lock_is_held_by_one_at_a_time(store: Store) -> None:
    inside, most = threading.Semaphore(1), []

    def work(_: int) -> None:
        with store.lock("it.lock"):
            most.append(inside.acquire(blocking=False))
            inside.release()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert most == [True] * 4


def test_lease_of_a_dead_process_expires(store: Store) -> None:
    store.put("it.lock", b"a process that was killed 7\n")
    with lease(store, "it.lock", expiry=timedelta(seconds=1)):
        holder = store.get("it.lock")
        assert not holder.content.startswith(b"a process")
    assert store.get("it.lock") is None


def test_lease_is_held_when_the_answer_to_its_write_was_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    create = store.put_if_absent
    monkeypatch.setattr(store, "put_if_absent", lambda key, content: create(key, content) and False)
    with lease(store, "it.lock"):
        assert store.get("it.lock") is not None
    assert store.get("it.lock") is None


def test_lost_lease_is_left_to_its_new_holder(store: Store) -> None:
    with lease(store, "it.lock"):
        store.put("it.lock", b"another process 1\n")
    assert store.get("it.lock").content == b"another process 1\n"


def test_folder_markers_of_other_tools_are_not_listed(s3_server: LocalS3, s3_bucket: str) -> None:
    client = s3_server.client()
    for key in ("deep/", "deep/a/", "deep/a/b", "deep/a.c", "deep/empty"):
        client.put_object(Bucket=s3_bucket, Key=key, Body=b"x" * key.endswith("b"))
    store = store_at(f"s3://{s3_bucket}/deep", Settings.load())
    assert keys(store) == {"a/b", "a.c", "empty"}
    assert keys(store, "a") == {"a/b"}
    assert [item.key for item in store.scan("a").items] == ["a/b"]
    assert {item.key for item in store.scan().items} == {"a.c", "empty"}
