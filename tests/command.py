"""The `leapline` command in this process, so that it shares the test's Spark session."""

import json
import os
from typing import Any

from pydantic import SecretStr
from typer.testing import CliRunner

from leapline.cli import app
from leapline.installation import ENV_FILE_VARIABLE
from leapline.settings import PREFIX, Settings


def leapline(settings: Settings, *argv: str) -> Any:
    """Return the output of `leapline ARGV --json`, in an installation of these settings.

    Raises:
        LeaplineError: as the command ended with it; `main` would print it.
    """
    done = CliRunner().invoke(app, [*argv, "--json"], env=environment(settings))
    if done.exception:
        raise done.exception
    return json.loads(done.stdout)


def environment(settings: Settings) -> dict[str, str]:
    """The settings that are not the default ones, as environment variables; the checkout's `.env` is not read."""
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    return {ENV_FILE_VARIABLE: os.devnull} | {
        f"{PREFIX}{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }
