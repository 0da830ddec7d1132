"""Settings about places, sources, events, features and training."""

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class DataSettings(BaseSettings):
    """Where the data are, what they mean, and how models are trained."""

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
    former_pseudonym_key: SecretStr | None = Field(
        None, description="The key before the present one, while both count (docs/privacy.md#changing-the-key)."
    )
    former_pseudonym_key_until: date | None = Field(
        None, description="Last day (UTC) on which the former pseudonym key counts, ISO 8601."
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
    retention_max_gap_days: int = Field(
        7,
        ge=0,
        description="Retention deletes nothing if the lake's newest day of events is more days old than this, because "
        "the clock may be wrong; 0 for no limit.",
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
        0.5,
        ge=0,
        le=1,
        description="Minimum number of a day's events, as a share of the median: of the same weekday in the five weeks "
        "before, or of the 14 days before if the lake has fewer than three of them.",
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
