"""The application that people come from and are led back to: a native one, which listens on this machine (RFC 8252 §7.3)."""

import base64
import hashlib
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from harness import check, check_status


class Application:
    def __init__(self, settings):
        self.origin = settings.origin
        self.name = settings.client_id
        self.scope = settings.scope
        self.answers = []
        self._verifiers = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        redirect = urlsplit(settings.redirect_uri)
        self.redirect_uri = f"{redirect.scheme}://{redirect.hostname}:{self._server.server_port}{redirect.path}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()

    def address(self, client=None, **more):
        """Where a person begins who wants to use the application, with a new state and verifier."""
        state, verifier = secrets.token_urlsafe(12), secrets.token_urlsafe(48)
        self._verifiers[state] = verifier
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": client or self.name,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.origin}/oauth/authorize?{urlencode(query | more)}"

    def exchange(self, answer, client=None):
        """Gets the tokens for the code of an answer."""
        verifier = self._verifiers.get(answer.get("state"))
        check(verifier, f"the answer {answer} is to no request of this application")
        check(answer.get("iss") == self.origin, f"the answer {answer} is not from {self.origin}")
        form = {
            "grant_type": "authorization_code",
            "client_id": client or self.name,
            "code": answer.get("code"),
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        response = requests.post(f"{self.origin}/oauth/token", data=form, timeout=20)
        check_status(response, 200, "exchanging the code")
        return response.json()

    def works(self, tokens):
        """Whether an access token is good."""
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return requests.get(f"{self.origin}/rest/call", headers=headers, timeout=20).status_code == 204

    def _handler(self):
        answers, path = self.answers, "/cb"

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                address = urlsplit(self.path)
                if address.path == path:
                    answers.append({name: value for name, [value] in parse_qs(address.query).items()})
                self.send_response(200 if address.path == path else 404)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><link rel=icon href='data:,'><title>The application</title>")

            def log_message(self, *_):
                pass

        return Handler
