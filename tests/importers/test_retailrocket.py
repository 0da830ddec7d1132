"""Import of RetailRocket's log."""

import json
from pathlib import Path

import numpy as np
import pytest

from leapline.errors import InputError
from leapline.importers.retailrocket import COLUMNS, GAP_MS, import_retailrocket, session_starts
from leapline.importers.rows import ImportReport
from tests.importers.test_rees46 import events_in

HEADER = ",".join(COLUMNS)
T = 1433221332117


def imported(folder: Path, *lines: str) -> tuple[ImportReport, list[dict[str, str]]]:
    (folder / "events.csv").write_text("".join(f"{line}\n" for line in lines))
    return import_retailrocket(folder / "events.csv", folder / "landing"), events_in(folder / "landing")


def test_converts_each_kind_of_line_and_splits_sessions_at_gaps(tmp_path: Path) -> None:
    report, events = imported(
        tmp_path,
        HEADER,
        f"{T + GAP_MS},257597,addtocart,355908,",
        f"{T},257597,view,355908,",
        f"{T + 2 * GAP_MS + 1},257597,transaction,355908,4000",
        f"{T},257598,view,355908,",
    )
    assert (report.rows, report.events, report.sessions, report.malformed) == (4, 5, 3, 0)
    assert report.kinds == {"view": 2, "add": 1, "purchase": 1}
    sessions = {(e["domain_userid"], e["event"]): e["domain_sessionid"] for e in events}
    assert sessions[("257597", "unstruct")] == f"257597-{T}"
    assert sessions[("257597", "transaction")] == f"257597-{T + 2 * GAP_MS + 1}"
    assert sessions[("257598", "unstruct")] == f"257598-{T}"
    actions = [json.loads(e["unstruct_event"])["data"]["data"]["type"] for e in events if e["event"] == "unstruct"]
    assert sorted(actions) == ["add_to_cart", "product_view", "product_view"]


def test_malformed_lines_do_not_shift_sessions(tmp_path: Path) -> None:
    bad = ["1,2,view", f"{T},x,view,1,", f"{T},1,stare,1,", f"{T}0000,1,view,1,", f"{T},{'9' * 30},view,1,", ""]
    lines = [line for number, wrong in enumerate(bad) for line in (wrong, f"{T + number},{number},view,7,")]
    report, events = imported(tmp_path, HEADER, *lines)
    assert (report.rows, report.malformed) == (len(bad), len(bad))
    assert report.first_malformed[:3] == (
        (2, "3 columns instead of 5"), (4, "visitorid 'x'"), (6, "unknown event 'stare'")
    )  # fmt: skip
    for event in events:
        assert event["domain_sessionid"] == f"{event['domain_userid']}-{T + int(event['domain_userid'])}"


def test_gap_of_exactly_thirty_minutes_does_not_end_a_session() -> None:
    visitor, at = np.array([1, 1, 2, 1]), np.array([GAP_MS, 0, 5, 2 * GAP_MS + 1])
    assert session_starts(visitor, at).tolist() == [0, 0, 5, 2 * GAP_MS + 1]
    assert session_starts(visitor[:0], at[:0]).tolist() == []


def test_rejects_unusable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="RetailRocket's 5: timestamp, visitorid"):
        imported(tmp_path, "a,b")
    with pytest.raises(InputError, match="no usable line, 1 malformed"):
        imported(tmp_path, HEADER, "nonsense")
    with pytest.raises(InputError, match="found No such file"):
        import_retailrocket(tmp_path / "nowhere.csv", tmp_path / "landing")
