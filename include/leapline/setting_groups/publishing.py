"""Settings about promotion, image, registry, signatures, deployment, privacy and Spark."""

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class PublishingSettings(BaseSettings):
    """What happens to a model that passed, and how everything runs."""

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

    platforms: str = Field(
        "amd64,arm64",
        pattern=r"^(amd64|arm64)(,(amd64|arm64))*$",
        description="Architectures of the image (`amd64`, `arm64`, comma-separated); this machine's is always one of "
        "them. Each is executed before it is published (docs/platforms.md).",
    )
    publish_untested: bool = Field(
        False,
        description="Probe: also publish an architecture that cannot be executed here, because this machine has no "
        "emulator for it; it is marked as untested.",
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
    public_keys_until: date | None = Field(
        None,
        description="Last day (UTC) on which these keys count, ISO 8601; always if empty.",
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
    spark_shuffle_partitions: int = Field(
        8,
        ge=1,
        description="Partitions of a day: at most as many files of clean events, and tasks of `featurize`. "
        "With more, a task of `extract` needs less memory.",
    )
