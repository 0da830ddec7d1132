"""The champion's images, as the platforms need them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from leapline.deployment.docker_images import make_docker_image
from leapline.deployment.factory import champion_digest, registry, trust_of
from leapline.errors import DeployUnusableError, RegistryError
from leapline.promotion.tag_moves import CHAMPION_TAG
from leapline.serving.ecr import EcrHost
from leapline.serving.image import LABEL
from leapline.serving.registry import Registry
from leapline.settings import Settings


@dataclass(frozen=True)
class Champion:
    """The model that the tag `champion` names.

    Attributes:
        settings: of the installation.
        registry: has the model.
        model_id: its id.
        digest: digest of its image index.
    """

    settings: Settings
    registry: Registry
    model_id: str
    digest: str

    @classmethod
    def current(cls, settings: Settings) -> Self:
        """Return the champion.

        Raises:
            DeployUnusableError: there is none.
            SignatureError: there are keys, and it is not signed by one of them.
            ContradictionError: registry and ledger do not agree about it.
            RegistryError: the registry does not answer.
        """
        source = registry(settings)
        digest = champion_digest(settings, source)
        if digest is None:
            raise DeployUnusableError(
                f"tag {source.ref(CHAMPION_TAG)}", found="no such tag", expected="a champion",
                fix="The first promotion creates it; `leapline models` lists the models.",
            )  # fmt: skip
        trust_of(settings).require(source, digest)
        return cls(settings, source, source.annotations(digest).get(LABEL + "version", ""), digest)

    def moved_to(self) -> str:
        """Return the digest of another champion, if there is one by now; otherwise an empty text.

        A registry that does not answer during a rollout is no reason to give the rollout up.
        """
        try:
            digest = self.registry.digest(CHAMPION_TAG)
        except RegistryError:
            return ""
        return digest if digest and digest != self.digest else ""

    def index_in(self, repository: str) -> str:
        """Return the image for all architectures, in a repository; the installation's if empty."""
        return f"{repository or self.settings.image}@{self.digest}"

    def docker_in(self, repository: str, arch: str, region: str, target: str, *, publish: bool = True) -> str:
        """Return the image in Docker's format, published if it is not yet.

        Args:
            repository: the repository; that in ECR of the region if empty.
            arch: "amd64" or "arm64".
            region: AWS region that pulls it.
            target: name of the target, for messages.
            publish: whether it may be published; its digest is the same without.

        Raises:
            DeployUnusableError: no repository is in ECR of that region, or it lacks the image.
            RegistryError: the registry does not answer.
        """
        images = [self.settings.image, *self.settings.more_images]
        repository = repository or repository_in_ecr(images, region)
        if not repository:
            raise DeployUnusableError(
                target, found=f"no repository in ECR of {region} among {', '.join(images)}", expected="one in ECR",
                fix="Set LEAPLINE_REGISTRY or LEAPLINE_MORE_REGISTRIES to ECR, or the option image=.",
            )  # fmt: skip
        is_first = repository == self.settings.image
        docker_image = make_docker_image(self.settings, self.digest, arch, push=publish and is_first)
        if repository in self.settings.more_images:
            self._require_published(repository, docker_image["tag"], docker_image["digest"], arch, target)
        return f"{repository}@{docker_image['digest']}"

    def _require_published(self, repository: str, tag: str, digest: str, arch: str, target: str) -> None:
        other = Registry(repository, self.settings.tools / "bin" / "crane")
        if (present := other.digest(tag)) != digest:
            raise DeployUnusableError(
                f"{target}, image {other.ref(tag)}", found=present or "no such image", expected=digest,
                fix=f"Set LEAPLINE_DOCKER_IMAGES={arch}, so that it is published there; this model once with "
                f"`leapline image docker {self.model_id} --arch {arch} --push` and `crane copy`.",
            )  # fmt: skip


def repository_in_ecr(images: Sequence[str], region: str) -> str:
    """Return the first repository in ECR of an AWS region; empty if there is none."""
    hosts = {image: EcrHost.parse(image.partition("/")[0]) for image in images}
    return next((image for image, host in hosts.items() if host and host.region == region), "")


@dataclass(frozen=True)
class TargetImages:
    """The champion's images for one target: `platform.Images`, with the repository that the target pulls from."""

    champion: Champion
    repository: str
    target: str
    publish: bool = True

    @property
    def model_id(self) -> str:
        """The champion's model id."""
        return self.champion.model_id

    @property
    def digest(self) -> str:
        """Digest of the champion's image index."""
        return self.champion.digest

    def index(self) -> str:
        """Return the image for all architectures."""
        return self.champion.index_in(self.repository)

    def docker(self, arch: str, region: str) -> str:
        """Return the image in Docker's format; errors as in `Champion.docker_in`."""
        return self.champion.docker_in(self.repository, arch, region, self.target, publish=self.publish)
