"""A person goes through the pages with Chromium. Names of journeys may be given; without any, all are made."""

import sys
import time
from urllib.parse import urlsplit

import harness
from harness import step

from . import account, consent, device, login, screens, second_factor, session, spare
from .chromium import Chromium
from .client import Application
from .person import Person

JOURNEYS = [
    login.signs_in_and_allows,
    login.mistypes_the_password,
    login.reads_german_and_italian,
    consent.denies,
    consent.goes_back_after_the_answer,
    consent.presses_twice,
    consent.finishes_two_tabs_in_reverse,
    consent.follows_a_broken_link,
    session.comes_back_too_late,
    session.is_somebody_else,
    session.signs_out,
    device.connects,
    device.is_not_mine,
    device.is_allowed_twice,
    device.shows_its_address,
    account.ends_another_session,
    account.ends_an_application,
    account.changes_the_password,
    second_factor.sets_up_an_app,
    second_factor.makes_a_passkey,
    spare.has_only_a_keyboard,
    spare.has_no_scripts,
]


def main():
    settings = harness.settings()
    host = urlsplit(settings.origin).hostname
    asked = sys.argv[1:]
    with Chromium(settings.ca, host) as chromium, Application(settings) as application:
        for journey in JOURNEYS:
            name = f"{journey.__module__.rpartition('.')[2]}.{journey.__name__}"
            if asked and name not in asked:
                continue
            begun = time.monotonic()
            person = Person(chromium, application, settings, name)
            chromium.forget()
            journey(person)
            chromium.check_console(name)
            step(f"{name}: {time.monotonic() - begun:.1f} s")
    step(f"pictures: {screens.folder()}")


main()
