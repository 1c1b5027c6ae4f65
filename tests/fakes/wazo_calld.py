"""wazo-calld 1.0: calls of users, and of a service for users."""

import json
import re
import time
from datetime import datetime, timezone

from exchange import Exchange
from fake import Answer
from wazo_auth import good
from wazo_errors import ANYBODY, api, framework, invalid

EVENTS = {"dialled": "call_created", "answered": "call_answered", "ended": "call_ended"}
ACTIONS = {
    "mute/start": ("muted", True),
    "mute/stop": ("muted", False),
    "hold/start": ("on_hold", True),
    "hold/stop": ("on_hold", False),
    "record/start": ("record_state", "active"),
    "record/stop": ("record_state", "inactive"),
    "record/pause": ("record_state", "paused"),
    "record/resume": ("record_state", "active"),
}


class Calld:
    """The calls of a fake. A line is a user's uuid."""

    def __init__(self, fake, auth):
        self.fake, self.auth = fake, auth
        self.exchange = Exchange(fake, self.unique_id, self.tell, self.complete)
        add = fake.routes.add
        add("GET", "/1.0/calls", self.list_all)
        add("POST", "/1.0/calls", self.create_for)
        add("GET", "/1.0/calls/{id}", self.read)
        add("DELETE", "/1.0/calls/{id}", self.delete)
        add("GET", "/1.0/users/me/calls", self.list_own)
        add("POST", "/1.0/users/me/calls", self.create_own)
        add("DELETE", "/1.0/users/me/calls/{id}", self.delete_own)
        add("PUT", "/1.0/calls/{id}/{what}/{how}", self.act)
        add("PUT", "/1.0/users/me/calls/{id}/{what}/{how}", self.act_own)

    def unique_id(self):
        """As Asterisk's. The channel of the callee has the next number."""
        return f"{int(time.time())}.{2 * self.exchange.dials}"

    # Creation.

    def create_for(self, request):
        token = self.auth.need(request, "calld.calls.create")
        tenant = self.auth.tenant_in_daemon(request, token, "calld.calls.create")
        asked = self.asked(request)
        source, destination = self.member(asked, "source", dict), self.member(asked, "destination", dict)
        uuid = self.member(source, "user", str)
        user = self.auth.users.get(uuid)
        if not user or user["tenant_uuid"] != tenant:
            raise api(400, "Invalid user: not found", "invalid-user", {"user_uuid": uuid})
        context, extension = self.member(destination, "context", str), self.member(destination, "extension", str)
        priority = self.member(destination, "priority", int)
        if priority < 1:
            raise invalid("destination", "priority must be at least 1")
        return self.created(request, user, source, context, extension, asked, token)

    def create_own(self, request):
        token = self.auth.need(request, "calld.users.me.calls.create")
        user = self.person(token)
        asked = self.asked(request)
        extension = self.member(asked, "extension", str)
        return self.created(request, user, asked, self.line_of(user, asked)["context"], extension, asked, token)

    def created(self, request, user, source, context, extension, asked, token):
        variables = asked.get("variables", {})
        if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
            raise invalid("variables", "Not a valid mapping type.")
        line = self.line_of(user, source)
        # White space is removed.
        extension = "".join(extension.split())
        if not re.fullmatch("[0-9*#+]{1,40}", extension):
            details = {"exten": extension, "context": context}
            raise api(400, "Invalid extension: not found", "invalid-extension", details)
        callee = self.by_extension(extension, user["tenant_uuid"])
        call = self.exchange.dial(
            user["uuid"],
            extension,
            token["auth_id"],
            tenant=user["tenant_uuid"],
            context=context,
            caller=line["extension"],
            line_id=line["id"],
            name=user["username"],
            callee=callee and callee["uuid"],
            variables=variables,
            muted=False,
            on_hold=False,
            record_state="inactive",
        )
        request.truth.update(dialled=call.id, variables=variables)
        return good(self.shown(call), status=201)

    @staticmethod
    def asked(request):
        try:
            asked = json.loads(request.body)
        except ValueError:
            raise framework(400, "Failed to decode JSON object") from None
        if not isinstance(asked, dict):
            raise invalid("_schema", "Invalid input type.", "calls")
        return asked

    @staticmethod
    def member(value, name, kind):
        found = value.get(name)
        if not isinstance(found, kind) or isinstance(found, bool):
            raise invalid(name, "Missing data for required field." if found is None else "Not a valid value.", "calls")
        return found

    @staticmethod
    def line_of(user, asked):
        wanted = asked.get("line_id")
        for line in user["lines"]:
            if wanted in (None, line["id"]):
                return line
        if wanted is not None:
            raise api(400, "Invalid user's line", "invalid-user-line", {"line_id": wanted, "user_uuid": user["uuid"]})
        raise api(400, "User has no main line", "user-missing-main-line", {"user_uuid": user["uuid"]})

    def by_extension(self, extension, tenant):
        for user in self.auth.users.values():
            if user["tenant_uuid"] == tenant and any(line["extension"] == extension for line in user["lines"]):
                return user
        return None

    def person(self, token):
        user = self.auth.users.get(token["auth_id"])
        if token["purpose"] != "user" or not user:
            raise api(400, "A valid token with a user UUID is required", "token-with-user-uuid-required")
        return user

    # Reading and ending. An inside call has two channels, each a call of its own; either ends both.

    def find(self, id):
        base, _, number = id.rpartition(".")
        if number.isdigit():
            for candidate in (id, f"{base}.{int(number) - 1}"):
                call = self.exchange.live.get(candidate)
                if call and (candidate == id or call.more.get("callee")):
                    return call
        raise api(404, "No such call", "no-such-call", {"call_id": id}, "calls")

    def list_all(self, request):
        token = self.auth.need(request, "calld.calls.read")
        tenant = self.auth.tenant_in_daemon(request, token, "calld.calls.read")
        seen = {tenant}
        if request.parameter("recurse") in ("true", "True", "1"):
            seen = self.auth.visible(tenant)
        items = [
            shown for call in self.exchange.listed() if call.more["tenant"] in seen for shown in self.channels(call)
        ]
        return good({"items": items})

    def list_own(self, request):
        token = self.auth.need(request, "calld.users.me.calls.read")
        uuid = self.person(token)["uuid"]
        own = [call for call in self.exchange.listed() if uuid in (call.line, call.more.get("callee"))]
        items = [shown for call in own for shown in self.channels(call) if shown["user_uuid"] == uuid]
        return good({"items": items})

    def read(self, request, id):
        access = f"calld.calls.{id.replace('.', '_')}.read"
        call = self.in_tenant(request, id, access)
        return good(next(shown for shown in self.channels(call) if shown["call_id"] == id))

    def delete(self, request, id):
        call = self.in_tenant(request, id, f"calld.calls.{id.replace('.', '_')}.delete")
        return self.hung_up(request, call)

    def delete_own(self, request, id):
        call = self.owned(request, id, f"calld.users.me.calls.{id.replace('.', '_')}.delete")
        return self.hung_up(request, call)

    def in_tenant(self, request, id, access):
        token = self.auth.need(request, access)
        tenant = self.auth.tenant_in_daemon(request, token, access)
        call = self.find(id)
        if call.more["tenant"] not in self.auth.visible(tenant):
            raise api(404, "No such call", "no-such-call", {"call_id": id}, "calls")
        return call

    def owned(self, request, id, access):
        token = self.auth.need(request, access)
        uuid = self.person(token)["uuid"]
        call = self.find(id)
        owner = call.line if call.id == id else call.more["callee"]
        if owner != uuid:
            raise api(
                403,
                "User does not have permission to handle objects of other users",
                "user-permission-denied",
                {"user": uuid},
            )
        return call

    def hung_up(self, request, call):
        self.exchange.end(call, "normalClearing", request.truth["principal"])
        request.truth["ended"] = call.id
        return Answer(204, headers=ANYBODY)

    def act(self, request, id, what, how):
        call = self.in_tenant(request, id, f"calld.calls.{id.replace('.', '_')}.{what}.{how}.update")
        return self.acted(call, f"{what}/{how}")

    def act_own(self, request, id, what, how):
        call = self.owned(request, id, f"calld.users.me.calls.{id.replace('.', '_')}.{what}.{how}.update")
        return self.acted(call, f"{what}/{how}")

    def acted(self, call, action):
        if action not in ACTIONS:
            raise api(404, "No such action", "not-found")
        name, value = ACTIONS[action]
        call.more[name] = value
        self.exchange.keep(call)
        self.publish("call_updated", call)
        return Answer(204, headers=ANYBODY)

    # As clients see a call.

    def channels(self, call):
        return [self.shown(call), *([self.shown(call, of_callee=True)] if call.more.get("callee") else [])]

    @staticmethod
    def shown(call, of_callee=False):
        more = call.more
        base, _, number = call.id.rpartition(".")
        other = f"{base}.{int(number) + 1}"
        here, there = (other, call.id) if of_callee else (call.id, other)
        caller, callee = (more.get("name", ""), more.get("caller", "")), ("", call.number)
        mine, theirs = (callee, caller) if of_callee else (caller, callee)
        talking = call.state == "answered" and more.get("callee")
        return {
            "call_id": here,
            "conversation_id": call.id,
            "user_uuid": more["callee"] if of_callee else call.line,
            "tenant_uuid": more["tenant"],
            "status": {"ringing": "Ringing" if of_callee else "Ring", "answered": "Up"}.get(call.state, "Down"),
            "direction": "internal" if more.get("callee") else "outbound",
            "creation_time": iso(call.begun),
            "answer_time": iso(call.answered),
            "hangup_time": iso(call.ended),
            "caller_id_name": mine[0],
            "caller_id_number": mine[1],
            "peer_caller_id_name": theirs[0],
            "peer_caller_id_number": theirs[1],
            "on_hold": more["on_hold"],
            "muted": more["muted"],
            "record_state": more["record_state"],
            "parked": False,
            "bridges": [f"bridge-{call.id}"] if call.state == "answered" else [],
            "talking_to": {there: call.line if of_callee else more["callee"]} if talking else {},
            "is_caller": not of_callee,
            "is_video": False,
            "dialed_extension": call.number,
            "sip_call_id": None,
            "line_id": None if of_callee else more.get("line_id"),
        }

    # What others hear.

    def tell(self, happened, call):
        self.publish(EVENTS[happened], call)

    def publish(self, name, call):
        for shown in self.channels(call):
            self.fake.publish(name, shown, shown["user_uuid"], shown["tenant_uuid"], call.id)

    def complete(self, line, number):
        """What else a call has that was dialled at a telephone: a test gives no more than its line and number."""
        user = self.auth.users.get(line, {"tenant_uuid": None, "username": "", "lines": []})
        own = (user["lines"] or [{"id": None, "extension": "", "context": ""}])[0]
        callee = self.by_extension(number, user["tenant_uuid"])
        return {
            "tenant": user["tenant_uuid"],
            "context": own["context"],
            "caller": own["extension"],
            "line_id": own["id"],
            "name": user["username"],
            "callee": callee and callee["uuid"],
            "muted": False,
            "on_hold": False,
            "record_state": "inactive",
        }


def iso(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat() if seconds else None
