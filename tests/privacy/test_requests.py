"""Requests for erasure: ids in files, and errors that name the file before anything is erased."""

from pathlib import Path

import pytest

from leapline.errors import ErasureError, StorageError
from leapline.privacy import exclusions, requests
from leapline.privacy.pseudonym_keys import pseudonyms
from leapline.storage import Lake
from tests.events.lines import DAY, KEY
from tests.lakes import folder_of


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def test_ids_of_all_requests_are_read_once_and_removed(lake: Lake) -> None:
    requests.add_request(lake, b"anna\n\n  ben \n")
    requests.add_request(lake, "ben\nzoë".encode())
    waiting = requests.read_requests(lake)
    assert sorted(waiting.ids) == ["anna", "ben", "zoë"]
    assert "anna" not in repr(waiting)
    requests.remove_requests(lake, waiting)
    assert requests.read_requests(lake).ids == ()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no id"),
        (b"\n \n", "no id"),
        (b"\xff\xfe", "not UTF-8"),
        (b"anna\n" + b"x" * 600, "no id on line 2"),
        (b"a\0b", "no id on line 1"),
        (b"x\n" * 600_000, "1,200,000 bytes"),
    ],
)
def test_unreadable_request_is_an_error_and_stays(lake: Lake, content: bytes, problem: str) -> None:
    with pytest.raises(ErasureError, match=problem):
        requests.add_request(lake, content)
    (folder_of(lake) / requests.FOLDER).mkdir(parents=True)
    file = folder_of(lake) / requests.FOLDER / "by hand.txt"
    file.write_bytes(content)
    with pytest.raises(ErasureError, match=r"by hand\.txt.*nothing was erased"):
        requests.read_requests(lake)
    assert file.exists()


def test_excluded_visitors_keep_their_first_day(lake: Lake) -> None:
    first, second = pseudonyms(KEY, ["anna", "ben"])
    exclusions.exclude(lake, [first], DAY.date())
    exclusions.exclude(lake, [first, second], DAY.date().replace(day=9))
    assert exclusions.excluded_visitors(lake) == {first: "2026-03-02", second: "2026-03-09"}


@pytest.mark.parametrize("content", ["[]", "{", '{"anna": "2026-03-02"}'])
def test_damaged_list_of_excluded_visitors_is_an_error(lake: Lake, content: str) -> None:
    """Without the list, erased visitors would return."""
    (folder_of(lake) / exclusions.KEY).write_text(content)
    with pytest.raises(StorageError):
        exclusions.excluded_visitors(lake)
