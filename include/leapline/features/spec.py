"""The feature spec: one JSON document that defines the inputs of a model.

`{"version": 1, "unit": "session", "features": [{"name": "n_views", "op": "count", "kinds": ["item_view"]}, ...],
"vocabularies": {}}`. The operations are defined in `leapline.features.operations`. The program that builds
examples evaluates the document in Spark's tasks, the archive contains it, and the scorer evaluates it in the same way.
Vocabularies and tables are empty in a spec written by a person; training fits them and the archive's spec contains
them.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from leapline.errors import SpecError
from leapline.features.operations import START, STATES, Before, Feature, Markov, Name, Popular, State, spec_error
from leapline.json_errors import found_and_expected, line_of

DEFAULT, DEFAULT_ITEMS = "default_features.json", "default_item_features.json"
# Columns of the tables of examples and scores that are not features.
RESERVED = frozenset(
    {"session", "item", "visitor", "start_ts", "device", "new_visitor", "label", "weight", "cut", "whole", "states"}
    | {"score", "baseline", "champion"}
)
MARKOV: Final = "markov"
Millionths = Annotated[int, Field(ge=-(10**9), le=10**9)]
Table = dict[Before, dict[State, Millionths]]


class FeatureSpec(BaseModel):
    """A validated feature spec; immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, title="Leapline feature spec")

    version: Literal[1] = Field(description="Version of the document format.")
    unit: Literal["session", "pair"] = Field(
        description="What one row of features describes: a session, or a session-item pair."
    )
    features: tuple[Feature, ...] = Field(min_length=1, description="The columns, in the order of the table.")
    vocabularies: dict[Name, tuple[str, ...]] = Field(
        default_factory=dict, description="Fitted in training: lists of items or categories, most popular first."
    )
    tables: dict[Literal["markov"], Table] = Field(
        default_factory=dict, description="Fitted in training: from -> to -> log-odds in whole millionths."
    )

    @model_validator(mode="after")
    def _check_names(self) -> "FeatureSpec":
        seen: set[str] = set()
        for name in self.columns:
            if name in RESERVED or name in seen:
                problem = "used twice" if name in seen else "reserved for a column of the example tables"
                raise spec_error("features", f"the name {name!r}, {problem}", "unique names that are not reserved")
            seen.add(name)
        return self

    @model_validator(mode="after")
    def _check_unit_and_scopes(self) -> "FeatureSpec":
        for number, feature in enumerate(self.features):
            if self.unit not in feature.units:
                raise spec_error(
                    "op", f"{feature.op} in a spec of unit {self.unit}", f"unit {feature.units[0]}", number
                )
            if self.unit == "session" and feature.scope is not None:
                raise spec_error("scope", repr(feature.scope), "no scope in a spec of sessions", number)
            if self.unit == "pair" and scope_of(feature) not in feature.scopes:
                allowed = " or ".join(map(repr, feature.scopes))
                raise spec_error("scope", repr(scope_of(feature)), f"{allowed} for {feature.op}", number)
        return self

    @model_validator(mode="after")
    def _check_vocabularies(self) -> "FeatureSpec":
        first: dict[str, Popular] = {}
        for number, feature in enumerate(self.features):
            if isinstance(feature, Popular):
                other = first.setdefault(feature.vocabulary, feature)
                if (feature.of, feature.kinds, feature.pages) != (other.of, other.kinds, other.pages):
                    actual = f"{feature.vocabulary!r} with another of, kinds or pages"
                    expected = f"the same of, kinds and pages as {other.name}, which uses the same vocabulary"
                    raise spec_error("vocabulary", actual, expected, number)
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
        """Vocabulary -> the feature with the largest k, which determines the vocabulary's size."""
        largest: dict[str, Popular] = {}
        for feature in self.features:
            if isinstance(feature, Popular) and feature.k > getattr(largest.get(feature.vocabulary), "k", 0):
                largest[feature.vocabulary] = feature
        return largest

    @property
    def has_markov(self) -> bool:
        """Return whether a feature uses the Markov table."""
        return any(isinstance(feature, Markov) for feature in self.features)

    def table(self) -> list[int]:
        """Return the Markov table as one list; see `flatten_table`."""
        return flatten_table(self.tables.get(MARKOV, {}))

    @property
    def unfitted(self) -> "FeatureSpec":
        """This spec without fitted vocabularies and tables."""
        return self.model_copy(update={"vocabularies": {}, "tables": {}})

    def fitted(self, vocabularies: Mapping[str, tuple[str, ...]], table: Mapping[Any, Any] | None) -> "FeatureSpec":
        """Return this spec with those fitted vocabularies and tables that its features use."""
        words = {name: words for name, words in vocabularies.items() if name in self.popular}
        tables = {MARKOV: table} if table is not None and self.has_markov else {}
        return self.model_copy(update={"vocabularies": words, "tables": tables})

    def dumps(self) -> str:
        """Return the canonical text: all parameters, one feature per line; equal specs have equal texts."""
        lines = [json.dumps(self._entry(feature), ensure_ascii=False) for feature in self.features]
        words = json.dumps(self.vocabularies, sort_keys=True, ensure_ascii=False)
        tables = json.dumps(self.tables, sort_keys=True)
        head = f'{{"version": {self.version}, "unit": "{self.unit}", "features": [\n '
        return head + ",\n ".join(lines) + f'\n], "vocabularies": {words}, "tables": {tables}}}\n'

    def _entry(self, feature: Feature) -> dict[str, Any]:
        scope = {"scope": scope_of(feature)} if self.unit == "pair" else {}
        entry = feature.model_dump(mode="json", exclude_none=True)
        return {"name": entry["name"], "op": entry["op"], **scope, **entry}


def flatten_table(table: Mapping[Any, Mapping[Any, int]]) -> list[int]:
    """Return a Markov table's (1 + 10) * 10 entries: steps from `start`, then from each state, ordered as `STATES`."""
    return [table.get(before, {}).get(state, 0) for before in (START, *STATES) for state in STATES]


def scope_of(feature: Feature) -> str:
    """Return a feature's scope in a spec of pairs."""
    return feature.scope or "item"


def loads(text: str | bytes, source: str = "feature spec") -> FeatureSpec:
    """Read a spec.

    Args:
        text: the JSON document.
        source: the document's name in an error message.

    Raises:
        SpecError: not JSON, or a field is missing, unknown or out of range; contains line, feature and field.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    try:
        content = json.loads(text, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as exc:
        _refuse(f"{source}, line {exc.lineno}", f"{exc.msg} at column {exc.colno}", "a JSON document", exc)
    except ValueError as exc:
        _refuse(source, str(exc), "unique keys", exc)
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
        _refuse(f"feature spec {path}", str(exc.strerror), "a readable file", exc)
    return loads(text, str(path))


def load_or_default(path: Path | None, unit: Literal["session", "pair"]) -> FeatureSpec:
    """Read the spec of a unit from a user's file, or return the default spec if there is no path.

    Raises:
        SpecError: as `load`, or the spec has the other unit.
    """
    if path is None:
        return default(DEFAULT if unit == "session" else DEFAULT_ITEMS)
    spec = load(path)
    if spec.unit != unit:
        raise SpecError(
            f"{path}, field unit", found=repr(spec.unit), expected=repr(unit), fix="Set a path to a spec of that unit."
        )
    return spec


def default(name: str = DEFAULT) -> FeatureSpec:
    """Return a spec that Leapline ships: `DEFAULT` for sessions, `DEFAULT_ITEMS` for pairs.

    The features were chosen for the best ranking without memorising dates.
    """
    return loads(files("leapline.features").joinpath(name).read_bytes(), name)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **FeatureSpec.model_json_schema()}


def _explain(exc: ValidationError, content: Any, text: str, source: str) -> NoReturn:
    """Raise the first validation error as a SpecError with line, feature and field."""
    first = exc.errors(include_url=False)[0]
    loc, where = list(first["loc"]), source
    if not loc and (number := first.get("ctx", {}).get("feature")) is not None:
        loc = ["features", number, ""]
    if len(loc) >= 2 and loc[0] == "features" and isinstance(loc[1], int):
        entry = content["features"][loc[1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        where = f"{source}, line {line_of(text, loc[:2])}, feature {name or loc[1] + 1}"
        loc = loc[3:]  # loc[2] is the operation that the discriminator chose
    actual, expected, field = _describe(first)
    field = ".".join(str(part) for part in loc) or field
    _refuse(f"{where}, field {field}" if field else where, actual, expected, exc)


def _describe(error: ErrorDetails) -> tuple[str, str, str]:
    """Return found, expected, and the field if the error names it."""
    ctx: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "spec":
            return ctx["found"], ctx["expected"], ctx["field"]
        case "union_tag_invalid":
            return repr(ctx["tag"]), f"one of {ctx['expected_tags']}", "op"
        case "union_tag_not_found":
            return "nothing", "the name of an operation", "op"
    return *found_and_expected(error, "the operation", 120), ""


def _refuse(thing: str, found: str, expected: str, exc: Exception) -> NoReturn:
    raise SpecError(thing, found=found, expected=expected, fix="Correct the feature spec.") from exc


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"duplicate key {key!r}")
    return dict(pairs)
