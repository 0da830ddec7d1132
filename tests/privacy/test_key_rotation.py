"""The procedure of docs/privacy.md for a new pseudonym key, in its order: no visitor is split, lost or forgotten."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from leapline.cli import app
from leapline.errors import ErasureError, SettingsError
from leapline.modelling.days import checked_days
from leapline.modelling.delayed_labels import current_labels
from leapline.privacy import pseudonym_keys
from leapline.privacy.pseudonym_keys import FILE, accepted_keys, key_id, key_of, pseudonyms, settings_of
from leapline.settings import Settings
from leapline.storage import Lake, write_json
from tests.events.lines import KEY
from tests.lakes import current_of
from tests.privacy.shop import FIRST, SECOND, STEPS
from tests.privacy.test_erasure import erase, files_with, rows
from tests.steps.nights import copy_of, do

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]
NEW = b"a new pseudonym key of 32 bytes!"
ANNA, BEN, CHARLES = ("user of anna", "user of ben", "user of charles")
TODAY = datetime.now(UTC).date()


def rotated(settings: Settings, until: date = TODAY) -> Settings:
    """Return the settings after step 1 of the procedure."""
    keys = {"pseudonym_key": SecretStr(NEW.decode()), "former_pseudonym_key": SecretStr(KEY.decode())}
    return settings.model_copy(update=keys | {"former_pseudonym_key_until": until})


@pytest.fixture(scope="module")
def changed(prepared: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Anna was erased under the former key; then the key was changed, and the second day ran again."""
    settings = copy_of(prepared, tmp_path_factory.mktemp("changed"))
    erase(settings, ANNA)
    new = rotated(settings)
    do(new, SECOND, *STEPS)
    yield new


@pytest.fixture
def new(changed: Settings, tmp_path: Path) -> Settings:
    return copy_of(changed, tmp_path)


def visitors(settings: Settings) -> set[str]:
    lake = Lake(settings.home)
    return {row["visitor"] for table in ("events", "examples") for row in rows(lake, table, table)}


def test_all_days_of_the_window_are_under_the_new_key(changed: Settings) -> None:
    """A visitor of two days is one, and the one who was erased under the former key does not return."""
    assert visitors(changed) == set(pseudonyms(NEW, [BEN, CHARLES]))
    lake = Lake(changed.home)
    assert {key_of(lake, name, day) for name in ("events", "examples") for day in (FIRST, SECOND)} == {key_id(NEW)}
    assert files_with(changed, *pseudonyms(KEY, [ANNA]), *pseudonyms(NEW, [ANNA])) == []


def test_order_of_a_day_under_the_former_key_does_not_count_again(prepared: Settings, tmp_path: Path) -> None:
    """The day before is outside of the training window, so it keeps its key."""
    settings = rotated(copy_of(prepared, tmp_path)).model_copy(update={"training_days": 0})
    counts = do(settings, SECOND, "extract")["extract"][SECOND.isoformat()]
    assert key_of(Lake(settings.home), "events", FIRST) == key_id(KEY)
    assert counts["orders_repeated"] == 1
    alone = {"former_pseudonym_key": None, "former_pseudonym_key_until": None}
    counts = do(settings.model_copy(update=alone), SECOND, "extract")["extract"][SECOND.isoformat()]
    assert counts["orders_repeated"] == 0, "what the former key is needed for"


def test_day_that_the_source_no_longer_has_is_not_trained_on(prepared: Settings, tmp_path: Path) -> None:
    settings = rotated(copy_of(prepared, tmp_path))
    lake = Lake(settings.home)
    assert checked_days(lake, prepared, SECOND) == [FIRST]
    landing = tmp_path / "landing"
    landing.mkdir()
    alone = settings.model_copy(update={"landing": str(landing)})
    with pytest.raises(Exception, match="2026-03-03"):
        do(alone, SECOND, "extract")
    assert checked_days(lake, alone, SECOND) == []


def test_requests_find_a_visitor_under_both_keys(prepared: Settings, tmp_path: Path) -> None:
    settings = rotated(copy_of(prepared, tmp_path)).model_copy(update={"training_days": 0})
    do(settings, SECOND, *STEPS)
    assert visitors(settings) == {*pseudonyms(KEY, [ANNA, BEN, CHARLES]), *pseudonyms(NEW, [ANNA, BEN, CHARLES])}
    report = access(settings, tmp_path / "report.json", BEN)
    assert list(report["days"]) == ["2026-03-02", "2026-03-03"]
    assert report["pseudonyms"] == pseudonyms([NEW, KEY], [BEN])
    receipt = erase(settings, BEN)
    assert (receipt["visitors"], [day["events"] for day in receipt["days"]]) == (1, [8, 8])
    assert files_with(settings, *pseudonyms([NEW, KEY], [BEN])) == []
    assert access(settings, tmp_path / "again.json", BEN)["excluded_since"] == TODAY.isoformat()


def access(settings: Settings, out: Path, visitor: str) -> dict[str, Any]:
    import json

    values = {"HOME": str(settings.home), "PSEUDONYM_KEY": NEW.decode(), "FORMER_PSEUDONYM_KEY": KEY.decode()}
    values |= {"FORMER_PSEUDONYM_KEY_UNTIL": str(settings.former_pseudonym_key_until)}
    environment = {f"LEAPLINE_{name}": value for name, value in values.items()}
    done = CliRunner().invoke(app, ["access", "--ids", "-", "--out", str(out)], input=visitor, env=environment)
    assert done.exit_code == 0, done.output
    [entry] = json.loads(out.read_text())["visitors"]
    return dict(entry)


def test_former_key_does_not_count_after_its_last_day(settings: Settings, lake: Lake) -> None:
    """A request that cannot reach everything says so, and changes nothing."""
    late = rotated(settings, until=TODAY - timedelta(days=1))
    assert accepted_keys(late) == [NEW]
    assert accepted_keys(late, TODAY - timedelta(days=1)) == [NEW, KEY]
    before = visitors(settings)
    with pytest.raises(ErasureError, match=r"events of 2026-03-02 to 2026-03-03; examples of .*leapline retain"):
        erase(late, BEN)
    assert visitors(settings) == before


def test_days_of_earlier_versions_count_as_those_of_the_former_key(settings: Settings, lake: Lake) -> None:
    for day in (FIRST, SECOND):
        (current_of(lake, "events", day) / FILE).unlink()
    assert pseudonym_keys.is_current(settings, lake, FIRST)
    assert not pseudonym_keys.is_current(rotated(settings), lake, FIRST)
    assert pseudonym_keys.unreachable_days(settings, lake) == {}


def test_labels_of_an_evaluation_are_compared_under_its_own_key(new: Settings) -> None:
    import pyspark.sql

    lake = Lake(new.home)
    with lake.attempt("evaluations", SECOND) as out:
        write_json(out / FILE, {"key_id": key_id(KEY)})
    assert settings_of(new, lake, "evaluations", SECOND).key_bytes() == KEY
    spark = pyspark.sql.SparkSession.active()
    labels = current_labels(spark, new, SECOND)
    sessions = {row["session"] for row in rows(lake, "events", "events")}
    assert len(labels) == 4
    assert not set(labels.index) & sessions, "pseudonyms under the former key"
    with pytest.raises(SettingsError, match="another key than that of evaluations of 2026-03-03"):
        settings_of(rotated(new, TODAY - timedelta(days=1)), lake, "evaluations", SECOND)


@pytest.mark.parametrize(
    ("key", "until", "reason"),
    [(KEY, None, "no last day"), (NEW, TODAY, "the present key"), (b"short", TODAY, "5 bytes")],
)
def test_unsuitable_former_key_is_rejected(settings: Settings, key: bytes, until: date | None, reason: str) -> None:
    wrong = {"former_pseudonym_key": SecretStr(key.decode()), "former_pseudonym_key_until": until}
    with pytest.raises(SettingsError, match=f"FORMER_PSEUDONYM_KEY: found {reason}"):
        accepted_keys(rotated(settings).model_copy(update=wrong))
