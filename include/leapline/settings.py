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
from typing import Any, Final, Self

from pydantic import PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from leapline.addresses import is_url, supported_url
from leapline.errors import SettingsError
from leapline.installation import ENV_FILE_VARIABLE, find_installation
from leapline.setting_groups.data import DataSettings
from leapline.setting_groups.gate import GateSettings
from leapline.setting_groups.publishing import PublishingSettings

PREFIX = "LEAPLINE_"
DEPRECATED: Final[Mapping[str, str]] = {
    "bootstrap_draws": "bootstrap_resamples",
    "search": "hyperparameter_search",
}
"""Former name of a setting -> its name today. Former names still work everywhere, with a warning."""


TABLE_FORMATS: Final = ("delta", "iceberg")
"""The sources that are tables in a lake format."""


class Settings(PublishingSettings, GateSettings, DataSettings):
    """The settings of an installation; immutable, unknown keys are rejected."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )
    _overridden: frozenset[str] = PrivateAttr(frozenset())

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

    def __eq__(self, other: object) -> bool:
        """Return whether all values are equal, however they were given."""
        return isinstance(other, Settings) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        """Return a hash of all values."""
        return hash(tuple(self.__dict__.items()))

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
        return supported_url(value) if value else value

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
        return ",".join(supported_url(part.strip()) for part in text.split(",") if part.strip())

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
    def platform_architectures(self) -> list[str]:
        """The architectures of `platforms`, each once."""
        return sorted(set(self.platforms.split(",")))

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
