"""The spec's document: what is accepted, what is refused and in which words."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from leapline.errors import SpecError
from leapline.features import spec as specs
from tests.conftest import ROOT


def document(*features: dict[str, Any], **more: Any) -> str:
    return json.dumps({"version": 1, "unit": "session", "features": list(features)} | more, indent=1)


COUNT = {"name": "n", "op": "count"}
POPULAR = {"name": "p", "op": "popular", "of": "item", "vocabulary": "items", "k": 3, "give": "clicks"}


@pytest.mark.parametrize("name", [specs.DEFAULT, specs.DEFAULT_ITEMS])
def test_default_spec_is_canonical_once_dumped(name: str) -> None:
    spec = specs.default(name)
    assert specs.loads(spec.dumps()).dumps() == spec.dumps()
    assert set(spec.numeric) | set(spec.categorical) == set(spec.columns)


@pytest.mark.parametrize("name", [specs.DEFAULT, specs.DEFAULT_ITEMS])
def test_default_spec_memorises_no_dates(name: str) -> None:
    dates = {"month", "day", "month_day", "month_day_hour"}
    assert not [f for f in specs.default(name).features if getattr(f, "part", None) in dates]


def test_equal_specs_dump_equal_text() -> None:
    short = specs.loads(document({"op": "since", "name": "s"}))
    long = specs.loads(document({"name": "s", "missing": -1, "op": "since"}, vocabularies={}))
    assert short.dumps() == long.dumps()
    assert json.loads(short.dumps())["features"] == [{"name": "s", "op": "since", "missing": -1.0}]


def test_dump_contains_scopes_of_pairs() -> None:
    spec = specs.loads(document(COUNT, {"name": "m", "op": "markov", "scope": "session"}, unit="pair"))
    assert [f["scope"] for f in json.loads(spec.dumps())["features"]] == ["item", "session"]
    assert specs.loads(spec.dumps()).dumps() == spec.dumps()


def test_fitted_spec_has_only_the_parts_it_uses() -> None:
    spec = specs.loads(document(POPULAR, {**POPULAR, "name": "q", "k": 2}))
    assert spec.popular["items"].k == 3
    table: specs.Table = {"start": {"search": 5}}
    fitted = spec.fitted({"items": ("a", "b"), "others": ("c",)}, table)
    assert (fitted.vocabularies, fitted.tables) == ({"items": ("a", "b")}, {})
    markov = specs.loads(document({"name": "m", "op": "markov"})).fitted({}, table)
    assert specs.loads(markov.dumps()).tables == {"markov": table}
    assert markov.table()[:10] == [0] * 9 + [5] and len(markov.table()) == 110


def test_schema_accepts_what_loader_accepts() -> None:
    schema = specs.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(specs.default().dumps()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(document({"name": "n", "op": "nope"})), schema)


def test_published_schema_is_current() -> None:
    published = json.loads((ROOT / "docs" / "features.schema.json").read_text())
    assert published == specs.json_schema(), "leapline features schema > docs/features.schema.json"


def test_features_in_documentation_are_valid() -> None:
    text = (ROOT / "docs" / "features.md").read_text()
    lines = re.findall(r'\{"name".*?\}', text)
    assert len(lines) == 5
    for line in lines:
        assert specs.loads(document(json.loads(line), unit="pair")).columns


def test_rejects_spec_of_other_unit(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(document(COUNT))
    assert specs.load_or_default(path, "session").columns == ("n",)
    assert specs.load_or_default(None, "pair") == specs.default(specs.DEFAULT_ITEMS)
    with pytest.raises(SpecError, match=r"mine.json, field unit: found 'session'; expected 'pair'"):
        specs.load_or_default(path, "pair")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", ["line 1", "JSON"]),
        (document(COUNT)[:-3], ["line 9", "JSON"]),
        ('{"version":1,"version":1}', ["duplicate key 'version'"]),
        ("[]", ["an object"]),
        (document(), ["features", "at least 1"]),
        (document(COUNT).replace('"version": 1', '"version": 2'), ["version", "found 2", "1"]),
        (document(COUNT, extra=1), ["field extra", "unknown field"]),
        (document(COUNT, {"op": "count"}), ["line 9", "feature 2", "field name", "found nothing"]),
        (document(COUNT, {"name": "m", "op": "cuont"}), ["line 9", "feature m", "field op", "'cuont'", "'count'"]),
        (document({"name": "m"}), ["feature m", "field op", "nothing"]),
        (document({**COUNT, "kinds": ["item_view", "purchase"]}), ["feature n", "kinds.1", "purchase", "cart_add"]),
        (document({**COUNT, "pages": ["thanks"]}), ["pages.0", "thanks"]),
        (document({**COUNT, "kinds": []}), ["field kinds", "at least 1"]),
        (document({**COUNT, "k": 1}), ["feature n", "field k", "unknown field"]),
        (document({**COUNT, "name": "N"}), ["field name", "pattern"]),
        (
            document({"name": "t", "op": "top_k", "of": "item", "k": 0, "give": "id"}),
            ["feature t", "field k", "found 0"],
        ),
        (document({"name": "t", "op": "time_part", "at": "first", "part": "month_day"}), ["feature t", "categorical"]),
        (document(COUNT, COUNT), ["field features", "'n'", "twice"]),
        (document({**COUNT, "name": "label"}), ["'label'", "reserved"]),
        (
            document({**COUNT, "scope": "item"}),
            ["line 5", "feature n", "field scope", "no scope in a spec of sessions"],
        ),
        (document(COUNT, {"name": "i", "op": "pair_item"}), ["line 9", "feature i", "field op", "unit pair"]),
        (
            document(COUNT, {"name": "s", "op": "share", "of": "item"}, unit="pair"),
            ["feature s", "field scope", "found 'item'", "'session' for share"],
        ),
        (
            document(POPULAR, {**POPULAR, "name": "q", "kinds": ["search"]}),
            ["feature q", "field vocabulary", "the same of, kinds and pages as p"],
        ),
        (document(COUNT, tables={"markov": {"start": {"nowhere": 1}}}), ["tables.markov.start.nowhere", "home_page"]),
        (document(COUNT, tables={"markov": {"start": {"search": 0.5}}}), ["tables.markov.start.search", "integer"]),
        (document("n"), ["feature 1"]),  # type: ignore[arg-type]
        (document({"name": "s", "op": "since", "missing": "x"}), ["field missing", "a valid number"]),
    ],
)
def test_error_names_line_feature_and_field(text: str, words: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        specs.loads(text, "my.json")
    assert str(caught.value).startswith("my.json")
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)


def test_rejects_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="No such file"):
        specs.load(tmp_path / "none.json")
