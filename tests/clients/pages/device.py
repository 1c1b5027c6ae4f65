"""A device without a keyboard, whose code a person types (RFC 8628 §3.3)."""

import requests
from selenium.webdriver import ActionChains

from harness import check, check_status

from .person import ALLOW, DENY, SUBMIT


def connects(person):
    code = _ask(person)
    person.opens("/device")
    person.has_focus("#user_code")
    person.types(user_code="BBBB-BBBB")
    person.presses(SUBMIT)
    person.signs_in() if _asks_for_login(person) else None
    person.sees("That code is not right")
    person.keeps_picture("device-wrong")
    person.types(user_code=code["user_code"].lower())
    person.presses(SUBMIT)
    person.signs_in() if _asks_for_login(person) else None
    person.is_at("/device/grant")
    person.sees(code["user_code"])
    person.sees("Acme Desk")
    person.sees("Meeting room 2")
    person.keeps_picture("device-grant")
    person.presses(ALLOW)
    person.sees("Your device has access")
    person.keeps_picture("device-allowed")
    response = _poll(person, code)
    check_status(response, 200, "polling for the device's token")
    check(person.application.works(response.json()), "the device's access token is refused")


def is_not_mine(person):
    """The address in a message fills the code in; nothing is allowed before the person has compared it."""
    code = _ask(person)
    person.opens(code["verification_uri_complete"])
    check(person.find("#user_code").get_property("value") == code["user_code"], "the code is not filled in")
    person.keeps_picture("device")
    person.presses(SUBMIT)
    person.signs_in() if _asks_for_login(person) else None
    person.is_at("/device/grant")
    person.presses(DENY)
    person.sees("The device got no access")
    person.keeps_picture("device-denied")
    response = _poll(person, code)
    check(response.json().get("error") == "access_denied", f"the device was told {response.text}")


def is_allowed_twice(person):
    """However the two requests race, the device gets one set of tokens."""
    code = _ask(person)
    person.opens(code["verification_uri_complete"])
    person.presses(SUBMIT)
    person.signs_in() if _asks_for_login(person) else None
    person.is_at("/device/grant")
    ActionChains(person.driver).double_click(person.find(ALLOW)).perform()
    person.is_shown_one_of("Your device has access", "This was answered already")
    check_status(_poll(person, code), 200, "polling for the device's token")
    again = _poll(person, code).json()
    check(again.get("error") == "invalid_grant", f"the device was given more: {again}")


def shows_its_address(person):
    """A device that can show pictures shows this one."""
    person.opens(_ask(person)["verification_uri_qr"])
    width = person.driver.execute_script("return document.querySelector('svg').getBoundingClientRect().width")
    check(width >= 200, f"the picture is {width} pixels wide")


def _asks_for_login(person):
    return person.is_at_one_of("/auth/login", "/device", "/device/grant") == "/auth/login"


def _ask(person):
    form = {"client_id": person.application.name, "scope": person.settings.scope, "device_label": "Meeting room 2"}
    response = requests.post(f"{person.settings.origin}/oauth/device_authorization", data=form, timeout=20)
    check_status(response, 200, "asking for a device's codes")
    return response.json()


def _poll(person, code):
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": person.application.name,
        "device_code": code["device_code"],
    }
    return requests.post(f"{person.settings.origin}/oauth/token", data=form, timeout=20)
