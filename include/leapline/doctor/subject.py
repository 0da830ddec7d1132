"""The installation that is examined: its folder, its settings as far as they are valid, and its registry."""

import warnings
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from leapline.doctor.finding import NotApplicableError
from leapline.errors import RegistryError, SettingsError
from leapline.installation import Installation, find_installation
from leapline.settings import Settings, setting_problems

if TYPE_CHECKING:
    from leapline.serving.registry import Registry


class Subject:
    """An installation.

    Args:
        installation: where it is; that of the working directory if None.

    Attributes:
        installation: where it is.
        errors: what is wrong with its settings.
        valid_settings: its settings; None if one is wrong.
    """

    def __init__(self, installation: Installation | None = None) -> None:
        self.installation = installation or find_installation()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.errors: list[SettingsError] = setting_problems()
            self.valid_settings: Settings | None = None if self.errors else Settings.load()
        texts = dict.fromkeys(str(entry.message) for entry in caught if entry.category is FutureWarning)
        self.deprecations: list[str] = list(texts)
        self.now = datetime.now(UTC)

    @property
    def settings(self) -> Settings:
        """The settings.

        Raises:
            NotApplicableError: one of them is wrong.
        """
        if self.valid_settings is None:
            raise NotApplicableError("Not examined: a setting is wrong.")
        return self.valid_settings

    @property
    def yesterday(self) -> date:
        """The data day of the next nightly run, or of the one that has just run."""
        return self.now.date() - timedelta(days=1)

    @property
    def registry(self) -> "Registry":
        """The repository of the scoring image, if its registry answers.

        Raises:
            NotApplicableError: it does not, which `registry_answer` reports once.
        """
        if isinstance(self.registry_answer, Exception):
            raise NotApplicableError("Not examined: the registry does not answer.")
        return self.registry_answer

    @cached_property
    def registry_answer(self) -> "Registry | RegistryError | SettingsError":
        """The repository, or why it cannot be used."""
        from leapline.deployment.factory import registry

        settings = self.settings
        try:
            return registry(settings, budget_s=8.0)
        except (RegistryError, SettingsError) as exc:
            return exc
