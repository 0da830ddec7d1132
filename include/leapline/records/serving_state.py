"""The model that is serving, and the start of its service.

The registry's tags are authoritative; the ledger records when and by whom they were moved. If the registry does not
answer, the state is that of the ledger's last entry, and `problem` contains the error. If both contradict each other,
`contradiction` says how.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from leapline.deployment.factory import champion_digest, ledger_of, registry
from leapline.errors import ContradictionError, LeaplineError, RegistryError, StorageError
from leapline.promotion.ledger import Entry
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG
from leapline.records.candidates import candidates
from leapline.serving.registry import Registry
from leapline.settings import Settings
from leapline.storage import lake_of


@dataclass(frozen=True)
class ServingState:
    """The two moving tags, and the history of the first.

    Attributes:
        champion: digest of the image tagged `champion`; None if there is none.
        previous: digest of the image tagged `previous`; None if there is none.
        model_id: of the champion; None if neither ledger nor lake knows the digest.
        since: when the tag was moved to it, UTC, ISO 8601; None if another installation moved it.
        problem: why the registry could not be asked; empty if it answered.
        contradiction: what registry and ledger do not agree about, or what is wrong with the ledger; empty if nothing.
    """

    champion: str | None = None
    previous: str | None = None
    model_id: str | None = None
    since: str | None = None
    problem: str = ""
    contradiction: str = ""

    @property
    def data_day(self) -> date | None:
        """The champion's data day, the first part of its model id."""
        try:
            return date.fromisoformat((self.model_id or "")[:10])
        except ValueError:
            return None

    def tags_of(self, digest: str | None) -> str:
        """Return the moving tags of an image, separated by spaces; `?` if the registry could not be asked."""
        if digest is None:
            return ""
        if self.problem:
            return "?"
        tags = {CHAMPION_TAG: self.champion, PREVIOUS_TAG: self.previous}
        return " ".join(tag for tag, named in tags.items() if named == digest)


def serving_state(settings: Settings) -> ServingState:
    """Return what is serving; never raises for a registry or a ledger that cannot be read."""
    entries = _ledger_entries(settings)
    try:
        repository = registry(settings)
        champion, previous = repository.digest(CHAMPION_TAG), repository.digest(PREVIOUS_TAG)
        contradiction = _contradiction(settings, repository)
    except RegistryError as exc:
        return recorded_state(entries, problem=str(exc))
    entry = next((entry for entry in reversed(entries) if champion and entry.after == champion), None)
    if entry:
        return ServingState(champion, previous, entry.model_id, entry.when, contradiction=contradiction)
    if champion is None:
        return ServingState(None, previous, contradiction=contradiction)
    published = (row.model_id for row in candidates(lake_of(settings)) if row.digest == champion)
    return ServingState(champion, previous, next(published, None), contradiction=contradiction)


def _contradiction(settings: Settings, repository: Registry) -> str:
    try:
        champion_digest(settings, repository)
    except (ContradictionError, StorageError) as exc:
        return str(exc)
    return ""


def recorded_state(entries: Sequence[Entry], problem: str = "") -> ServingState:
    """Return the state of the ledger's last entry, without a request to the registry."""
    if not entries:
        return ServingState(problem=problem)
    last = entries[-1]
    return ServingState(last.after, last.before, last.model_id, last.when, problem)


def ledger_rows(settings: Settings) -> list[dict[str, Any]]:
    """Return the ledger's entries, oldest first.

    Raises:
        StorageError: the ledger is damaged.
    """
    return [asdict(entry) for entry in ledger_of(settings).entries()]


def _ledger_entries(settings: Settings) -> list[Entry]:
    try:
        return ledger_of(settings).entries()
    except LeaplineError:
        return []
