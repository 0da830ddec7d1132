"""The configuration that a day's examples are built with, and whether examples in the lake still match it."""

from dataclasses import dataclass
from typing import Self

from leapline.features.spec import FeatureSpec, load_or_default
from leapline.settings import Settings
from leapline.storage import Folder, read_json

FEATURES, ITEM_FEATURES, FACTS = "features.json", "item_features.json", "examples.json"
EXAMPLES_FORMAT_VERSION = 2
"""Version of the selection of session prefixes; increase it with each change, so that older examples are rebuilt."""


@dataclass(frozen=True)
class ExampleConfig:
    """The configuration that determines a day's examples, besides its events.

    Attributes:
        sessions: the features of sessions, without the parts that are fitted in training.
        items: the features of session-item pairs, likewise.
        per_session: maximum number of examples per session.
    """

    sessions: FeatureSpec
    items: FeatureSpec
    per_session: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read the feature specs that the settings name.

        Raises:
            SpecError: a feature spec is malformed, or describes the other unit.
        """
        sessions = load_or_default(settings.features, "session")
        items = load_or_default(settings.item_features, "pair")
        return cls(sessions.unfitted, items.unfitted, settings.examples_per_session)

    def matches(self, folder: Folder) -> bool:
        """Return whether the examples in `folder` were built with this configuration."""
        if not (folder / ITEM_FEATURES).exists():
            return False
        texts = [(folder / name).read_text(encoding="utf-8") for name in (FEATURES, ITEM_FEATURES)]
        facts = read_json(folder / FACTS)
        built_with = (facts.get("way"), facts.get("per_session"))
        return texts == [self.sessions.dumps(), self.items.dumps()] and built_with == (
            EXAMPLES_FORMAT_VERSION,
            self.per_session,
        )
