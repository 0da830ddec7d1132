"""What a registry does wrong, met by the steps `publish` and `promote` (faults 22 and 23): for a while it costs time,
for longer the step fails and the champion stays; no fault loses or doubles an entry of the ledger."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leapline.deployment import factory
from leapline.deployment.ledger_report import verify_ledger
from leapline.errors import AccessDeniedError, RegistryError, TagConflictError
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG
from leapline.serving import crane
from leapline.serving.image import build
from leapline.serving.layout import index_digest
from leapline.settings import Settings
from leapline.storage import Lake
from tests.fakes.registry_proxy import Fault, RegistryProxy
from tests.faults.conftest import Copy
from tests.faults.kills.actions import promote, publish
from tests.faults.kills.installations import moves, tags_of
from tests.steps.packaged import CHAMPION, MODEL

Tags = Callable[[Settings], dict[str, str | None]]


@pytest.fixture
def proxy(installed: Settings) -> Iterator[RegistryProxy]:
    with RegistryProxy(installed.registry) as running:
        yield running


@pytest.fixture
def settings(installed: Settings, copied: Copy, proxy: RegistryProxy) -> Settings:
    """A package that has passed its probe, and a registry behind the proxy."""
    return copied(installed, "shaky").model_copy(update={"registry": proxy.address})


@pytest.fixture
def tags(registry_folder: Path) -> Tags:
    return lambda settings: tags_of(settings, registry_folder, CHAMPION_TAG, PREVIOUS_TAG, CHAMPION, MODEL)


@pytest.fixture
def short_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory.registry, "__defaults__", (2.0,))


def test_registry_that_fails_for_a_while_only_costs_time(
    settings: Settings, proxy: RegistryProxy, tags: Tags, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of fault once or twice, of each kind of request."""
    monkeypatch.setattr(crane, "_ANSWER_S", 2.0)
    old = tags(settings)[CHAMPION]
    proxy.faults += [
        Fault("GET", "/v2/", reset=True),
        Fault("HEAD", f"/manifests/{MODEL}", hold=True),
        Fault("POST", "/blobs/uploads/", status=429, headers={"Retry-After": "1"}, times=2),
        Fault("POST", "/blobs/uploads/", status=401, skip=1),
        Fault("PATCH", "/blobs/uploads/", reset=True, times=2),
        Fault("PUT", "/blobs/uploads/", status=504),
        Fault("PUT", f"/manifests/{MODEL}", status=503, times=2),
        Fault("PUT", f"/manifests/{MODEL}-signature", reset=True),
        Fault("PUT", "/manifests/champion", status=429, times=2),
        Fault("PUT", "/manifests/champion", reset=True),
        Fault("PUT", "/manifests/previous", hold=True, after=True),
    ]
    publish(settings)
    promote(settings)
    assert [fault for fault in proxy.faults if fault.times] == []
    present = tags(settings)
    assert (present[CHAMPION_TAG], present[PREVIOUS_TAG]) == (present[MODEL], old)
    assert [move[2:] for move in moves(settings)] == [(None, old), (old, present[MODEL])]


LASTING = {
    "upload 503": Fault("POST", "/blobs/uploads/", status=503),
    "upload reset": Fault("PATCH", "/blobs/uploads/", reset=True),
    "manifest 429": Fault("PUT", f"/manifests/{MODEL}", status=429),
    "manifest denied": Fault("PUT", f"/manifests/{MODEL}", status=401),
    "signature 500": Fault("PUT", f"/manifests/{MODEL}-signature", status=500),
    "champion 503": Fault("PUT", "/manifests/champion", status=503),
    "champion without answer": Fault("PUT", "/manifests/champion", hold=True),
    "champion denied": Fault("PUT", "/manifests/champion", status=401),
    "previous 503": Fault("PUT", "/manifests/previous", status=503),
}


@pytest.mark.usefixtures("short_budget")
@pytest.mark.parametrize("name", LASTING)
def test_registry_that_keeps_failing_ends_the_step_and_the_next_run_resumes(
    settings: Settings, proxy: RegistryProxy, tags: Tags, name: str
) -> None:
    fault = Fault(**{**vars(LASTING[name]), "times": 10**6})
    before = tags(settings)
    proxy.faults.append(fault)
    with pytest.raises(AccessDeniedError if "denied" in name else RegistryError):
        for step in (publish, promote):
            step(settings)
    after = tags(settings)
    assert after[CHAMPION_TAG] == (after[MODEL] if name.startswith("previous") else before[CHAMPION_TAG])
    assert verify_ledger(settings, offline=True)["problems"] == []
    proxy.faults.clear()
    uploads = proxy.count("POST", "/blobs/uploads/")
    for step in (publish, promote):
        step(settings)
    if after[MODEL] and not name.startswith("signature"):
        assert proxy.count("POST", "/blobs/uploads/") == uploads, "the registry had all blobs"
    present = tags(settings)
    assert (present[CHAMPION_TAG], present[PREVIOUS_TAG]) == (present[MODEL], before[CHAMPION_TAG])
    assert len(moves(settings)) == 2


def test_model_id_with_the_same_image_is_success_without_a_push(settings: Settings, proxy: RegistryProxy) -> None:
    publish(settings)
    proxy.seen.clear()
    publish(settings)
    assert {line.split()[0] for line in proxy.seen} <= {"GET", "HEAD"}


def test_model_id_with_another_image_is_an_error_and_stays(settings: Settings, tags: Tags, tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_text("another model")
    (tmp_path / "scorer").write_text("#!/bin/sh\n")
    scorers = dict.fromkeys(("amd64", "arm64"), tmp_path / "scorer")
    created = datetime(2026, 3, 2, tzinfo=UTC)
    build(tmp_path / "model.zip", scorers, tmp_path / "image", model_id=MODEL, labels={}, created=created)
    factory.registry(settings).push(tmp_path / "image", MODEL)
    before = tags(settings)
    with pytest.raises(TagConflictError, match=r"immutable: rebuild with the same code"):
        publish(settings)
    assert tags(settings) == before
    assert before[MODEL] == index_digest(tmp_path / "image")
    assert not Lake(settings.home).has("models", MODEL)
