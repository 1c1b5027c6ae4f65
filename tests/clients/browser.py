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
    grant = _page(session, response, "login", "/auth/grant")
    step("signed in")

    response = _submit(session, grant, grant="true")
    check_status(response, 303, "consent")
    callback = response.headers["Location"]
    check(callback.startswith(settings.redirect_uri), f"consent leads to {callback}, not to {settings.redirect_uri}")
    answer, asked = _query(callback), _query(url)
    check("code" in answer, f"the callback has no code: {callback}")
    check(answer.get("state") == asked["state"], "the callback does not return the state")
    # RFC 9207: a client of several servers tells by `iss` which one answered.
    check(answer.get("iss") == [issuer], f"the callback's iss is {answer.get('iss')}, not {issuer}")
    step("consented")
    return callback


def _query(url):
    return parse_qs(urlsplit(url).query)


def _page(session, response, what, path):
    """The page at `path` that `response` must redirect to."""
    check_status(response, 303, what)
    address = urljoin(response.url, response.headers["Location"])
    check(urlsplit(address).path == path, f"{what} leads to {address}, not to {path}")
    page = session.get(address, allow_redirects=False, timeout=20)
    check_status(page, 200, path)
    return page


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
