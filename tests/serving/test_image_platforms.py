"""The image is built for the platforms that can be executed here, unless untested ones are published on purpose."""

from pathlib import Path

import pytest

from leapline.errors import SettingsError
from leapline.serving import image_platforms
from leapline.serving.execution import Execution
from leapline.serving.image_platforms import choose, explain
from leapline.serving.platforms import host_architecture
from leapline.settings import Settings
from tests.serving.emulators import FOREIGN

ABSENT = "there is no emulator"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A machine without an emulator."""

    def execution(arch: str, _: Path) -> Execution:
        return Execution(arch, how="natively") if arch == host_architecture() else Execution(arch, problem=ABSENT)

    monkeypatch.setattr(image_platforms, "execution", execution)
    for arch in ("amd64", "arm64"):
        (tmp_path / "scorer" / f"linux-{arch}").mkdir(parents=True)
        (tmp_path / "scorer" / f"linux-{arch}" / "scorer").write_text("a scorer")
    return Settings(home=tmp_path, tools=tmp_path)


def test_platform_without_emulator_is_left_out(settings: Settings) -> None:
    chosen = choose(settings)
    assert list(chosen.scorers) == [host_architecture()]
    assert chosen.left_out == {FOREIGN: ABSENT}
    sentence = explain(chosen.left_out)
    assert sentence == (
        f"Published without linux/{FOREIGN}, which could not be executed here: {ABSENT} "
        "(install qemu-user-static; or set LEAPLINE_PUBLISH_UNTESTED=true)."
    )


def test_untested_platform_is_published_on_purpose(settings: Settings) -> None:
    chosen = choose(settings.model_copy(update={"publish_untested": True}))
    assert sorted(chosen.scorers) == ["amd64", "arm64"]
    assert explain(chosen.left_out) == ""


def test_platform_that_nobody_asked_for_is_not_missed(settings: Settings) -> None:
    """This machine's own platform is part of the image even if only the other one is asked for."""
    for platforms in (host_architecture(), f"{host_architecture()},{host_architecture()}"):
        chosen = choose(settings.model_copy(update={"platforms": platforms}))
        assert (list(chosen.scorers), chosen.left_out) == ([host_architecture()], {})
    assert list(choose(settings.model_copy(update={"platforms": FOREIGN})).scorers) == [host_architecture()]


@pytest.mark.parametrize(
    ("change", "reason"), [({}, ABSENT), ({"platforms": host_architecture()}, "not in LEAPLINE_PLATFORMS")]
)
def test_image_in_dockers_format_needs_its_platform(settings: Settings, change: dict[str, str], reason: str) -> None:
    requested = settings.model_copy(update={"docker_images": FOREIGN, **change})
    with pytest.raises(
        SettingsError, match=f"LEAPLINE_DOCKER_IMAGES: found {FOREIGN}, which is not published: .*{reason}"
    ):
        choose(requested)


def test_missing_binary_is_not_a_missing_emulator(settings: Settings) -> None:
    """The build reports it, with `make setup` as the fix."""
    image_platforms.scorer_path(settings, FOREIGN).unlink()
    assert sorted(choose(settings).scorers) == ["amd64", "arm64"]
