"""Torn documents of the lake beside the results of steps: named, left as they are, and never taken for missing ones."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from leapline.deployment.retired_models import RECEIPTS, retired_models
from leapline.errors import StorageError
from leapline.privacy import begun, exclusions
from leapline.privacy.begun import begun_orders, note_begun
from leapline.privacy.exclusions import exclude, excluded_visitors
from leapline.promotion import lake_id
from leapline.promotion.lake_id import create_lake_id
from leapline.rollout import records
from leapline.rollout.records import Record, read_records, write_record
from leapline.storage import Lake, json_bytes
from tests.steps.tampering import torn_versions

DAY = date(2026, 3, 1)
RECORD = Record("kubernetes://shop/scorer", "2026-03-01-0123456789ab", "shop/scorer@sha256:1", "r", "2026-03-02", 1.0)
RECEIPT = {"models": [RECORD.model_id], "retire_by": "2026-03-31"}
Use = Callable[[Lake], Any]
DOCUMENTS: dict[str, tuple[Use, list[Use]]] = {
    exclusions.KEY: (lambda lake: exclude(lake, ["a" * 64], DAY),
                     [excluded_visitors, lambda lake: exclude(lake, ["b" * 64], DAY)]),
    begun.KEY: (lambda lake: note_begun(lake, {DAY: {"events": 3}}, ["o"]),
                [begun_orders, lambda lake: note_begun(lake, {DAY: {"events": 1}}, ["p"])]),
    records.KEY: (lambda lake: write_record(lake.store, "a", RECORD),
                  [lambda lake: read_records(lake.store), lambda lake: write_record(lake.store, "b", RECORD)]),
    lake_id.KEY: (lambda lake: create_lake_id(lake.store),
                  [lambda lake: lake_id.lake_id(lake.store), lambda lake: create_lake_id(lake.store)]),
    f"{RECEIPTS}/run.json": (lambda lake: lake.store.put(f"{RECEIPTS}/run.json", json_bytes(RECEIPT)),
                             [lambda lake: retired_models(lake, DAY)]),
}  # fmt: skip
"""Document -> how it is written, and everything that reads or changes it."""


@pytest.mark.parametrize("key", DOCUMENTS)
def test_torn_document_is_named_and_left_as_it_is(tmp_path: Path, key: str) -> None:
    write, uses = DOCUMENTS[key]
    lake, path = Lake(tmp_path), tmp_path / key
    write(lake)
    whole = path.read_bytes()
    others = {} if key.startswith(RECEIPTS) else {"another form": b"[1]", "null": b"null"}
    for what, torn in (torn_versions(whole) | others).items():
        for use in uses:
            path.write_bytes(torn)
            with pytest.raises(StorageError, match=key):
                use(lake)
                pytest.fail(f"not noticed: {what}")
            assert path.read_bytes() == torn
    path.write_bytes(whole)
    for use in uses:
        use(lake)
