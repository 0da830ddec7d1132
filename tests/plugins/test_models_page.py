"""The data of the Models page, for a lake in each of its states."""

from datetime import date
from pathlib import Path

import pytest

from leapline.errors import DataCheckError
from leapline.orchestration.page import documents, models, runs
from leapline.runtime.context import STEPS
from leapline.runtime.reports import write_report
from leapline.settings import Settings
from leapline.storage import Lake
from tests.lakes import folder_of
from tests.ui.lake import EVIL, PastRuns, days

LAST = date(2026, 3, 30)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path / "lake")


@pytest.fixture
def past_runs(settings: Settings) -> PastRuns:
    return PastRuns(settings)


def test_lake_without_runs_shows_an_empty_page(settings: Settings) -> None:
    assert runs.listed(settings) == []
    assert runs.detail(settings) is None
    assert models.candidates(settings) == {"rows": [], "more": False}
    assert models.days(settings) == []
    assert models.ledger(settings) == {"rows": [], "total": 0, "problem": ""}


def test_promoted_run_shows_curves_rules_and_image(settings: Settings, past_runs: PastRuns) -> None:
    digest = past_runs.add(LAST)
    run = runs.detail(settings)
    assert run
    assert (run["outcome"], run["day"]) == ("promoted", "2026-03-30")
    assert run["sentence"].startswith("Passed all 21 rules (2 not checked for lack of data): ROC AUC: 0.9")
    assert run["published"]["digest"] == digest
    assert run["published"]["docker_images"] == {"arm64": f"sha256:{'d' * 64}"}
    assert [step["state"] for step in run["steps"]] == ["done"] * (len(STEPS) - 1) + ["skipped"]
    assert run["seconds"] == pytest.approx(313.2)
    assert run["data"]["lines"] == 231474
    assert run["data"]["check"]["docs"] == "docs/2026-03-30/data_docs/index.html"
    assert set(run["model"]["curves"]) == {"roc", "precision_recall", "reliability", "histogram"}
    assert run["model"]["importances"]["n_cart_adds"] == 0.176
    [row] = models.candidates(settings)["rows"]
    assert (row["digest"], row["card"]) == (digest, f"models/{row['model_id']}/card")
    assert models.days(settings)[0]["promoted"]


def test_data_counts_sessions_and_not_examples(settings: Settings, past_runs: PastRuns) -> None:
    past_runs.add(LAST)
    run = runs.detail(settings)
    assert run
    data = run["data"]
    assert (data["sessions"], data["buying_sessions"]) == (3400, 187)
    assert data["clean_sessions"] == data["sessions"] + data["starting_at_checkout"]
    assert "examples" not in data


def test_refused_run_shows_its_reason_and_no_image(settings: Settings, past_runs: PastRuns) -> None:
    past_runs.add(LAST, skill=1.0)
    run = runs.detail(settings)
    assert run
    assert (run["outcome"], run["published"]) == ("refused", None)
    assert run["sentence"].startswith("Refused: ROC AUC: 0.7")
    states = {step["step"]: step["state"] for step in run["steps"]}
    assert (states["gate"], states["package"]) == ("refused", "not run")
    [row] = models.candidates(settings)["rows"]
    assert (row["model_id"], row["passed"], row["card"]) == (None, False, "days/2026-03-30/card")


def test_failed_run_shows_its_error(settings: Settings, past_runs: PastRuns) -> None:
    past_runs.add_failed(LAST, DataCheckError("events", found="2 broken", expected="none", fix="Look."))
    run = runs.detail(settings)
    assert run
    assert run["outcome"] == "failed"
    assert run["sentence"] == "Failed in check_events: events: found 2 broken; expected none. Look."
    assert (run["model"], run["rules"], run["data"]["events"]) == (None, [], 43706)


def test_curves_of_a_later_run_are_not_shown_for_the_earlier_one(settings: Settings, past_runs: PastRuns) -> None:
    past_runs.add(LAST)
    first = runs.detail(settings)
    assert first
    past_runs.evaluate(LAST, 1.2)
    again = runs.detail(settings, first["run_id"])
    assert again
    assert again["model"]["curves"] is None
    assert again["model"]["importances"] is None
    assert again["model"]["metrics"]["roc_auc"] == first["model"]["metrics"]["roc_auc"]


def test_runs_are_listed_newest_first_and_found_by_id(settings: Settings, past_runs: PastRuns) -> None:
    for day in days(LAST, 3):
        past_runs.add(day)
    rows = runs.listed(settings, most=2)
    assert [run["day"] for run in rows] == ["2026-03-30", "2026-03-29"]
    assert runs.detail(settings, rows[1]["run_id"])["day"] == "2026-03-29"  # type: ignore[index]
    assert runs.detail(settings, "../../etc") is None


def test_last_run_is_neither_a_backfill_nor_unfinished(settings: Settings, past_runs: PastRuns) -> None:
    for day in days(LAST, 2):
        past_runs.add(day)
    summary = {"passed": True, "sentence": "Passed."}
    for run_id, outcome in (("backfill__2026-02-01", "promoted"), ("manual__now", "unfinished")):
        write_report(settings, run_id, "gate", _report("gate", run_id, summary))
        if outcome == "promoted":
            write_report(settings, run_id, "promote", _report("promote", run_id, {"promoted": True, "why": ""}))
    assert [run["outcome"] for run in runs.listed(settings)] == ["unfinished", "promoted", "promoted", "promoted"]
    assert runs.detail(settings)["day"] == "2026-03-30"  # type: ignore[index]
    assert runs.detail(settings, "manual__now")["outcome"] == "unfinished"  # type: ignore[index]


def _report(step: str, run_id: str, summary: dict[str, object]) -> dict[str, object]:
    return {"step": step, "day": "2026-02-01", "run_id": run_id, "ok": True, "summary": summary, "seconds": 1.0}


def test_damaged_file_removes_only_itself_from_the_page(settings: Settings, past_runs: PastRuns) -> None:
    past_runs.add(LAST)
    lake = Lake(settings.home)
    (lake.current("evaluations", LAST) / "curves.json").write_text("{")
    (lake.current("checks", LAST) / "result.json").unlink()
    (settings.home / "ledger.jsonl").write_text("no ledger\n")
    run = runs.detail(settings)
    assert run
    assert run["model"]["curves"] is None
    assert run["data"]["check"] is None
    assert "line 1" in models.ledger(settings)["problem"]
    assert models.candidates(settings)["rows"]


def test_four_hundred_candidates_are_paged(settings: Settings, past_runs: PastRuns) -> None:
    lake = Lake(settings.home)
    past_runs.add(LAST)
    model_id = lake.keys("models")[0]
    for day in days(date(2026, 3, 29), 399):
        copy = folder_of(lake) / lake.folder("models", f"{day}-0123456789ab")
        copy.symlink_to(folder_of(lake) / lake.folder("models", model_id))
    first = models.candidates(settings)
    assert [row["key"] for row in first["rows"]][:2] == [model_id, "2026-03-29-0123456789ab"]
    assert first["more"]
    seen, page = list(first["rows"]), first
    while page["more"]:
        page = models.candidates(settings, before=seen[-1]["key"])
        seen += page["rows"]
    assert len({row["key"] for row in seen}) == len(seen) == 400


def test_card_shows_markup_as_text(settings: Settings, past_runs: PastRuns) -> None:
    past_runs.add(LAST)
    model_id = Lake(settings.home).keys("models")[0]
    page = documents.card(documents.model_folder(settings, model_id), "../../")
    assert page
    assert EVIL not in page
    assert "&lt;img src=x" in page
    assert "<td>ROC AUC</td>" in page
    assert documents.card(documents.model_folder(settings, "../models"), "") is None
    assert documents.card(documents.verdict_folder(settings, "2026-02-30"), "") is None


@pytest.mark.parametrize(
    "name", ["../result.json", "/etc/passwd", "..%2fresult.json", "a\0b", "", "missing.html", "out"]
)
def test_files_outside_of_the_data_docs_are_not_served(settings: Settings, past_runs: PastRuns, name: str) -> None:
    past_runs.add(LAST)
    docs = Lake(settings.home).current("checks", LAST) / "data_docs"
    (docs / "out").symlink_to(docs.parent / "result.json")
    assert documents.data_doc(settings, "2026-03-30", "index.html") == docs / "index.html"
    assert documents.data_doc(settings, "2026-03-30", name) is None
    assert documents.data_doc(settings, "../2026-03-30", "index.html") is None


def test_reproduced_champion_is_not_reported_as_unpromoted(settings: Settings) -> None:
    promotion = {"promoted": False, "is_champion": True, "why": "it is already the champion", "verdict": "Passed."}
    write_report(settings, "manual__again", "promote", _report("promote", "manual__again", promotion))
    run = runs.detail(settings, "manual__again")
    assert run
    assert (run["outcome"], run["sentence"]) == ("reproduced", "Passed. This image is already the champion.")
