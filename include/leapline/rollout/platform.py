"""What every platform can do: report which image a target runs, and roll out another one.

Each platform has a module of this package. A platform changes nothing but the image, and restores the former one if the
new one does not become ready within the target's time limit.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from leapline.errors import DeployError, DeployUnusableError
from leapline.rollout.target import Target

POLL_S: Final = 5.0


@dataclass(frozen=True)
class Running:
    """What a target runs.

    Attributes:
        image: its image, `repository@sha256:...`, or with a tag if it was started so; empty if it is not known.
        complete: whether every instance runs it; False while a rollout is under way.
    """

    image: str
    complete: bool = True

    @property
    def digest(self) -> str:
        """The image's digest; its whole reference if it has none."""
        return self.image.rpartition("@")[2]


class Images(Protocol):
    """The champion's images."""

    @property
    def model_id(self) -> str:
        """The champion's model id."""

    @property
    def digest(self) -> str:
        """Digest of the champion's image index."""

    def index(self) -> str:
        """Return the image for all architectures, `repository@sha256:...`."""

    def docker(self, arch: str, region: str) -> str:
        """Return the image in Docker's format for one architecture, in the ECR repository of an AWS region."""


class SupersededError(DeployError):
    """The champion has moved during the rollout. Retried, with the new champion."""


@dataclass(frozen=True)
class Wait:
    """Waits for a rollout.

    Attributes:
        timeout_s: seconds until it gives up.
        superseded_by: returns the digest of another champion, or an empty text.
        poll_s: seconds between two looks.
    """

    timeout_s: float
    superseded_by: Callable[[], str] = field(default=lambda: "")
    poll_s: float = POLL_S

    def until(self, condition: Callable[[], bool]) -> bool:
        """Wait until a condition holds; return False if it does not within the time limit.

        Raises:
            SupersededError: the champion has moved; the rollout of the old one does not matter any more.
        """
        deadline = time.monotonic() + self.timeout_s
        while not condition():
            if digest := self.superseded_by():
                raise SupersededError(
                    "champion", found=f"it moved to {digest} during the rollout", expected="the same champion",
                    fix="Its own deployment follows; if there is none, run `leapline deploy`.",
                )  # fmt: skip
            if time.monotonic() > deadline:
                return False
            time.sleep(self.poll_s)
        return True


class Platform(Protocol):
    """A target on its platform. Every method raises a DeployError that names the remedy."""

    def running(self) -> Running:
        """Return what the target runs."""

    def image(self, images: Images) -> str:
        """Return the champion's image in the form that the target needs."""

    def roll_out(self, image: str, before: Running, wait: Wait) -> None:
        """Make the target run an image, and wait until it does.

        Args:
            image: as `image` returned it.
            before: what it ran before.
            wait: how to wait.

        Raises:
            RolloutFailedError: the image did not become ready; the former one was restored.
            SupersededError: the champion moved meanwhile.
            DeployError: the platform rejected a request or does not answer.
        """


def chosen_container(target: Target, containers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the container whose image is the target's: the one that it names, the only one, or `scorer`.

    Raises:
        DeployUnusableError: there is no such container.
    """
    by_name = {container["name"]: container for container in containers}
    name = target.parts.get("container") or (next(iter(by_name)) if len(by_name) == 1 else "scorer")
    if name not in by_name:
        raise DeployUnusableError(
            target.name, found=f"containers {', '.join(sorted(by_name))}", expected=f"a container {name}",
            fix=f"Name it: {target.address}/CONTAINER.",
        )  # fmt: skip
    return by_name[name]
