"""What a person sees and does on the pages."""

from urllib.parse import urlsplit

from selenium.common.exceptions import NoSuchElementException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from harness import check

from . import screens


class Person:
    def __init__(self, chromium, application, settings, journey):
        self.chromium = chromium
        self.driver = chromium.driver
        self.application = application
        self.settings = settings
        self._journey = journey

    # Going

    def opens(self, address):
        self.driver.get(address if "://" in address else self.settings.origin + address)

    def starts(self, client=None, **more):
        """Comes from the application."""
        self.opens(self.application.address(client, **more))

    def is_at(self, path):
        """Waits until a page of this path is there, ready."""
        self.is_at_one_of(path)

    def is_at_one_of(self, *paths):
        """Waits until a page of one of these paths is there, ready; returns which."""
        here = lambda: urlsplit(self.driver.current_url).path
        self._wait(lambda: here() in paths, f"to be at {' or '.join(paths)}")
        self._wait(lambda: self.driver.execute_script("return document.readyState") == "complete", "for the page")
        return here()

    def is_shown_one_of(self, *titles):
        """Waits until the page's title has one of these; returns it."""
        shown = lambda: next((title for title in titles if title in self.driver.title), None)
        return self._wait(shown, f"for one of {titles}")

    def is_back(self):
        """Waits until the application has its answer; returns it."""
        self.is_at("/cb")
        check(self.application.answers, "the application got no answer")
        return self.application.answers.pop()

    # Looking

    def find(self, selector):
        try:
            return self.driver.find_element(By.CSS_SELECTOR, selector)
        except NoSuchElementException:
            self.fails(f"there is no {selector}")

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def sees(self, text):
        self._wait(lambda: text in self.find("body").text, f"to see '{text}'")

    def has_focus(self, selector):
        focused = self.driver.switch_to.active_element
        check(focused == self.find(selector), self._told(f"{selector} has no focus, but {focused.get_attribute('outerHTML')}"))

    def keeps_picture(self, name):
        screens.keep(self.chromium, name)

    # Doing

    def types(self, **fields):
        for name, text in fields.items():
            field = self.find(f"input[name={name}]:not([type=hidden])")
            field.clear()
            field.send_keys(text)

    def presses(self, selector):
        """Presses a button or follows a link, and waits for the next page."""
        before = self.find("html")
        self.find(selector).click()
        self._wait(lambda: _is_gone(before), f"to leave the page by {selector}")

    def signs_in(self, username=None, password=None):
        self.is_at("/auth/login")
        self.types(username=username or self.settings.username, password=password or self.settings.password)
        self.presses(SUBMIT)

    def allows(self):
        self.is_at("/auth/grant")
        self.presses(ALLOW)

    def denies(self):
        self.is_at("/auth/grant")
        self.presses(DENY)

    def fails(self, why):
        check(False, self._told(why))

    def _wait(self, holds, what):
        try:
            return WebDriverWait(self.driver, 10, poll_frequency=0.05).until(lambda _: holds())
        except TimeoutException:
            self.fails(f"waited in vain {what}")

    def _told(self, why):
        address, text = self.driver.current_url, self.driver.execute_script("return document.body.innerText")
        return f"{self._journey}: {why}; at {address}:\n{text}"


SUBMIT = "button.primary"
ALLOW = "button[name=grant][value=true]"
DENY = "button[name=grant][value=false]"


def _is_gone(element):
    """Whether the element's page has given way to another."""
    try:
        element.is_enabled()
    except Exception:
        return True
    return False
