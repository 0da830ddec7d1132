"""Every setting, documented once.

Settings come from environment variables (`LEAPLINE_<NAME>`), from a `.env` file, or from arguments in code; the params
of an Airflow run override them for that run. Entry points create one immutable object and pass it down; no other code
reads the environment.
"""

import os
import re
import warnings
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from leapline.errors import SettingsError
from leapline.installation import ENV_FILE_VARIABLE, find_installation

PREFIX = "LEAPLINE_"
DEPRECATED: Final[Mapping[str, str]] = {
    "bootstrap_draws": "bootstrap_resamples",
    "search": "hyperparameter_search",
}
"""Former name of a setting -> its name today. Former names still work everywhere, with a warning."""


TABLE_FORMATS: Final = ("delta", "iceberg")
"""The sources that are tables in a lake format."""


class Settings(BaseSettings):
    """The settings of an installation; immutable, unknown keys are rejected."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )
    _overridden: frozenset[str] = PrivateAttr(frozenset())

    home: Path = Field(
        Path(".leapline"),
        validate_default=True,
        description="Folder of this installation; the lake (events, features, models, reports) unless `lake` names "
        "a bucket.",
    )
    umask: str = Field(
        "077",
        pattern=r"^0?[0-7]{3}$",
        description="Permissions that new files lack, so that only their owner can read them. 027 lets the group read, "
        "for Spark executors of another user on a shared folder.",
    )
    lake: str = Field("", description="The lake as `s3://bucket/prefix`; the folder `home` if empty (docs/s3.md).")
    landing: str = Field(
        "",
        description="Snowplow's enriched events: a folder, or one or more `s3://bucket/prefix`, comma-separated; "
        "`<home>/landing` if empty.",
    )
    source: str = Field(
        "landing",
        description="Where events are read: `landing`, or a database (docs/sources.md): `postgresql://host:port/name` "
        "with libpq's variables (PGUSER, PGPASSWORD, PGSERVICE, ...), `redshift://cluster/name?user=...` or "
        "`redshift-serverless://workgroup/name` with AWS credentials; or a table in a lake: `delta`, `iceberg`.",
    )
    source_table: str = Field(
        "atomic.events",
        pattern=r"^([A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*){1,2}|(s3:/|file://)?(/[\w.=+-]+)+/?)$",
        description="Table of the events: schema.table in a database; for `delta` and `iceberg` its folder, its "
        "s3://bucket/prefix, or its name in a catalogue of Spark.",
    )
    source_connection: str = Field(
        "",
        description="Id of an Airflow connection with the address and login of the database, for what `source` leaves "
        "out.",
    )
    source_role: str = Field(
        "default",
        pattern=r"^(default|arn:aws[a-z-]*:iam::\d+:role/[\w+=,.@/-]+)$",
        description="IAM role with which Redshift writes its export to the lake's bucket; `default`: the cluster's.",
    )
    source_sessions: int = Field(
        4, ge=1, le=64, description="Connections that export a day from a database at the same time."
    )
    incomplete_day: Literal["fail", "warn"] = Field(
        "fail", description="What to do when a database has no event of the last hour of the day, or none after it."
    )
    s3_endpoint: str = Field(
        "",
        description="Endpoint of an S3-compatible store, such as http://127.0.0.1:9701; AWS if empty.",
    )
    s3_region: str = Field("", description="Region of the buckets; AWS_REGION or the profile's if empty.")
    landing_pattern: str = Field(
        "",
        description="Layout of the landing folder besides the known ones: a path with {yyyy} {MM} {dd} {HH} {mm} {ss}, "
        "`*` within a folder name and `**` across folders.",
    )
    unusable_files: Literal["fail", "warn"] = Field(
        "fail", description="What to do when a file has no usable line, or far fewer than the other files of the day."
    )
    min_usable_ratio: float = Field(
        0.5, ge=0, le=1, description="Minimum share of readable lines per file, relative to the other files' median."
    )
    pseudonym_key: SecretStr | None = Field(
        None,
        description="Secret key (32 bytes or more) for pseudonyms of sessions, visitors and orders; never in the lake.",
    )

    detect_numbers: bool = Field(
        True,
        description="Quarantine events with phone, card or account numbers in their texts; turn it off only if article "
        "numbers look like them.",
    )
    min_visitors_per_value: int = Field(
        20,
        ge=1,
        description="Items, categories and other texts that fewer visitors have stay out of models, images and cards.",
    )
    retention_days: int = Field(
        0,
        ge=0,
        description="Days after which the DAG `retention` and `leapline retain` delete events, orders, examples and "
        "scores of visitors; 0 keeps them.",
    )
    retire_models_days: int = Field(
        30, ge=0, description="Days after an erasure in which models that were trained before it have to be replaced."
    )
    consent_required: bool = Field(True, description="Exclude events without a GDPR consent context.")
    lookahead_hours: int = Field(
        3, ge=0, le=24, description="How long after midnight the end of a session is still collected, in hours."
    )
    days_late: int = Field(3, ge=0, le=30, description="Maximum event lateness, in days.")
    event_mapping: Path | None = Field(
        None,
        description="Event mapping of the site (JSON); the built-in mapping of Snowplow's own events if empty.",
    )
    max_session_events: int = Field(
        5000, ge=10, le=1_000_000, description="Maximum number of events per session; further events are quarantined."
    )
    max_quarantine_share: float = Field(
        0.05, ge=0, le=1, description="Maximum share of a day's lines that may be quarantined before the run fails."
    )
    accepted_widths: str = Field(
        "131",
        pattern=r"^\d+(-\d+)?$",
        description="Accepted numbers of columns per line, such as `128-140`; columns are read by position.",
    )
    max_price: float = Field(1e8, gt=0, description="Maximum price or amount; events above it are quarantined.")
    max_quantity: int = Field(100_000, gt=0, description="Maximum quantity; events above it are quarantined.")
    max_duplicate_share: float = Field(
        0.6, ge=0, le=1, description="Maximum share of events that were sent again; 0.5 if a whole day was replayed."
    )
    repeated_order_days: int = Field(
        30, ge=0, le=365, description="Days before the data day whose orders do not count again; 0 for none."
    )
    max_repeated_order_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Maximum share of orders that repeat one of another session or an earlier day. Reloaded pages are "
        "a few percent of all orders; with order ids that start again or are constant, almost all orders repeat.",
    )
    max_other_currency_share: float = Field(
        0.02, ge=0, le=1, description="Maximum share of priced events that are not in the most frequent currency."
    )
    max_shared_session_share: float = Field(
        0.05, ge=0, le=1, description="Maximum share of sessions that have several visitors."
    )
    max_sessions_per_visitor: int = Field(
        1000, ge=1, description="Sessions per day above which a visitor's id is considered to be shared."
    )
    max_busy_visitor_share: float = Field(
        0.05, ge=0, le=1, description="Maximum share of sessions that belong to such visitors."
    )
    min_volume_ratio: float = Field(
        0.5, ge=0, le=1, description="Minimum number of a day's events, as a share of the median of the previous days."
    )

    training_days: int = Field(
        7,
        ge=0,
        le=90,
        description="Training days before the data day; 0 splits the data day itself (70 % training, then holdout).",
    )
    features: Path | None = Field(
        None, description="Feature spec of the site (JSON, docs/features.md); the built-in spec if empty."
    )
    item_features: Path | None = Field(
        None, description="Feature spec of the item model (unit `pair`); the built-in spec if empty."
    )
    examples_per_session: int = Field(
        2,
        ge=1,
        le=20,
        description="Maximum training examples per session: the session up to its checkout, and prefixes of it.",
    )
    pipeline: str = Field(
        "leapline.training.forest:default_pipeline",
        description="`module:function` that returns the Spark ML pipeline to fit.",
    )
    forest_trees: int = Field(60, ge=1, le=1000, description="Number of trees in the forest.")
    forest_depth: int = Field(10, ge=1, le=30, description="Maximum tree depth.")
    forest_min_leaf: int = Field(20, ge=1, description="Minimum examples per leaf.")
    forest_features: str = Field(
        "onethird",
        pattern=r"^(all|sqrt|log2|onethird|0\.\d+|1\.0|[1-9]\d*)$",
        description="Features considered per split: all, sqrt, log2, onethird, a share or a number.",
    )
    hyperparameter_search: bool = Field(
        False,
        description="Search tree depth and features per split on the training days; `leapline train --fast` does not.",
    )
    fit_partitions: int = Field(
        4, ge=1, le=4096, description="Partitions of the training data; a fixed number keeps models reproducible."
    )
    seed: int = Field(20150, description="Random seed of the forest and of all samples.")

    roc_auc_threshold: float = Field(0.88, gt=0.5, le=1, description="Gate: minimum ROC AUC on the holdout.")
    min_positives: int = Field(30, ge=1, description="Gate: minimum number of buyers in the holdout.")
    max_roc_auc: float = Field(
        0.999, gt=0.5, le=1, description="Gate: a ROC AUC at or above this is treated as label leakage."
    )
    min_precision_lift: float = Field(
        2.0, ge=1, description="Gate: minimum average precision, as a multiple of the prevalence."
    )
    max_calibration_error: float = Field(
        0.03, gt=0, le=1, description="Gate: maximum expected calibration error (10 bins of equal size)."
    )
    max_importance: float = Field(0.9, gt=0, le=1, description="Gate: maximum importance of a single feature.")
    min_slice_roc_auc: float = Field(
        0.7,
        ge=0,
        le=1,
        description="Gate: minimum ROC AUC in each slice (device, new or returning visitor, time of day).",
    )
    slice_min_positives: int = Field(
        20,
        ge=1,
        description="Gate: slices with fewer buying or other sessions are judged together, or named as not judged.",
    )
    compare_champion: bool = Field(
        True, description="Gate: score the champion on the same holdout; if that fails, the model is refused."
    )
    champion_margin: float = Field(
        0.01,
        ge=0,
        le=0.5,
        description="Gate: non-inferiority margin; lower bound of ROC AUC minus the champion's must exceed -margin.",
    )
    min_baseline_gain: float = Field(
        0.0,
        ge=-1,
        le=1,
        description="Gate: the lower bound of the ROC AUC difference to the Markov baseline must exceed this.",
    )
    roc_auc_confidence: float = Field(
        0.9,
        ge=0.5,
        le=0.999,
        description="Gate: the ROC AUC threshold is required of the one-sided lower bound with this confidence; 0.5: "
        "of the value itself.",
    )
    min_effective_buyers: float = Field(
        20.0,
        ge=2,
        description="Gate: minimum of the effective number of buyers, and of other visitors, in the holdout: one "
        "visitor's purchases count less the more they are.",
    )
    best_champion_days: int = Field(
        28,
        ge=0,
        le=365,
        description="Gate: the best champion of that many days is compared too, if it is another one; 0 turns it off.",
    )
    best_champion_margin: float = Field(
        0.02,
        ge=0,
        le=0.5,
        description="Gate: as champion_margin, for the best champion of the last days.",
    )
    max_feature_roc_auc: float = Field(
        0.94,
        gt=0.5,
        le=1.01,
        description="Gate: a single feature that ranks sessions with this ROC AUC or more (lower end of its interval) "
        "is treated as label leakage; 1.01 for no limit.",
    )
    max_feature_certainty: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Gate: a value of a feature with which at least this share of sessions buys (lower end of its "
        "interval) is treated as label leakage, a larger one where over 9 % of all sessions buy; 1 for no limit.",
    )
    min_feature_persistence: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Gate: share of its ROC AUC above 0.5 that a strong feature must keep on prefixes of sessions; a "
        "page after the purchase keeps none. 0 for no limit.",
    )
    champion_precision_margin: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Gate: non-inferiority margin of average precision, as a share of the champion's.",
    )
    max_calibration_ratio: float = Field(
        1.2,
        gt=1,
        le=100,
        description="Gate: the 95 % interval of mean forecast / prevalence must overlap 1 / this to this, for the "
        "session model (whole sessions and beginnings of sessions) and the item model.",
    )
    progress_min_positives: int = Field(
        20,
        ge=1,
        description="Gate: groups by events so far with fewer examples of buying sessions, or of others, are skipped.",
    )
    max_progress_loss: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Gate: in each group by events so far, the upper bound of the ROC AUC difference to the Markov "
        "baseline must be at least minus this.",
    )
    min_progress_roc_auc: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Gate: in the worst group by events so far, the lower bound of ROC AUC must exceed this.",
    )
    progress_floor_positives: int = Field(
        100, ge=1, description="Gate: groups with fewer positives or negatives are skipped by `min_progress_roc_auc`."
    )
    min_item_positives: int = Field(
        20,
        ge=1,
        description="Gate: with fewer bought pairs in the holdout, the item model is neither judged nor served.",
    )
    min_item_roc_auc: float = Field(
        0.6, ge=0, le=1, description="Gate: the lower bound of the item model's ROC AUC must exceed this."
    )
    bootstrap_resamples: int = Field(
        1000, ge=100, le=100_000, description="Bootstrap resamples per confidence interval."
    )

    promote: bool = Field(True, description="Move the tag `champion` to a model that passed.")
    promote_backfills: bool = Field(
        False, description="Let backfills move `champion`, even to a model of an older data day."
    )
    approvers: str = Field(
        "",
        description="Airflow users who may promote, roll back, and start runs with a looser limit, comma-separated; "
        "everybody who may trigger these DAGs if empty.",
    )
    second_approver: bool = Field(
        False,
        description="A promotion or rollback by hand waits until a second approver confirms it, and a model that "
        "passed a looser limit is promoted only by hand.",
    )
    bundle_format: Literal["protobuf", "json"] = Field(
        "protobuf", description="Encoding of the Bundle.ML files in the archive."
    )
    bundle_writer: Literal["leapline", "mleap"] = Field(
        "leapline", description="Writer of the bundle; `mleap` needs MLeap's jars on Spark's class path."
    )
    probe_rows: int = Field(
        2000, ge=1000, le=1_000_000, description="Holdout rows sent through the image before it is pushed."
    )
    probe_tolerance: float = Field(
        1e-9, gt=0, le=1e-6, description="Maximum absolute difference from Spark's probability."
    )
    max_latency_ms: float = Field(
        10.0, gt=0, description="Probe: maximum p99 latency of one-row requests, in milliseconds."
    )

    registry: str = Field("127.0.0.1:5055", description="OCI registry, host[:port].")
    registry_plain_http: bool = Field(
        False,
        description="Allow plain HTTP for the registry. Loopback and private IPv4 addresses always allow it.",
    )
    repository: str = Field("leapline/scorer", description="Repository of the scoring image in the registry.")

    more_registries: str = Field(
        "",
        description="Further repositories that get every published model and the same tags, as "
        "`host[:port]/repository`, comma-separated (docs/operations.md).",
    )

    registry_connections: str = Field(
        "",
        description="Airflow connections (type Docker or Generic) with host, user name and password of the registries, "
        "comma-separated (docs/registries.md); logins of Docker's configuration if empty.",
    )
    aws_connection: str = Field(
        "",
        description="Airflow connection (type Amazon Web Services) with the credentials of the tasks for S3, ECR and "
        "Redshift; those of the machine if empty.",
    )

    docker_images: str = Field(
        "",
        pattern=r"^((amd64|arm64)(,(amd64|arm64))*)?$",
        description="Architectures (`amd64`, `arm64`, comma-separated) that also get an image in Docker's format, for "
        "AWS Lambda and SageMaker (docs/platforms.md).",
    )

    deploy: str = Field(
        "",
        description="Where a new champion is deployed after a promotion or a rollback, comma-separated: "
        "`kubernetes://namespace/deployment`, `ecs://cluster/service`, `lambda://function/alias`, "
        "`sagemaker://endpoint`, `cloudrun://project/region/service`, or a web hook `https://...`; nowhere if empty "
        "or `none` (docs/deployment.md).",
    )
    deploy_webhook_secret: SecretStr | None = Field(
        None, description="Secret that signs the requests to web hooks: `whsec_` and base64, or a text of 24 bytes."
    )

    signing: Literal["auto", "required", "off"] = Field(
        "auto",
        description="Signatures of models (docs/signing.md): `auto` signs and verifies if there is a key, `required` "
        "packages nothing without a key and promotes nothing unsigned, `off` neither signs nor verifies.",
    )
    signing_key: SecretStr | None = Field(
        None, description="Private key in PEM form (PKCS#8) that signs models; line breaks may be written as `\\n`."
    )
    signing_key_file: Path | None = Field(
        None, description="File with the private key instead; `leapline keys create` creates it, readable by its owner."
    )
    signing_connection: str = Field(
        "", description="Airflow connection whose password is the private key instead, for tasks of Airflow."
    )
    public_keys: str = Field(
        "",
        description="Further public keys whose signatures are accepted, in PEM form or as a file of it: former keys, "
        "or the signing key's where only verification takes place.",
    )

    alert_connections: str = Field(
        "",
        description="Airflow connections for alerts (`smtp`, `slackwebhook`), comma-separated; empty: task log only.",
    )
    alert_mail_to: str = Field("", description="Recipients of alerts by e-mail, separated by commas.")
    stale_champion_days: int = Field(
        7, ge=1, le=365, description="Alert when the champion's data day is at least this many days old."
    )

    tools: Path = Field(
        Path(".local"), validate_default=True, description="Folder of the tools that `make setup` installs."
    )

    spark_master: str = Field(
        "local[*]",
        description="Spark master of steps started from the command line; Airflow uses `spark_default`.",
    )
    spark_driver_memory: str = Field("4g", pattern=r"^\d+[mg]$", description="Heap size of the Spark driver.")
    spark_driver_options: str = Field(
        "",
        description="JVM options of the Spark driver; `-XX:TieredStopAtLevel=1` suits days of 100,000 events, "
        "`-XX:+UseParallelGC` days of millions.",
    )
    spark_shuffle_partitions: int = Field(8, ge=1, description="Partitions after a shuffle.")

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read the settings from the environment, `.env` and `overrides` (None means not given).

        Raises:
            SettingsError: a value is out of range, or a `LEAPLINE_` variable is unknown.
        """
        if unknown := _unknown_variables(cls):
            raise unknown[0]
        given = _current_names({k: v for k, v in overrides.items() if v is not None})
        try:
            settings = cls(**given)
        except ValidationError as exc:
            raise _as_settings_errors(cls, exc)[0] from exc
        settings._overridden = frozenset(given)
        return settings

    @property
    def overridden(self) -> frozenset[str]:
        """The names of the settings that were given for this run, instead of the installation's."""
        return self._overridden

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Accept former names; read only our own keys of the installation's `.env`, which compose uses too."""
        env_file = _env_file_source(settings_cls)
        for source in (env_settings, env_file):
            if isinstance(source, EnvSettingsSource):
                variables = {k: v for k, v in source.env_vars.items() if k.upper().startswith(PREFIX)}
                source.env_vars = _current_names(variables, PREFIX.lower())
        return init_settings, env_settings, env_file

    @field_validator("home", mode="before")
    @classmethod
    def _reject_url(cls, value: Any) -> Any:
        """A URL would otherwise become a relative folder of that name."""
        if is_url(str(value)):
            raise ValueError("a folder of this machine; a lake in a bucket is named by LEAPLINE_LAKE")
        return value

    @field_validator("lake")
    @classmethod
    def _require_bucket(cls, value: str) -> str:
        if value and not is_url(value):
            raise ValueError("s3://bucket/prefix; a lake in a folder is named by LEAPLINE_HOME")
        return _supported_url(value) if value else value

    @field_validator("source")
    @classmethod
    def _require_source(cls, value: str) -> str:
        if re.match(r"postgres(ql)?://.*:.*@|.*password\s*=", value):
            raise ValueError("an address without a password; set PGPASSWORD, PGPASSFILE or source_connection")
        redshift = r"redshift(-serverless)?://[\w.-]+/[\w$-]+(\?(user=[\w$:@.-]+|secret=arn:[\w:/+=.@!-]+))?$"
        if value not in ("landing", *TABLE_FORMATS) and not re.match(rf"postgres(ql)?://[^\s#]*$|{redshift}", value):
            raise ValueError("landing, postgresql://host:port/name, redshift://cluster/name?user=..., delta or iceberg")
        return value

    @model_validator(mode="after")
    def _require_table(self) -> Self:
        if self.source not in TABLE_FORMATS and not re.fullmatch(r"[\w$]+\.[\w$]+", self.source_table):
            raise ValueError("source_table is schema.table, unless source is delta or iceberg")
        return self

    @field_validator("landing", mode="before")
    @classmethod
    def _resolve_landing(cls, value: Any) -> str:
        """Accept one folder, or buckets."""
        text = str(value or "").strip()
        if not is_url(text):
            return text and str(find_installation().resolve(Path(text)))
        return ",".join(_supported_url(part.strip()) for part in text.split(",") if part.strip())

    @field_validator("public_keys")
    @classmethod
    def _resolve_public_keys(cls, value: str) -> str:
        """Accept PEM, or the name of a file."""
        return value if not value or "-----BEGIN" in value else str(find_installation().resolve(Path(value)))

    @field_validator("home", "event_mapping", "features", "item_features", "signing_key_file", "tools")
    @classmethod
    def _resolve_path(cls, path: Path | None) -> Path | None:
        """Relative paths are relative to the installation's folder, whatever the working directory."""
        return path and find_installation().resolve(path)

    @property
    def landing_dir(self) -> Path:
        """The folder of incoming events.

        Raises:
            SettingsError: events land in a bucket.
        """
        if self.landing_buckets:
            raise SettingsError(
                f"{PREFIX}LANDING",
                found=self.landing,
                expected="a folder of this machine for this command",
                fix="Name a folder for it, or write to the bucket with other tools.",
            )
        return Path(self.landing) if self.landing else self.home / "landing"

    @property
    def landing_buckets(self) -> list[str]:
        """The addresses of incoming events in buckets; empty if they land in a folder."""
        return self.landing.split(",") if is_url(self.landing) else []

    @property
    def source_table_place(self) -> str | Path | None:
        """The bucket address or the folder of a Delta or Iceberg table; None if its name is in a catalogue."""
        if self.source not in TABLE_FORMATS or "/" not in self.source_table:
            return None
        is_bucket = self.source_table.startswith("s3://")
        return self.source_table if is_bucket else Path(self.source_table.removeprefix("file://"))

    @property
    def uses_buckets(self) -> bool:
        """Whether lake, landed events or the table of the events are in buckets."""
        return bool(self.lake or self.landing_buckets) or (
            self.source in TABLE_FORMATS and not isinstance(self.source_table_place, Path)
        )

    @property
    def accepted_widths_range(self) -> range:
        """The accepted numbers of columns per line."""
        first, _, last = self.accepted_widths.partition("-")
        return range(int(first), int(last or first) + 1)

    @property
    def docker_architectures(self) -> list[str]:
        """The architectures of `docker_images`, each once."""
        return sorted(set(filter(None, self.docker_images.split(","))))

    @property
    def more_images(self) -> list[str]:
        """The images of `more_registries`, without tags, each once."""
        images = [image.strip() for image in self.more_registries.split(",") if image.strip()]
        return list(dict.fromkeys(image for image in images if image != self.image))

    @property
    def registry_connection_ids(self) -> list[str]:
        """The ids of `registry_connections`, each once."""
        return list(dict.fromkeys(name.strip() for name in self.registry_connections.split(",") if name.strip()))

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


def is_url(text: str) -> bool:
    """Return whether a text is a URL and not a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", text) is not None


def _supported_url(text: str) -> str:
    """Return an address of a bucket in its usual form.

    Raises:
        ValueError: its scheme or form is not supported.
    """
    if not is_url(text):
        raise ValueError("one folder, or addresses s3://bucket/prefix, but not both")
    scheme, _, rest = text.partition("://")
    if scheme not in ("s3", "s3a"):
        raise ValueError(f"a folder, or s3://bucket/prefix; {scheme}:// is not supported")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()/=+@-]*)?", rest):
        raise ValueError(
            "s3://bucket/prefix, with a bucket's name in lower case and a prefix of letters, digits and -_./="
        )
    return f"s3://{rest.rstrip('/')}"


def _current_names(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values under the settings' current names; warn about former names.

    Args:
        values: setting -> value.
        prefix: what the names start with, in lower case.

    Raises:
        SettingsError: a setting is given under both names.
    """
    renamed = dict(values)
    for former, current in DEPRECATED.items():
        key = next((k for k in values if k.lower() == prefix + former), None)
        if key is None:
            continue
        if any(k.lower() == prefix + current for k in values):
            raise SettingsError(
                f"setting {current}",
                found=f"both {current} and its former name {former}",
                expected="one of them",
                fix=f"Remove {former}.",
            )
        warnings.warn(f"Setting {former} is deprecated; use {current}.", FutureWarning, stacklevel=2)
        renamed[prefix + current] = renamed.pop(key)
    return renamed


def _env_file_source(cls: type[BaseSettings]) -> DotEnvSettingsSource:
    """Return the content of the installation's `.env`.

    Raises:
        SettingsError: it cannot be read.
    """
    path = find_installation().env_file
    try:
        return DotEnvSettingsSource(cls, env_file=path, env_file_encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        problem = (exc.strerror or str(exc)).lower() if isinstance(exc, OSError) else "bytes that are not UTF-8"
        raise SettingsError(
            f"file of settings {path}", found=problem, expected="a text file that this user can read",
            fix="Correct its permissions or content.",
        ) from exc  # fmt: skip


def setting_problems() -> list[SettingsError]:
    """Return everything that is wrong with the environment and `.env`, of which `Settings.load` raises the first."""
    unknown = _unknown_variables(Settings)
    try:
        Settings()
    except SettingsError as exc:
        return [*unknown, exc]
    except ValidationError as exc:
        return [*unknown, *_as_settings_errors(Settings, exc)]
    return unknown


def _unknown_variables(cls: type[Settings]) -> list[SettingsError]:
    names = {f"{PREFIX}{name.upper()}" for name in (*cls.model_fields, *DEPRECATED)}
    accepted = {*names, ENV_FILE_VARIABLE}
    unknown = sorted(k for k in os.environ if k.upper().startswith(PREFIX) and k.upper() not in accepted)
    return [_no_such(f"environment variable {name}", name.upper(), names) for name in unknown]


def _as_settings_errors(cls: type[Settings], exc: ValidationError) -> list[SettingsError]:
    return [_as_settings_error(cls, error) for error in exc.errors(include_url=False)]


def _as_settings_error(cls: type[Settings], error: Mapping[str, Any]) -> SettingsError:
    name = str(error["loc"][0]) if error["loc"] else "settings"
    if error["type"] == "extra_forbidden":
        return _no_such(f"setting {name}", name.lower().removeprefix(PREFIX.lower()), cls.model_fields)
    about = cls.model_fields[name].description if name in cls.model_fields else "no such setting"
    return SettingsError(
        f"setting {name} ({PREFIX}{name.upper()})",
        found=_shown(name, error.get("input")),
        expected=error["msg"].removeprefix("Input should be ").removeprefix("Value error, "),
        fix=f"Set a valid value ({about})",
    )


def _shown(name: str, value: object) -> str:
    """Return a wrong value for a message, without secrets."""
    if name in Settings.model_fields and "SecretStr" in str(Settings.model_fields[name].annotation):
        return "a secret of the wrong form"
    if name == "source":
        scheme = re.match(r"(postgres(ql)?|redshift(-serverless)?)://", str(value))
        return f"another address ({scheme[0]}...)" if scheme else "another value"
    return repr(value)


def _no_such(what: str, name: str, names: Iterable[str]) -> SettingsError:
    near = get_close_matches(name, names)
    return SettingsError(
        what,
        found="no setting of that name",
        expected=f"perhaps {' or '.join(near)}" if near else "the name of a setting",
        fix="Correct the name, or leave it out; `leapline settings` lists them all.",
    )


def markdown_table(names: Iterable[str] = tuple(Settings.model_fields)) -> str:
    """Return the settings as a Markdown table: name, default, meaning."""
    fields = {name: Settings.model_fields[name] for name in names}
    rows = [
        (f"`{PREFIX}{name.upper()}`", "" if field.default in (None, "") else f"`{field.default}`", field.description)
        for name, field in fields.items()
    ]
    lines = ["| setting | default | meaning |", "|---|---|---|", *(f"| {' | '.join(map(str, row))} |" for row in rows)]
    return "\n".join(lines) + "\n"


def markdown_page() -> str:
    """Return docs/settings.md."""
    former = "\n".join(f"| `{PREFIX}{old.upper()}` | `{PREFIX}{new.upper()}` |" for old, new in DEPRECATED.items())
    return f"""# Settings

Set them as environment variables, as lines of a `.env` file (`LEAPLINE_ENV_FILE` names another one), or for one
command with `--set name=value`.
`leapline settings` shows the values in force. This page is generated by `leapline settings --markdown`.

{markdown_table()}
## Former names

These still work, with a warning.

| former name | name today |
|---|---|
{former}
"""
