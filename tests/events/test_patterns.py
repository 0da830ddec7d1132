r"""Which regular expressions a mapping may have, and what the user reads about others."""

import json
from typing import Any

import pytest

from leapline.events import personal, personal_numbers, plain_text
from leapline.events.mapping import DEFAULT
from leapline.events.patterns import require_portable


def _patterns(value: Any) -> list[str]:
    if isinstance(value, dict):
        named = [text for name, text in value.items() if name in ("pattern", "path", "form")]
        return [*filter(lambda text: isinstance(text, str), named), *_patterns(list(value.values()))]
    return [pattern for part in value for pattern in _patterns(part)] if isinstance(value, list | tuple) else []


def test_patterns_of_the_default_mapping_and_of_personal_data_are_accepted() -> None:
    patterns = _patterns(json.loads(DEFAULT.read_text()))
    values: dict[str, Any] = plain_text.patterns() | personal.patterns() | personal_numbers.patterns()
    patterns += [values[name] for name in ("special", "bracketed", "encoded", "email", "address", "card", "iban")]
    patterns += [pattern for pattern, _ in values["substitutions"]] + _patterns(values)
    assert len(patterns) > 35
    for pattern in patterns:
        assert require_portable(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "(?i)^/(?:produkt|p)/([^/?#]+?)(?:\\.html)?$", "a{2}b{2,}?c{2,3}", "[\\]\\[^-]", "(?<![\\w-])x(?=\\b)",
        "[a-z&]&&", "\u00fc.\\.", "a(?i:bc)*", "(?>a|ab)c", "\\x41\\u00e4}]",
    ],
)  # fmt: skip
def test_portable_patterns_are_accepted(pattern: str) -> None:
    assert require_portable(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a++b", r"'\+b' at character 3: .*none is possessive"),
        ("^/(?P<name>x)", r"'\(\?P<name>x\)' at character 3: name no groups"),
        ("(a)\\1", r"character 4: write the text again"),
        ("a\\Z", r"character 2: escapes are"),
        ("(?s)a.b", r"character 1: the only flag is"),
        ("(?m:^a)", r"character 1: the only flag of a group"),
        ("[a-z&&x]", r"character 1: in a class"),
        ("[[a]", r"character 1: in a class"),
        ("[]a]", r"character 1: in a class"),
        ("(a)(?(1)b|c)", r"character 4: groups are"),
        ("(?#remark)a", r"character 1: groups are"),
        ("{id}", r"character 1: write \\\{ for a brace"),
        ("a{,3}", r"character 2: write \\\{ for a brace"),
        ("[a", "not a regular expression: unterminated"),
        ("\\p{L}", "not a regular expression: bad escape"),
    ],
)
@pytest.mark.filterwarnings("ignore:Possible:FutureWarning")
def test_other_patterns_are_rejected_with_an_explanation(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_portable(pattern)
