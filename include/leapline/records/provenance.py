"""The provenance of a model: what it was made from, as an in-toto predicate (SLSA provenance 1).

It contains no time, run or path: the same events, code and settings result in the same bytes.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from leapline import __version__
from leapline.runtime.lineage import code_digest, code_version, libraries
from leapline.settings import Settings
from leapline.storage import json_bytes

BUILD_TYPE: Final = "urn:leapline:retrain:v1"
BUILDER: Final = "urn:leapline:package"
_FILES: Final = ("event_mapping", "features", "item_features")
"""Settings that name files; their content counts."""
_ELSEWHERE: Final = frozenset({
    "home", "lake", "landing", "source", "source_table", "source_connection", "source_role", "source_sessions",
    "incomplete_day", "s3_endpoint", "s3_region", "landing_pattern", "unusable_files", "min_usable_ratio",
    "pseudonym_key", "former_pseudonym_key", "former_pseudonym_key_until",
    "compare_champion", "champion_margin", "promote", "promote_backfills", "probe_rows",
    "probe_tolerance", "max_latency_ms", "registry", "registry_plain_http", "repository", "more_registries",
    "registry_connections", "aws_connection", "docker_images", "deploy", "deploy_webhook_secret", "signing",
    "signing_key", "signing_key_file", "signing_connection", "public_keys", "public_keys_until",
    "alert_connections", "alert_mail_to",
    "stale_champion_days", "tools", "spark_master", "spark_driver_memory", "spark_driver_options",
    "spark_shuffle_partitions", "best_champion_days", "best_champion_margin", "retention_days",
    "retire_models_days", "umask", "champion_precision_margin", "platforms", "publish_untested",
})  # fmt: skip
"""Settings that do not determine the bytes of a model: places, logins, and what happens after it is packaged."""


def model_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that determine a model; those that name a file have the SHA-256 of its content."""
    names = sorted(set(type(settings).model_fields) - _ELSEWHERE - set(_FILES))
    values = {name: getattr(settings, name) for name in names}
    return values | {name: _file_digest(getattr(settings, name)) for name in _FILES}


def provenance(
    settings: Settings, manifest: Mapping[str, Any], events: Mapping[str, str | None], scorers: Mapping[str, Path]
) -> dict[str, Any]:
    """Return the predicate of a model's provenance.

    Args:
        settings: with which it was made.
        manifest: the archive's manifest.
        events: data day -> digest of the clean events' content; None for days that were extracted before it existed.
        scorers: the binary of each platform of the image.
    """
    values = model_settings(settings)
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"data_day": manifest["data_day"], "training_days": manifest["training_days"]},
            "internalParameters": {
                "settings": values,
                "settings_sha256": hashlib.sha256(json_bytes(values)).hexdigest(),
            },
            "resolvedDependencies": [
                *({"name": f"events/date={day}", "digest": _content(digest)} for day, digest in sorted(events.items())),
                {"name": "leapline", "digest": {"sha256": code_digest()}, "annotations": {"version": code_version()}},
                *(
                    {"name": f"scorer/linux-{arch}", "digest": {"sha256": _file_digest(path)}}
                    for arch, path in sorted(scorers.items())
                ),
                *({"name": name, "uri": f"pkg:pypi/{name}@{version}"} for name, version in sorted(libraries().items())),
            ],
        },
        "runDetails": {"builder": {"id": BUILDER, "version": {"leapline": __version__}}},
    }


def _content(digest: str | None) -> dict[str, str]:
    """Return the digest of a day's events, which depends on their content and not on files or order."""
    return {"leaplineContent": digest} if digest else {}


def _file_digest(path: Path | None) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path else None
