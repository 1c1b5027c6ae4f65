"""Being signed in, and not any more."""

import os
import sqlite3
from contextlib import closing

from harness import check

from .person import ALLOW


def comes_back_too_late(person):
    """The question stood there for longer than a login lasts unused: after another login it is asked again."""
    person.starts()
    person.signs_in()
    person.is_at("/auth/grant")
    _let_sessions_lie_idle()
    person.presses(ALLOW)
    person.is_at("/auth/login")
    person.signs_in()
    person.allows()
    person.application.exchange(person.is_back())


def is_somebody_else(person):
    """'Not you?' leads to another login for the same application."""
    person.starts()
    person.signs_in()
    person.is_at("/auth/grant")
    person.presses("button[form=sign-out]")
    person.signs_in(username="bob")
    person.is_at("/auth/grant")
    check(person.find(".who .name").text == "bob", "the page says that somebody else is signed in")
    person.allows()
    person.application.exchange(person.is_back())


def signs_out(person):
    """The page that a browser kept for the back button allows nothing any more."""
    person.starts()
    person.signs_in()
    person.is_at("/auth/grant")
    person.opens("/auth/logout")
    person.sees("You are signed out")
    person.keeps_picture("signed-out")
    person.driver.back()
    if person.is_at_one_of("/auth/login", "/auth/grant") == "/auth/grant":
        person.presses(ALLOW)
        person.is_at("/auth/login")
    check(not person.application.answers, "the application got an answer of somebody who had signed out")


def _let_sessions_lie_idle():
    """As if every login had last been used two hours ago; one lasts an hour unused."""
    with closing(sqlite3.connect(os.environ["CALLGATE_STORE"], timeout=10)) as store, store:
        store.execute("UPDATE sessions SET last_seen_at = last_seen_at - 7200000")
