"""An organisation that wants a second factor of everybody: an app, a passkey, a recovery code."""

import base64
import hmac
import struct
import time

from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions

from harness import check

from . import screens

CLIENT = "strict"


def sets_up_an_app(person):
    begins(person, "fay")
    person.keeps_picture("factor-setup")
    person.types(code="000000")
    person.presses("button.primary")
    person.is_at("/auth/factor")
    person.sees("That was not right")
    secret = person.find(".secret code").text
    for scheme in ("light", "dark"):
        scanned = screens.scan(person.chromium, scheme)
        check(f"secret={secret.replace(' ', '')}&" in scanned, f"a camera reads '{scanned}' where it is {scheme}")
    person.types(code=code(secret))
    person.presses("button.primary")
    recovery = kept_codes(person)

    person.chromium.forget()
    begins(person, "fay")
    person.has_focus("#code")
    person.keeps_picture("factor")
    # The code of the setup is spent; the next one is good early.
    person.types(code=code(secret, ahead=1))
    person.presses("button.primary")
    person.allows()
    person.application.exchange(person.is_back(), client=CLIENT)

    person.chromium.forget()
    begins(person, "fay")
    person.find("details summary").click()
    person.types(recovery_code=recovery[0])
    person.presses("details button")
    person.is_at("/auth/grant")


def makes_a_passkey(person):
    options = VirtualAuthenticatorOptions(
        protocol=VirtualAuthenticatorOptions.Protocol.CTAP2,
        transport=VirtualAuthenticatorOptions.Transport.INTERNAL,
        has_resident_key=True,
        has_user_verification=True,
        is_user_verified=True,
    )
    person.driver.add_virtual_authenticator(options)
    begins(person, "gus")
    person.presses("form[data-passkey=create] button")
    kept_codes(person)

    person.chromium.forget()
    begins(person, "gus")
    person.keeps_picture("factor-passkey")
    person.presses("form[data-passkey=get] button")
    person.allows()
    person.application.exchange(person.is_back(), client=CLIENT)
    adds_an_app(person)
    person.driver.remove_virtual_authenticator()


def adds_an_app(person):
    """On the account page, where the passkey was given a moment ago."""
    person.opens("/account")
    person.keeps_picture("account-factors")
    person.presses("a[href='/account/factor']")
    person.keeps_picture("account-factor-setup")
    person.types(code=code(person.find(".secret code").text))
    person.presses("form:not([data-passkey]) button.primary")
    person.sees("Your second step is set up")


def begins(person, username):
    person.starts(client=CLIENT)
    person.signs_in(username)
    person.is_at("/auth/factor")


def kept_codes(person):
    """The recovery codes that are shown once; leads on to the question."""
    person.sees("Your recovery codes")
    codes = [shown.text for shown in person.all(".codes code")]
    check(len(codes) >= 8, f"there are {len(codes)} recovery codes")
    person.keeps_picture("recovery-codes")
    person.presses("a.button.primary")
    person.is_at("/auth/grant")
    return codes


def code(secret, ahead=0):
    """RFC 6238, as an app computes it."""
    key = base64.b32decode(secret.replace(" ", ""))
    moment = struct.pack(">Q", int(time.time()) // 30 + ahead)
    digest = hmac.digest(key, moment, "sha1")
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
