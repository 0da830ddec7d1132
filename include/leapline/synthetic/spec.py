"""What to generate: the size of the shop, the days, and how much of real life's mess."""

from datetime import date
from typing import Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leapline.errors import SettingsError

CHUNK_SESSIONS: Final = 8000
"""Sessions that are simulated together and share a part file; bounds the memory whatever the size of a day."""


class GeneratorSpec(BaseModel):
    """One data set; frozen, unknown keys refused. The same spec gives the same bytes.

    Raises:
        SettingsError: a value is missing, unknown or out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: date = Field(date(2026, 3, 2), description="First day (UTC).")
    days: int = Field(8, ge=1, le=3660, description="How many days.")
    sessions_per_day: int = Field(6000, ge=1, le=50_000_000, description="Visitors' sessions on an average day.")
    items: int = Field(4000, ge=10, le=1_000_000, description="Items in the shop; the popular ones get most views.")
    categories: int = Field(40, ge=1, le=10_000, description="Categories of items.")
    seed: int = Field(20150, ge=0, lt=2**63, description="Other seeds, other shops.")
    runs_per_day: Literal[1, 2, 3, 4, 6, 8, 12, 24] = Field(2, description="Enrichment batches a day (`run=` folders).")

    buyers: float = Field(
        0.05, ge=0.001, le=0.5, description="Share of sessions that end with a purchase, in the mean."
    )
    abandoned: float = Field(
        0.1, ge=0, le=1, description="Share of other sessions with a full cart that leave in the checkout."
    )
    consent: float = Field(0.85, ge=0, le=1, description="Share of visitors who consented.")
    missing_ids: float = Field(0.005, ge=0, le=1, description="Share of sessions tracked without any cookie id.")
    bots: float = Field(0.003, ge=0, le=0.1, description="Robot sessions for each visitor's session.")
    clock_wrong: float = Field(0.003, ge=0, le=1, description="Share of sessions on a device whose clock is far off.")
    duplicates: float = Field(0.01, ge=0, le=1, description="Share of events sent twice (same id, same fingerprint).")
    conflicts: float = Field(
        0.0005, ge=0, le=1, description="Share of events whose id another, different event uses too."
    )
    late: float = Field(0.004, ge=0, le=1, description="Share of events that arrive a day or more late.")
    late_beyond: float = Field(0.1, ge=0, le=1, description="Share of the late ones that take more than three days.")
    broken: float = Field(0.002, ge=0, le=1, description="Broken lines for each whole line, in addition to them.")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as exc:
            raise _as_settings_error(exc) from exc

    @property
    def chunks(self) -> int:
        """Pieces in which a day is generated."""
        return -(-self.sessions_per_day // CHUNK_SESSIONS)

    def rng(self, stream: str, *place: int) -> np.random.Generator:
        """The random numbers of one purpose at one place (day ordinal, chunk): independent of every other place."""
        return np.random.default_rng([self.seed, *stream.encode(), 0, *place])


def _as_settings_error(exc: ValidationError) -> SettingsError:
    first = exc.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "values"
    if first["type"] == "extra_forbidden":
        return SettingsError(
            f"generator setting {name}",
            found="no setting of that name",
            expected=f"one of {', '.join(GeneratorSpec.model_fields)}",
            fix="Correct the name.",
        )
    known = GeneratorSpec.model_fields.get(name)
    about = known.description if known else "the values as a whole"
    return SettingsError(
        f"generator setting {name}",
        found=repr(first.get("input")),
        expected=first["msg"].removeprefix("Input should be "),
        fix=f"Set it right ({about})",
    )
