"""kalliopepbx, as published on PyPI, against callgate: its own calls, and a Kalliope behind it.

TENANT_DOMAIN is the tenant's at Kalliope. The other settings come from the environment (harness.settings).
"""

import os
from urllib.parse import quote, urlsplit

import requests
from kalliopepbx import Session

import harness
from calls import place_read_stop
from harness import check, check_status, expect, step


class FromRoot:
    """A session of kalliopepbx puts scheme and host before each path: it takes paths alone."""

    def __init__(self, session):
        self.session = session

    def __getattr__(self, method):
        return lambda url, **options: getattr(self.session, method)(path_of(url), **options)


def path_of(url):
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def main():
    settings = harness.settings()
    domain = os.environ["TENANT_DOMAIN"]
    address = connection(settings, settings.username, settings.password, domain)

    session = Session(address)
    step("salt fetched, logged in")
    place_read_stop(FromRoot(session), settings.origin)

    version = session.get("/rest/dashboard/firmwareVersion")
    check_status(version, 200, "reading the firmware's version behind the gateway")
    check_status(session.get("/rest/account"), 200, "reading the account behind the gateway")
    dialled = session.get("/rest/phoneServices/c2c/0501234567/201")
    check_status(dialled, 200, "click-to-call behind the gateway")
    step("read and dialled behind the gateway")

    again = requests.get(dialled.request.url, headers=dialled.request.headers, timeout=20)
    check_status(again, 401, "the same header once more")
    step("a header that was used is refused")

    session.logout()
    check_status(session.get("/rest/call"), 401, "without a login")
    session.login(settings.username, settings.password, domain)
    check_status(session.get("/rest/call"), 204, "after another login")
    step("logged out and in again")

    for username, password, domain in [
        (settings.username, "wrong", domain),
        ("nobody", settings.password, domain),
        (settings.username, settings.password, "nowhere"),
    ]:
        stranger = Session(connection(settings, username, password, domain))
        check_status(stranger.get("/rest/call"), 401, f"{username} of {domain}")
    step("wrong password, user and domain refused")

    expect(ValueError, lambda: Session(f"{settings.origin}/x/y").login("a", "b", "x/y"), "no salt below a domain")


def connection(settings, username, password, domain):
    parts = urlsplit(settings.origin)
    return f"{parts.scheme}://{quote(username, safe='')}:{quote(password, safe='')}@{parts.netloc}/{domain}"


if __name__ == "__main__":
    main()
