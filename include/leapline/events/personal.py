"""Detection of personal data in texts that should contain none. Used by the cleaning and by the data check.

E-mail addresses, IP addresses, phone numbers, payment cards and bank accounts (IBAN), also if they are written in an
encoding: percent or HTML escapes, look-alike or invisible characters, base64. Names and street addresses have no form
by which they could be detected; rare values are kept out of models instead (`leapline.training.rare_values`).

Shops' texts are full of codes that look like addresses: article numbers (`2.608.577.123`), versions (`v10.0.19.41`),
MAC addresses, image names (`logo@2x.png`). `tests/events/personal_texts.tsv` has several hundred cases of both kinds.
The patterns work alike in Python and in the program that cleans events.
"""

import re
from typing import Any, Final

from leapline.events import personal_numbers
from leapline.events.plain_text import ENCODED, decoded, plain_text

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
_IPV6_TWO: Final = rf"(?<![\w:.-])(?=\d?\d?\d?[a-fA-F]){_HOST_GROUP}::{_GROUP}(?![\w:])"
"""`fe80::1`; `2402::91` is an article number."""

_FILE_ENDINGS: Final = (
    "png|jpe?g|gif|webp|svg|avif|bmp|ico|tiff?|heic|pdf|mp[34]|webm|css|js|mjs|json|xml|html?|php|map|min|zip|gz|"
    "txt|csv"
)
_EMAIL: Final = (
    r"[^\s@\"'<>()\[\],;:=/]{1,64}@(?:[^\s@\"<>()\[\],;:=/.%&?]{1,63}\.){1,8}"
    rf"(?!(?i:{_FILE_ENDINGS})(?![\w-]))(?:xn--[\w-]{{2,59}}|[A-Za-z]{{2,24}})(?![\w@])"
)

_HAS_EMAIL: Final = re.compile(_EMAIL, re.ASCII)
_HAS_ADDRESS: Final = re.compile(f"{_IPV4}|{_IPV6_FULL}|{_IPV6_SHORT}|{_IPV6_TWO}", re.ASCII)


def contains_personal_data(text: str) -> bool:
    """Return whether a text contains an e-mail or IP address, a phone or card number or an IBAN, encoded or not."""
    plain = plain_text(text)
    return contains_email(plain) or bool(_HAS_ADDRESS.search(plain)) or personal_numbers.contains_number(plain)


def contains_email(text: str) -> bool:
    """Return whether a text contains an e-mail address, encoded or not."""
    plain = plain_text(text)
    return any(_HAS_EMAIL.search(part) for part in (plain, *map(decoded, ENCODED.findall(plain))))


def patterns() -> dict[str, Any]:
    """Return the patterns for `include/cleaner/internal/personal`, which detects the same addresses."""
    return {"email": _EMAIL, "address": _HAS_ADDRESS.pattern}
