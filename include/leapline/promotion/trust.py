"""Which images may become the champion, be scored again, and be deployed: those with a valid signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from leapline.serving import referrers
from leapline.serving.referrers import Subject
from leapline.serving.registry import Registry
from leapline.signing.keys import PublicKey


class Trust(Protocol):
    """Decides about images of a repository."""

    def require(self, registry: Registry, digest: str) -> None:
        """Raise SignatureError unless an image may be used."""

    def copy(self, source: Registry, target: Registry, digest: str) -> None:
        """Copy what `require` needs to another repository, which has the image."""


@dataclass(frozen=True)
class TrustAll:
    """Trusts every image: of an installation without keys."""

    def require(self, registry: Registry, digest: str) -> None:
        """Do nothing."""

    def copy(self, source: Registry, target: Registry, digest: str) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class TrustKeys:
    """Trusts images that one of the keys has signed.

    Attributes:
        keys: the accepted public keys; without any, no image is trusted.
    """

    keys: Sequence[PublicKey]

    def require(self, registry: Registry, digest: str) -> None:
        """Verify the signature of an image.

        Raises:
            SignatureError: it has none, or none is valid.
            RegistryError: the image is missing, or the registry does not answer.
        """
        referrers.verify(registry, Subject.read(registry, digest), self.keys)

    def copy(self, source: Registry, target: Registry, digest: str) -> None:
        """Copy all valid statements about an image.

        Raises:
            RegistryError: one of the registries does not answer.
        """
        referrers.copy(source, target, Subject.read(source, digest), self.keys)
