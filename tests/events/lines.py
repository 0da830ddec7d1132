"""Enriched events by hand, and a landing folder to put them into."""

import gzip
import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from leapline.snowplow.enriched import FIELDS

DAY = datetime(2026, 3, 2, tzinfo=UTC)
KEY = b"a secret of the tests, not of a shop"
CONSENT = {
    "schema": "iglu:com.snowplowanalytics.snowplow/gdpr/jsonschema/1-0-0",
    "data": {"basisForProcessing": "consent", "documentId": "1"},
}
NAMES = uuid.UUID("b3ed7970-753a-475f-a5b7-f6856fba1683")


def at(hour: float, day: int = 0) -> datetime:
    """An instant, `hour` hours into the data day or the day `day` days from it."""
    return DAY + timedelta(days=day, hours=hour)


def text(instant: datetime) -> str:
    """Return a timestamp in the format of Snowplow."""
    return instant.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def contexts(*entities: dict[str, Any]) -> str:
    """Self-describing contexts in one JSON document."""
    return json.dumps(
        {"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0", "data": list(entities)},
        separators=(",", ":"),
    )


def self_describing(schema: str, data: dict[str, Any]) -> dict[str, str]:
    """The columns of a self-describing event of a schema `vendor/name`."""
    vendor, name = schema.split("/")
    inner = {"schema": f"iglu:{schema}/jsonschema/1-0-0", "data": data}
    outer = {"schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0", "data": inner}
    return {"event": "unstruct", "event_vendor": vendor, "event_name": name, "unstruct_event": json.dumps(outer)}


def product(schema: str, **data: Any) -> dict[str, Any]:
    """An entity."""
    return {"schema": f"iglu:{schema}/jsonschema/1-0-0", "data": data}


def line(name: str, when: datetime, session: str = "s1", collected: datetime | None = None, **fields: str) -> str:
    """One enriched page view with consent, without its line feed; `fields` replace its columns."""
    usual = {
        "app_id": "shop", "platform": "web", "event": "page_view", "event_name": "page_view",
        "event_vendor": "com.snowplowanalytics.snowplow", "event_id": str(uuid.uuid5(NAMES, name)), "v_etl": "test",
        "collector_tstamp": text(collected or when), "derived_tstamp": text(when), "event_fingerprint": "f" * 32,
        "domain_sessionid": session, "domain_userid": f"user of {session}", "domain_sessionidx": "3",
        "page_urlpath": "/", "contexts": contexts(CONSENT), "dvce_type": "Mobile", "refr_medium": "search",
        "user_ipaddress": "198.51.100.7", "user_id": "anna@planted.example",
    }  # fmt: skip
    row = usual | fields
    assert set(row) <= set(FIELDS)
    return "\t".join(row.get(field, "") for field in FIELDS)


def land(landing: Path, lines: Iterable[str | bytes], run: str = "2026-03-03-02-00-00", part: int = 0) -> Path:
    """Write one gzip part."""
    path = landing / f"run={run}" / f"part-{part:05d}.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = b"".join((x if isinstance(x, bytes) else x.encode()) + b"\n" for x in lines)
    path.write_bytes(gzip.compress(raw, mtime=0))
    return path
