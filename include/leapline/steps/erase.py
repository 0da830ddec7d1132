"""Erase the visitors that the requests in the lake name, for the DAG `erasure` and `leapline erase`."""

from typing import Any

from leapline import clock
from leapline.formatting import quantity
from leapline.privacy.begun import forget_begun
from leapline.privacy.erasure import erase
from leapline.privacy.exclusions import exclude
from leapline.privacy.pseudonym_keys import accepted_keys, pseudonyms, require_reachable
from leapline.privacy.receipt import write_receipt
from leapline.privacy.requests import read_requests, remove_requests
from leapline.runtime.context import RunContext
from leapline.runtime.spark import spark_session
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import lake_of
from leapline.storage.sweeping import sweep


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Erase, write the receipt, and remove the requests.

    Returns:
        The receipt (`leapline.privacy.receipt`) and a `sentence`; only `visitors` and `sentence` without requests.

    Raises:
        ErasureError: a request cannot be read, the lake has rows under a pseudonym key that does not count, or rows of
            a visitor are still there.
        SettingsError: no pseudonym key.
    """
    lake = lake_of(settings)
    requests, keys = read_requests(lake), accepted_keys(settings)
    if not requests.ids:
        return {"visitors": 0, "sentence": "There is no request for erasure."}
    require_reachable(settings, lake)
    visitors, today = pseudonyms(keys, requests.ids), clock.today()
    exclude(lake, visitors, today)
    sweep(lake.store)
    with spark_session(settings, "erase") as spark:
        erased = erase(spark, lake, visitors)
    receipt = write_receipt(settings, lake, context.run_id, today, len(requests.ids), erased)
    # In this order, so that an interruption here leads to a second receipt with the same days, and not to one without.
    remove_requests(lake, requests)
    forget_begun(lake)
    return receipt | {"sentence": _sentence(receipt)}


def _sentence(receipt: dict[str, Any]) -> str:
    events = quantity(sum(day["events"] for day in receipt["days"]), "event")
    visitors, days = quantity(receipt["visitors"], "visitor"), quantity(len(receipt["days"]), "day")
    models = quantity(len(receipt["models"]), "model")
    retire = f"; to be replaced by {receipt['retire_by']}: {models}" if receipt["models"] else ""
    return f"Erased {events} of {visitors} on {days}{retire}."


if __name__ == "__main__":
    main("erase", run)
