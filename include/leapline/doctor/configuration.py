"""Checks of `.env`, the LEAPLINE_ variables, and the files that the settings name."""

import os
import stat
from typing import Final

from leapline.doctor.finding import Finding, NotApplicableError, from_error, ok, problem, warning
from leapline.doctor.subject import Subject
from leapline.settings import PREFIX, Settings

_SECRET_ENDINGS: Final = ("_KEY", "_SECRET", "_PASSWORD")
_WEAK_VARIETY: Final = 8
"""Fewer different bytes than this are a key that somebody typed, not a random one."""


def env_file(subject: Subject) -> Finding:
    """Check that `.env` can be read, and by nobody else if it contains secrets."""
    path = subject.installation.env_file
    if str(path) == os.devnull:
        raise NotApplicableError(f"LEAPLINE_ENV_FILE={os.devnull}: no file of settings is read.")
    if not path.exists():
        if "LEAPLINE_ENV_FILE" in os.environ:
            fix = "Correct LEAPLINE_ENV_FILE, or leave it out."
            return problem(f"no file {path}", expected="the file that LEAPLINE_ENV_FILE names", fix=fix)
        raise NotApplicableError(f"There is no {path}; settings come from the environment.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        cause = exc.strerror if isinstance(exc, OSError) else "bytes that are not UTF-8"
        return problem(f"{path}: {cause}", expected="a text file that this user can read", fix="Correct the file.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077 and _has_secrets(text):
        state = f"{path} has secrets, and other users may use it (mode {mode:04o})"
        return problem(state, expected="mode 0600", fix=f"Run `chmod 600 {path}`.")
    return ok(f"{path}, mode {mode:04o}")


def _has_secrets(text: str) -> bool:
    lines = (line.strip().removeprefix("export ").partition("=") for line in text.splitlines())
    return any(name.strip().endswith(_SECRET_ENDINGS) and value.strip().strip("'\"") for name, _, value in lines)


def installation(subject: Subject) -> Finding:
    """Check that the working directory belongs to an installation."""
    folder = subject.installation.folder
    if not subject.installation.recognised:
        return warning(
            f"{folder}, which has no .env with LEAPLINE_ variables and is no checkout",
            expected="the folder of an installation, or one below it",
            fix="Change to the folder with your .env; relative paths refer to it.",
        )
    return ok(str(folder))


def values(subject: Subject) -> list[Finding]:
    """List every unknown variable and every value that is out of range, with the names that may be meant."""
    findings = [from_error(error) for error in subject.errors]
    findings += [
        warning(text, expected="the setting's name today", fix="Rename it; the former name will stop working.")
        for text in subject.deprecations
    ]
    given = subject.valid_settings.model_fields_set if subject.valid_settings else ()
    return findings or [ok(f"{len(Settings.model_fields)} settings, {len(given)} of them not the default")]


def specs(subject: Subject) -> Finding:
    """Read the event mapping and the feature specs as the first step does."""
    from pydantic import SecretStr

    from leapline.events.clean import CleanOptions
    from leapline.modelling.example_config import ExampleConfig

    # With some key, as the pseudonym key is another check's subject.
    CleanOptions.of(subject.settings.model_copy(update={"pseudonym_key": SecretStr("-" * 32)}))
    ExampleConfig.of(subject.settings)
    names = ("event_mapping", "features", "item_features")
    files = [str(getattr(subject.settings, name)) for name in names if getattr(subject.settings, name)]
    return ok(", ".join(files) or "built-in event mapping and feature specs")


def pseudonym_key(subject: Subject) -> Finding:
    """Check that there is a pseudonym key, that it is long enough, and that it looks random."""
    from leapline.privacy.pseudonym_keys import key_id

    key = subject.settings.key_bytes()
    if len(set(key)) < _WEAK_VARIETY:
        return problem(
            f"{len(key)} bytes, of which only {len(set(key))} differ",
            expected="a random key",
            fix="Set LEAPLINE_PSEUDONYM_KEY to the output of `openssl rand -hex 32`, before the first real run.",
        )
    return _former_pseudonym_key(subject) or ok(f"{len(key)} bytes, id {key_id(key)}")


def _former_pseudonym_key(subject: Subject) -> Finding | None:
    """Return what to do about rows under another key than the present one, if there are any."""
    from leapline.privacy.pseudonym_keys import former_key, unreachable_days
    from leapline.storage import lake_of

    former, days = former_key(subject.settings), unreachable_days(subject.settings, lake_of(subject.settings))
    if days:
        places = "; ".join(f"{name} of {min(dates)} to {max(dates)}" for name, dates in days.items())
        return problem(
            f"rows under another key, which erasures and access reports do not reach: {places}",
            expected=f"rows under the key in {PREFIX}PSEUDONYM_KEY or {PREFIX}FORMER_PSEUDONYM_KEY",
            fix="Set the former key and its last day, or delete these days (docs/privacy.md#changing-the-key).",
        )
    if subject.settings.former_pseudonym_key and not former:
        return warning(
            f"the former key ended on {subject.settings.former_pseudonym_key_until}",
            expected="no former key after its last day",
            fix=f"Remove {PREFIX}FORMER_PSEUDONYM_KEY and {PREFIX}FORMER_PSEUDONYM_KEY_UNTIL.",
        )
    return None
