"""Personal data that is planted on purpose, so that later steps can prove that none of it gets through.

Every column that carries personal data in real life is filled. Whatever the lake, logs, bundle or image of a run over
generated events contains, none of `PLANTED` may be in it.
"""

from typing import Final

EMAIL_DOMAIN: Final = "planted-personal-data.example"
IP_PREFIX: Final = "203.0.113."
"""TEST-NET-3 (RFC 5737): nobody's addresses."""
TOWN: Final = "Plantedborough"
ZIP: Final = "PL4 NT3D"
AGENT: Final = "planted-agent"
CLICK_ID: Final = "planted-click-"
ORDER: Final = "planted-order-"
FINGERPRINT: Final = "70091747"
PROVIDER: Final = "planted-provider.example"

PLANTED: Final[tuple[str, ...]] = (EMAIL_DOMAIN, IP_PREFIX, TOWN, ZIP, AGENT, CLICK_ID, ORDER, FINGERPRINT, PROVIDER)
"""Substrings to search for."""


def email(customer: int) -> str:
    """The e-mail address of a customer."""
    return f"customer{customer}@{EMAIL_DOMAIN}"
