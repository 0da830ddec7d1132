"""A whole installation for the browser: lake, registry, Airflow; the line's steps are stood in for."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from leapline.deployment.factory import registry
from leapline.errors import DataCheckError
from leapline.local import airflow
from leapline.local.airflow_api import AirflowApi
from leapline.local.airflow_env import AirflowInstance
from leapline.local.registry_service import local_registry
from leapline.serving.image import build
from leapline.serving.layout import index_digest
from leapline.serving.promote import CHAMPION, PREVIOUS
from leapline.settings import Settings
from leapline.storage import Lake
from tests.conftest import ROOT
from tests.fakes.stub_steps import install_stub_steps
from tests.ports import free_port
from tests.ui.lake import Nights, days

LAST = date(2026, 3, 30)
CHROMIUM = Path(shutil.which("chromium") or shutil.which("google-chrome") or "/usr/bin/chromium")
QUIET = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@dataclass(frozen=True)
class Site:
    """What is up: `models` are the champion's id and the one before; `line` is the folder of the stand-ins."""

    settings: Settings
    instance: AirflowInstance
    api: AirflowApi
    line: Path
    models: tuple[str, str]


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Everything up, with 34 nights behind it; down again at the end."""
    for needed in (ROOT / ".local/bin/registry", CHROMIUM):
        if not needed.exists():
            pytest.skip(f"TOOLS ABSENT: {needed} is not there, so no browser looked at the page")
    settings = Settings.load(home=folder / "lake", tools=ROOT / ".local", registry=f"127.0.0.1:{free_port()}")
    instance = AirflowInstance(folder / "airflow", free_port())
    local = local_registry(settings)
    local.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in install_stub_steps(folder / "line").items():
            patch.setenv(name, value)
        # The night that is due would come in between.
        patch.setenv("AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE", "False")
        try:
            models = _past(settings, folder)
            yield Site(settings, instance, airflow.up(settings, instance, lambda _: None), folder / "line", models)
        finally:
            airflow.down(instance, lambda _: None)
            local.stop()


def viewer(site: Site) -> AirflowApi:
    """The API as somebody who may look, but may not trigger: a token of this very Airflow's, for another role."""
    site.api.get("dags")
    token = jwt.decode(site.api._token, options={"verify_signature": False})
    header = jwt.get_unverified_header(site.api._token)
    secret = json.loads((site.instance.folder / "secrets.json").read_text())["jwt"]
    other = AirflowApi(site.instance.url, "vera", "")
    other._token = jwt.encode({**token, "sub": "vera", "role": "viewer"}, secret, header["alg"], header)
    return other


def _past(settings: Settings, folder: Path) -> tuple[str, str]:
    nights = Nights(settings)
    for number, day in enumerate(days(LAST, 34)):
        if number % 11 == 7:
            parts = {"found": "a share of duplicates of 0.31", "expected": "0 to 0.2", "fix": "Open the Data Docs."}
            nights.failed(day, DataCheckError(f"events of {day}", **parts))
        else:
            skill = 1.5 if number % 7 == 3 else 2.0 + (number * 7 % 5 - 2) / 20
            nights.night(day, skill=skill, pictures=day == LAST)
    return _register(settings, nights, folder)


def _register(settings: Settings, nights: Nights, folder: Path) -> tuple[str, str]:
    """Real images for the last two models, tagged, and the ledger to match; the newest model's id first."""
    repository, lake = registry(settings), Lake(settings.home)
    (folder / "scorer").write_text("#!/bin/sh\n")
    ids = lake.keys("models")[-6:]
    nights.forget_promotions(ids)
    for model_id in ids:
        (folder / "model.zip").write_text(model_id)
        day = date.fromisoformat(model_id[:10])
        created = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        scorers = dict.fromkeys(("amd64", "arm64"), folder / "scorer")
        layout = folder / "images" / model_id
        build(folder / "model.zip", scorers, layout, model_id=model_id, labels={}, created=created)
        repository.push(layout, model_id)
        nights.image_is(model_id, index_digest(layout), settings.image)
        nights.promote(day, index_digest(layout), model_id=model_id)
    for model_id, tag in zip(ids[-2:], (PREVIOUS, CHAMPION), strict=True):
        repository.tag(model_id, tag)
    return ids[-1], ids[-2]


def pictures_wanted() -> bool:
    """Whether the pictures in docs/ are to be taken anew."""
    return bool(os.environ.get("TEST_PICTURES"))
