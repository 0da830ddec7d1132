"""The feature spec: one JSON document that says which features a model sees.

`{"version": 1, "unit": "session", "features": [{"name": "n_views", "op": "count", "kinds": ["item_view"]}, ...],
"vocabularies": {}}`. The operations are defined in `leapline.features.operations`. Spark compiles the document
(`leapline.features.compile`), the archive carries it, and the scorer evaluates it on one session's events. What is
learnt from the training days (vocabularies, tables) is empty in a spec that a person writes, filled in the archive's.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from leapline.errors import SpecError
from leapline.features.operations import START, STATES, Before, Feature, Markov, Name, Popular, State, mistake
from leapline.json_errors import in_words, line_of

DEFAULT, DEFAULT_ITEMS = "default_features.json", "default_item_features.json"
# Columns that the tables of examples and scores have beside the features.
RESERVED = frozenset(
    {"session", "item", "visitor", "start_ts", "device", "new_visitor", "label", "weight", "cut", "whole"}
    | {"score", "baseline", "champion"}
)
MARKOV: Final = "markov"
Millionths = Annotated[int, Field(ge=-(10**9), le=10**9)]
Table = dict[Before, dict[State, Millionths]]


class FeatureSpec(BaseModel):
    """A checked feature spec, immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, title="Leapline feature spec")

    version: Literal[1] = Field(description="Version of the document's form.")
    unit: Literal["session", "pair"] = Field(
        description="What one row of features describes: a session, or a session and one of its items."
    )
    features: tuple[Feature, ...] = Field(min_length=1, description="The columns, in the order of the table.")
    vocabularies: dict[Name, tuple[str, ...]] = Field(
        default_factory=dict, description="Learnt in training: lists of items or categories, most popular first."
    )
    tables: dict[Literal["markov"], Table] = Field(
        default_factory=dict, description="Learnt in training: from -> to -> log-odds in whole millionths."
    )

    @model_validator(mode="after")
    def _names_are_free(self) -> "FeatureSpec":
        seen: set[str] = set()
        for name in self.columns:
            if name in RESERVED or name in seen:
                why = "twice" if name in seen else "though every table has a column of that name"
                raise mistake("features", f"the name {name!r} {why}", "names that are used once and not reserved")
            seen.add(name)
        return self

    @model_validator(mode="after")
    def _features_fit_the_unit(self) -> "FeatureSpec":
        for number, feature in enumerate(self.features):
            if self.unit not in feature.units:
                raise mistake("op", f"{feature.op} in a spec of unit {self.unit}", f"unit {feature.units[0]}", number)
            if self.unit == "session" and feature.scope is not None:
                raise mistake("scope", repr(feature.scope), "no scope in a spec of sessions", number)
            if self.unit == "pair" and scope_of(feature) not in feature.scopes:
                allowed = " or ".join(map(repr, feature.scopes))
                raise mistake("scope", repr(scope_of(feature)), f"{allowed} for {feature.op}", number)
        return self

    @model_validator(mode="after")
    def _vocabularies_are_of_one_kind(self) -> "FeatureSpec":
        first: dict[str, Popular] = {}
        for number, feature in enumerate(self.features):
            if isinstance(feature, Popular):
                other = first.setdefault(feature.vocabulary, feature)
                if (feature.of, feature.kinds, feature.pages) != (other.of, other.kinds, other.pages):
                    expected = f"the same of, kinds and pages as {other.name}, which names it too"
                    raise mistake("vocabulary", f"{feature.vocabulary!r} of others", expected, number)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The features' columns in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def numeric(self) -> tuple[str, ...]:
        """The columns that hold doubles."""
        return tuple(feature.name for feature in self.features if not feature.is_categorical())

    @property
    def categorical(self) -> tuple[str, ...]:
        """The columns that hold strings."""
        return tuple(feature.name for feature in self.features if feature.is_categorical())

    @property
    def popular(self) -> dict[str, Popular]:
        """Vocabulary -> the feature that asks most of it."""
        found: dict[str, Popular] = {}
        for feature in self.features:
            if isinstance(feature, Popular) and feature.k > getattr(found.get(feature.vocabulary), "k", 0):
                found[feature.vocabulary] = feature
        return found

    @property
    def has_markov(self) -> bool:
        """Whether a feature asks for the Markov table."""
        return any(isinstance(feature, Markov) for feature in self.features)

    def table(self) -> list[int]:
        """The Markov table, `in_a_row`."""
        return in_a_row(self.tables.get(MARKOV, {}))

    @property
    def unlearnt(self) -> "FeatureSpec":
        """This spec as it was before training."""
        return self.model_copy(update={"vocabularies": {}, "tables": {}})

    def learnt(self, vocabularies: Mapping[str, tuple[str, ...]], table: Mapping[Any, Any] | None) -> "FeatureSpec":
        """This spec with what training found, as far as its features ask for it."""
        words = {name: words for name, words in vocabularies.items() if name in self.popular}
        tables = {MARKOV: table} if table is not None and self.has_markov else {}
        return self.model_copy(update={"vocabularies": words, "tables": tables})

    def dumps(self) -> str:
        """The canonical text: every parameter written out, a feature a line; equal specs give equal text."""
        lines = [json.dumps(self._entry(feature), ensure_ascii=False) for feature in self.features]
        words = json.dumps(self.vocabularies, sort_keys=True, ensure_ascii=False)
        tables = json.dumps(self.tables, sort_keys=True)
        head = f'{{"version": {self.version}, "unit": "{self.unit}", "features": [\n '
        return head + ",\n ".join(lines) + f'\n], "vocabularies": {words}, "tables": {tables}}}\n'

    def _entry(self, feature: Feature) -> dict[str, Any]:
        scope = {"scope": scope_of(feature)} if self.unit == "pair" else {}
        entry = feature.model_dump(mode="json", exclude_none=True)
        return {"name": entry["name"], "op": entry["op"], **scope, **entry}


def in_a_row(table: Mapping[Any, Mapping[Any, int]]) -> list[int]:
    """A Markov table's (1 + 10) * 10 numbers: steps from `start`, then from each state, in the order of `STATES`."""
    return [table.get(before, {}).get(state, 0) for before in (START, *STATES) for state in STATES]


def scope_of(feature: Feature) -> str:
    """A feature's scope in a spec of pairs."""
    return feature.scope or "item"


def loads(text: str | bytes, source: str = "feature spec") -> FeatureSpec:
    """Read a spec.

    Args:
        text: the JSON document.
        source: what to call it in an error.

    Raises:
        SpecError: not JSON, or a field is missing, unknown or out of range; names line, feature and field.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    try:
        content = json.loads(text, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as exc:
        _refuse(f"{source}, line {exc.lineno}", f"{exc.msg} at column {exc.colno}", "a JSON document", exc)
    except ValueError as exc:
        _refuse(source, str(exc), "every key once", exc)
    try:
        return FeatureSpec.model_validate_json(text)
    except ValidationError as exc:
        _explain(exc, content, text, source)


def load(path: Path) -> FeatureSpec:
    """Read a spec from a file.

    Raises:
        SpecError: the file cannot be read, or as `loads`.
    """
    try:
        text = path.read_bytes()
    except OSError as exc:
        _refuse(f"feature spec {path}", str(exc.strerror), "a file that can be read", exc)
    return loads(text, str(path))


def wanted(path: Path | None, unit: Literal["session", "pair"]) -> FeatureSpec:
    """The spec of a unit: a user's own if there is a path, else the one that is shipped.

    Raises:
        SpecError: as `load`, or the spec is of the other unit.
    """
    if path is None:
        return default(DEFAULT if unit == "session" else DEFAULT_ITEMS)
    spec = load(path)
    if spec.unit != unit:
        raise SpecError(
            f"{path}, field unit", found=repr(spec.unit), expected=repr(unit), fix="Name a spec of that unit."
        )
    return spec


def default(name: str = DEFAULT) -> FeatureSpec:
    """The spec that is shipped: what trains best without memorising dates. `DEFAULT_ITEMS` is that of pairs."""
    return loads(files("leapline.features").joinpath(name).read_bytes(), name)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **FeatureSpec.model_json_schema()}


def _explain(exc: ValidationError, content: Any, text: str, source: str) -> NoReturn:
    """The first error as a SpecError that names line, feature and field."""
    first = exc.errors(include_url=False)[0]
    loc, where = list(first["loc"]), source
    if not loc and (number := first.get("ctx", {}).get("feature")) is not None:
        loc = ["features", number, ""]
    if len(loc) >= 2 and loc[0] == "features" and isinstance(loc[1], int):
        entry = content["features"][loc[1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        where = f"{source}, line {line_of(text, loc[:2])}, feature {name or loc[1] + 1}"
        loc = loc[3:]  # loc[2] is the operation that the discriminator chose
    found, expected, field = _told(first)
    field = ".".join(str(part) for part in loc) or field
    _refuse(f"{where}, field {field}" if field else where, found, expected, exc)


def _told(error: ErrorDetails) -> tuple[str, str, str]:
    """What was found, what was expected, and the field where the error itself knows it."""
    ctx: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "mistake":
            return ctx["found"], ctx["expected"], ctx["field"]
        case "union_tag_invalid":
            return repr(ctx["tag"]), f"one of {ctx['expected_tags']}", "op"
        case "union_tag_not_found":
            return "nothing", "the name of an operation", "op"
    return *in_words(error, "the operation", 120), ""


def _refuse(thing: str, found: str, expected: str, exc: Exception) -> NoReturn:
    raise SpecError(thing, found=found, expected=expected, fix="Correct the feature spec.") from exc


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"key {key!r} twice")
    return dict(pairs)
