"""Three visitors and what they do in a shop."""

from datetime import timedelta

from leapline.privacy.pseudonym_keys import pseudonyms
from tests.events.lines import CONSENT, DAY, KEY, at, contexts, line, product, self_describing

FIRST, SECOND = DAY.date(), DAY.date() + timedelta(days=1)
ANNAS = {"domain_userid": "user of anna", "tr_total": "9"}
STEPS = ("extract", "check_events", "featurize")
ANNA, BEN, CHARLES = pseudonyms(KEY, ["user of anna", "user of ben", "user of charles"])


def visit(visitor: str, hour: float, day: int) -> list[str]:
    """Return the lines of a session that looks at an item and buys it."""
    shop = "com.snowplowanalytics.snowplow.ecommerce"
    view = self_describing(f"{shop}/snowplow_ecommerce_action", {"type": "product_view", "name": None})
    view |= {
        "contexts": contexts(CONSENT, product(f"{shop}/product", id="i1", category="Hats", price=9, currency="EUR"))
    }
    name, session = f"{visitor} {day} {hour}", f"{visitor} {day} {hour}"
    when = [at(hour + (minute + len(visitor)) / 60, day) for minute in range(4)]
    usual = {"domain_userid": f"user of {visitor}"}
    return [
        line(f"{name} home", when[0], session, **usual),
        line(f"{name} item", when[1], session, **usual, **view),
        line(f"{name} order", when[2], session, event="transaction", tr_orderid=name, tr_total="9", **usual),
        line(f"{name} bought", when[2], session, event="transaction_item", ti_orderid=name, ti_sku="i1", **usual),
    ]
