"""What a candidate is held against on the very same sessions: the champion, re-scored, and the baseline."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from leapline.evaluation.bootstrap import Comparison

State = Literal["compared", "none", "off", "unfair", "unknown"]


@dataclass(frozen=True)
class Rival:
    """The champion at the time of the verdict, and how it does on the candidate's holdout.

    Attributes:
        state: "compared"; "none": there is no champion; "off": a setting asks for no comparison; "unfair": it was
            trained on the holdout's day; "unknown": it could not be asked, and `why` says why.
        why: one sentence on the state.
        digest: what `champion` named; None if nothing, or if the registry did not say.
        model_id: of the champion.
        comparison: candidate against champion; None unless compared.
    """

    state: State
    why: str
    digest: str | None = None
    model_id: str | None = None
    comparison: Comparison | None = None

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Rival":
        """Back from the JSON file."""
        return cls(**{**content, "comparison": comparison_from(content["comparison"])})


def comparison_from(content: Mapping[str, Any] | None) -> Comparison | None:
    """A comparison back from a JSON file."""
    if content is None:
        return None
    known: dict[str, Any] = {k: tuple(v) if k.endswith("interval") and v else v for k, v in content.items()}
    return Comparison(**known)
