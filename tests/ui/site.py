"""A complete installation for the browser: lake, registry, Airflow with stub steps."""

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
from leapline.installation import ENV_FILE_VARIABLE
from leapline.local import airflow
from leapline.local.airflow_api import AirflowApi
from leapline.local.airflow_env import AirflowInstance
from leapline.local.registry_service import local_registry
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG
from leapline.serving.image import build
from leapline.serving.layout import index_digest
from leapline.settings import Settings
from leapline.storage import Lake
from tests.conftest import ROOT
from tests.fakes.stub_steps import install_stub_steps
from tests.ports import free_port
from tests.ui.lake import PastRuns, days

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
    """A running installation.

    Attributes:
        settings: its settings.
        instance: its Airflow.
        api: a client of that Airflow, logged in as `admin`.
        stubs: the folder of the stub steps.
        models: model ids of the champion and of the previous champion.
        env_file: read by every task and request; empty.
    """

    settings: Settings
    instance: AirflowInstance
    api: AirflowApi
    stubs: Path
    models: tuple[str, str]
    env_file: Path


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Start an installation with 34 past runs; stop it at the end."""
    for tool in (ROOT / ".local/bin/registry", CHROMIUM):
        if not tool.exists():
            pytest.skip(f"TOOLS MISSING: {tool}, so the page was not tested in a browser")
    settings = Settings.load(home=folder / "lake", tools=ROOT / ".local", registry=f"127.0.0.1:{free_port()}")
    instance = AirflowInstance(folder / "airflow", free_port())
    local = local_registry(settings)
    local.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in install_stub_steps(folder / "stubs").items():
            patch.setenv(name, value)
        env_file = folder / "env"
        env_file.write_text("")
        patch.setenv(ENV_FILE_VARIABLE, str(env_file))
        # The scheduled run of last night would interfere.
        patch.setenv("AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE", "False")
        try:
            models = _past(settings, folder)
            api = airflow.up(settings, instance, lambda _: None)
            yield Site(settings, instance, api, folder / "stubs", models, env_file)
        finally:
            airflow.down(instance, lambda _: None)
            local.stop()


def viewer(site: Site) -> AirflowApi:
    """Return a client for a viewer (may read, may not trigger)."""
    return logged_in(site, "vera", "viewer")


def logged_in(site: Site, user: str, role: str) -> AirflowApi:
    """Return a client for a user with a role of the simple auth manager, by a token signed with this Airflow's key."""
    claims = jwt.decode(site.api.token(), options={"verify_signature": False})
    header = jwt.get_unverified_header(site.api.token())
    secret = json.loads((site.instance.folder / "secrets.json").read_text())["jwt"]
    token = jwt.encode({**claims, "sub": user, "role": role}, secret, header["alg"], header)
    return AirflowApi(site.instance.url, user, "", token)


def _past(settings: Settings, folder: Path) -> tuple[str, str]:
    past_runs = PastRuns(settings)
    for number, day in enumerate(days(LAST, 34)):
        if number % 11 == 7:
            parts = {"found": "a share of duplicates of 0.31", "expected": "0 to 0.2", "fix": "Open the Data Docs."}
            past_runs.add_failed(day, DataCheckError(f"events of {day}", **parts))
        else:
            skill = 1.5 if number % 7 == 3 else 2.0 + (number * 7 % 5 - 2) / 20
            past_runs.add(day, skill=skill, with_plots=day == LAST)
    return _register(settings, past_runs, folder)


def _register(settings: Settings, past_runs: PastRuns, folder: Path) -> tuple[str, str]:
    """Push images for the last six models, tag the last two, and write the ledger; return the newest two model ids."""
    repository, lake = registry(settings), Lake(settings.home)
    (folder / "scorer").write_text("#!/bin/sh\n")
    ids = lake.keys("models")[-6:]
    past_runs.forget_promotions(ids)
    for model_id in ids:
        (folder / "model.zip").write_text(model_id)
        day = date.fromisoformat(model_id[:10])
        created = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        scorers = dict.fromkeys(("amd64", "arm64"), folder / "scorer")
        layout = folder / "images" / model_id
        build(folder / "model.zip", scorers, layout, model_id=model_id, labels={}, created=created)
        repository.push(layout, model_id)
        past_runs.image_is(model_id, index_digest(layout), settings.image)
        past_runs.promote(day, index_digest(layout), model_id=model_id)
    for model_id, tag in zip(ids[-2:], (PREVIOUS_TAG, CHAMPION_TAG), strict=True):
        repository.tag(model_id, tag)
    return ids[-1], ids[-2]


def update_screenshots() -> bool:
    """Return whether the screenshots in docs/ are to be updated."""
    return bool(os.environ.get("TEST_PICTURES"))
