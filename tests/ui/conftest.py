"""One installation and one browser for all tests of the web UI, because starting them takes half a minute."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.ui.site import CHROMIUM, QUIET, Site, site


@pytest.fixture(scope="package")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="package")
def browser(up: Site) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        yield play.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET))


@pytest.fixture(scope="package")
def login(up: Site, browser: Any) -> Any:
    """Return the cookies after a login through the form."""
    page = browser.new_page()
    page.goto(f"{up.instance.url}/auth/login")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", up.instance.password())
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/auth/" not in url)
    cookies = page.context.storage_state()
    # An open page of Airflow reads its state again every few seconds, and draws it.
    page.context.close()
    return cookies
