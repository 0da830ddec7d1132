"""Generated events: lines, times, visitors and anomalies."""

import gzip
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from leapline.errors import InputError
from leapline.snowplow.enriched import FIELDS
from leapline.synthetic import PLANTED, TRUTH_FOLDER, GeneratorReport, GeneratorSpec, generate, read_truth

SPEC = GeneratorSpec(
    start=date(2026, 2, 27), days=4, sessions_per_day=500, items=300, categories=12, broken=0.01, late=0.01,
    conflicts=0.003,
    bots=0.01, missing_ids=0.02,
    clock_wrong=0.02,
)  # fmt: skip
PERIOD = timedelta(hours=24 / SPEC.runs_per_day)


@dataclass(frozen=True)
class Landed:
    """A data set in a landing folder, read back without the package's own reader."""

    folder: Path
    report: GeneratorReport
    lines: list[bytes]
    events: list[dict[str, str]]
    """The whole lines, duplicates and conflicts included, in the order of the runs."""


def read(folder: Path) -> tuple[list[bytes], list[dict[str, str]]]:
    lines, events = [], []
    for path in sorted(folder.glob("run=*/part-*.gz")):
        file_lines = gzip.decompress(path.read_bytes()).split(b"\n")
        assert file_lines.pop() == b"", f"{path} does not end with a line end"
        lines += file_lines
        for line in file_lines:
            cells = line.split(b"\t")
            if len(cells) == len(FIELDS) and b"\0" not in line and is_utf8(line):
                events.append({"run": path.parent.name, **dict(zip(FIELDS, map(bytes.decode, cells), strict=True))})
    return lines, events


def is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    folder = tmp_path_factory.mktemp("landing")
    report = generate(folder, SPEC)
    return Landed(folder, report, *read(folder))


def by_session(landed: Landed) -> dict[str, list[dict[str, str]]]:
    sessions: dict[str, list[dict[str, str]]] = defaultdict(list)
    for event in landed.events:
        if event["domain_sessionid"]:
            sessions[event["domain_sessionid"]].append(event)
    return sessions


def test_field_names_match_snowplow(shared: Path) -> None:
    assert list(FIELDS) == (shared / "snowplow" / "enriched_fields.txt").read_text().split()


def test_only_broken_lines_are_damaged(landed: Landed) -> None:
    assert len(landed.lines) == landed.report.lines
    assert len(landed.lines) - len(landed.events) == landed.report.mishaps["broken"] > 0
    for event in landed.events:
        assert event["event_id"] and event["collector_tstamp"] and event["v_collector"] and event["v_etl"]
        for name in ("contexts", "unstruct_event", "derived_contexts"):
            assert not event[name] or json.loads(event[name])["schema"].startswith(
                "iglu:com.snowplowanalytics.snowplow/"
            )


def test_generates_every_kind_of_event(landed: Landed) -> None:
    actions = {
        json.loads(e["unstruct_event"])["data"]["data"].get("type") for e in landed.events if e["unstruct_event"]
    }
    assert actions == {"product_view", "add_to_cart", "remove_from_cart", "checkout_step", None}  # None: site_search
    names = {(e["event"], e["event_name"]) for e in landed.events}
    assert names == {("page_view", "page_view"), ("page_ping", "page_ping"), ("transaction", "transaction"),
                     ("transaction_item", "transaction_item"), ("struct", "event"), ("unstruct", "site_search"),
                     ("unstruct", "snowplow_ecommerce_action")}  # fmt: skip
    assert all(count > 0 for count in landed.report.kinds.values())
    assert sum(landed.report.kinds.values()) == landed.report.events


def test_timestamps_are_consistent(landed: Landed) -> None:
    for event in landed.events:
        collector = at(event["collector_tstamp"])
        waited = at(event["dvce_sent_tstamp"]) - at(event["dvce_created_tstamp"])
        assert at(event["derived_tstamp"]) == collector - waited
        run = datetime.strptime(event["run"], "run=%Y-%m-%d-%H-%M-%S")
        assert run - PERIOD <= collector < run <= at(event["etl_tstamp"]) <= run + timedelta(minutes=5)


def test_duplicates_and_conflicts_have_the_requested_shares(landed: Landed) -> None:
    copies: dict[str, list[dict[str, str]]] = defaultdict(list)
    for event in landed.events:
        copies[event["event_id"]].append(event)
    again = different = 0
    for events in copies.values():
        first, *others = sorted(events, key=lambda e: e["collector_tstamp"])
        for other in others:
            same = other["event_fingerprint"] == first["event_fingerprint"]
            again += same
            different += not same
            assert same <= (other["derived_tstamp"] == first["derived_tstamp"])
    assert again == pytest.approx(landed.report.mishaps["duplicates"], abs=3)  # one event may be both
    assert different == pytest.approx(landed.report.mishaps["conflicts"], abs=3)
    assert again > 50 and different > 10


def test_late_events_are_in_later_runs(landed: Landed) -> None:
    days = [(at(e["collector_tstamp"]) - at(e["derived_tstamp"])) / timedelta(days=1) for e in landed.events]
    late = [d for d in days if 0.9 < d < 10]
    assert min(late) >= 1 and max(late) <= 6 and sum(d > 3 for d in late) > 3
    # Duplicates of late events are late too; a device whose clock jumped is late by decades, not days.
    assert len(late) == pytest.approx(landed.report.mishaps["late"], rel=0.05)


def test_wrong_clock_moves_an_event_only_if_it_jumps(landed: Landed) -> None:
    off = [
        e for e in landed.events if abs(at(e["dvce_created_tstamp"]) - at(e["collector_tstamp"])) > timedelta(days=300)
    ]
    right = [e for e in off if abs(at(e["derived_tstamp"]) - at(e["collector_tstamp"])) < timedelta(days=7)]
    assert 0 < len(right) < len(off)


def test_session_across_midnight_belongs_to_its_start_day(landed: Landed) -> None:
    truth = {d: set(read_truth(landed.folder / TRUTH_FOLDER, [d]).sessions) for d in days_of(SPEC)}
    crossing = 0
    for session, events in by_session(landed).items():
        times = sorted(at(e["derived_tstamp"]) for e in events)
        if not in_time(events):
            continue
        home = [d for d, sessions in truth.items() if session in sessions]
        assert home in ([times[0].date()], [])  # bots have no truth
        crossing += bool(home) and times[-1].date() > times[0].date()
    assert crossing


def in_time(events: list[dict[str, str]]) -> bool:
    """Return whether no clock jumped while the session's events waited."""
    waits = [at(e["collector_tstamp"]) - at(e["derived_tstamp"]) for e in events]
    return min(waits) >= timedelta(0) and max(waits) < timedelta(days=7)


def days_of(spec: GeneratorSpec) -> list[date]:
    return [spec.start + timedelta(days=d) for d in range(spec.days)]


def test_returning_visitors_have_an_increasing_session_index(landed: Landed) -> None:
    visits: dict[str, set[tuple[int, str]]] = defaultdict(set)
    start = {s: min(e["derived_tstamp"] for e in events) for s, events in by_session(landed).items() if in_time(events)}
    for event in landed.events:
        if event["domain_userid"] and event["domain_sessionid"] in start:
            session = event["domain_sessionid"]
            visits[event["domain_userid"]].add((int(event["domain_sessionidx"]), start[session]))
    several = [sorted(v) for v in visits.values() if len(v) > 1]
    assert len(several) > 40
    for seen in several:
        indexes, times = zip(*seen, strict=True)
        assert list(indexes) == list(range(indexes[0], indexes[0] + len(seen)))
        assert sorted(times) == list(times)
    assert any(min(v)[0] > 1 for v in visits.values()), "nobody was known before the first day"


def test_consent_is_constant_per_visitor(landed: Landed) -> None:
    consents: dict[str, set[bool]] = defaultdict(set)
    for event in landed.events:
        has_consent = '"basisForProcessing":"consent"' in event["contexts"]
        assert has_consent == ("/gdpr/" in event["contexts"])
        if event["domain_userid"]:
            consents[event["domain_userid"]].add(has_consent)
    assert all(len(c) == 1 for c in consents.values())
    assert sum(c == {True} for c in consents.values()) / len(consents) == pytest.approx(SPEC.consent, abs=0.05)


def test_missing_ids_are_missing_in_the_whole_session(landed: Landed) -> None:
    for event in landed.events:
        empty = [
            not event[name] for name in ("domain_userid", "domain_sessionid", "domain_sessionidx", "network_userid")
        ]
        assert all(empty) or not any(empty)
    share = sum(not e["domain_userid"] for e in landed.events) / len(landed.events)
    assert 0.005 < share < 0.05


def test_bots_view_many_pages_and_two_of_three_kinds_are_marked(landed: Landed) -> None:
    sessions = by_session(landed)
    listed = {s for s, events in sessions.items() if '"spiderOrRobot":true' in events[0]["derived_contexts"]}
    named = {s for s, events in sessions.items() if "bot/" in events[0]["useragent"]}
    assert listed and listed < named
    assert all(len(sessions[s]) >= 40 for s in named)
    assert all(events[0]["br_type"] == "Robot" for s, events in sessions.items() if s in named)
    assert not any(e["event"].startswith("transaction") for s in named for e in sessions[s])


def test_ground_truth_lists_the_buyers(landed: Landed) -> None:
    truth = read_truth(landed.folder / TRUTH_FOLDER, days_of(SPEC))
    buyers = {s for s, events in by_session(landed).items() if any(e["event"] == "transaction" for e in events)}
    assert {s for s, bought in zip(truth.sessions, truth.bought.tolist(), strict=True) if bought} == buyers
    assert (
        len(truth.sessions) == landed.report.sessions - landed.report.mishaps["missing_ids"] == len(set(truth.sessions))
    )
    assert ((truth.chance >= 0) & (truth.chance < 1)).all()


def test_order_totals_match_items_and_follow_a_checkout(landed: Landed) -> None:
    checked = 0
    for events in by_session(landed).values():
        whole = list({e["event_id"]: e for e in events}.values())
        orders = [e for e in whole if e["event"] == "transaction"]
        if not orders:
            continue
        (order,), items = orders, [e for e in whole if e["event"] == "transaction_item"]
        assert {e["ti_orderid"] for e in items} == {order["tr_orderid"]}
        total = sum(float(e["ti_price"]) * int(e["ti_quantity"]) for e in items) + float(order["tr_shipping"])
        assert total == pytest.approx(float(order["tr_total"]), abs=0.005)
        steps = sorted(e["derived_tstamp"] for e in whole if '"type":"checkout_step"' in e["unstruct_event"])
        assert len(steps) == 3 and (steps[0] < order["derived_tstamp"] or order["derived_tstamp"] < "2000")
        checked += 1
    assert checked > 60


def test_abandoned_checkouts_are_frequent(landed: Landed) -> None:
    started = {
        s for s, events in by_session(landed).items() if any("checkout_step" in e["unstruct_event"] for e in events)
    }
    bought = {s for s, events in by_session(landed).items() if any(e["event"] == "transaction" for e in events)}
    assert bought < started and len(started - bought) > 0.05 * len(started)


def test_popular_items_get_most_views(landed: Landed) -> None:
    views: dict[str, int] = defaultdict(int)
    for event in landed.events:
        if '"type":"product_view"' in event["unstruct_event"] and event["br_type"] == "Browser":
            views[event["page_urlpath"]] += 1
    counts = sorted(views.values(), reverse=True)
    assert sum(counts[:30]) > 0.4 * sum(counts)  # a tenth of the items
    assert sum(c <= 5 for c in counts) > 30


def test_every_personal_column_has_planted_data(landed: Landed) -> None:
    text = b"\n".join(landed.lines).decode(errors="replace")
    assert all(mark in text for mark in PLANTED)
    mail = PLANTED[0]
    for column in ("user_id", "page_url", "page_urlquery", "page_referrer", "refr_urlquery", "mkt_term", "se_label",
                   "contexts", "unstruct_event"):  # fmt: skip
        assert any(mail in event[column] for event in landed.events), column
    assert all(event["user_ipaddress"].startswith("203.0.113.") for event in landed.events)


def test_output_does_not_depend_on_number_of_processes(landed: Landed, tmp_path: Path) -> None:
    generate(tmp_path, SPEC, workers=2)
    assert files(tmp_path) == files(landed.folder)


def test_day_does_not_depend_on_other_days(landed: Landed, tmp_path: Path) -> None:
    alone = SPEC.model_copy(update={"start": SPEC.start + timedelta(days=2), "days": 1})
    generate(tmp_path, alone)
    among = files(landed.folder)
    day_files = files(tmp_path)
    assert len(day_files) > 5
    assert all(among[name] == data for name, data in day_files.items())


def test_adds_days_but_rejects_another_shop_in_the_same_folder(tmp_path: Path) -> None:
    small = GeneratorSpec(days=1, sessions_per_day=20)
    generate(tmp_path, small)
    before = files(tmp_path)
    generate(tmp_path, small.model_copy(update={"start": small.start + timedelta(days=1)}))
    after = files(tmp_path)
    assert len(after) > len(before) and all(after[name] == data for name, data in before.items())
    with pytest.raises(InputError, match=r"seed 20150 instead of 3"):
        generate(tmp_path, small.model_copy(update={"seed": 3}))
    assert files(tmp_path) == after


def test_does_not_touch_folder_with_other_events(tmp_path: Path) -> None:
    (tmp_path / "run=2026-01-01-00-00-00").mkdir()
    with pytest.raises(InputError, match="events of an unknown source"):
        generate(tmp_path, GeneratorSpec(days=1, sessions_per_day=5))


def test_progress_is_reported_up_to_the_end(tmp_path: Path) -> None:
    updates: list[tuple[int, int, int]] = []
    report = generate(
        tmp_path, GeneratorSpec(days=3, sessions_per_day=5), progress=lambda *state: updates.append(state)
    )
    assert [t[:2] for t in updates] == [(1, 3), (2, 3), (3, 3)]
    assert updates[-1][2] == report.lines


def test_wide_contexts_change_nothing_but_the_contexts(landed: Landed, tmp_path: Path) -> None:
    wide = GeneratorSpec(**SPEC.model_dump() | {"wide_contexts": True, "days": 1})
    generate(tmp_path, wide)
    lines, events = read(tmp_path)
    narrow = {(e["event_id"], e["collector_tstamp"], e["event_fingerprint"]): e for e in landed.events}
    contexts = {"contexts", "derived_contexts"}
    for event in events:
        same = narrow[event["event_id"], event["collector_tstamp"], event["event_fingerprint"]]
        assert {k: v for k, v in event.items() if k not in contexts} == {
            k: v for k, v in same.items() if k not in contexts
        }
        for name in contexts:
            before, after = json.loads(same[name])["data"], json.loads(event[name])["data"]
            assert after[: len(before)] == before
            assert len(after) > len(before)
    assert 5_500 < sum(map(len, lines)) / len(lines) < 6_500


def test_folders_without_wide_contexts_accept_further_days(tmp_path: Path) -> None:
    assert "wide_contexts" not in SPEC.identity()
    generate(tmp_path, SPEC.model_copy(update={"days": 1, "sessions_per_day": 50}))
    with pytest.raises(InputError):
        generate(tmp_path, SPEC.model_copy(update={"days": 1, "sessions_per_day": 50, "wide_contexts": True}))
