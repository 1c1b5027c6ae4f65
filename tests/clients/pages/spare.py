"""Going through with less than others have: no mouse, no scripts."""

from selenium.webdriver.common.keys import Keys

from .person import ALLOW


def has_only_a_keyboard(person):
    """The field for the name has the focus; Tab goes on in the order of the page, and shows where it is."""
    person.starts()
    person.is_at("/auth/login")
    _press(person, person.settings.username, Keys.TAB, person.settings.password, Keys.ENTER)
    person.is_at("/auth/grant")
    for _ in range(10):
        _press(person, Keys.TAB)
        focused = person.driver.switch_to.active_element
        style = focused.value_of_css_property("outline-style")
        if style == "none":
            person.fails(f"nobody sees that the focus is at {focused.get_attribute('outerHTML')}")
        if focused == person.find(ALLOW):
            break
    person.has_focus(ALLOW)
    _press(person, Keys.ENTER)
    person.application.exchange(person.is_back())


def has_no_scripts(person):
    person.chromium.tell("Emulation.setScriptExecutionDisabled", value=True)
    try:
        person.starts()
        person.signs_in()
        person.allows()
        answer = person.is_back()
    finally:
        person.chromium.tell("Emulation.setScriptExecutionDisabled", value=False)
    person.application.exchange(answer)


def _press(person, *keys):
    for key in keys:
        person.driver.switch_to.active_element.send_keys(key)
