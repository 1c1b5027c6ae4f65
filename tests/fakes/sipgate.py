"""sipgate: login, REST API v2 and push API on one port."""

import json
import re
import secrets
from datetime import datetime, timezone

import rsa
from exchange import Exchange
from fake import Answer, Fake, Refused, answer_json, body_of, main
from outbox import Outbox
from sipgate_oauth import Login
from sipgate_push import Push

EXTENSION = re.compile("[exyp](0|[1-9][0-9]*)")
NUMBER = re.compile(r"\+?[1-9][0-9]{5,14}")
STATUSES = {"normalClearing": "SUCCESS", "busy": "BUSY", "noAnswer": "MISSED", "cancel": "MISSED"}


class Sipgate(Fake):
    name = "sipgate"

    @classmethod
    def options(cls, parser):
        Outbox.options(parser)
        add = parser.add_argument
        add("--account", default="1234567", help="its id, also the masterSipId")
        add("--key-pem", help="the private key of the webhooks; else one is made")
        add("--bits", type=int, default=2048, help="of the keys that are made; sipgate's has 4096")
        add("--system", default="classic", choices=["classic", "neo"], help="neo keeps no calls in its history")
        add("--ringing", default="ends", choices=["ends", "unknown"], help="what DELETE does to a call that rings (U)")
        add(
            "--reuse",
            default="refused",
            choices=["refused", "ends"],
            help="of a refresh token: whether its session ends too (U)",
        )

    def begin(self):
        self.exchange = Exchange(self, lambda: secrets.token_hex(8).upper(), self.tell, self.complete)
        self.users, self.settings = self.state.all("user"), self.state.all("settings")
        self.login, self.push = Login(self), Push(self, self.exchange)
        self.balance = 10_000
        if not self.users:
            self.put_user("w0", {})
        self.api_routes()
        self.fake_routes()

    async def started(self):
        self.exchange.resume()

    def origin(self):
        scheme = "https" if self.given.certificate else "http"
        return f"{scheme}://{self.given.host}:{self.listener.port}"

    def kept_key(self, name):
        """A key that outlives the process, if there is a state."""
        kept = self.state.all("key")
        if name == "push" and self.given.key_pem:
            with open(self.given.key_pem, encoding="ascii") as file:
                return rsa.Key(file.read())
        if name not in kept:
            self.state.put("key", name, rsa.generate(self.given.bits))
        return rsa.Key(kept[name])

    def tell(self, happened, call):
        self.push.tell(happened, call)

    # The API.

    def api_routes(self):
        add = self.routes.add
        add("GET", "/v2/authorization/userinfo", self.userinfo)
        add("GET", "/v2/account", self.account)
        add("GET", "/v2/users", self.list_users)
        add("GET", "/v2/users/{id}", self.read_user)
        add("POST", "/v2/sessions/calls", self.initiate)
        add("GET", "/v2/calls", self.list_calls)
        add("DELETE", "/v2/calls/{id}", self.hang_up)
        add("PUT", "/v2/calls/{id}/{setting}", self.change)
        add("POST", "/v2/calls/{id}/{action}", self.perform)
        add("GET", "/v2/history", self.history)
        add("GET PUT", "/v2/settings/sipgateio", self.sipgateio)
        add("GET", "/v2/balance", self.read_balance)
        add("GET", "/v2/{id}/devices", self.devices)

    def handle(self, request):
        # Where a body is, it must be JSON, and JSON is all there is (else 415).
        if request.path.startswith("/v2/"):
            why = unsupported(request)
            if why:
                request.truth["refused"] = why
                self.log(request, 415)
                return Answer(415)
        return super().handle(request)

    def userinfo(self, request):
        """Needs no scope."""
        user = self.login.need(request)
        return answer_json({"sub": user, "domain": "sipgate.de", "masterSipId": self.given.account, "locale": "de_DE"})

    def account(self, request):
        self.login.need(request, "account:read")
        known = {"company": "Example", "mainProductType": "TEAM", "logoUrl": "", "verified": True, "historyLifeTime": 0}
        return answer_json(known)

    def list_users(self, request):
        self.login.need(request, "users:read")
        return answer_json({"items": [self.shown_user(user) for user in self.users.values()]})

    def read_user(self, request, id):
        self.login.need(request, "users:read")
        if id not in self.users:
            raise Refused(Answer(404), "no such user")
        return answer_json(self.shown_user(self.users[id]))

    @staticmethod
    def shown_user(user):
        return {key: value for key, value in user.items() if key not in ("devices", "numbers")}

    def devices(self, request, id):
        self.login.need(request, "devices:read")
        usual = {
            "alias": "",
            "type": "REGISTER",
            "online": True,
            "dnd": False,
            "activePhonelines": [],
            "activeGroups": [],
        }
        return answer_json({"items": [{**usual, **device} for device in self.users.get(id, {}).get("devices", [])]})

    def initiate(self, request):
        """The caller's device rings, then the callee's. A 200 does not mean that a call happens (S-CALLPY)."""
        self.login.need(request, "sessions:calls:write", "sessions:write")
        asked = self.asked(request)
        caller, callee = asked.get("caller"), asked.get("callee")
        if not isinstance(callee, str) or not (NUMBER.fullmatch(callee) or EXTENSION.fullmatch(callee)):
            raise Refused(error(400, "callee"), "invalid callee")
        if not isinstance(caller, str) or not (NUMBER.fullmatch(caller) or EXTENSION.fullmatch(caller)):
            raise Refused(error(400, "caller"), "invalid caller")
        if NUMBER.fullmatch(caller) and not asked.get("deviceId"):
            raise Refused(error(400, "deviceId"), "deviceId is required when the caller is a number")
        if self.balance <= 0:
            raise Refused(Answer(402), "insufficient funds")
        owner, device = self.device(asked.get("deviceId") or caller)
        if not owner:
            raise Refused(Answer(404), "no such device")
        shown = asked.get("callerId")
        if shown is not None and shown.lstrip("+") not in [number.lstrip("+") for number in owner["numbers"]]:
            raise Refused(Answer(403), "the caller's number is not the user's")
        if device and not device.get("online", True):
            request.truth["not_dialled"] = "the device is not connected"
            return answer_json({"sessionId": self.exchange.new_id()})
        more = {**self.complete(device["id"] if device else caller, callee), "direction": "out"}
        if shown:
            more["number_of_line"] = shown
        call = self.exchange.dial(device["id"] if device else caller, callee, request.truth["principal"], **more)
        request.truth["dialled"] = call.id
        return answer_json({"sessionId": call.id})

    def device(self, id):
        """The user and the device of an extension; a phone line (`p0`) has its user, but no device."""
        for user in self.users.values():
            for device in user["devices"]:
                if device["id"] == id:
                    return user, device
        if id.startswith("p") and self.users:
            return next(iter(self.users.values())), None
        return None, None

    def complete(self, line, number):
        user, _ = self.device(line)
        user = user or {"id": "w0", "firstname": "", "lastname": "", "numbers": []}
        return {
            "user": user["id"],
            "name": f"{user['firstname']} {user['lastname']}",
            "number_of_line": (user["numbers"] or [""])[0],
            "direction": "in",
            "muted": False,
            "hold": False,
            "recording": False,
        }

    def list_calls(self, request):
        """Of the whole account; neither those that ring nor voicemail (S-OAS)."""
        self.login.need(request, "rtcm:read")
        return answer_json({"data": [self.shown(call) for call in self.exchange.listed(ringing=False)]})

    @staticmethod
    def shown(call):
        def participant(number, owner):
            return {
                "participantId": f"{call.id}-{int(owner)}",
                "phoneNumber": number,
                "muted": False,
                "hold": False,
                "owner": owner,
            }

        people = [participant(call.more["number_of_line"], True), participant(call.number, False)]
        return {
            "callId": call.id,
            **{name: call.more[name] for name in ("muted", "recording", "hold")},
            "participants": people,
        }

    def hang_up(self, request, id):
        self.login.need(request, "rtcm:write")
        call = self.live(id)
        cause = "normalClearing" if call.answered else "cancel"
        self.exchange.end(call, cause, request.truth["principal"])
        request.truth["ended"] = id
        return Answer(204, media=None)

    def live(self, id):
        call = self.exchange.live.get(id)
        if not call or not call.answered and self.given.ringing == "unknown":
            raise Refused(Answer(404), "call not found")
        return call

    def change(self, request, id, setting):
        self.login.need(request, "rtcm:write")
        call = self.live(id)
        wanted = self.asked(request).get("value")
        if setting not in ("hold", "muted", "recording") or not isinstance(wanted, bool):
            raise Refused(error(400, "value"), "no such setting")
        call.more[setting] = wanted
        self.exchange.keep(call)
        return Answer(204, media=None)

    def perform(self, request, id, action):
        self.login.need(request, "rtcm:write")
        self.live(id)
        if action not in ("announcements", "transfer", "dtmf"):
            raise Refused(Answer(404), "no such action")
        request.truth["did"] = {action: self.asked(request)}
        return Answer(204, media=None)

    def history(self, request):
        self.login.need(request, "history:read")
        offset, limit = (self.count(request, name, usual) for name, usual in (("offset", 0), ("limit", 10)))
        if limit > 1000:
            raise Refused(error(400, "limit"), "limit is 1000 at most")
        kinds, directions = request.parameters("types"), request.parameters("directions")
        items = [self.record(call) for call in reversed(self.exchange.ended)]
        if self.given.system == "neo" or kinds and "CALL" not in kinds:
            items = []
        if directions:
            items = [item for item in items if item["direction"] in directions]
        if number := request.parameter("phonenumber"):
            items = [
                item for item in items if number.strip("+ ") in (item["source"].lstrip("+"), item["target"].lstrip("+"))
            ]
        for name, holds in (("from", lambda made, at: made >= at), ("to", lambda made, at: made < at)):
            if at := request.parameter(name):
                items = [item for item in items if holds(item["created"], at)]
        return answer_json({"items": items[offset : offset + limit], "totalCount": len(items)})

    @staticmethod
    def count(request, name, usual):
        text = request.parameter(name)
        if text is not None and not re.fullmatch("[0-9]{1,9}", text):
            raise Refused(error(400, name), f"{name} is no number")
        return usual if text is None else int(text)

    @staticmethod
    def record(call):
        ours, out = call.more["number_of_line"], call.more["direction"] == "out"
        return {
            "id": call.id,
            "callId": call.id,
            "source": ours if out else call.number,
            "target": call.number if out else ours,
            "type": "CALL",
            "created": iso(call.begun),
            "lastModified": iso(call.ended),
            "direction": "OUTGOING" if out else "INCOMING",
            "incoming": not out,
            "status": "PICKUP" if call.answered else "NOPICKUP",
            "callStatus": STATUSES.get(call.cause, "FAILURE"),
            "duration": int(call.ended - call.answered) if call.answered else 0,
            "connectionIds": [call.line],
            "read": True,
            "archived": False,
            "starred": False,
            "note": "",
            "endpoints": [],
            "recordings": [],
        }

    def sipgateio(self, request):
        if request.method == "GET":
            self.login.need(request, "settings:sipgateio:read")
            return answer_json(self.push_settings())
        self.login.need(request, "settings:sipgateio:write")
        wanted = self.asked(request)
        if not all(isinstance(wanted.get(name), str) for name in ("incomingUrl", "outgoingUrl")):
            raise Refused(error(400, "incomingUrl"), "both URLs are required")
        self.set_push(wanted)
        return Answer(204, media=None)

    def push_settings(self):
        usual = {"incomingUrl": "", "outgoingUrl": "", "log": False, "whitelist": None}
        return {**usual, **self.settings.get("push", {})}

    def set_push(self, wanted):
        unknown = set(wanted) - set(self.push_settings())
        if unknown:
            raise ValueError(f"no such setting: {unknown}")
        self.state.put("settings", "push", {**self.push_settings(), **wanted})

    def read_balance(self, request):
        self.login.need(request, "balance:read")
        return answer_json({"amount": self.balance, "currency": "EUR"})

    @staticmethod
    def asked(request):
        try:
            asked = json.loads(request.body)
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            raise Refused(error(400, ""), "no JSON object")
        return asked

    # The way in for tests.

    def fake_routes(self):
        add = self.admin.add
        add("PUT", "/_fake/users/{id}", self.admin_user)
        add("PUT", "/_fake/webhooks", self.admin_webhooks)
        add("PUT", "/_fake/balance", self.admin_balance)

    def put_user(self, id, more):
        usual = {
            "id": id,
            "firstname": "Ada",
            "lastname": id,
            "email": f"{id}@example.org",
            "defaultDevice": f"e{id[1:]}",
            "busyOnBusy": False,
            "addressId": "1",
            "directDialIds": [],
            "timezone": "Europe/Berlin",
            "admin": id == "w0",
            "devices": [{"id": f"e{id[1:]}"}],
            "numbers": [f"+49211{1000000 + int(id[1:])}"],
        }
        if set(more) - set(usual):
            raise ValueError(f"there are {', '.join(usual)}")
        self.state.put("user", id, {**usual, **self.users.get(id, {}), **more})
        return self.users[id]

    def admin_user(self, request, id):
        return answer_json(self.put_user(id, body_of(request)))

    def admin_webhooks(self, request):
        """As PUT /v2/settings/sipgateio, of which each member may be left out."""
        self.set_push(body_of(request))
        return answer_json(self.push_settings())

    def admin_balance(self, request):
        """Of 0 or less, calls are 402."""
        self.balance = body_of(request)
        return Answer(204)


def unsupported(request):
    """Why a request is 415, if it is. That a wrong Accept is too, and not 406, is how the reference reads (I)."""
    accept = request.header("accept")
    if accept and not any(kind in accept for kind in ("application/json", "application/*", "*/*")):
        return "Accept is not JSON"
    if request.method in ("POST", "PUT") and not request.header("content-type").lower().startswith("application/json"):
        return "Content-Type is not JSON"
    return None


def error(status, pointer):
    problem = {"status": status, "title": "invalid value", "detail": pointer, "source": {"pointer": f"/{pointer}"}}
    return answer_json({"errors": [problem]}, status)


def iso(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    main(Sipgate)
