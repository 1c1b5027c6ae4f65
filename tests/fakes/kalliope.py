"""A Kalliope PBX, as far as public text shows one: salt, digest, click-to-call, records, notifications."""

import base64
import itertools
import re
import time
from types import SimpleNamespace
from html import escape

from exchange import Exchange
from fake import Answer, Fake, Refused, answer_json, body_of, main, to_json
from kalliope_digest import STRICT, WINDOW, Nonces, digest, digest_password, equal, parse
from kalliope_ami import Ami
from kalliope_records import FORMATS, between, on_days, record, wants, written
from outbox import Outbox

SERVICES = set("BUSYLEVEL CFBS CFIM CFNA CFUN CLIP DND EXTEN_HUNTING FORKMOBILE HUNTING".split())
TEMPLATE = '{"id":"%event_id%","event":"%event_name%","time":"%event_timestamp%","call":%call_params[JSON]%}'
EVENTS = {"dialled": "pbx.call.start", "answered": "pbx.extension.answercall", "ended": "pbx.call.end"}


class Kalliope(Fake):
    name = "kalliope"

    @classmethod
    def options(cls, parser):
        Outbox.options(parser)
        add = parser.add_argument
        add("--tenant", action="append", default=[], metavar="DOMAIN=SALT")
        add("--user", action="append", default=[], metavar="DOMAIN/NAME:PASSWORD")
        add("--ami", type=int, metavar="PORT", help="open the manager interface; 0: a free port")
        add("--ami-user", action="append", default=[], metavar="NAME:SECRET")
        # All of these are unknown in public text (U).
        add("--c2c-methods", default="GET", help="(I)")
        add("--c2c-status", type=int, default=200)
        add("--c2c-body", default="", help="%%uniqueid%% stands for the call's")
        add("--failed-status", type=int, default=401, help="of a failed authentication")
        add("--unknown-tenant-status", type=int, default=404)
        add("--salt-root", default="response", help="the root element of the XML")
        add("--empty-domain", default="refuse", choices=["refuse", "default"])
        add(
            "--nonces",
            default="vendor",
            choices=["vendor", "created"],
            help="kept 300 s from use (D), or to Created + 300 s",
        )
        add(
            "--spend-nonce",
            default="always",
            choices=["always", "verified"],
            help="Symfony's recipe spends it before it looks (I)",
        )

    def begin(self):
        self.salts, self.users, self.extensions = {}, {}, None
        self.operations = {}
        self.nonces, self.outbox = Nonces(self.state), Outbox(self)
        self.exchange = Exchange(self, self.unique_id, self.tell)
        self.ami = Ami(self)
        self.notify, self.events = None, itertools.count(1)
        self.add_tenant("default", "b5a8fdcf2f8d5acdad33c4a072a97d7a")
        for domain, salt in self.state.all("tenant").items():
            self.add_tenant(domain, salt)
        for user in self.state.all("user").values():
            self.add_user(**user)
        for each in self.given.tenant:
            self.add_tenant(*each.split("=", 1))
        for each in self.given.user:
            domain, _, rest = each.partition("/")
            self.add_user(domain, *rest.split(":", 1))
        self.api_routes()
        self.fake_routes()

    async def started(self):
        self.exchange.resume()
        if self.given.ami is not None:
            await self.ami.listen(self.given.host, self.given.ami)

    def unique_id(self):
        """As Asterisk's: the second, and a number that grows."""
        return f"{int(time.time())}.{self.exchange.dials}"

    def domain_of(self, uid):
        """The tenant of a uid; without one, `default`."""
        if uid is None:
            return "default"
        return next((domain for domain in self.salts if uid_of(domain) == uid), None)

    # Who is there.

    def add_tenant(self, domain, salt):
        self.salts[domain] = salt
        for user in self.users.values():
            if user.domain == domain:
                user.digest_password = digest_password(user.password, salt)

    def add_user(self, domain, username, password, api=True, extension=None, operations=True):
        self.users[domain, username] = SimpleNamespace(
            domain=domain,
            username=username,
            password=password,
            digest_password=digest_password(password, self.salts[domain]),
            api=api,
            extension=extension,
            operations=operations,
        )

    def authenticate(self, request):
        """The user whose header this is; each header serves once."""
        sent = request.headers.get("x-authenticate")
        if sent is None:
            raise self.stranger("no X-authenticate")
        # HTTP fields are bytes; names beyond ASCII are UTF-8.
        sent = sent.encode("latin-1").decode("utf-8", "replace")
        request.truth["strict_header"] = bool(STRICT.fullmatch(sent))
        fields, why = parse(sent)
        if not fields:
            raise self.stranger(why)
        username, domain, given, nonce, created, seconds = fields
        request.truth["claimed"] = f"{username}@{domain}"
        if not domain and self.given.empty_domain == "refuse":
            raise self.stranger("empty Domain")
        now = self.clock.now()
        # The PBX's clock has whole seconds, as Created has.
        if abs(int(now) - seconds) > WINDOW:
            raise self.stranger("Created is out of the window")
        user = self.users.get((domain or "default", username))
        expected = digest(user.digest_password if user else "", username, domain, nonce, created)
        good = user is not None and equal(expected, given)
        if (good or self.given.spend_nonce == "always") and not self.nonces.use(
            nonce, seconds, int(now), self.given.nonces == "created"
        ):
            raise self.stranger("nonce used before")
        if not user:
            raise self.stranger("no such user")
        if not good:
            raise self.stranger("wrong digest")
        if not user.api:
            raise self.stranger("the user may not use the API")
        request.truth["principal"] = f"{username}@{user.domain}"
        return user

    def stranger(self, why):
        return Refused(Answer(self.given.failed_status), why)

    # The API.

    def api_routes(self):
        add = self.routes.add
        add("GET", "/rest/salt/{domain}", self.salt)
        add(self.given.c2c_methods.replace(",", " "), "/rest/phoneServices/c2c/{dest}/{source}", self.click_to_call)
        add("GET", "/rest/dashboard/firmwareVersion", self.bare("4.15.2"))
        add("GET", "/rest/dashboard/serialNumber", self.bare("KPBX-00000001"))
        add("GET", "/rest/dashboard", self.account)  # body U
        add("GET", "/rest/account", self.account)  # body U
        add("GET POST DELETE", "/rest/operation/{service}/{key}", self.operation)
        add("GET POST", "/rest/cdr/{format}", self.records)
        add("GET", "/rest/cdr/{format}/{years}", self.records)
        add("GET", "/rest/cdr/{format}/{years}/{months}", self.records)
        add("GET", "/rest/cdr/{format}/{years}/{months}/{days}", self.records)

    def salt(self, request, domain):
        """The only path for everybody. XML unless JSON is asked for (K-LARAVEL, S)."""
        salt = self.salts.get(domain)
        if salt is None:
            raise Refused(Answer(self.given.unknown_tenant_status), "no such tenant")
        request.truth["salt_of"] = domain
        if wants(request, "json"):
            return answer_json({"salt": salt})
        root = self.given.salt_root
        return Answer(200, f'<?xml version="1.0"?>\n<{root}><salt>{escape(salt)}</salt></{root}>\n', "application/xml")

    def click_to_call(self, request, dest, source):
        """The source rings first, then the destination is dialled (D). The destination comes first in the path."""
        user = self.authenticate(request)
        if not re.fullmatch(r"\+?[0-9*#]{1,40}", dest) or not re.fullmatch("[0-9]{1,20}", source):
            raise Refused(Answer(400), "no telephone number")
        if self.extensions is not None and f"{source}@{user.domain}" not in self.extensions:
            raise Refused(Answer(404), "no such extension")
        call = self.exchange.dial(f"{source}@{user.domain}", dest, request.truth["principal"])
        request.truth["dialled"] = call.id
        return Answer(self.given.c2c_status, self.given.c2c_body.replace("%uniqueid%", call.id))

    def bare(self, text):
        def handler(request):
            self.authenticate(request)
            return Answer(200, text, "text/plain")

        return handler

    def account(self, request):
        user = self.authenticate(request)
        return answer_json({"username": user.username, "domain": user.domain, "extension": user.extension})

    def operation(self, request, service, key):
        """Settings of an extension (K-OP, D)."""
        user = self.authenticate(request)
        if not user.operations and key != user.extension:
            raise Refused(Answer(403), "neither the right nor the own extension")
        if service not in SERVICES:
            raise Refused(Answer(400), "no such service")
        at = (user.domain, service, key)
        if request.method == "DELETE":
            self.operations.pop(at, None)
            return Answer(200, media=None)
        if request.method == "POST":
            self.operations[at] = self.operation_data(request)
        known = {"tenantUuid": uid_of(user.domain), "serviceName": service, "key": key}
        return answer_json({**known, "operationData": self.operations.get(at, "")})

    @staticmethod
    def operation_data(request):
        try:
            data = body_of(request)["operationData"]
        except (ValueError, KeyError, TypeError):
            data = None
        if not isinstance(data, str):
            raise Refused(Answer(400), "no operationData")
        return data

    def records(self, request, format, years="", months="", days=""):
        user = self.authenticate(request)
        if format not in FORMATS:
            raise Refused(Answer(404), "no such format")
        fits = between(request) if request.method == "POST" else on_days(years, months, days)
        calls = [call for call in self.exchange.ended if call.line.endswith(f"@{user.domain}")]
        # To `admin` the last three digits do not show (D).
        rows = [record(call, masked=user.username == "admin") for call in calls]
        return written([row for row in rows if fits(row)], request, format)

    # What the PBX tells others ("Notifica eventi", D).

    def tell(self, happened, call):
        self.ami.tell(happened, call)
        name = EVENTS[happened]
        if happened == "ended" and not call.answered:
            self.notification("pbx.extension.missedcall", call)
        self.notification(name, call)

    def notification(self, name, call):
        to = self.notify
        if not to or name not in to["events"]:
            return
        values = {"event_id": str(next(self.events)), "event_name": name, "event_timestamp": str(int(self.clock.now()))}
        # The parameters of pbx.call.start and pbx.call.end are not known (U); these three are assumed (I).
        parameters = {"uniqueid": call.id, "caller_num": call.line.partition("@")[0], "called_num": call.number}
        if name != "pbx.call.start":
            parameters["reason"] = {"normalClearing": "ANSWERED", "busy": "BUSY"}.get(call.cause, "CANCELED")
        values["call_params[JSON]"] = to_json(parameters)
        values["call_params[AVP]"] = "\n".join(f"{key}={value}" for key, value in parameters.items())
        values["call_params[XML]"] = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in parameters.items())
        body = to["template"]
        for key, value in values.items():
            body = body.replace(f"%{key}%", value)
        headers = {"Content-Type": to["content_type"]}
        if to["user"]:
            pair = base64.b64encode(f"{to['user']}:{to['password']}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        self.outbox.send(call.id, name, lambda: (to["url"], to["method"], headers, body.encode()))

    # The way in for tests.

    def fake_routes(self):
        add = self.admin.add
        add("PUT", "/_fake/tenants/{domain}", self.admin_tenant)
        add("PUT", "/_fake/users/{domain}/{username}", self.admin_user)
        add("DELETE", "/_fake/users/{domain}/{username}", self.admin_forget)
        add("PUT", "/_fake/extensions", self.admin_extensions)
        add("PUT", "/_fake/notify", self.admin_notify)

    def admin_tenant(self, request, domain):
        salt = body_of(request)["salt"]
        self.add_tenant(domain, salt)
        self.state.put("tenant", domain, salt)
        return Answer(204)

    def admin_user(self, request, domain, username):
        user = {"domain": domain, "username": username, **body_of(request)}
        self.add_user(**user)
        self.state.put("user", f"{domain}/{username}", user)
        return answer_json({"digest_password": self.users[domain, username].digest_password})

    def admin_forget(self, request, domain, username):
        del self.users[domain, username]
        self.state.drop("user", f"{domain}/{username}")
        return Answer(204)

    def admin_extensions(self, request):
        """A list such as `["201@default"]`; null: there is any."""
        self.extensions = body_of(request)
        return Answer(204)

    def admin_notify(self, request):
        """Where events go: url, method, template, content_type, user, password, events; null: nowhere."""
        usual = {
            "method": "POST",
            "template": TEMPLATE,
            "content_type": "application/json",
            "user": "",
            "password": "",
            "events": ["pbx.call.start", "pbx.call.end"],
        }
        wanted = body_of(request)
        if wanted and set(wanted) - set(usual) - {"url"}:
            raise ValueError(f"there are url, {', '.join(usual)}")
        self.notify = wanted and {**usual, **wanted}
        return Answer(204)


def uid_of(domain):
    """A tenant's uid, as settings and the manager interface show it."""
    return f"tenant-{domain}"


if __name__ == "__main__":
    main(Kalliope)
