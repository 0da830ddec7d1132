"""The targets of the setting `deploy`, as addresses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from leapline.errors import SettingsError

COMMON: Final = frozenset({"connection", "image", "timeout"})
"""Options of every platform: an Airflow connection, the repository that it pulls from, seconds until it gives up."""
DEFAULT_TIMEOUT_S: Final = 600
WEB_HOOKS: Final = ("http", "https")
OFF: Final = "none"
"""No targets, where an empty value would not override that of a `.env` file."""


@dataclass(frozen=True)
class Form:
    """The form of a platform's addresses.

    Attributes:
        parts: names of the parts between slashes.
        optional: names of further parts that may be missing.
        options: names of its options, besides the common ones.
    """

    parts: tuple[str, ...]
    optional: tuple[str, ...] = ()
    options: frozenset[str] = frozenset()

    def example(self, scheme: str) -> str:
        """Return the form as text, such as `ecs://CLUSTER/SERVICE[/CONTAINER]`."""
        return f"{scheme}://{'/'.join(self.parts).upper()}" + "".join(f"[/{name.upper()}]" for name in self.optional)


_AWS: Final = frozenset({"region"})
FORMS: Final[Mapping[str, Form]] = {
    "kubernetes": Form(("namespace", "deployment"), ("container",), frozenset({"context"})),
    "ecs": Form(("cluster", "service"), ("container",), _AWS),
    "lambda": Form(("function", "alias"), (), _AWS),
    "sagemaker": Form(("endpoint",), (), _AWS),
    "cloudrun": Form(("project", "region", "service"), ("container",)),
}
"""The platforms with an address of names; a web hook is a URL."""


@dataclass(frozen=True)
class Target:
    """One target.

    Attributes:
        name: for messages and reports, each its own; of a web hook only its host, as its path may be secret.
        key: identifies the target in the lake's records.
        scheme: the platform: a key of `FORMS`, "http" or "https".
        parts: its parts by name; of a web hook its `url`.
        options: its options by name.
    """

    name: str
    key: str
    scheme: str
    parts: Mapping[str, str]
    options: Mapping[str, str]

    @property
    def address(self) -> str:
        """The name without options, to which a container can be added."""
        return self.name.partition("?")[0]

    @property
    def timeout_s(self) -> float:
        """Seconds after which a rollout that is not complete has failed."""
        return float(self.options.get("timeout", DEFAULT_TIMEOUT_S))

    @property
    def connection(self) -> str:
        """Id of the Airflow connection with its login; empty for the login of the environment."""
        return self.options.get("connection", "")


def parse_targets(setting: str) -> list[Target]:
    """Return the targets of the setting `deploy`, each once; none if it is empty or `none`.

    Raises:
        SettingsError: an address has an unknown form.
    """
    texts = [] if setting.strip() == OFF else setting.split(",")
    targets = [_parse(text.strip()) for text in texts if text.strip()]
    return _with_own_names(list({target.key: target for target in targets}.values()))


def _with_own_names(targets: Sequence[Target]) -> list[Target]:
    """Number the web hooks of one host, which have the same name otherwise."""
    names = [target.name for target in targets]
    before = [names[:position].count(name) for position, name in enumerate(names)]
    return [replace(t, name=f"{t.name} ({n + 1})") if n else t for t, n in zip(targets, before, strict=True)]


def _parse(text: str) -> Target:
    scheme, separator, _ = text.partition("://")
    if scheme in WEB_HOOKS:
        return _web_hook(text)
    if not separator or scheme not in FORMS:
        forms = ", ".join(form.example(name) for name, form in FORMS.items())
        raise _error(_without_options(text), f"one of {forms}, https://HOST/PATH")
    form, url = FORMS[scheme], urlsplit(text)
    values = [unquote(part) for part in (url.netloc + url.path).rstrip("/").split("/")]
    if not len(form.parts) <= len(values) <= len(form.parts + form.optional) or not all(map(_is_name, values)):
        raise _error(_without_options(text), form.example(scheme))
    options = _options(text, url.query, COMMON | form.options)
    name = f"{scheme}://{'/'.join(values)}"
    variant = "&".join(f"{key}={options[key]}" for key in sorted(options) if key in form.options)
    parts = dict(zip(form.parts + form.optional, values, strict=False))
    name += f"?{variant}" if variant else ""
    return Target(name, name, scheme, parts, options)


def _web_hook(text: str) -> Target:
    """The URL's query belongs to the receiver; options of ours are in its fragment, which is never sent."""
    base, _, fragment = text.partition("#")
    url = urlsplit(base)
    name = f"{url.scheme}://{url.hostname or ''}/..."
    if not url.hostname or url.username or url.password:
        raise _error(name, "https://HOST/PATH without user and password")
    options = _options(name, fragment, COMMON)
    return Target(name, f"{name}#{sha256(base.encode()).hexdigest()[:16]}", url.scheme, {"url": base}, options)


def _options(thing: str, query: str, allowed: frozenset[str]) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in allowed:
            raise _error(f"{_without_options(thing)} with the option {name}", f"options {', '.join(sorted(allowed))}")
    if not re.fullmatch(r"[1-9]\d{0,5}", options.get("timeout", "1")):
        raise _error(f"{_without_options(thing)} with timeout={options['timeout']}", "a whole number of seconds")
    return options


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text) is not None


def _without_options(text: str) -> str:
    return re.split(r"[?#]", text, maxsplit=1)[0]


def _error(found: str, expected: str) -> SettingsError:
    fix = "Correct it; docs/deployment.md has an example for each platform."
    return SettingsError("setting deploy (LEAPLINE_DEPLOY)", found=found, expected=expected, fix=fix)
