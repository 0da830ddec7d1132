"""A malformed mapping is rejected with line and field, before any work."""

import json
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import SpecError
from leapline.events.mapping import DEFAULT, load
from leapline.events.reads import columns_of
from leapline.snowplow.enriched import FIELDS


def altered(tmp_path: Path, *keys: str | int, value: Any) -> Path:
    """Write the shipped mapping with one value replaced."""
    content: Any = json.loads(DEFAULT.read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(content))
    return path


def test_shipped_mapping_is_valid_and_reads_no_personal_column() -> None:
    """Ids of sessions, visitors and orders are read, and leave the cleaning as pseudonyms or not at all."""
    read = columns_of(load())
    assert read <= set(FIELDS)
    assert not read & {"user_id", "user_ipaddress", "user_fingerprint", "network_userid", "page_url", "page_urlquery",
                       "useragent", "geo_zipcode", "mkt_clickid"}  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("version",), 2, r"field version: found 2; expected 1"),
        (("session",), ["domain_sesionid"], r"field session\[0\]: .*; expected no column of an enriched event"),
        (("session",), {"first_of": []}, r"field session\.first_of"),
        (
            ("session",),
            {"first_of": ["domain_userid", "domain_sesionid"]},
            r"field session\.first_of\[1\]: .*no column",
        ),
        (
            ("visitor",),
            {"first_of": [{"event": "id"}]},
            r"field visitor\.first_of\[0\]: .*a column's name, or an object",
        ),
        (("consent",), [{"column": "se_lable", "values": ["x"]}], r"field consent\[0\]\.column: .*no column"),
        (("bot", 1, "values"), [], r"field bot\[1\]\.values"),
        (("rules", 0, "order"), "tr_order", r"field rules\[0\]\.order: .*no column"),
        (("rules", 0, "kind"), "bought", r'field rules\[0\]\.kind: found "bought"; expected .*purchase'),
        (("rules", 0, "price"), "tr_totl", r'field rules\[0\]\.price: found "tr_totl"'),
        (("rules", 0, "colour"), "red", r"field rules\[0\]\.colour: found an unknown field"),
        (("rules", 0, "when"), [], r"field rules\[0\]\.when"),
        (("rules", 0), {"kind": "other"}, r"field rules\[0\]\.name: found nothing; expected a value"),
        (
            ("rules", 0, "item"),
            {"column": "page_urlpath", "pattern": "/p/.*"},
            r"field rules\[0\]\.item\.pattern: .* expected a pattern needs exactly one group",
        ),
        (
            ("rules", 0, "item"),
            {"colum": "ti_sku"},
            r"field rules\[0\]\.item: .* expected a column's name, or an object with",
        ),
        (("pages", 0, "path"), "(", r'field pages\[0\]\.path: found "\("; expected not a regular expression'),
        (("consent", "entity"), "gdpr", r"field consent\.entity: .*; expected an entity is named vendor/name"),
    ],
)
def test_malformed_field_is_named(tmp_path: Path, keys: tuple[Any, ...], value: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load(altered(tmp_path, *keys, value=value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("session", ["domain_userid", "domain_sessionidx"]),
        ("visitor", {"first_of": ["domain_userid", ["network_userid", "app_id"], {"entity": "a/b", "field": "id"}]}),
        ("consent", {"entity": "com.acme/consent", "field": "level", "values": ["all"]}),
        ("consent", [{"entity": "a/b", "field": "c", "values": ["all"]}, {"column": "se_label", "values": ["yes"]}]),
    ],
)
def test_ids_and_tests_may_have_one_source_or_several(tmp_path: Path, key: str, value: Any) -> None:
    assert columns_of(load(altered(tmp_path, key, value=value))) <= set(FIELDS)


def test_error_names_the_line_to_correct(tmp_path: Path) -> None:
    text = DEFAULT.read_text()
    line = 1 + next(n for n, content in enumerate(text.split("\n")) if '"kind": "purchase_item"' in content)
    path = tmp_path / "mapping.json"
    path.write_text(text.replace('"kind": "purchase_item"', '"kind": "bought"', 1))
    with pytest.raises(SpecError, match=rf"mapping\.json, line {line}, field rules\[1\]\.kind: "):
        load(path)


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"version": 1,\n "rules" []}')
    with pytest.raises(SpecError, match="line 2 column"):
        load(tmp_path / "broken.json")
    with pytest.raises(SpecError, match="No such file"):
        load(tmp_path / "missing.json")


def test_products_exclude_separate_item_sources(tmp_path: Path) -> None:
    rules = json.loads(DEFAULT.read_text())["rules"]
    number = next(n for n, rule in enumerate(rules) if "products" in rule)
    with pytest.raises(SpecError, match="products already define item"):
        load(altered(tmp_path, "rules", number, "item", value="ti_sku"))
