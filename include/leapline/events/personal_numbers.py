"""Phone numbers, payment cards and bank accounts in texts.

Article numbers are long numbers too. A card therefore needs a brand's first digits and length and a right check digit
(Luhn, ISO/IEC 7812-1), an IBAN its country's length and a right remainder (ISO 13616), and a phone number a form in
which only phone numbers are written.
"""

import re
from typing import Any, Final

_PHONES: Final = {
    # +49 30 1234567
    ("+",): r"(?<![\w+.])\+[1-9]\d(?:[ ()./-]{0,3}\d){6,13}(?![\w])",
    # 0049 30 1234567
    ("00",): r"(?<![\w.-])(?<!\d[ -])00[1-9]\d{0,2}[ /-](?:[ ()./-]{0,3}\d){6,12}(?!\w)",
    # (555) 234-5678, (030) 123456
    ("(",): r"(?<![\w.-])(?:\([2-9]\d{2}\)[ -]?[2-9]\d{2}[ -]\d{4}|\(0\d{1,4}\) ?\d{2,}(?:[ -]?\d){2,})(?!\w)",
    # tel: 030 1234567
    ("el", "hone", "obile", "on", "andy"): (
        r"(?<![A-Za-z])(?:[tT]el(?:efon|ephone)?|[pP]hone|[mM]obile?|[fF]on|[hH]andy)[.:= ]{1,3}"
        r"[+(]?\d(?:[ ()./-]{0,3}\d){5,14}(?!\w)"
    ),
}
"""Texts, one of which a form contains -> the form. Looking for a text is far cheaper than for a form."""
_HAS_PHONE: Final = [re.compile(form, re.ASCII) for form in _PHONES.values()]
_CARD: Final = re.compile(
    r"(?<![\w.-])(?:"
    r"(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|6[45]\d\d|35[2-8]\d)(?:[ -]?\d{4}){3}"  # Visa, Mastercard, Discover, JCB
    r"|3[47]\d\d[ -]?\d{6}[ -]?\d{5}"  # American Express
    r"|3[68]\d\d[ -]?\d{6}[ -]?\d{4}"  # Diners Club
    r")(?![\w-])",
    re.ASCII,
)
_IBAN_COUNTRIES: Final = {
    15: "NO", 16: "BE", 18: "DK FI NL", 20: "AT EE LT LU", 21: "CH HR LI LV", 22: "BG DE GB IE", 23: "GI IL",
    24: "AD CZ ES SA SE SK", 26: "IS PT TR", 27: "FR GR IT MC SM", 28: "AL CY HU PL", 31: "MT",
}  # fmt: skip
"""Length -> countries."""


def _iban_form(length: int, countries: str) -> str:
    groups, rest = divmod(length - 4, 4)
    end = rf"(?: ?[A-Z0-9]{{{rest}}})" if rest else ""
    return rf"(?:{countries.replace(' ', '|')})\d\d(?: ?[A-Z0-9]{{4}}){{{groups}}}{end}"


_IBAN: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?:{'|'.join(_iban_form(*entry) for entry in _IBAN_COUNTRIES.items())})(?![A-Za-z0-9])"
)


def contains_number(text: str) -> bool:
    """Return whether a plain text contains a phone number, a card number or an IBAN."""
    return bool(
        any(form.search(text) for form in _HAS_PHONE)
        or any(_has_check_digit(re.sub("[^0-9]", "", card)) for card in _CARD.findall(text))
        or any(_has_iban_remainder(iban.replace(" ", "")) for iban in _IBAN.findall(text))
    )


def patterns() -> dict[str, Any]:
    """Return the patterns for `include/cleaner/internal/personal`, which detects the same numbers."""
    phones = [{"parts": parts, "form": form} for parts, form in _PHONES.items()]
    return {"phones": phones, "card": _CARD.pattern, "iban": _IBAN.pattern}


def _has_check_digit(digits: str) -> bool:
    doubled = [int(d) * 2 for d in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


def _has_iban_remainder(iban: str) -> bool:
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1
