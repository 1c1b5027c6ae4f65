"""A Wazo or Accent stack on one port: wazo-auth, and what stands behind it."""

import re
import time

from fake import Answer, Fake, body_of, main, to_json
from outbox import Outbox
from wazo_auth import STACK, Auth
from wazo_calld import Calld
from wazo_cdr import CallLogd
from wazo_errors import framework, page
from wazo_events import Events

# As behind the stack's nginx, and as each daemon has it on its own port.
PREFIX = re.compile("/api/(?:auth|calld|call-logd|websocketd)(?=/)")


class Wazo(Fake):
    name = "wazo"

    @classmethod
    def options(cls, parser):
        Outbox.options(parser)
        add = parser.add_argument
        add("--brand", default="Wazo", choices=["Wazo", "Accent"])
        add("--expiration", type=int, default=7200, help="seconds a token lives, if its request does not say")
        add("--check-every", type=float, default=15, help="seconds, in which websocketd looks at its tokens")
        add("--max-sessions", type=int, default=100, help="of one user")

    def begin(self):
        self.brand = self.given.brand
        self.outbox, self.hook = Outbox(self, losing=False), None
        self.auth = Auth(self)
        self.events = Events(self, self.auth)
        self.calld = Calld(self, self.auth)
        CallLogd(self, self.auth, self.calld.exchange)
        self.admin.add("PUT", "/_fake/hook", self.admin_hook)

    async def started(self):
        self.calld.exchange.resume()

    def local_path(self, request):
        return PREFIX.sub("", request.path, count=1)

    def unrouted(self, request, allowed):
        if request.method == "OPTIONS" and request.header("origin"):
            return preflight(request)
        if not allowed:
            raise page()
        message = "The method is not allowed for the requested URL."
        raise framework(405, message, [("Allow", ", ".join(sorted({*allowed, "OPTIONS"})))])

    def publish(self, name, data, user, tenant, about=None):
        """A message of the bus, to whom listens; those `about` one thing stay in order."""
        message = {
            "name": name,
            "origin_uuid": STACK,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()),
            "tenant_uuid": tenant,
            f"user_uuid:{user}": True,
            "data": data,
        }
        lost = self.outbox.loses(name)
        self.journal.write("lost" if lost else "published", message=name, user=user, data=data)
        if lost:
            return
        self.events.publish(message, access_of(name, data, user))
        if self.hook:
            to, body = self.hook, to_json(message).encode()
            self.outbox.send(about or user, name, lambda: (to, "POST", {"Content-Type": "application/json"}, body))

    def admin_hook(self, request):
        """A URL that hears every message of the bus, as a subscription of webhookd would (I); null: none."""
        self.hook = body_of(request)
        return Answer(204)


def access_of(name, data, user):
    """What a listener needs: `events.` and the routing key, where the event says nothing else (S: wazo-bus)."""
    if name.startswith("call_"):
        return f"events.calls.{user}"
    if name == "auth_session_deleted":
        return f"events.auth.sessions.{data['uuid']}.deleted"
    return "#"


def preflight(request):
    """Any origin is welcome (O)."""
    allowed = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    headers = [
        ("Access-Control-Allow-Origin", request.header("origin")),
        ("Vary", "Origin"),
        ("Access-Control-Allow-Methods", allowed),
    ]
    return Answer(200, headers=headers)


if __name__ == "__main__":
    main(Wazo)
