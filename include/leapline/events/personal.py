"""Detection of e-mail and IP addresses in texts that should contain none. Used by the cleaning and by the data check.

Shops' texts are full of codes that look like addresses: article numbers (`2.608.577.123`), versions (`v10.0.19.41`),
MAC addresses, image names (`logo@2x.png`). `tests/events/personal_texts.tsv` has several hundred cases of both kinds.
The patterns work alike in Java, for Spark, and in Python.
"""

import re
from typing import Final

_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_FIRST_OCTET: Final = r"(?:22[0-3]|2[01]\d|1\d\d|[1-9]\d?)"
"""Not 0 and not from 224 on, where no host has an address."""
_NOT_VERSION: Final = r"(?<![Vv]ersion )(?<![Vv]er\. )(?<![Rr]elease )(?!\d\.\d\.\d\.\d(?!\d))"
"""Four single digits are a version."""
_IPV4: Final = rf"(?<![\w.-])(?<![A-Za-z]/){_NOT_VERSION}{_FIRST_OCTET}(?:\.{_OCTET}){{3}}(?!\.?\w|-\w)"

_GROUP: Final = r"[0-9a-fA-F]{1,4}"
_HOST_GROUP: Final = r"(?:[23][0-9a-fA-F]{3}|[fF][cdeCDE][0-9a-fA-F]{2})"
"""The first group of addresses that hosts have: global unicast, unique local, link local."""
_EUI64: Final = r"(?:[0-9a-fA-F]{2}:){7}[0-9a-fA-F]{2}(?![\w:])"
_IPV6_FULL: Final = rf"(?<![\w:.-])(?!{_EUI64}){_GROUP}(?::{_GROUP}){{7}}(?![\w:])"
_IPV6_SHORT: Final = (
    rf"(?<![\w:.-]){_HOST_GROUP}(?:(?::{_GROUP}){{1,6}}::(?:{_GROUP}(?::{_GROUP}){{0,5}})?|::{_GROUP}(?::{_GROUP}){{1,5}})"
    r"(?![\w:])"
)

_FILE_ENDINGS: Final = (
    "png|jpe?g|gif|webp|svg|avif|bmp|ico|tiff?|heic|pdf|mp[34]|webm|css|js|mjs|json|xml|html?|php|map|min|zip|gz|"
    "txt|csv"
)
_EMAIL: Final = (
    r"[^\s@\"'<>()\[\],;:=/]{1,64}(?:@|%40)(?:[^\s@\"<>()\[\],;:=/.%&?]{1,63}\.){1,8}"
    rf"(?!(?i:{_FILE_ENDINGS})(?![\w-]))(?:xn--[\w-]{{2,59}}|[A-Za-z]{{2,24}})(?![\w@])"
)

_HAS_EMAIL: Final = re.compile(_EMAIL, re.ASCII)
_HAS_ADDRESS: Final = re.compile(f"{_IPV4}|{_IPV6_FULL}|{_IPV6_SHORT}", re.ASCII)


def contains_personal_data(text: str) -> bool:
    """Return whether a text contains an e-mail address or an IP address of either version."""
    return bool(_HAS_EMAIL.search(text) or _HAS_ADDRESS.search(text))


def personal_data_sql(text: str) -> str:
    """Return Spark SQL for `contains_personal_data`.

    Args:
        text: a string expression; the result is null where it is null.
    """
    # Regular expressions are the slowest part of the cleaning, so a search for a character comes first.
    email = f"(contains({text}, '@') OR contains({text}, '%40')) AND {text} RLIKE {_literal(_HAS_EMAIL)}"
    address = f"(contains({text}, '.') OR contains({text}, ':')) AND {text} RLIKE {_literal(_HAS_ADDRESS)}"
    return f"(({email}) OR ({address}))"


def _literal(pattern: re.Pattern[str]) -> str:
    escaped = pattern.pattern.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
