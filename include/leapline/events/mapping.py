"""The event mapping: a declarative JSON file that maps a site's Snowplow events to Leapline's event kinds.

`mapping.json` in this package covers Snowplow's own trackers and plugins. A site copies it, adds its paths and schemas
and sets LEAPLINE_EVENT_MAPPING to the copy. A shop that only sends page views, for example, maps its item pages to item
views with a rule before "page view" that has `"item": {"column": "page_urlpath", "pattern": "^/p/(\\w+)"}`. Rules are
tried in order; the first match decides. A value (`item`, `category`, `price`, `quantity`, or a condition's left side)
is one of

    "ti_sku"                                              a column of the enriched event
    {"column": "page_urlpath", "pattern": "^/p/(\\\\w+)"}    the first group of a pattern in a column
    {"event": "type"}                                     a field of the self-describing event
    {"entity": "vendor/name", "field": "revenue"}         a field of the first such entity in `contexts`

Session, visitor and order id may have several sources, of which the first with a value decides, and so may robots and
consent: `"session": {"first_of": ["domain_sessionid", {"entity": "vendor/name", "field": "sessionId"}]}`.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from leapline.errors import SpecError
from leapline.events.patterns import groups_of, require_portable
from leapline.events.schema import Kind
from leapline.json_errors import found_and_expected, line_of
from leapline.snowplow.enriched import FIELDS

DEFAULT: Final = Path(__file__).with_name("mapping.json")

PageKind = Literal["home", "category", "item", "search", "cart", "checkout", "thanks", "other"]


def _known_column(name: str) -> str:
    if name not in FIELDS:
        raise ValueError(f"no column of an enriched event is named {name!r}")
    return name


def _pattern_with_group(text: str) -> str:
    if groups_of(require_portable(text)) != 1:
        raise ValueError("a pattern needs exactly one group (...), the value")
    return text


def _entity(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", text):
        raise ValueError("an entity is named vendor/name, e.g. com.snowplowanalytics.snowplow.ecommerce/product")
    return text


ColumnName = Annotated[str, AfterValidator(_known_column)]
Pattern = Annotated[str, AfterValidator(require_portable)]
EntityName = Annotated[str, AfterValidator(_entity)]
FieldName = Annotated[str, Field(pattern=r"^\w+$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FromColumn(_Model):
    """The first group of a pattern in a column; null where the pattern does not match."""

    column: ColumnName
    pattern: Annotated[str, AfterValidator(_pattern_with_group)]


class FromEvent(_Model):
    """A field of the self-describing event's data."""

    event: FieldName


class FromEntity(_Model):
    """A field of the first entity of a schema in `contexts`."""

    entity: EntityName
    field: FieldName


def _form_of_source(value: Any) -> str | None:
    if isinstance(value, str):
        return "its name"
    forms = {"column": FromColumn, "event": FromEvent, "entity": FromEntity}
    keys = value if isinstance(value, dict) else {name: 1 for name in forms if isinstance(value, forms[name])}
    return next((f"from {name}" for name in forms if name in keys), None)


Source = Annotated[
    Annotated[ColumnName, Tag("its name")]
    | Annotated[FromColumn, Tag("from column")]
    | Annotated[FromEvent, Tag("from event")]
    | Annotated[FromEntity, Tag("from entity")],
    Discriminator(
        _form_of_source,
        custom_error_type="source",
        custom_error_message="a column's name, or an object with column, event or entity",
    ),
]


def _form_of_part(value: Any) -> str:
    return "a list" if isinstance(value, list | tuple) else "a source"


IdentitySource = Annotated[
    Annotated[ColumnName, Tag("its name")]
    | Annotated[FromColumn, Tag("from column")]
    | Annotated[FromEntity, Tag("from entity")],
    Discriminator(
        _form_of_source,
        custom_error_type="source",
        custom_error_message="a column's name, or an object with column or entity",
    ),
]


class FirstOf(_Model):
    """Alternative sources of an id; the first that has a value decides. A list of sources is one combined id."""

    first_of: list[
        Annotated[
            Annotated[tuple[IdentitySource, ...], Tag("a list")] | Annotated[IdentitySource, Tag("a source")],
            Discriminator(_form_of_part),
        ]
    ] = Field(min_length=1)

    @property
    def alternatives(self) -> list[tuple[IdentitySource, ...]]:
        """The alternatives, each as the sources that together form the id."""
        return [part if isinstance(part, tuple) else (part,) for part in self.first_of]


def _form_of_identity(value: Any) -> str:
    return "a list" if isinstance(value, list | tuple) else "an object"


Identity = Annotated[
    Annotated[Annotated[tuple[ColumnName, ...], Field(min_length=1)], Tag("a list")]
    | Annotated[FirstOf, Tag("an object")],
    Discriminator(_form_of_identity),
]
"""An id: a list of columns that together form it, or alternatives."""


def alternatives(identity: tuple[str, ...] | FirstOf) -> list[tuple[IdentitySource, ...]]:
    """Return the alternative sources of an id, each as the sources that together form it."""
    return identity.alternatives if isinstance(identity, FirstOf) else [tuple(identity)]


class Matches(_Model):
    """A pattern that must match somewhere in the text."""

    pattern: Pattern


def _form_of_values(value: Any) -> str:
    return "a list" if isinstance(value, list | tuple) else "a pattern"


class Condition(_Model):
    """A source has one of some values, or matches a pattern."""

    source: Source
    is_: Annotated[
        Annotated[tuple[str, ...], Tag("a list")] | Annotated[Matches, Tag("a pattern")], Discriminator(_form_of_values)
    ] = Field(alias="is")


class Products(_Model):
    """The entities in `contexts` that describe the products of an event, and their fields.

    An event about several products becomes one row per product. With `kind`, the products' rows have that kind and are
    added to the event's own row, like the items of an order.
    """

    entity: EntityName
    item: FieldName = "id"
    category: FieldName = "category"
    price: FieldName = "price"
    quantity: FieldName = "quantity"
    currency: FieldName = "currency"
    kind: Kind | None = None


class Rule(_Model):
    """The kind of the events that meet all conditions, and where their values come from.

    `base_price` is the amount in the shop's own currency; it is preferred to `price` where it has a value. `order` is
    the order's id, by which an order is counted once.
    """

    name: str
    when: list[Condition] = Field(min_length=1)
    kind: Kind
    page: PageKind | None = None
    item: Source | None = None
    category: Source | None = None
    price: Source | None = None
    quantity: Source | None = None
    base_price: Source | None = None
    currency: Source | None = None
    base_currency: Source | None = None
    order: Source | None = None
    products: Products | None = None

    @model_validator(mode="after")
    def _reject_two_sources_of_items(self) -> Self:
        values = (self.item, self.category, self.quantity)
        if self.products and (any(values) or (self.price and not self.products.kind)):
            raise ValueError("products already define item, category, price and quantity")
        return self


class Page(_Model):
    """The kind of the pages whose path matches."""

    path: Pattern
    page: PageKind


class EntityTest(_Model):
    """A test for an entity that has one of some values in a field."""

    entity: EntityName
    field: FieldName
    values: tuple[str, ...] = Field(min_length=1)


class ColumnTest(_Model):
    """A test for a column that has one of some values."""

    column: ColumnName
    values: tuple[str, ...] = Field(min_length=1)


def _form_of_test(value: Any) -> str:
    is_column = "column" in value if isinstance(value, dict) else isinstance(value, ColumnTest)
    return "a column" if is_column else "an entity"


Test = Annotated[
    Annotated[ColumnTest, Tag("a column")] | Annotated[EntityTest, Tag("an entity")], Discriminator(_form_of_test)
]


def _form_of_tests(value: Any) -> str:
    return "some tests" if isinstance(value, list | tuple) else "a test"


Tests = Annotated[
    Annotated[tuple[Test, ...], Tag("some tests")] | Annotated[Test, Tag("a test")], Discriminator(_form_of_tests)
]
"""One test or several, of which one has to pass."""


class Mapping(_Model):
    """A site's complete mapping; frozen, unknown keys are rejected.

    Args:
        session: the session's id; an event without it belongs to no session.
        visitor: the visitor's id.
        internal: column to values that mark the shop's own traffic.
        consent: the entities in `contexts`, or columns, that record the visitor's consent; one is enough.
        bot: the entities in `derived_contexts`, or columns, that mark a robot; one is enough.
        bot_columns: column to values that mark a robot.
        pages: page kinds by path, for page views and item views; the first match, else `other`.
        rules: kinds of events; the first match, else `other`.
    """

    version: Literal[1]
    session: Identity
    visitor: Identity
    internal: dict[ColumnName, list[str]]
    consent: Tests
    bot: Tests
    bot_columns: dict[ColumnName, list[str]]
    pages: list[Page]
    rules: list[Rule] = Field(min_length=1)

    def entity_tests(self, which: Literal["consent", "bot"]) -> list[EntityTest]:
        """Return the tests of entities for consent or for robots."""
        return [test for test in self._tests(which) if isinstance(test, EntityTest)]

    def column_tests(self, which: Literal["consent", "bot"]) -> list[ColumnTest]:
        """Return the tests of columns for consent or for robots."""
        return [test for test in self._tests(which) if isinstance(test, ColumnTest)]

    def _tests(self, which: Literal["consent", "bot"]) -> tuple[ColumnTest | EntityTest, ...]:
        tests = self.consent if which == "consent" else self.bot
        return tests if isinstance(tests, tuple) else (tests,)


def load(path: Path | None = None) -> Mapping:
    """Read a mapping, the one that is shipped if no path is given.

    Raises:
        SpecError: the file is missing, not JSON, or a field is wrong; the error names line and field.
    """
    path = path or DEFAULT
    try:
        text = path.read_text(encoding="utf-8")
        return Mapping.model_validate(json.loads(text))
    except OSError as exc:
        raise _spec_error(path, str(exc.strerror), "a file that can be read") from exc
    except ValidationError as exc:
        raise _explained(path, text, exc) from exc
    except ValueError as exc:
        raise _spec_error(path, str(exc), "JSON in UTF-8") from exc


def _explained(path: Path, text: str, exc: ValidationError) -> SpecError:
    """Return the error for the first wrong field, with its line."""
    first = exc.errors(include_url=False)[0]
    place = [part for part in first["loc"] if isinstance(part, int) or part.isidentifier()]
    where = f"{path}, line {line_of(text, place)}, field {_named(place)}"
    value, expected = found_and_expected(first, "a mapping", 80)
    return _spec_error(where, value, expected.removeprefix("Value error, "))


def _spec_error(where: Path | str, found: str, expected: str) -> SpecError:
    return SpecError(
        f"event mapping {where}",
        found=found,
        expected=expected,
        fix="Correct it, or unset LEAPLINE_EVENT_MAPPING to use the mapping that is shipped.",
    )


def _named(place: list[int | str]) -> str:
    """Return the path of a field, such as `rules[3].kind`. The caller removes pydantic's names of alternatives."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(parts).removeprefix(".") or "at the top"
