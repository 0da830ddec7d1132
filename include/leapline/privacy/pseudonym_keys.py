"""Which pseudonym key the rows of a day are under, and which keys count while one replaces another.

Each attempt of events, examples and evaluations names its key by an id, which reveals nothing about the key. While the
former key counts (`former_pseudonym_key`, up to `former_pseudonym_key_until`), requests find a visitor under both keys,
excluded visitors and orders are recognised under both, and the days of the training window are extracted again. After
that, rows under it cannot be reached any more, so a request reports their days instead of leaving them out.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from leapline import clock
from leapline.errors import ErasureError, SettingsError
from leapline.settings import PREFIX, Settings
from leapline.storage import Folder, Lake, read_json, write_json

FILE: Final = "pseudonym-key.json"
DATASETS: Final = ("events", "examples", "evaluations")
"""Datasets with pseudonyms of visitors."""


def key_id(key: bytes) -> str:
    """Return the id of a key, 16 hexadecimal digits."""
    return hmac.new(key, b"leapline: id of a pseudonym key", hashlib.sha256).hexdigest()[:16]


def former_key(settings: Settings, today: date | None = None) -> bytes:
    """Return the former key while it counts, otherwise nothing.

    Raises:
        SettingsError: it is shorter than 32 bytes, the present key, or set without its last day.
    """
    if settings.former_pseudonym_key is None:
        return b""
    key, until = settings.former_pseudonym_key.get_secret_value().encode(), settings.former_pseudonym_key_until
    if len(key) < 32 or key == settings.key_bytes() or until is None:
        raise SettingsError(
            f"{PREFIX}FORMER_PSEUDONYM_KEY",
            found="no last day" if until is None else "the present key" if len(key) >= 32 else f"{len(key)} bytes",
            expected=f"the key before the present one, and its last day in {PREFIX}FORMER_PSEUDONYM_KEY_UNTIL",
            fix="Correct the settings, or remove them once the former key does not count any more.",
        )
    return key if (today or clock.today()) <= until else b""


def accepted_keys(settings: Settings, today: date | None = None) -> list[bytes]:
    """Return the present key, and the former one while it counts.

    Raises:
        SettingsError: a key is missing or unsuitable.
    """
    return [settings.key_bytes(), *filter(None, [former_key(settings, today)])]


def pseudonyms(keys: bytes | Sequence[bytes], ids: Iterable[str]) -> list[str]:
    """Return the pseudonyms of ids under one or several keys, as the program that cleans events does."""
    several = [keys] if isinstance(keys, bytes) else keys
    return [hmac.new(key, name.encode(), hashlib.sha256).hexdigest() for name in ids for key in several]


def note_key(settings: Settings, folder: Path) -> None:
    """Record in an attempt that its rows are under the present key."""
    write_json(folder / FILE, {"key_id": key_id(settings.key_bytes())})


def copy_note(source: Folder, folder: Path) -> None:
    """Record in an attempt that its rows are under the key of those that they were made from."""
    if (source / FILE).exists():
        write_json(folder / FILE, read_json(source / FILE))


def key_of(lake: Lake, dataset: str, day: date) -> str | None:
    """Return the id of the key of a day's rows; None if an earlier version has written them, or there are none."""
    if not lake.has(dataset, day):
        return None
    path = lake.current(dataset, day) / FILE
    content: dict[str, Any] = read_json(path) if path.exists() else {}
    return content.get("key_id")


def is_current(settings: Settings, lake: Lake, day: date) -> bool:
    """Return whether a day's events are under the present key, so that they may be trained on with others that are.

    Events that name no key count as those of the present key, unless there is a former one.
    """
    noted = key_of(lake, "events", day)
    return noted == key_id(settings.key_bytes()) if noted else not former_key(settings)


def unreachable_days(settings: Settings, lake: Lake) -> dict[str, list[date]]:
    """Return dataset -> the days with rows of visitors under a key that does not count, where there are any."""
    from leapline.privacy.retention import old_rows

    accepted = {None, *map(key_id, accepted_keys(settings))}
    rows = old_rows(lake, date.max)
    days = {name: [day for day in rows[name] if key_of(lake, name, day) not in accepted] for name in DATASETS}
    return {name: list(others) for name, others in days.items() if others}


def require_reachable(settings: Settings, lake: Lake) -> None:
    """Check that all rows of visitors are under a key that counts, because a request reaches no others.

    Raises:
        ErasureError: some are not; nothing was read or erased.
    """
    others = unreachable_days(settings, lake)
    if others:
        listed = "; ".join(f"{name} of {_span(days)}" for name, days in others.items())
        raise ErasureError(
            "the request",
            found=f"rows under another pseudonym key: {listed}",
            expected=f"rows under the key in {PREFIX}PSEUDONYM_KEY or {PREFIX}FORMER_PSEUDONYM_KEY",
            fix="Set the former key and its last day, or let `leapline retain` delete these days; nothing was erased.",
        )


def settings_of(settings: Settings, lake: Lake, dataset: str, day: date) -> Settings:
    """Return the settings with the key of a day's rows, to compare them with what the source has now.

    Raises:
        SettingsError: their key does not count any more.
    """
    noted, former = key_of(lake, dataset, day), former_key(settings)
    if noted in (None, key_id(settings.key_bytes())):
        return settings
    if not former or noted != key_id(former):
        raise SettingsError(
            f"{PREFIX}PSEUDONYM_KEY", found=f"another key than that of {dataset} of {day}", expected="the same key",
            fix=f"Set that key in {PREFIX}FORMER_PSEUDONYM_KEY, with its last day.",
        )  # fmt: skip
    alone = {"former_pseudonym_key": None, "former_pseudonym_key_until": None}
    return settings.model_copy(update={"pseudonym_key": settings.former_pseudonym_key, **alone})


def _span(days: Sequence[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"
