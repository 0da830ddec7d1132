"""The columns shared by all events on one page: URL, title, referrer, campaign."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from leapline.snowplow.batches import firsts
from leapline.snowplow.tsv import SPAN, join_fields
from leapline.synthetic import planted
from leapline.synthetic.behaviour import CART, CATEGORY, CHECKOUT, ITEM, SEARCH, THANKS, Clicks
from leapline.synthetic.catalogue import SEARCH_TERMS, Catalogue
from leapline.synthetic.outcome import CHECKOUT_STEPS
from leapline.synthetic.visitors import Visits

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

HOST: Final = "shop.example"
TERMS: Final = (*SEARCH_TERMS, f"gift for {planted.email(7)}")
"""Search terms; one of them contains an e-mail address."""

_FIXED = (("/", "Home"), ("/search", "Search"), ("/cart", "Your cart"), ("/thanks", "Thank you"),
          *((f"/checkout/{step}", f"Checkout: {step}") for step in CHECKOUT_STEPS))  # fmt: skip
_MEDIUM = ("", "search", "social", "email", "search")
_SOURCE = ("", "Google", "Facebook", "", "Google")
_REFERRER_HOST = ("", "www.google.com", "www.facebook.com", "mail.example", "www.google.com")
_TYPED, _EMAIL, _PAID = 0, 3, 4


def page_columns(
    rng: np.random.Generator, shop: Catalogue, visits: Visits, pages: Clicks, terms: Ints
) -> dict[str, Any]:
    """Return the columns of the pages that clicks open.

    Args:
        pages: page-opening clicks, grouped by session and in order.
        terms: the number of each page's search term (for search pages), shape (pages,).

    Returns:
        Field or `first:last` -> pyarrow string array with one value per page.
    """
    landing = firsts(pages.session)
    number = _path_numbers(shop, pages)
    paths, titles = _paths(shop)
    path, title = paths.take(pa.array(number)), titles.take(pa.array(number))
    medium = np.where(landing, visits.referrer[pages.session], -1)
    queries, query_number = _queries(visits, pages, medium, terms)
    query = queries.take(pa.array(query_number))
    mark = pa.array(["", "?"]).take(pa.array((query_number > 0).astype(np.int64)))
    url = pc.binary_join_element_wise(f"https://{HOST}", path, mark, query, "")
    page = {
        "page_url": url,
        "page_title": title,
        "page_urlscheme": "https",
        "page_urlhost": HOST,
        "page_urlport": "443",
        "page_urlpath": path,
        "page_urlquery": query,
    }
    previous = {"page_referrer": url, "refr_urlpath": path, "refr_urlquery": query}
    columns = page | _referrers(landing, medium, previous) | _campaigns(visits, pages, medium)
    span = {f"page_url{SPAN}mkt_campaign": join_fields(columns, "page_url", "mkt_campaign")}
    return span | {"mkt_clickid": columns["mkt_clickid"]}


def _path_numbers(shop: Catalogue, pages: Clicks) -> Ints:
    fixed = np.select(
        [pages.step == SEARCH, pages.step == CART, pages.step == THANKS, pages.step == CHECKOUT],
        [1, 2, 3, 4 + pages.detail],
        0,
    )
    many = np.select(
        [pages.step == CATEGORY, pages.step == ITEM],
        [pages.detail, len(shop.category_names) + pages.item],
        -len(_FIXED),
    )
    return np.asarray(np.where(many >= 0, len(_FIXED) + many, fixed), dtype=np.int64)


def _paths(shop: Catalogue) -> tuple[Any, Any]:
    path = [p for p, _ in _FIXED] + [f"/c/{name}" for name in shop.category_names] + [f"/p/{sku}" for sku in shop.skus]
    title = [t for _, t in _FIXED] + [f"All {name}" for name in shop.category_names] + shop.names
    return pa.array(path), pa.array(title)


def _queries(visits: Visits, pages: Clicks, medium: Ints, terms: Ints) -> tuple[Any, Ints]:
    """Return the distinct queries, the first of them empty, and the index of each page's query."""
    queries = ["", *(f"q={term.replace(' ', '+')}" for term in TERMS)]
    number = np.where(pages.step == SEARCH, 1 + terms, 0)
    tagged = np.flatnonzero((medium == _EMAIL) | (medium == _PAID))
    number[tagged] = len(queries) + np.arange(len(tagged))
    customer = visits.login[pages.session[tagged]] % 10_000_000
    for page, who in zip(tagged.tolist(), customer.tolist(), strict=True):
        newsletter = f"utm_source=newsletter&utm_medium=email&email={planted.email(who)}"
        advert = f"utm_source=google&utm_medium=cpc&utm_campaign=spring&gclid={planted.CLICK_ID}{page}"
        queries.append(newsletter if medium[page] == _EMAIL else advert)
    return pa.array(queries), number


def _referrers(landing: Bools, medium: Ints, previous: dict[str, Any]) -> dict[str, Any]:
    """Return the referrer of each page: the page before or, for landing pages, an external site."""
    first, external = pa.array(landing), pa.array(np.where(landing, medium, _TYPED))
    row_before = pa.array(np.maximum(np.arange(len(landing)) - 1, 0))
    typed = pa.array(landing & (medium == _TYPED))
    host = pa.array(_REFERRER_HOST).take(external)

    def referrer(landing_value: Any, internal: Any) -> Any:
        return pc.if_else(typed, "", pc.if_else(first, landing_value, internal))

    return {
        "page_referrer": referrer(
            pc.binary_join_element_wise("https://", host, "/", ""), previous["page_referrer"].take(row_before)
        ),
        "refr_urlscheme": referrer("https", "https"),
        "refr_urlhost": referrer(host, HOST),
        "refr_urlport": referrer("443", "443"),
        "refr_urlpath": referrer("/", previous["refr_urlpath"].take(row_before)),
        "refr_urlquery": referrer("", previous["refr_urlquery"].take(row_before)),
        "refr_medium": referrer(pa.array(_MEDIUM).take(external), "internal"),
        "refr_source": referrer(pa.array(_SOURCE).take(external), ""),
    }


def _campaigns(visits: Visits, pages: Clicks, medium: Ints) -> dict[str, Any]:
    which = pa.array(np.select([medium == _EMAIL, medium == _PAID], [1, 2], 0))

    def column(*values: str) -> Any:
        return pa.array(values).take(which)

    numbered = [f"{planted.CLICK_ID}{i}" if m == _PAID else "" for i, m in enumerate(medium.tolist())]
    return {
        "mkt_medium": column("", "email", "cpc"),
        "mkt_source": column("", "newsletter", "google"),
        "mkt_term": column("", f"to {planted.email(1)}", ""),
        "mkt_campaign": column("", "spring", "spring"),
        "mkt_clickid": pa.array(numbered),
    }
