"""Render the 131 columns of a chunk's lines as text, slice by slice, column by column."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from leapline.snowplow import self_describing as sd
from leapline.snowplow.tsv import LINE_END, SPAN, hex_strings, join_fields, timestamps, uuids
from leapline.synthetic import event_columns, wide_contexts
from leapline.synthetic.behaviour import ADD, REMOVE, Clicks
from leapline.synthetic.delivery import Lines
from leapline.synthetic.event_columns import Chunk, Lookup
from leapline.synthetic.page_columns import TERMS, page_columns
from leapline.synthetic.session_columns import session_columns

Ints = npt.NDArray[np.int64]

_SLICE: Final = 25_000
"""Number of lines whose text is in memory at the same time."""
_CONSTANT: Final = {
    f"app_id{SPAN}platform": "shop\tweb",
    f"name_tracker{SPAN}v_etl": "sp\tjs-3.24.0\tssc-3.2.0-kinesis\tsnowplow-enrich-kinesis-5.1.0",
    "geo_timezone": "Europe/Berlin",
    **LINE_END,
}


class Renderer:
    """Renders the lines of one chunk.

    Args:
        rng: draws values without influence on the outcome: page view ids, search terms, scrolling.
        chunk: the simulated sessions and events.
        wide: whether to add the contexts of large sites (`wide_contexts`).
    """

    def __init__(self, rng: np.random.Generator, chunk: Chunk, wide: bool = False) -> None:
        clicks, events = chunk.clicks, chunk.events
        opens = (clicks.step != ADD) & (clicks.step != REMOVE)
        page = np.cumsum(opens) - 1
        pages = Clicks(**{name: getattr(clicks, name)[opens] for name in Clicks.__dataclass_fields__})
        terms = rng.integers(0, len(TERMS), len(page))
        view_id = uuids(rng.integers(0, 256, (len(pages.step), 16), dtype=np.uint8))
        of_page = page_columns(rng, chunk.shop, chunk.visits, pages, terms[opens])
        session, event_page = clicks.session[events.click], page[events.click]
        self._columns = {
            **{name: Lookup(values, session) for name, values in session_columns(chunk.visits, wide).items()},
            **{name: Lookup(values, event_page) for name, values in of_page.items()},
            **event_columns.kind_columns(events),
            "unstruct_event": event_columns.unstruct_events(events, terms),
            f"tr_orderid{SPAN}ti_quantity": event_columns.order_columns(chunk),
            f"tr_currency{SPAN}base_currency": event_columns.currencies(events),
            f"pp_xoffset_min{SPAN}pp_yoffset_max": event_columns.scrolls(rng, events),
        }
        web_page = f'{sd.CONTEXTS_OPEN}{{"schema":"{sd.WEB_PAGE}","data":{{"id":"'
        self._contexts = [
            Lookup(pc.binary_join_element_wise(web_page, view_id, '"}}', ""), event_page),
            Lookup(pa.array(["", "," + sd.consent_given()]), chunk.visits.consent.astype(np.int64)[session]),
            event_columns.entities(chunk),
        ]
        if wide:
            self._contexts.append(Lookup(wide_contexts.page_contexts(), event_page % wide_contexts.PAGES))

    def slices(self, lines: Lines, etl_ms: Ints, first: int, last: int) -> Iterator[tuple[int, Any]]:
        """Yield the text of the lines first..last-1, line ends included, slice by slice.

        Args:
            etl_ms: when each line was enriched, milliseconds since 1970, shape (lines,).

        Yields:
            The number of the slice's first line, and a pyarrow string array.
        """
        for begin in range(first, last, _SLICE):
            rows = np.arange(begin, min(begin + _SLICE, last))
            yield begin, self._text(lines.take(rows), etl_ms[rows])

    def _text(self, lines: Lines, etl_ms: Ints) -> Any:
        contexts = [part.of(lines.event) for part in self._contexts]
        return join_fields(
            {
                **_CONSTANT,
                **{name: column.of(lines.event) for name, column in self._columns.items()},
                "contexts": pc.binary_join_element_wise(*contexts, sd.CONTEXTS_CLOSE, ""),
                "etl_tstamp": timestamps(etl_ms),
                "collector_tstamp": timestamps(lines.collector_ms),
                "dvce_created_tstamp": timestamps(lines.created_ms),
                "dvce_sent_tstamp": timestamps(lines.sent_ms),
                "derived_tstamp": timestamps(lines.derived_ms),
                "event_id": uuids(lines.event_id),
                "event_fingerprint": hex_strings(lines.fingerprint),
            }
        )
