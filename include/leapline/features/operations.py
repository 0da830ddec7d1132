"""The operations a feature spec may name, and exactly what each computes.

The Go package `features` computes these numbers, in the pipeline and in the scorer. Fitted values are computed by Spark
SQL in the pipeline, and both must agree to the last bit, so the definitions are exact:

* **Order.** A session's events are sorted by time (microseconds), then by event id (bytes).
* **Time.** A timestamp is a whole number of milliseconds since 1970-01-01 UTC (microseconds floored). A duration in
  seconds is a whole number of milliseconds divided once by 1000.
* **Money.** A price is converted to whole cents by `floor(price * 100 + 0.5)`; sums are sums of whole cents, divided
  once, so the order of addition does not matter. A price that is not a number, or whose absolute value exceeds 1e9, is
  treated as missing; so is an amount (price times quantity) above that limit.
* **Pairs.** In a spec of unit `session` a row describes a session. In a spec of unit `pair` it describes a session and
  one of the items of its `item_view`, `cart_add` and `cart_remove` events; there is one row per such item.
* **Scope.** In a spec of pairs `scope` selects the session's events that an operation uses: `item` (events of the
  pair's item; the default), `categories` (events whose category is one of the categories of the `item` events) or
  `session` (all). Order, next event, dwell and the session's last event are those of the whole session in any scope. A
  spec of sessions has no scopes: all events are used.
* **Filter.** `kinds` and `pages` select among the events in scope those with a listed kind and a listed page kind.
  If left out, every kind (page kind) is selected.
* **Dwell.** An event's dwell is the time until the session's next event that is not a page ping; if none follows, until
  the session's last event. The last event therefore has a dwell of 0, and pings extend the page they belong to.
* **Ties.** Items (categories) with equally many clicks are ranked by dwell, those with equal dwell by clicks, and
  then by their first event in the session.
* **Fitted values.** Vocabularies and tables are fitted in training. An entry that is absent from them, or a table that
  is not fitted yet, counts as 0.
* **Numbers** are doubles and never null: if there is nothing to compute from, the value is the operation's `missing`
  (0 by default). **Categories** are strings and never null: "" is the missing category.

Most operations come from the feature table of Romov and Sokolov (RecSys Challenge 2015); the docstrings name its rows
("Paper: ...")."""

from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

# Kinds and pages at or after the checkout are not listed: a feature of them would leak the label.
Kind = Literal["page_view", "page_ping", "item_view", "cart_add", "cart_remove", "search", "other"]
Page = Literal["home", "category", "item", "search", "cart", "other"]
PAGES: tuple[str, ...] = get_args(Page)
Entity = Literal["item", "category"]
Scope = Literal["item", "categories", "session"]
# The kinds of events whose items form pairs with the session.
PAIR_KINDS: tuple[Kind, ...] = ("item_view", "cart_add", "cart_remove")
START: Final = "start"
State = Literal[
    "home_page",
    "category_page",
    "item_page",
    "search_page",
    "cart_page",
    "other_page",
    "item_view",
    "cart_add",
    "cart_remove",
    "search",
]
Before = Literal["start"] | State
STATES: tuple[State, ...] = get_args(State)
Part = Literal["month", "day", "hour", "minute", "second", "weekday", "second_of_day", "month_day", "month_day_hour"]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Kinds = Annotated[tuple[Kind, ...], Field(min_length=1)]
Pages = Annotated[tuple[Page, ...], Field(min_length=1)]


def spec_error(field: str, found: str, expected: str, feature: int | None = None) -> PydanticCustomError:
    """Return a validation error that no single field's type can express.

    Args:
        field: name of the invalid field.
        found: its content.
        expected: what is valid.
        feature: index of the invalid feature, if the error is raised by the whole document.
    """
    context = {"field": field, "found": found, "expected": expected, "feature": feature}
    return PydanticCustomError("spec", "{expected}", context)


class _Operation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    scopes: ClassVar[tuple[Scope, ...]] = ("item", "categories", "session")
    """The scopes allowed in a spec of pairs."""
    units: ClassVar[tuple[str, ...]] = ("session", "pair")
    """The units of the specs that may use the operation."""

    name: Name = Field(description="The feature's column.")
    scope: Scope | None = Field(None, description="Pairs only: the events to use; those of the pair's item by default.")

    def is_categorical(self) -> bool:
        """Return whether the column holds strings (categories) instead of doubles."""
        return False


class _Filtered(_Operation):
    kinds: Kinds | None = Field(None, description="Event kinds to use; all by default.")
    pages: Pages | None = Field(
        None, description="Page kinds to use; by default all events, with or without a page kind."
    )


class Count(_Filtered):
    """Number of events. Paper: number of clicks."""

    op: Literal["count"]


class Relative(_Filtered):
    """Selected events as a share of all events of the session that pass the same filter, of any item; by `dwell`, the
    share of their dwell. Pairs only. Paper: relative number of clicks on the item in the session."""

    scopes = ("item", "categories")
    units = ("pair",)

    op: Literal["relative"]
    by: Literal["clicks", "dwell"] = "clicks"
    missing: float = Field(0.0, description="Value if the session has no such event, or no dwell.")


class PairItem(_Operation):
    """The pair's item. Pairs only. Paper: item id."""

    scopes = ("item",)
    units = ("pair",)

    op: Literal["pair_item"]

    def is_categorical(self) -> bool:
        """Return True: an id is a category."""
        return True


class CountDistinct(_Filtered):
    """Number of distinct values among the events that have one. `item_category` counts pairs in which at most one
    part is missing. Paper: unique items, unique categories, unique item-category pairs."""

    scopes = ("session",)

    op: Literal["count_distinct"]
    of: Literal["item", "category", "item_category", "page"]


class Repeats(_Filtered):
    """Number of events on an item (category) that had an event before: events with an item, minus distinct items."""

    scopes = ("session",)

    op: Literal["repeats"]
    of: Entity


class Fraction(_Filtered):
    """Selected events as a share of the events of the kinds `among`; events of other kinds are not counted."""

    op: Literal["fraction"]
    among: Kinds = Field(description="Kinds of the denominator.")
    missing: float = Field(0.0, description="Value if the denominator is 0.")


class Followed(_Filtered):
    """Number of selected events whose next event other than a page ping has a kind in `next_kinds` and a page kind in
    `next_pages` (both optional); with `negate`, the number of the other selected events, including one without a next
    event."""

    op: Literal["followed"]
    next_kinds: Kinds | None = None
    next_pages: Pages | None = None
    negate: bool = False


class Span(_Filtered):
    """Seconds between the first and the last event. Paper: length of the session in seconds; seconds between the first
    and the last click on the item."""

    op: Literal["span"]


class Since(_Filtered):
    """Seconds from the last selected event to the session's last event."""

    op: Literal["since"]
    missing: float = Field(-1.0, description="Value if no event is selected.")


class TimePart(_Filtered):
    """A part of the UTC time of the first or last event: month 1-12, day 1-31, hour, minute, second, weekday 0
    (Monday) to 6, second_of_day 0-86399. As a category: the same number in decimal ("7"), or month_day "03-14" and
    month_day_hour "03-14-09", which are categories only; "" if no event is selected. Paper: numerical and categorical
    time features of the start and the end; of the first and of the last click on the item."""

    op: Literal["time_part"]
    at: Literal["first", "last"]
    part: Part
    categorical: bool = Field(False, description="Return a category instead of a number.")
    missing: float = Field(-1.0, description="Value of a number if no event is selected.")

    @model_validator(mode="after")
    def _check_categorical(self) -> "TimePart":
        if self.part in ("month_day", "month_day_hour") and not self.categorical:
            raise spec_error("categorical", "false", f"true, since {self.part} is not a number")
        return self

    def is_categorical(self) -> bool:
        """Return the field `categorical`."""
        return self.categorical


class Value(_Filtered):
    """Sum, minimum, maximum, mean or last of the events' prices, quantities or amounts (price times quantity; a missing
    quantity counts as 1), over the events that have one. The mean of prices is the sum of cents divided by 100 times
    their number."""

    op: Literal["sum", "min", "max", "mean", "last"]
    of: Literal["price", "quantity", "amount"]
    missing: float = Field(0.0, description="Value if no event has one.")


class CartValue(_Operation):
    """Amount of the session's cart_add events minus the amount of its cart_remove events."""

    op: Literal["cart_value"]


class Dwell(_Filtered):
    """Total, maximum or mean dwell of the events, in seconds; the mean is milliseconds divided by 1000 times the
    number of events. Paper: total duration of the clicks on the item in the session, and on all of the item's
    categories seen in the session (scope `categories`)."""

    op: Literal["dwell"]
    stat: Literal["total", "max", "mean"]
    missing: float = Field(0.0, description="Value if no event is selected.")


class TopK(_Filtered):
    """The k-th item (category) of the session, ranked by clicks (or total dwell), largest first: its number of clicks,
    its dwell in seconds, its last price, or its id. A click is a selected event that has an item (category). Paper:
    top 10 items and top 5 categories."""

    scopes = ("session",)

    op: Literal["top_k"]
    of: Entity
    k: Annotated[int, Field(ge=1, le=100)]
    by: Literal["clicks", "dwell"] = "clicks"
    give: Literal["clicks", "seconds", "price", "id"]
    missing: float = Field(0.0, description='Value if there is no k-th one, or it has no price; the id is then "".')

    def is_categorical(self) -> bool:
        """Return whether the value is an id."""
        return self.give == "id"


class Share(_Filtered):
    """The top item's (category's) share of all clicks on items (categories), or of their dwell: 1 if the session has
    one item only."""

    scopes = ("session",)

    op: Literal["share"]
    of: Entity
    by: Literal["clicks", "dwell"] = "clicks"
    missing: float = Field(0.0, description="Value if there is no click, or no dwell.")


class ClickedAtLeast(_Filtered):
    """Id of the item (category) with at least k clicks whose first click is the session's earliest, or whose last
    click is the latest. Paper: id of the first and of the last item clicked at least k = 1..6 times."""

    scopes = ("session",)

    op: Literal["clicked_at_least"]
    of: Entity
    at: Literal["first", "last"]
    k: Annotated[int, Field(ge=1, le=100)]

    def is_categorical(self) -> bool:
        """Return True: an id is a category."""
        return True


class Attribute(_Operation):
    """Attributes of the session's first event: device class and referrer medium (categories), the visitor's session
    number, and whether it is 1 (numbers; 0 if unknown)."""

    scopes = ("session",)

    op: Literal["attribute"]
    of: Literal["device", "referrer", "session_index", "new_visitor"]

    def is_categorical(self) -> bool:
        """Return whether the attribute is device or referrer."""
        return self.of in ("device", "referrer")


class Popular(_Filtered):
    """Number of selected events on the k-th entry of a vocabulary, or their dwell in seconds. The vocabulary is fitted:
    the items (categories) with the most selected events in the training days, ties by id (bytes); its size is the
    largest k that uses it. All features of one vocabulary have the same `of`, `kinds` and `pages`. Paper: vectors of
    click counts and of total durations for the 100 items and 50 categories most popular in the whole training set."""

    scopes = ("session",)

    op: Literal["popular"]
    of: Entity
    vocabulary: Name
    k: Annotated[int, Field(ge=1, le=1000)]
    give: Literal["clicks", "seconds"]


class Markov(_Operation):
    """Log-odds of the session's transitions under two Markov chains, one of buyers and one of non-buyers.

    States: the state of a `page_view` event is its page kind with the suffix `_page`, `other_page` if the page kind is
    missing or none of the six; the state of `item_view`, `cart_add`, `cart_remove` and `search` events is their kind.
    Other events (`page_ping`, `other`) have no state and are skipped. Each event with a state is a transition to that
    state from the state of the previous event with one, the first from `start`. The value is the sum, over the
    transitions, of `tables["markov"][from][to]`, whole millionths, divided once by 1,000,000. An entry of the table is
    ln(P_buyers(to | from) / P_non_buyers(to | from)), fitted in training: `leapline.training.markov`."""

    scopes = ("session",)

    op: Literal["markov"]


Feature = Annotated[
    Count
    | Relative
    | PairItem
    | CountDistinct
    | Repeats
    | Fraction
    | Followed
    | Span
    | Since
    | TimePart
    | Value
    | CartValue
    | Dwell
    | TopK
    | Share
    | ClickedAtLeast
    | Attribute
    | Popular
    | Markov,
    Field(discriminator="op"),
]
