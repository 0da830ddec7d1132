"""The champion at the time of the verdict, and its comparison with the candidate on the same sessions."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from leapline.evaluation.bootstrap import Comparison

State = Literal["compared", "none", "off", "unfair", "unknown"]


@dataclass(frozen=True)
class ChampionComparison:
    """The champion at the time of the verdict, and whether and how it was compared with the candidate.

    Attributes:
        state: "compared"; "none": there is no champion; "off": the comparison is disabled; "unfair": the champion was
            trained on the holdout's day; "unknown": the champion could not be scored, for the reason in `why`.
        why: one sentence about the state.
        digest: digest of the tag `champion`; None if the tag is absent or the registry did not answer.
        model_id: of the champion.
        comparison: candidate minus champion; None unless compared.
    """

    state: State
    why: str
    digest: str | None = None
    model_id: str | None = None
    comparison: Comparison | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "ChampionComparison":
        """Return the object from the content of its JSON file, which may have further keys."""
        values = {entry.name: content[entry.name] for entry in fields(cls)}
        return cls(**values | {"comparison": comparison_from(content["comparison"])})


def comparison_from(content: Mapping[str, Any] | None) -> Comparison | None:
    """Return a comparison from the content of its JSON file."""
    if content is None:
        return None
    values: dict[str, Any] = {k: tuple(v) if k.endswith("interval") and v else v for k, v in content.items()}
    return Comparison(**values)
