"""The event source of an installation."""

from leapline.settings import Settings
from leapline.sources.landing_folder import LandingFolder
from leapline.sources.source import EventSource


def source_from(settings: Settings) -> EventSource:
    """Return the source that the settings name: the landing folder."""
    return LandingFolder(settings.landing_dir)
