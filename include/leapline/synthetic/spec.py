"""The specification of generated data: the size of the shop, the days, and the rates of anomalies."""

from datetime import date
from typing import Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leapline.errors import SettingsError

CHUNK_SESSIONS: Final = 8000
"""Sessions that are simulated together and share a part file; bounds memory for days of any size."""


class GeneratorSpec(BaseModel):
    """The specification of a data set; immutable, unknown keys are rejected. The same spec produces the same bytes.

    Raises:
        SettingsError: a value is missing, unknown or out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: date = Field(date(2026, 3, 2), description="First day (UTC).")
    days: int = Field(8, ge=1, le=3660, description="Number of days.")
    sessions_per_day: int = Field(6000, ge=1, le=50_000_000, description="Human sessions on an average day.")
    items: int = Field(4000, ge=10, le=1_000_000, description="Items in the catalogue; popularity follows Zipf's law.")
    categories: int = Field(40, ge=1, le=10_000, description="Item categories.")
    seed: int = Field(20150, ge=0, lt=2**63, description="Random seed; each seed is a different shop.")
    runs_per_day: Literal[1, 2, 3, 4, 6, 8, 12, 24] = Field(
        2, description="Enrichment batches per day (`run=` folders)."
    )

    buyers: float = Field(0.05, ge=0.001, le=0.5, description="Mean share of sessions that end with a purchase.")
    abandoned: float = Field(
        0.1, ge=0, le=1, description="Share of other sessions with a filled cart that abandon the checkout."
    )
    consent: float = Field(0.85, ge=0, le=1, description="Share of visitors who gave consent.")
    missing_ids: float = Field(0.005, ge=0, le=1, description="Share of sessions tracked without any cookie id.")
    bots: float = Field(0.003, ge=0, le=0.1, description="Bot sessions per human session.")
    clock_wrong: float = Field(0.003, ge=0, le=1, description="Share of sessions on a device with a wrong clock.")
    duplicates: float = Field(0.01, ge=0, le=1, description="Share of events sent twice (same id, same fingerprint).")
    conflicts: float = Field(
        0.0005, ge=0, le=1, description="Share of events whose id is also used by a different event."
    )
    late: float = Field(0.004, ge=0, le=1, description="Share of events that arrive a day or more late.")
    late_beyond: float = Field(0.1, ge=0, le=1, description="Share of the late events that take more than three days.")
    broken: float = Field(0.002, ge=0, le=1, description="Additional broken lines per intact line.")
    wide_contexts: bool = Field(
        False, description="Whether events have the further contexts of large sites: 6 kB per line instead of 1.7 kB."
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as exc:
            raise _as_settings_error(exc) from exc

    def identity(self) -> dict[str, Any]:
        """Return the values that must be equal for all days of a landing folder."""
        # Folders that were generated before this field existed do not contain it.
        added = set() if self.wide_contexts else {"wide_contexts"}
        return self.model_dump(mode="json", exclude={"start", "days", *added})

    @property
    def chunks(self) -> int:
        """Return the number of pieces in which a day is generated."""
        return -(-self.sessions_per_day // CHUNK_SESSIONS)

    def rng(self, stream: str, *place: int) -> np.random.Generator:
        """Return the generator of one purpose and place (day ordinal, chunk); places are independent of each other."""
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
    field = GeneratorSpec.model_fields.get(name)
    about = field.description if field else "the values as a whole"
    return SettingsError(
        f"generator setting {name}",
        found=repr(first.get("input")),
        expected=first["msg"].removeprefix("Input should be "),
        fix=f"Set a valid value ({about.rstrip('.') if about else name}).",
    )
