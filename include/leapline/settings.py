"""Every setting, documented once.

Settings come from environment variables (`LEAPLINE_<NAME>`), from a `.env` file, or from arguments in code; the Airflow
params of a run override them for that run. One frozen object is made at the edge and handed down; nothing below reads
the environment.
"""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from leapline.errors import SettingsError
from leapline.installation import find_installation

PREFIX = "LEAPLINE_"


class Settings(BaseSettings):
    """One installation's settings; immutable, unknown keys refused."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(
        Path(".leapline"), validate_default=True, description="The lake: events, features, models, reports."
    )
    landing: Path | None = Field(None, description="Where Snowplow's enriched events land; `<home>/landing` if empty.")
    pseudonym_key: SecretStr | None = Field(
        None,
        description="Secret key (32 bytes or more) of the session and visitor pseudonyms; never stored in the lake.",
    )

    consent_required: bool = Field(True, description="Leave out events without a GDPR consent context.")
    lookahead_hours: int = Field(3, ge=0, le=24, description="How far past midnight a session's tail is followed.")
    days_late: int = Field(3, ge=0, le=30, description="How many days after its own an event may still arrive.")
    event_mapping: Path | None = Field(
        None, description="The site's own event mapping (JSON); Leapline's, which knows Snowplow's dialects, if empty."
    )
    max_session_events: int = Field(
        5000, ge=10, le=1_000_000, description="Events of one session that are kept; the rest is set aside."
    )
    max_quarantine_share: float = Field(
        0.05, ge=0, le=1, description="Share of a day's lines that may be set aside before the night fails."
    )
    min_volume_ratio: float = Field(
        0.5, ge=0, le=1, description="A day's events must reach this share of the median of the days before."
    )

    training_days: int = Field(
        7,
        ge=0,
        le=90,
        description="Days before the data day to train on; 0 trains and judges within the day (first 70 % / rest).",
    )
    features: Path | None = Field(
        None, description="The site's own feature spec (JSON, docs/features.md); the one that is shipped, if empty."
    )
    item_features: Path | None = Field(
        None, description="The same for the model of which viewed item is bought: a spec of unit `pair`."
    )
    examples_per_session: int = Field(
        2, ge=1, le=20, description="Training examples a session: all before its checkout, and beginnings of it."
    )
    pipeline: str = Field(
        "leapline.training.forest:default_pipeline",
        description="`module:function` that returns the Spark ML pipeline to fit.",
    )
    forest_trees: int = Field(60, ge=1, le=1000, description="Trees in the forest.")
    forest_depth: int = Field(10, ge=1, le=30, description="Greatest depth of a tree.")
    forest_min_leaf: int = Field(20, ge=1, description="Fewest examples in a leaf.")
    forest_features: str = Field(
        "onethird",
        pattern=r"^(all|sqrt|log2|onethird|0\.\d+|1\.0|[1-9]\d*)$",
        description="Features tried at each split: all, sqrt, log2, onethird, a share or a number of them.",
    )
    search: bool = Field(
        False, description="Search depth and features per split on the training days; `leapline train --fast` does not."
    )
    fit_partitions: int = Field(
        4, ge=1, le=4096, description="Partitions before `fit`; part of what makes a night reproducible."
    )
    seed: int = Field(20150, description="Seed of the forest and of every sample.")

    roc_auc_threshold: float = Field(0.88, gt=0.5, le=1, description="The gate: the least ROC AUC on the holdout.")
    min_positives: int = Field(30, ge=1, description="The gate: fewest buyers in the holdout to judge on.")
    max_roc_auc: float = Field(
        0.999, gt=0.5, le=1, description="The gate: a ROC AUC from here on is taken for a leak of the answer."
    )
    min_precision_lift: float = Field(
        2.0, ge=1, description="The gate: the least average precision, in multiples of the share of buyers."
    )
    max_calibration_error: float = Field(
        0.03, gt=0, le=1, description="The gate: mean distance of forecast and share of buyers must stay below this."
    )
    max_importance: float = Field(
        0.9, gt=0, le=1, description="The gate: one feature's share of the importance must stay below this."
    )
    min_slice_roc_auc: float = Field(
        0.7,
        ge=0,
        le=1,
        description="The gate: the least ROC AUC within a device, new or returning, a quarter of the day.",
    )
    slice_min_positives: int = Field(
        20, ge=1, description="The gate: a slice with fewer buyers, or fewer others, is not judged."
    )
    compare_champion: bool = Field(
        True, description="The gate: score the champion on the same holdout; if it cannot be, the model is refused."
    )
    champion_margin: float = Field(
        0.01,
        ge=0,
        le=0.5,
        description="The gate: ROC AUC minus the champion's must lie above minus this, interval and all.",
    )
    min_baseline_gain: float = Field(
        0.0,
        ge=-1,
        le=1,
        description="The gate: ROC AUC minus the Markov chains' must lie above this, interval and all.",
    )
    bootstrap_draws: int = Field(1000, ge=100, le=100_000, description="Draws of visitors for each 95 % interval.")

    promote: bool = Field(True, description="Move the `champion` tag to a model that passed.")
    promote_backfills: bool = Field(
        False, description="Let a backfill move `champion`, even to a model of an older data day."
    )
    bundle_format: Literal["protobuf", "json"] = Field(
        "protobuf", description="Form of the Bundle.ML files inside the archive."
    )
    bundle_writer: Literal["leapline", "mleap"] = Field(
        "leapline", description="Who writes the bundle; `mleap` needs MLeap's jars on Spark's class path."
    )
    probe_rows: int = Field(
        2000, ge=1000, le=1_000_000, description="Holdout rows sent through the image before it is pushed."
    )
    probe_tolerance: float = Field(1e-9, gt=0, le=1e-6, description="Greatest difference from Spark's probability.")
    max_latency_ms: float = Field(
        10.0, gt=0, description="The probe: 99 of 100 one-row answers must come sooner (milliseconds)."
    )

    registry: str = Field("127.0.0.1:5055", description="OCI registry, host[:port].")
    repository: str = Field("leapline/scorer", description="Repository of the scoring image in the registry.")

    alert_connections: str = Field(
        "",
        description="Airflow connections that alerts go to (types `smtp` and `slackwebhook`), split by commas; "
        "the task log alone if empty.",
    )
    alert_mail_to: str = Field("", description="Who gets the alerts that go by mail; addresses split by commas.")
    stale_champion_days: int = Field(
        7, ge=1, le=365, description="Alert when the champion's data day is this many days old, or more."
    )

    tools: Path = Field(Path(".local"), validate_default=True, description="Where `make setup` put its tools.")

    spark_master: str = Field(
        "local[*]", description="Spark master for steps started by hand; Airflow uses `spark_default`."
    )
    spark_driver_memory: str = Field("4g", pattern=r"^\d+[mg]$", description="Heap of the Spark driver.")
    spark_driver_options: str = Field(
        "",
        description="JVM options of the Spark driver; `-XX:TieredStopAtLevel=1` suits days of 100,000 events, "
        "`-XX:+UseParallelGC` those of millions.",
    )
    spark_shuffle_partitions: int = Field(8, ge=1, description="Partitions after a shuffle.")

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Settings from the environment, `.env` and `overrides` (None = not given).

        Raises:
            SettingsError: a value is out of range, or a `LEAPLINE_` variable is unknown.
        """
        _refuse_unknown(cls)
        try:
            return cls(**{k: v for k, v in overrides.items() if v is not None})
        except ValidationError as exc:
            raise _as_settings_error(cls, exc) from exc

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the installation's `.env`; docker compose uses this file too, so other variables are ignored."""
        env_file = DotEnvSettingsSource(settings_cls, env_file=find_installation().env_file)
        env_file.env_vars = {k: v for k, v in env_file.env_vars.items() if k.upper().startswith(PREFIX)}
        return init_settings, env_settings, env_file

    @field_validator("home", "landing", "event_mapping", "features", "item_features", "tools")
    @classmethod
    def _resolve_path(cls, path: Path | None) -> Path | None:
        """Relative paths are relative to the installation's folder, whatever the working directory."""
        return path and find_installation().resolve(path)

    @property
    def landing_dir(self) -> Path:
        """Where the events land."""
        return self.landing or self.home / "landing"

    @property
    def ledger(self) -> Path:
        """The append-only record of who moved which tag."""
        return self.home / "ledger.jsonl"

    @property
    def image(self) -> str:
        """The image without a tag: `registry/repository`."""
        return f"{self.registry}/{self.repository}"

    def key_bytes(self) -> bytes:
        """The pseudonym key.

        Raises:
            SettingsError: no key, or one shorter than 32 bytes.
        """
        raw = self.pseudonym_key.get_secret_value().encode() if self.pseudonym_key else b""
        if len(raw) < 32:
            raise SettingsError(
                f"{PREFIX}PSEUDONYM_KEY",
                found="nothing" if not raw else f"{len(raw)} bytes",
                expected="a secret of at least 32 bytes",
                fix="Set it in the environment, e.g. to the output of `openssl rand -hex 32`.",
            )
        return raw


def _refuse_unknown(cls: type[Settings]) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in cls.model_fields}
    unknown = sorted(k for k in os.environ if k.upper().startswith(PREFIX) and k.upper() not in known)
    if unknown:
        raise _no_such(f"environment variable {unknown[0]}", unknown[0].upper(), known)


def _as_settings_error(cls: type[Settings], exc: ValidationError) -> SettingsError:
    first = exc.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    if first["type"] == "extra_forbidden":
        return _no_such(f"setting {name}", name.lower().removeprefix(PREFIX.lower()), cls.model_fields)
    about = cls.model_fields[name].description if name in cls.model_fields else "no such setting"
    secret = name == "pseudonym_key"
    return SettingsError(
        f"setting {name} ({PREFIX}{name.upper()})",
        found="a secret of the wrong form" if secret else repr(first.get("input")),
        expected=first["msg"].removeprefix("Input should be "),
        fix=f"Set it right ({about})",
    )


def _no_such(what: str, name: str, known: Iterable[str]) -> SettingsError:
    near = get_close_matches(name, known)
    return SettingsError(
        what,
        found="no setting of that name",
        expected=f"perhaps {' or '.join(near)}" if near else "the name of a setting",
        fix="Correct the name, or leave it out; `leapline settings` lists them all.",
    )


def markdown_table() -> str:
    """The settings as README shows them: name, default, meaning."""
    rows = [
        (f"`{PREFIX}{name.upper()}`", "" if field.default is None else f"`{field.default}`", field.description)
        for name, field in Settings.model_fields.items()
    ]
    lines = ["| setting | default | meaning |", "|---|---|---|", *(f"| {' | '.join(map(str, row))} |" for row in rows)]
    return "\n".join(lines) + "\n"
