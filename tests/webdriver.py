"""Chromium through its own WebDriver: it makes pages up ahead (prerendering) as it does for a person.

Playwright attaches itself to a browser in a way that switches this off, so it sees pages fetched ahead and no more.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from selenium import webdriver
from selenium.common import WebDriverException
from selenium.webdriver.common.by import By

from tests import chromium

DRIVER = "chromedriver"


def path() -> str | None:
    """The path of the WebDriver on this machine: Debian's package `chromium-driver`."""
    return shutil.which(DRIVER)


@contextmanager
def browser(*, session: str, url: str, whole: bool = False) -> Iterator[webdriver.Chrome]:
    """A browser of 1440 x 900 that is signed in at `url` by the key of a session.

    Raises:
        selenium.common.WebDriverException: the browser or its driver does not start.
    """
    from django.conf import settings

    options = webdriver.ChromeOptions()
    options.binary_location = chromium.path(whole=whole) or ""
    for argument in (*chromium.ARGUMENTS, "--headless=new", "--window-size=1440,900"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(path()))
    try:
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}
        driver.execute_cdp_cmd("Network.setCookie", cookie)
        yield driver
    finally:
        # Debian starts the browser from a shell script, and the driver would end that alone.
        with suppress(WebDriverException):
            driver.execute_cdp_cmd("Browser.close", {})
        driver.quit()


def press(driver: webdriver.Chrome, keys: str) -> None:
    """Types `keys` on the page, of which the last may lead to another page."""
    # The page is gone before the driver has heard that the key is up again: what the key did shows in the next page.
    with suppress(WebDriverException):
        driver.find_element(By.TAG_NAME, "body").send_keys(keys)
