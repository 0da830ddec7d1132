"""What the invariants look at: the registry's tags as they change, and what is noted about each ledger."""

import json
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from leapline.promotion.tag_moves import CHAMPION_TAG
from leapline.settings import Settings
from tests.fakes.memory_registry import MemoryRegistry, Request, Response


@dataclass
class Ledgers:
    """What is observed of one lake's ledger.

    Attributes:
        settings: of the installation.
        is_tampered: whether somebody has changed it past Leapline, and nobody has accepted that.
        was_tampered: whether that ever happened.
        recorded: of each change, the step, what the ledger, or the move in progress, names as champion, and whether
            the ledger is sound.
        has_changed: whether it is to be looked at after this step.
        intended: the step at which the move in progress, or the last one, was written down.
        decided: the step at which a person last accepted the state.
        decisions: number of the ledger's decisions when it was changed past Leapline.
        tampered: the step at which it was.
    """

    settings: Settings
    is_tampered: bool = False
    was_tampered: bool = False
    recorded: list[tuple[int, frozenset[str | None], bool]] = field(default_factory=list)
    has_changed: bool = True
    intended: int = 0
    decided: int = -1
    decisions: int = 0
    tampered: int = -1


class Observer(Protocol):
    """Gets reports about tags."""

    def on_tag(self, repository: str, tag: str, before: str | None, after: str) -> None:
        """A tag was set."""

    def on_look(self, digest: str | None) -> None:
        """The running actor has read which image is the champion."""

    def on_signature(self, model_id: str) -> None:
        """The running actor has read the signature of a model."""


def document_of(content: bytes | None) -> dict[str, Any] | None:
    """Return a signed document; None if there is none, or a torn one."""
    try:
        document: dict[str, Any] = json.loads(content or b"")["document"]
    except ValueError:
        return None
    return document


def decisions_in(entries: list[dict[str, Any]]) -> int:
    """Return how many decisions of people a ledger has."""
    return sum(entry["action"] == "accept" for entry in entries)


class WatchedRegistry:
    """The registry, whose changes of tags are reported when they take effect.

    Args:
        registry: the registry.
        watch: gets the reports.
    """

    def __init__(self, registry: MemoryRegistry, watch: Observer) -> None:
        self._registry, self._watch = registry, watch

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        path = urlsplit(request.target).path
        repository, _, tag = path.removeprefix("/v2/").rpartition("/manifests/")
        if not repository or ":" in tag or request.method not in ("PUT", "GET", "HEAD"):
            return self._registry.handle(request)
        before = self._tag(repository, tag)
        response = self._registry.handle(request)
        after = self._tag(repository, tag)
        if request.method == "PUT" and after is not None:
            self._watch.on_tag(repository, tag, before, after)
        elif tag == CHAMPION_TAG:
            self._watch.on_look(after)
        elif "-signature-" in tag and after is not None and request.method == "GET":
            self._watch.on_signature(tag.partition("-signature-")[0])
        return response

    def _tag(self, repository: str, tag: str) -> str | None:
        present = self._registry.repositories.get(repository)
        return present.tags.get(tag) if present else None
