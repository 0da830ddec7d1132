"""The platforms of the published image: those whose scorer can be executed here, so that the probe can judge them.

A platform without an emulator is left out, unless the installation publishes untested platforms. This machine's own
platform is always part of the image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from leapline.errors import SettingsError
from leapline.serving.execution import PACKAGE, Execution, execution
from leapline.serving.platforms import host_architecture
from leapline.settings import PREFIX, Settings


@dataclass(frozen=True)
class ImagePlatforms:
    """Which platforms an image is built for.

    Attributes:
        scorers: the binary of each platform of the image.
        left_out: platforms that are not published, with the reason.
    """

    scorers: Mapping[str, Path]
    left_out: Mapping[str, str]


def scorer_path(settings: Settings, arch: str) -> Path:
    """Return the path of a platform's scorer for images."""
    return settings.tools / "scorer" / f"linux-{arch}" / "scorer"


def scorers(settings: Settings) -> dict[str, Path]:
    """Return the scorer of each platform that the installation asks for, and of this machine's."""
    host = {host_architecture()} & {"amd64", "arm64"}
    return {arch: scorer_path(settings, arch) for arch in sorted({*settings.platform_architectures, *host})}


def executions(settings: Settings) -> dict[str, Execution]:
    """Return how the scorer of each of these platforms is executed here. Missing binaries are left out."""
    return {arch: execution(arch, path) for arch, path in scorers(settings).items() if path.is_file()}


def choose(settings: Settings) -> ImagePlatforms:
    """Return the platforms to build the image for.

    Raises:
        SettingsError: an image in Docker's format is asked for, for a platform that is left out.
    """
    binaries, left_out = scorers(settings), dict[str, str]()
    if not settings.publish_untested:
        left_out = {arch: how.problem for arch, how in executions(settings).items() if how.problem}
    for arch in settings.docker_architectures:
        if arch not in binaries or arch in left_out:
            raise SettingsError(
                f"{PREFIX}DOCKER_IMAGES",
                found=f"{arch}, which is not published: {left_out.get(arch, f'it is not in {PREFIX}PLATFORMS')}",
                expected="platforms of the image",
                fix=f"Install {PACKAGE}, or take {arch} out of it.",
            )
    return ImagePlatforms({arch: path for arch, path in binaries.items() if arch not in left_out}, left_out)


def explain(left_out: Mapping[str, str]) -> str:
    """Return one sentence about the platforms that are left out, with what to do; empty if there are none."""
    if not left_out:
        return ""
    names = " and ".join(f"linux/{arch}" for arch in sorted(left_out))
    reasons = "; ".join(dict.fromkeys(left_out.values()))
    return (
        f"Published without {names}, which could not be executed here: {reasons} "
        f"(install {PACKAGE}; or set {PREFIX}PUBLISH_UNTESTED=true)."
    )
