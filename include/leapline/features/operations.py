"""The operations a feature spec may name, and exactly what each computes.

A nightly job (Spark) and the scorer (Go) both compute these numbers and must agree to the last bit, so the
definitions leave nothing open:

* **Order.** A session's events stand in order of time (microseconds), then of event id (bytes).
* **Time.** A moment is a whole number of milliseconds since 1970-01-01 UTC (microseconds floored). A length in
  seconds is a whole number of milliseconds divided once by 1000.
* **Money.** A price is turned into whole cents by `floor(price * 100 + 0.5)`; sums are of whole cents and are divided
  once, so no order of addition matters. A price that is not a number, or beyond a thousand million either way, is no
  price; an amount (price times quantity) beyond that is no amount.
* **Pairs.** In a spec of unit `session` a row describes a session. In one of unit `pair` it describes a session and one
  of the items that its `item_view`, `cart_add` and `cart_remove` events name; there are as many rows as such items.
* **Scope.** In a spec of pairs `scope` says which of the session's events an operation looks at: `item` (those that
  name the pair's item; so it is where `scope` is left out), `categories` (those whose category is one of the
  categories that the `item` events name) or `session` (all). Order, next event, dwell and the session's last event
  are those of the whole session whatever the scope. A spec of sessions has no scopes: all events.
* **Filter.** `kinds` and `pages` choose among the events in scope: those whose kind, and whose page kind, are listed.
  Left out, all are.
* **Dwell.** An event's dwell is the time to the session's next event that is not a page ping; where none follows, to
  the session's last event. So the last event has none, and pings prolong the page they belong to.
* **Ties.** Of items (categories) with equally many clicks the one looked at longer comes first, of those with equal
  dwell the one with more clicks, and after that the one met first in the session.
* **Learnt.** The vocabularies and tables of a spec are filled in training. What stands in none, or is asked of one
  that was not learnt yet, counts 0.
* **Numbers** are doubles and never null: where there is nothing to compute from, the value is the operation's
  `missing` (0 unless said otherwise). **Categories** are strings and never null: "" is none.

The table of Romov and Sokolov (RecSys Challenge 2015), which most operations come from, is named row by row in the
docstrings."""

from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

# Kinds and pages at or after the checkout are not listed: a feature of them would give the label away.
Kind = Literal["page_view", "page_ping", "item_view", "cart_add", "cart_remove", "search", "other"]
Page = Literal["home", "category", "item", "search", "cart", "other"]
PAGES: tuple[str, ...] = get_args(Page)
Entity = Literal["item", "category"]
Scope = Literal["item", "categories", "session"]
# What a pair's item is named by.
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


def mistake(field: str, found: str, expected: str, feature: int | None = None) -> PydanticCustomError:
    """An error in a document that no single field's type can express; `feature` is the number of the one at fault."""
    context = {"field": field, "found": found, "expected": expected, "feature": feature}
    return PydanticCustomError("mistake", "{expected}", context)


class _Operation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    scopes: ClassVar[tuple[Scope, ...]] = ("item", "categories", "session")
    """The scopes it may have in a spec of pairs."""
    units: ClassVar[tuple[str, ...]] = ("session", "pair")
    """The units in whose specs it may stand."""

    name: Name = Field(description="The feature's column.")
    scope: Scope | None = Field(None, description="Of pairs: the events to look at; the item's own if left out.")

    def is_categorical(self) -> bool:
        """Whether the column holds strings (categories) instead of doubles."""
        return False


class _Filtered(_Operation):
    kinds: Kinds | None = Field(None, description="Event kinds to look at; all if left out.")
    pages: Pages | None = Field(
        None, description="Page kinds to look at; all events, with or without a page, if left out."
    )


class Count(_Filtered):
    """Number of events. Paper: number of clicks."""

    op: Literal["count"]


class Relative(_Filtered):
    """The chosen events' part of all the session's events that pass the same filter, whatever item they name; by
    `dwell`, their dwell's part of the dwell of those. Pairs only. Paper: relative number of clicks on the item in the
    session."""

    scopes = ("item", "categories")
    units = ("pair",)

    op: Literal["relative"]
    by: Literal["clicks", "dwell"] = "clicks"
    missing: float = Field(0.0, description="Value where the session has no such event, or no dwell.")


class PairItem(_Operation):
    """The pair's item. Pairs only. Paper: item id."""

    scopes = ("item",)
    units = ("pair",)

    op: Literal["pair_item"]

    def is_categorical(self) -> bool:
        """It is an id."""
        return True


class CountDistinct(_Filtered):
    """Number of different values among the events that have one. `item_category` counts pairs, of which either part
    may be missing but not both. Paper: unique items, unique categories, unique item-category pairs."""

    scopes = ("session",)

    op: Literal["count_distinct"]
    of: Literal["item", "category", "item_category", "page"]


class Repeats(_Filtered):
    """Number of events on an item (category) that had one before: events with one, less different ones."""

    scopes = ("session",)

    op: Literal["repeats"]
    of: Entity


class Fraction(_Filtered):
    """The chosen events' part of those of the kinds `among`; events of other kinds count in neither."""

    op: Literal["fraction"]
    among: Kinds = Field(description="Kinds that make up the whole.")
    missing: float = Field(0.0, description="Value where there is no whole.")


class Followed(_Filtered):
    """Number of chosen events whose next event other than a page ping is of a kind in `next_kinds` and on a page in
    `next_pages` (either may be left out); with `negate`, the number of the other chosen events, the last one among
    them."""

    op: Literal["followed"]
    next_kinds: Kinds | None = None
    next_pages: Pages | None = None
    negate: bool = False


class Span(_Filtered):
    """Seconds between the first and the last event. Paper: length of the session in seconds; seconds between the first
    and the last click on the item."""

    op: Literal["span"]


class Since(_Filtered):
    """Seconds from the last of the chosen events to the session's last event."""

    op: Literal["since"]
    missing: float = Field(-1.0, description="Value where no event is chosen.")


class TimePart(_Filtered):
    """A part of the UTC time of the first or last event: month 1-12, day 1-31, hour, minute, second, weekday 0
    (Monday) to 6, second_of_day 0-86399. As a category the same number in decimal ("7"), or month_day "03-14" and
    month_day_hour "03-14-09", which are categories only; "" where no event is chosen. Paper: numerical and categorical
    time features of the start and the end; of the first and of the last click on the item."""

    op: Literal["time_part"]
    at: Literal["first", "last"]
    part: Part
    categorical: bool = Field(False, description="As a category, not as a number.")
    missing: float = Field(-1.0, description="Value of a number where no event is chosen.")

    @model_validator(mode="after")
    def _dates_are_categories(self) -> "TimePart":
        if self.part in ("month_day", "month_day_hour") and not self.categorical:
            raise mistake("categorical", "false", f"true, since {self.part} is no number")
        return self

    def is_categorical(self) -> bool:
        """As the field says."""
        return self.categorical


class Value(_Filtered):
    """Sum, smallest, largest, mean or last of the events' prices, quantities or amounts (price times quantity, a
    missing quantity being 1), over the events that have one. The mean of prices is the sum of cents divided by 100
    times their number."""

    op: Literal["sum", "min", "max", "mean", "last"]
    of: Literal["price", "quantity", "amount"]
    missing: float = Field(0.0, description="Value where no event has one.")


class CartValue(_Operation):
    """Amount of the session's cart_add events less that of its cart_remove events."""

    op: Literal["cart_value"]


class Dwell(_Filtered):
    """Total, largest or mean dwell of the events, in seconds; the mean is milliseconds divided by 1000 times the
    number of events. Paper: total duration of the clicks on the item in the session, and on all of the item's
    categories seen in the session (scope `categories`)."""

    op: Literal["dwell"]
    stat: Literal["total", "max", "mean"]
    missing: float = Field(0.0, description="Value where no event is chosen.")


class TopK(_Filtered):
    """The k-th item (category) of the session, most clicks (or longest total dwell) first: its number of clicks, its
    dwell in seconds, the last of its prices, or its id. A click is a chosen event that has an item (category). Paper:
    top 10 items and top 5 categories."""

    scopes = ("session",)

    op: Literal["top_k"]
    of: Entity
    k: Annotated[int, Field(ge=1, le=100)]
    by: Literal["clicks", "dwell"] = "clicks"
    give: Literal["clicks", "seconds", "price", "id"]
    missing: float = Field(0.0, description='Value where there is no k-th, or it has no price; the id is then "".')

    def is_categorical(self) -> bool:
        """Ids are categories."""
        return self.give == "id"


class Share(_Filtered):
    """The top item's (category's) part of all clicks that have one, or of their dwell: 1 where the session looks at
    one item only."""

    scopes = ("session",)

    op: Literal["share"]
    of: Entity
    by: Literal["clicks", "dwell"] = "clicks"
    missing: float = Field(0.0, description="Value where there is no click, or no dwell.")


class ClickedAtLeast(_Filtered):
    """Id of the item (category) with at least k clicks whose first click is the session's earliest, or whose last
    click is the latest. Paper: id of the first and of the last item clicked at least k = 1..6 times."""

    scopes = ("session",)

    op: Literal["clicked_at_least"]
    of: Entity
    at: Literal["first", "last"]
    k: Annotated[int, Field(ge=1, le=100)]

    def is_categorical(self) -> bool:
        """Ids are categories."""
        return True


class Attribute(_Operation):
    """What the session's first event says of the visitor: device class and referrer medium (categories), the
    visitor's running session number, and whether that is 1 (numbers; 0 where unknown)."""

    scopes = ("session",)

    op: Literal["attribute"]
    of: Literal["device", "referrer", "session_index", "new_visitor"]

    def is_categorical(self) -> bool:
        """Device and referrer are."""
        return self.of in ("device", "referrer")


class Popular(_Filtered):
    """Number of chosen events on the k-th entry of a vocabulary, or their dwell in seconds. The vocabulary is learnt:
    the items (categories) with the most chosen events in the training days, of equal ones the smaller id (bytes)
    first; it is as long as the largest k that asks for it. All features of one vocabulary have the same `of`, `kinds`
    and `pages`. Paper: vectors of click counts and of total durations for the 100 items and 50 categories most
    popular in the whole training set."""

    scopes = ("session",)

    op: Literal["popular"]
    of: Entity
    vocabulary: Name
    k: Annotated[int, Field(ge=1, le=1000)]
    give: Literal["clicks", "seconds"]


class Markov(_Operation):
    """Log-odds that the session's steps are those of a buyer and not of another visitor, under two Markov chains.

    The states: of a `page_view` event its page kind with `_page` behind it, `other_page` where the page kind is
    missing or none of the six; of `item_view`, `cart_add`, `cart_remove` and `search` events the kind itself. Other
    events (`page_ping`, `other`) have no state and are passed over. Each event with a state is a step to its state
    from that of the event before it with one, the first from `start`. The value is the sum, over the steps, of
    `tables["markov"][from][to]`, whole millionths, divided once by 1,000,000. An entry of the table is
    ln(P_buyers(to | from) / P_others(to | from)), learnt in training: `leapline.training.markov`."""

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
