"""Fake personal data, planted so that tests can prove that none of it leaves the source.

Every column that carries personal data in production is filled. The lake, logs, bundles and images of a run over
generated events must not contain any of `PLANTED`.
"""

from typing import Final

EMAIL_DOMAIN: Final = "planted-personal-data.example"
IP_PREFIX: Final = "203.0.113."
"""TEST-NET-3 (RFC 5737): addresses reserved for documentation."""
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
    """Return the e-mail address of a customer."""
    return f"customer{customer}@{EMAIL_DOMAIN}"
