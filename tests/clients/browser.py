"""A person with a browser: signs in, consents, and reads the code from the address bar."""

from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from harness import check, check_status, step


def authorize(settings, url, issuer):
    """Goes to `url`, signs in and consents; returns the address that the client is called back at."""
    session = requests.Session()
    response = session.get(url, allow_redirects=False, timeout=20)
    login = _page(session, response, "authorization request", "/auth/login")

    response = _submit(session, login, username=settings.username, password=settings.password)
    step("signed in")

    response = _leads_to(session, response, "login", "/auth/grant")
    if response.status_code == 200:
        response = _submit(session, response, grant="true")
    # Otherwise the consent was remembered.
    check_status(response, 303, "consent")
    callback = response.headers["Location"]
    check(callback.startswith(settings.redirect_uri), f"consent leads to {callback}, not to {settings.redirect_uri}")
    answer, asked = _query(callback), _query(url)
    wanted = {"code": "code", "token": "access_token"}[asked["response_type"][0]]
    check(wanted in answer, f"the callback has no {wanted}: {callback}")
    check(answer.get("state") == asked.get("state"), "the callback does not return the state")
    # RFC 9207: a client of several servers tells by `iss` which one answered.
    check(answer.get("iss") == [issuer], f"the callback's iss is {answer.get('iss')}, not {issuer}")
    step("consented")
    return callback


def allow_device(settings, user_code):
    """Opens the page for devices with the code, signs in and allows what the device asks for (RFC 8628 §3.3)."""
    session = requests.Session()
    page = _follow(session, session.get(f"{settings.origin}/device?user_code={user_code}", allow_redirects=False, timeout=20))
    for _ in range(5):
        form = _Form(page.text)
        if "password" in form.inputs:
            typed = {"username": settings.username, "password": settings.password}
        elif ("grant", "true") in form.buttons:
            check(user_code in page.text, "the page that asks does not show the code")
            check_status(_follow(session, _submit(session, page, grant="true")), 200, "allowing the device")
            return
        else:
            typed = {"user_code": user_code}
        page = _follow(session, _submit(session, page, **typed))
    check(False, f"{page.url} does not lead to what the device asks for: {page.text}")


def _follow(session, response):
    """The page that redirects of this server lead to."""
    while response.status_code == 303:
        response = session.get(urljoin(response.url, response.headers["Location"]), allow_redirects=False, timeout=20)
    return response


def _query(url):
    """The parameters of an address: of its query, or in the implicit flow of its fragment."""
    parts = urlsplit(url)
    return parse_qs(parts.query or parts.fragment)


def _page(session, response, what, path):
    """The page at `path` that `response` must redirect to."""
    page = _leads_to(session, response, what, path)
    check_status(page, 200, path)
    return page


def _leads_to(session, response, what, path):
    """The answer of `path`, which `response` must redirect to."""
    check_status(response, 303, what)
    address = urljoin(response.url, response.headers["Location"])
    check(urlsplit(address).path == path, f"{what} leads to {address}, not to {path}")
    return session.get(address, allow_redirects=False, timeout=20)


def _submit(session, page, **typed):
    """Sends the page's form with its hidden inputs, what a person typed, and the button that was pressed."""
    form = _Form(page.text)
    check(form.method == "post", f"{page.url} has no form with method=post")
    for name, value in typed.items():
        offered = name in form.inputs or (name, value) in form.buttons
        check(offered, f"the form of {page.url} has no {name}: inputs {list(form.inputs)}, buttons {form.buttons}")
    check("csrf_token" in form.inputs, f"the form of {page.url} has no csrf_token")
    # Fetch §3.2: under `no-referrer` a browser hides where a form was, even from its own server.
    hidden = page.headers.get("Referrer-Policy") == "no-referrer"
    address = urlsplit(page.url)
    return session.post(
        urljoin(page.url, form.action),
        data=form.inputs | typed,
        headers={"Origin": "null" if hidden else f"{address.scheme}://{address.netloc}"},
        allow_redirects=False,
        timeout=20,
    )


class _Form(HTMLParser):
    """The first form of a page."""

    def __init__(self, page):
        super().__init__()
        self.method = None
        self.action = ""
        self.inputs = {}
        self.buttons = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.method is None:
            self.method = attributes.get("method", "get").lower()
            self.action = attributes.get("action") or ""
            self._inside = True
        elif not self._inside or not attributes.get("name"):
            return
        elif tag == "button":
            self.buttons.append((attributes["name"], attributes.get("value", "")))
        elif tag == "input":
            self.inputs[attributes["name"]] = attributes.get("value") or ""

    def handle_endtag(self, tag):
        if tag == "form":
            self._inside = False
