"""The keys of an installation: the one it signs with, and those whose signatures it accepts."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from leapline import clock
from leapline.errors import SettingsError
from leapline.settings import PREFIX, Settings
from leapline.signing.keys import PublicKey, SigningKey, public_keys_from_pem


@dataclass(frozen=True)
class KeyRing:
    """The keys of an installation.

    Attributes:
        signing: the private key; None if nothing is signed here.
        accepted: the public keys whose signatures count, the signing key's first.
        required: whether models must be signed (`LEAPLINE_SIGNING=required`).
        ended: whether further keys were accepted up to a day that is over, which does not turn verification off.
    """

    signing: SigningKey | None = None
    accepted: tuple[PublicKey, ...] = ()
    required: bool = False
    ended: bool = False

    @property
    def verifies(self) -> bool:
        """Whether signatures are verified: with a key, also one that has ended, or if they are required."""
        return self.required or self.ended or bool(self.accepted)

    def signing_key(self) -> SigningKey | None:
        """Return the key to sign with; None if nothing is signed.

        Raises:
            SettingsError: signatures are required, and there is no key.
        """
        if self.required and self.signing is None:
            raise SettingsError(
                f"{PREFIX}SIGNING=required",
                found="no signing key",
                expected=f"a key in {PREFIX}SIGNING_KEY, {PREFIX}SIGNING_KEY_FILE or {PREFIX}SIGNING_CONNECTION",
                fix="Create one with `leapline keys create`.",
            )
        return self.signing


def key_ring(settings: Settings, today: date | None = None) -> KeyRing:
    """Return the installation's keys; no keys if `signing` is `off`.

    The keys in `public_keys` count up to the day in `public_keys_until`; `today` is the current day (UTC) if None.

    A key in an Airflow connection is in the setting `signing_key` by the time a task runs (`signing_login`).

    Raises:
        SettingsError: a key file is missing, a key is damaged or of another type, or the key is in an Airflow
            connection and this is no task of Airflow.
    """
    if settings.signing == "off":
        return KeyRing()
    signing = _signing_key(settings)
    last = settings.public_keys_until
    counts = last is None or (today or clock.today()) <= last
    more = _public_keys(settings.public_keys) if settings.public_keys and counts else []
    if settings.signing_connection and not signing and not more:
        raise SettingsError(
            f"{PREFIX}SIGNING_CONNECTION",
            found="a key that only tasks of Airflow can read",
            expected=f"the public key in {PREFIX}PUBLIC_KEYS, to verify models from the command line",
            fix="Add it: `leapline keys show` prints it where the private key is, otherwise `openssl pkey -pubout`.",
        )
    accepted = ([signing.public] if signing else []) + more
    return KeyRing(signing, tuple(dict.fromkeys(accepted)), settings.signing == "required", ended=not counts)


def _signing_key(settings: Settings) -> SigningKey | None:
    if settings.signing_key:
        return SigningKey.from_pem(settings.signing_key.get_secret_value(), f"{PREFIX}SIGNING_KEY")
    if settings.signing_key_file:
        path = settings.signing_key_file
        thing = f"{PREFIX}SIGNING_KEY_FILE {path}"
        return SigningKey.from_pem(_read(path, thing, "the private key, readable by this user"), thing)
    return None


def _public_keys(text: str) -> list[PublicKey]:
    """Return the keys of the setting `public_keys`: PEM, or the name of a file with PEM."""
    if "-----BEGIN" in text:
        return public_keys_from_pem(text, f"{PREFIX}PUBLIC_KEYS")
    thing = f"{PREFIX}PUBLIC_KEYS {text}"
    return public_keys_from_pem(_read(Path(text), thing, "a file with public keys in PEM form"), thing)


def _read(path: Path, thing: str, expected: str) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as exc:
        problem = (exc.strerror or str(exc)) if isinstance(exc, OSError) else "bytes that are not text"
        raise SettingsError(thing, found=problem.lower(), expected=expected, fix="Correct the path.") from exc
