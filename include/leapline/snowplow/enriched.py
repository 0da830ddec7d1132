"""The columns of a Snowplow enriched event, in the order of the tab-separated format.

Source: Snowplow's canonical event (https://docs.snowplow.io/docs/fundamentals/canonical-event/).
"""

import json
from pathlib import Path
from typing import Final

FIELDS: Final[tuple[str, ...]] = tuple(json.loads(Path(__file__).with_name("enriched_fields.json").read_text()))
"""The names of the 131 columns."""
