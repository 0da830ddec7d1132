"""The Models page in Airflow's web UI, in a real browser.

TEST_PICTURES=1 updates the screenshots in docs/.
"""

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leapline.deployment.factory import ledger_of, registry
from leapline.errors import LocalServiceError
from leapline.promotion.tag_moves import CHAMPION_TAG
from tests.conftest import ROOT
from tests.ui.lake import EVIL
from tests.ui.site import Site, update_screenshots, viewer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
WIDE, PHONE = {"width": 1280, "height": 2300}, {"width": 390, "height": 1500}
Open = Callable[..., Any]


@pytest.fixture
def models(up: Site, browser: Any, login: Any) -> Iterator[Open]:
    """Return a function that opens the page, from the navigation or by path, and returns the window and the frame."""
    contexts, errors = [], list[str]()

    def open_page(path: str = "", viewport: dict[str, int] = WIDE, scheme: str = "light") -> tuple[Any, Any]:
        contexts.append(browser.new_context(storage_state=login, color_scheme=scheme, viewport=viewport))
        window = contexts[-1].new_page()
        window.set_default_timeout(30_000)
        window.on("pageerror", lambda error: errors.append(str(error)))
        window.goto(f"{up.instance.url}/plugin/models{path}" if path else up.instance.url)
        if not path:
            window.get_by_role("link", name="Models").first.click()
        return window, page_of(window, up)

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def page_of(window: Any, up: Site) -> Any:
    """Return the frame of the Models page in Airflow's window, as soon as it shows a verdict."""
    window.frame_locator("iframe").locator("#headline").wait_for()
    return next(f for f in window.frames if f.url.startswith(f"{up.instance.url}/leapline/"))


def violations(frame: Any) -> list[str]:
    """Return the serious accessibility violations that axe reports."""
    frame.evaluate(AXE.read_text())
    results = frame.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in results if v["impact"] in {"serious", "critical"}]


def rows_of_counts(frame: Any) -> list[tuple[str, str, int]]:
    """Return kind, name and number of the rows of the section "Data"."""
    cells = "row => [row.className, ...[...row.children].map(cell => cell.textContent)]"
    rows = frame.evaluate(f"[...document.querySelectorAll('.counts div')].map({cells})")
    return [(kind, name, int("".join(filter(str.isdigit, text)))) for kind, name, text in rows]


def until(frame: Any, condition: str) -> None:
    """Wait until a JavaScript expression is true; polled from here, as the page's policy forbids `eval`."""
    deadline = time.monotonic() + 30
    while not frame.evaluate(condition):
        assert time.monotonic() < deadline, f"never: {condition}"
        frame.page.wait_for_timeout(100)


def test_every_route_requires_a_login(up: Site) -> None:
    docs = "docs/2026-03-30/data_docs/index.html"
    for path in ("", "static/page.js", "api/page", "api/ledger", "api/serving", "models/x/card", docs, "openapi.json"):
        with pytest.raises(urllib.error.HTTPError) as rejected:
            urllib.request.urlopen(f"{up.instance.url}/leapline/{path}")  # noqa: S310
        assert rejected.value.code in ({401, 404} if path == "openapi.json" else {401}), path


def test_viewer_may_read_but_not_promote(up: Site) -> None:
    vera = viewer(up)
    page = vera.send("GET", "/leapline/api/page")
    assert (page["run"]["outcome"], page["may_promote"]) == ("promoted", False)
    with pytest.raises(LocalServiceError, match="403"):
        vera.trigger("rollback", {})


@pytest.mark.parametrize(
    ("name", "viewport", "scheme"), [("light", WIDE, "light"), ("dark", WIDE, "dark"), ("phone", PHONE, "light")]
)
def test_overview_shows_the_last_run(models: Open, up: Site, name: str, viewport: dict[str, int], scheme: str) -> None:
    window, frame = models(viewport=viewport, scheme=scheme) if name != "phone" else models("/leapline/", viewport)
    headline = frame.locator("#headline").inner_text()
    assert headline.startswith("Passed all 23 rules (2 not checked for lack of data): ROC AUC: 0.9")
    assert frame.get_by_text("not judged, with fewer than 20 buying or other sessions: ").is_visible()
    assert frame.locator(".badge").inner_text() == "✓ Promoted"
    frame.get_by_text(f"Champion: {up.models[0]}").wait_for()
    assert frame.locator("canvas").count() == 5
    rows = frame.locator("#candidates tbody tr")
    assert [rows.nth(i).get_by_role("button", name="Roll back").count() for i in (0, 1)] == [0, 1]
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing overflows the page"
    frame.get_by_text("forecast / prevalence: 1.04 (95 % CI: 0.92 to 1.19)").wait_for()
    frame.get_by_text("Sessions in progress", exact=True).click()
    groups = frame.get_by_role("table", name="Metrics by number of events so far")
    cells = groups.get_by_role("row", name="1 to 4").get_by_role("cell").all_inner_texts()
    assert cells == ["1 to 4", "0.642", "0.553 to 0.722", "0.623", "+0.019", "−0.104 to +0.142", "42", "3,260"]
    assert violations(frame) == []
    frame.get_by_text("Sessions in progress", exact=True).click()
    if update_screenshots():
        frame.evaluate("scrollTo(0, 0)")
        window.wait_for_timeout(500)
        window.screenshot(path=str(ROOT / "docs" / f"models-{name}.png"))


def test_counts_of_the_data_add_up_to_each_total(models: Open) -> None:
    _, frame = models("/leapline/")
    rows = rows_of_counts(frame)
    totals = [row for row in rows if row[0] == "total"]
    assert [name for _, name, _ in totals] == [
        "lines read",
        "events kept, one row per product",
        "sessions in these events",
        "sessions with events before a checkout",
    ]
    for first, last in ((0, 1), (2, 3)):
        between = rows[rows.index(totals[first]) + 1 : rows.index(totals[last])]
        change = sum(n if kind == "plus" else -n for kind, _, n in between if kind in {"plus", "minus"})
        assert totals[first][2] + change == totals[last][2]


def test_airflow_theme_overrides_the_system_theme(models: Open) -> None:
    window, frame = models("/leapline/", scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    assert frame.evaluate(background) == "rgb(255, 255, 255)"
    window.evaluate("localStorage.setItem('theme', 'dark')")
    until(frame, f"{background} === 'rgb(15, 20, 24)'")


def test_card_and_data_docs_open_without_running_their_content(models: Open) -> None:
    _, frame = models("/leapline/")
    frame.get_by_role("link", name="Model card", exact=True).first.click()
    frame.get_by_role("heading", name="Model card: buy or defer, 2026-03-30").wait_for()
    assert EVIL in frame.inner_text("body")
    until(frame, "[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert frame.locator("img").count() == 4
    assert violations(frame) == []
    frame.get_by_role("link", name="Models").click()
    frame.get_by_role("link", name="Data Docs").first.click()
    frame.get_by_role("columnheader", name="Run Time").wait_for()
    assert frame.get_by_role("row", name="Success 2026-11-28 21:29:15 UTC").is_visible()
    assert frame.locator("script").count() == 0
    frame.get_by_role("link", name="Success").click()
    frame.get_by_role("cell", name="Evaluated Expectations").wait_for()
    assert "values must be less than or equal to 0.0" in frame.inner_text("main, body")
    frame.get_by_role("link", name="Models").click()
    frame.locator("#headline").wait_for()


def test_failed_run_shows_its_error(models: Open, up: Site) -> None:
    _, frame = models("/leapline/")
    failed = frame.locator("#runs option[value^=scheduled__]", has_text="failed").first.get_attribute("value")
    frame.get_by_label("Run", exact=True).select_option(failed)
    frame.get_by_text("Failed in check_events.").wait_for()
    assert "a share of duplicates of 0.31" in frame.inner_text(".why")
    assert violations(frame) == []


def test_empty_lake_shows_a_hint(models: Open, up: Site) -> None:
    home = up.settings.home
    home.rename(home.with_name("aside"))
    try:
        _, frame = models("/leapline/")
        assert frame.locator("#headline").inner_text() == "There has been no run yet."
        assert violations(frame) == []
    finally:
        home.with_name("aside").rename(home)


def test_older_candidates_load_on_demand(models: Open) -> None:
    _, frame = models("/leapline/")
    rows = frame.get_by_role("table", name="Candidates, newest first").get_by_role("row")
    assert rows.count() == 11
    frame.get_by_role("button", name="Show older").press("Enter")
    until(frame, "document.querySelectorAll('#candidates tbody tr').length > 10")


def test_older_candidates_stay_when_the_registry_answers_late(models: Open, up: Site) -> None:
    window, _ = models("/leapline/")
    late: list[Any] = []
    window.route("**/api/serving", lambda route: late.append(route))
    window.reload()
    frame = page_of(window, up)
    frame.get_by_role("button", name="Show older").press("Enter")
    until(frame, "document.querySelectorAll('#candidates tbody tr').length > 10")
    late[0].fulfill(json={"champion": None, "previous": None, "problem": "503: asleep"})
    frame.get_by_text("The registry is not reachable.").wait_for()
    assert frame.evaluate("document.querySelectorAll('#candidates tbody tr').length > 10")


def test_tag_moved_by_hand_is_shown_with_the_way_on(models: Open, up: Site) -> None:
    champion, before = up.models
    registry(up.settings).tag(before, CHAMPION_TAG)
    try:
        _, frame = models("/leapline/")
        alert = frame.get_by_role("alert").filter(has_text="Registry and ledger contradict each other")
        alert.wait_for()
        assert "leapline ledger accept" in alert.inner_text()
        assert violations(frame) == []
    finally:
        registry(up.settings).tag(champion, CHAMPION_TAG)


def test_rollback_needs_confirmation_and_is_recorded_in_the_ledger(models: Open, up: Site) -> None:
    champion, before = up.models
    window, frame = models("/leapline/")
    frame.get_by_role("button", name=f"Roll back to this: {before}").click()
    dialog = frame.get_by_role("dialog", name="Roll back the champion?")
    assert champion in dialog.inner_text()
    assert violations(frame) == []
    window.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert ledger_of(up.settings).entries()[-1].action == "promote"

    frame.get_by_role("button", name=f"Roll back to this: {before}").press("Enter")
    dialog.get_by_label("Reason").fill("it recommends umbrellas")
    dialog.get_by_role("button", name="Roll back").click()
    row = frame.get_by_role("row", name="it recommends umbrellas")
    row.wait_for(timeout=90_000)
    assert "admin" in row.inner_text()
    assert "rolled back" in row.inner_text()
    frame.get_by_text(f"Champion: {before}").wait_for()
    frame.get_by_text("Promoted, then rolled back").wait_for()
    assert f"by admin: the champion became {before} (it recommends umbrellas)." in frame.inner_text("#replaced")
    images = frame.locator("#images p")
    assert images.nth(0).inner_text().startswith("Image of this run, not serving")
    tested = "linux/amd64 tested natively; linux/arm64 tested by emulation (qemu-aarch64 7.2.22)."
    assert images.nth(1).inner_text() == f"Platforms {tested}"
    assert images.nth(2).inner_text().startswith("In Docker's format, arm64")
    buttons = [images.nth(i).get_by_role("button").count() for i in range(images.count())]
    assert buttons == [0, 0, 0, 1], "only the champion's can be copied"
    if update_screenshots():
        window.screenshot(path=str(ROOT / "docs" / "models-rolled-back.png"))
    entry = ledger_of(up.settings).entries()[-1]
    assert (entry.who, entry.action, entry.model_id) == ("admin", "rollback", before)

    frame.get_by_role("button", name=f"Promote this: {champion}").click()
    frame.get_by_role("dialog").get_by_role("button", name="Promote").click()
    frame.get_by_text(f"Champion: {champion}").wait_for(timeout=90_000)
    assert ledger_of(up.settings).entries()[-1].why == "promoted by admin"
    until(frame, "document.querySelector('.badge').textContent === '✓ Promoted'")
    buttons = [images.nth(i).get_by_role("button").count() for i in range(images.count())]
    assert buttons == [1, 0, 1], "both images can be copied, and the platforms are no image"
