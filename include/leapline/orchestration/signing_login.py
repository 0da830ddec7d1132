"""The Airflow connection that has the private key for signatures.

Steps in the task's process get settings with the key. It is in no environment variable, so that no program that a step
starts inherits it. `evaluate`, which is a program of its own, only verifies: its environment has the public keys.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from pydantic import SecretStr

from leapline.errors import SettingsError
from leapline.orchestration.environment import set_variables
from leapline.settings import PREFIX, Settings
from leapline.signing.key_ring import key_ring

SIGNS: Final = frozenset(
    {"package", "probe", "publish", "promote", "roll_back", "promote_model", "deploy", "deploy_champion"}
)
"""The tasks that sign or verify in the task's process."""
VERIFIES: Final = frozenset({"evaluate"})
"""The steps that verify in a program of their own."""


def with_signing_key(settings: Settings, step: str) -> Settings:
    """Return settings with the key of the connection in the setting `signing_connection`, if it names one.

    Args:
        settings: of the run.
        step: the task; only those of `SIGNS` get the key.

    Raises:
        SettingsError: there is no such connection, or it has no key.
    """
    if not settings.signing_connection or step not in SIGNS:
        return settings
    return settings.model_copy(update={"signing_key": SecretStr(_key(settings.signing_connection))})


@contextmanager
def public_keys_for(settings: Settings, step: str) -> Iterator[None]:
    """Set the public keys in the environment for a step's program that only verifies.

    Raises:
        SettingsError: there is no such connection, or its key is damaged.
    """
    if not settings.signing_connection or step not in VERIFIES:
        yield
        return
    key = SecretStr(_key(settings.signing_connection))
    ring = key_ring(settings.model_copy(update={"signing_key": key}))
    with set_variables({f"{PREFIX}PUBLIC_KEYS": "".join(key.pem for key in ring.accepted) or None}):
        yield


def _key(conn_id: str) -> str:
    """Return the password of a connection."""
    thing = f"Airflow's connection {conn_id} ({PREFIX}SIGNING_CONNECTION)"
    fix = "Correct it in Airflow under Admin > Connections, or leave the setting empty."
    expected = "one of type Generic with the private key in PEM form as its password"
    try:
        password = BaseHook.get_connection(conn_id).password
    except AirflowNotFoundException:
        raise SettingsError(thing, found="no such connection", expected=expected, fix=fix) from None
    if not password:
        raise SettingsError(thing, found="no password", expected=expected, fix=fix)
    return str(password)
