"""An authorization server that is asked what tokens are worth (RFC 7662): as right or as wrong as a test wants it."""

import base64
import binascii
from urllib.parse import parse_qsl, unquote_plus

from fake import Fake, Refused, answer_json, body_of, main
from server import Answer

MEDIA = "application/x-www-form-urlencoded"


class Introspection(Fake):
    name = "introspection"

    @classmethod
    def options(cls, parser):
        parser.add_argument("--client", default="gate:secret", help="ID:SECRET of who may ask")

    def begin(self):
        self.client = tuple(self.given.client.split(":", 1))
        self.routes.add("POST", "/introspect", self.introspect)
        self.admin.add("PUT", "/_fake/tokens/{token}", self.admin_token)
        self.admin.add("DELETE", "/_fake/tokens/{token}", self.admin_forget)

    def introspect(self, request):
        form = self.form(request)
        self.authenticate(request, form)
        token = form.get("token", "")
        request.truth["token"] = token
        worth = self.state.all("token").get(token)
        # §2.2: not a word about why.
        return answer_json(worth if worth is not None else {"active": False}, headers=[("Cache-Control", "no-store")])

    @staticmethod
    def form(request):
        if request.header("content-type") != MEDIA:
            raise Refused(error(400, "invalid_request"), "no form")
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True)
        if len({name for name, _ in pairs}) != len(pairs):
            raise Refused(error(400, "invalid_request"), "a parameter twice")
        return dict(pairs)

    def authenticate(self, request, form):
        """§2.1: in one way, by the header or by the form (RFC 6749 §2.3.1)."""
        ways = []
        if "client_id" in form:
            ways.append(("form", (form["client_id"], form.get("client_secret"))))
        header = request.header("authorization")
        if header:
            ways.append(("basic", basic(header)))
        if len(ways) != 1 or ways[0][1] != self.client:
            raise Refused(error(401, "invalid_client"), f"client: {ways}")
        request.truth["authentication"] = ways[0][0]

    def admin_token(self, request, token):
        """What is answered about a token, whatever it is."""
        self.state.put("token", token, body_of(request))
        return Answer(204)

    def admin_forget(self, request, token):
        self.state.drop("token", token)
        return Answer(204)


def basic(header):
    scheme, _, encoded = header.partition(" ")
    try:
        pair = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (unquote_plus(pair[0]), unquote_plus(pair[2])) if scheme.lower() == "basic" else None


def error(status, code):
    return answer_json({"error": code}, status)


if __name__ == "__main__":
    main(Introspection)
