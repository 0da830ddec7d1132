"""Permissions of the files that this process and its children create."""

import os

from leapline.settings import Settings


def restrict_new_files(settings: Settings) -> None:
    """Let nobody but this user read new files, unless the setting `umask` lets the group.

    Clean events, landed events and Airflow's database are nobody else's business. The processes that this one starts,
    such as Spark's, inherit it.
    """
    os.umask(int(settings.umask, 8))
