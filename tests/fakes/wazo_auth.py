"""wazo-auth 0.1: tokens, their checks, sessions, tenants."""

import base64
import binascii
import hmac
import json
import re
import uuid
from datetime import datetime, timezone

from fake import Answer, answer_json, body_of
from wazo_acl import allows
from wazo_errors import ANYBODY, api, framework, page, reason, unauthorized

UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MASTER = "2c34c282-433e-4bb8-8d56-fec14ff7e1e9"
STACK = "d1534a6c-3e35-44db-b4df-0e2957cdea77"
LONGEST = 315_360_000


class Auth:
    """Users, tenants and tokens of a fake."""

    def __init__(self, fake):
        self.fake = fake
        state = fake.state
        self.users, self.tenants, self.tokens = state.all("user"), state.all("tenant"), state.all("token")
        self.refresh = state.all("refresh")
        self.ready = True
        if MASTER not in self.tenants:
            state.put("tenant", MASTER, {"uuid": MASTER, "parent_uuid": MASTER, "name": "master", "slug": "master"})
        self.of_session = {token["session_uuid"]: id for id, token in self.tokens.items()}
        self.add_routes()
        self.add_admin()

    def add_routes(self):
        add = self.fake.routes.add
        add("POST", "/0.1/token", self.create)
        add("GET HEAD", "/0.1/token/{id}", self.read)
        add("DELETE", "/0.1/token/{id}", self.delete)
        add("POST", "/0.1/token/{id}/scopes/check", self.check_scopes)
        add("GET", "/0.1/tenants", self.list_tenants)
        add("GET", "/0.1/sessions", self.list_sessions)
        add("DELETE", "/0.1/sessions/{session}", self.delete_session)
        add("GET", "/0.1/backends", lambda request: good({"data": ["ldap_user", "wazo_user"]}))
        # GET is refused: 405 with Allow: HEAD, OPTIONS (O).
        add("HEAD OPTIONS", "/0.1/status", lambda request: Answer(200 if self.ready else 503, headers=ANYBODY))

    # Tokens.

    def create(self, request):
        if not request.body:
            raise framework(400, "The browser (or proxy) sent a request that this server could not understand.")
        try:
            # Whatever the Content-Type says; `[]` and `null` count as `{}` (O).
            asked = json.loads(request.body) or {}
        except ValueError:
            raise framework(400, "Failed to decode JSON object") from None
        if not isinstance(asked, dict):
            raise reason(400, "Invalid value supplied for field: _schema")
        lifetime = self.lifetime(asked)
        self.check_combination(asked)
        user = self.refreshed(asked) if "refresh_token" in asked else self.logged_in(request)
        self.check_sessions(user)
        token = self.issue(user, lifetime, request, mobile=self.is_mobile(request))
        request.truth.update(principal=user["uuid"], issued=token["token"])
        shown = self.shown(token, fraction=True)
        if asked.get("access_type") == "offline":
            shown["refresh_token"] = self.refresh_token(user, asked["client_id"])
        headers = [(f"{self.fake.brand}-Sessions-Revoked", "0")] if self.fake.brand == "Wazo" else []
        return good({"data": shown}, headers)

    def lifetime(self, asked):
        try:
            # "60" and 1.5 are taken, and truncated (O).
            lifetime = int(float(asked.get("expiration", self.fake.given.expiration)))
        except (TypeError, ValueError, OverflowError):
            lifetime = 0
        if not 1 <= lifetime <= LONGEST:
            raise reason(400, "Invalid value supplied for field: expiration")
        return lifetime

    @staticmethod
    def check_combination(asked):
        offline = asked.get("access_type", "online") == "offline"
        if asked.get("access_type", "online") not in ("online", "offline"):
            raise reason(400, "Invalid value supplied for field: access_type")
        if "client_id" in asked and not (isinstance(asked["client_id"], str) and 1 <= len(asked["client_id"]) <= 1024):
            raise reason(400, "Invalid value supplied for field: client_id")
        if (offline or "refresh_token" in asked) and "client_id" not in asked:
            raise reason(400, "Invalid value supplied for field: client_id")
        if offline and "refresh_token" in asked or "saml_session_id" in asked and "refresh_token" in asked:
            raise reason(400, "Invalid value supplied for field: refresh_token")

    def logged_in(self, request):
        """Every failure is the same 401."""
        sent = request.header("authorization")
        try:
            # The scheme is compared with its case.
            raw = base64.b64decode(sent[6:], validate=True) if sent.startswith("Basic ") else b""
        except (binascii.Error, ValueError):
            raw = b""
        try:
            pair = raw.decode()
        except UnicodeDecodeError:
            pair = raw.decode("latin-1")
        login, _, password = pair.partition(":")
        user = self.by_login(login) if login and password else None
        if not hmac.compare_digest((user or {}).get("password", "").encode(), password.encode()) or not user:
            raise reason(401, "Authentication Failed")
        return user

    def by_login(self, login):
        """An e-mail address comes first, then the user name; both whatever their case."""
        wanted = login.lower()
        enabled = [user for user in self.users.values() if user["enabled"]]
        for key in ("email", "username"):
            for user in enabled:
                if (user.get(key) or "").lower() == wanted:
                    return user
        return None

    def refreshed(self, asked):
        known = self.refresh.get(asked["refresh_token"])
        user = self.users.get(known["user"]) if known and known["client_id"] == asked["client_id"] else None
        if not user or not user["enabled"]:
            raise reason(401, "Authentication Failed")
        return user

    def refresh_token(self, user, client_id):
        """One for each user and client; it neither expires nor rotates (O)."""
        for value, known in self.refresh.items():
            if known == {"user": user["uuid"], "client_id": client_id}:
                return value
        value = str(uuid.uuid4())
        self.fake.state.put("refresh", value, {"user": user["uuid"], "client_id": client_id})
        return value

    def check_sessions(self, user):
        if user["purpose"] == "internal":
            return
        live = sum(token["auth_id"] == user["uuid"] for token in self.tokens.values())
        if live >= self.fake.given.max_sessions:
            raise reason(429, f"User {user['uuid']} has exceeded the maximum number of active sessions")

    def is_mobile(self, request):
        return request.header(f"{self.fake.brand}-session-type".lower()).lower() == "mobile"

    def issue(self, user, lifetime, request=None, **more):
        now = self.fake.clock.now()
        token = {
            "token": str(uuid.uuid4()),
            "auth_id": user["uuid"],
            "issued": now,
            # The end is a whole second: a token of one second can be dead after 0.1 s (O).
            "expires": int(now + lifetime),
            # Frozen: later changes of policies do not reach it (O).
            "acl": list(user["acl"]),
            "tenant_uuid": user["tenant_uuid"],
            "purpose": user["purpose"],
            "session_uuid": str(uuid.uuid4()),
            "remote_addr": request.peer.rpartition(":")[0] if request else "",
            "user_agent": request.header("user-agent") if request else "",
            "mobile": False,
            **more,
        }
        self.fake.state.put("token", token["token"], token)
        self.of_session[token["session_uuid"]] = token["token"]
        return token

    def shown(self, token, fraction=False):
        """As clients see it: with its fraction on the first answer; the store keeps whole seconds (O)."""
        issued = token["issued"] if fraction else int(token["issued"])
        person = token["auth_id"] if token["purpose"] == "user" else None
        brand = {"Wazo": "xivo", "Accent": "accent"}[self.fake.brand]
        return {
            "token": token["token"],
            "auth_id": token["auth_id"],
            f"{brand}_user_uuid": person,
            f"{brand}_uuid": STACK,
            # The server's local time; `utc_…` are UTC. None has a zone.
            "issued_at": datetime.fromtimestamp(issued).isoformat(),
            "expires_at": datetime.fromtimestamp(token["expires"]).isoformat(),
            "utc_issued_at": self.utc(issued),
            "utc_expires_at": self.utc(token["expires"]),
            "acl": token["acl"],
            "metadata": {
                "uuid": token["auth_id"],
                "tenant_uuid": token["tenant_uuid"],
                "auth_id": token["auth_id"],
                "pbx_user_uuid": person,
                f"{brand}_uuid": STACK,
                "purpose": token["purpose"],
            },
            "session_uuid": token["session_uuid"],
            "remote_addr": token["remote_addr"],
            "user_agent": token["user_agent"],
        }

    def utc(self, seconds):
        at = datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
        # Wazo always writes six digits; Accent only what there is.
        return at.strftime("%Y-%m-%dT%H:%M:%S.%f") if self.fake.brand == "Wazo" else at.isoformat()

    def live(self, id):
        """The token, if there is such a one that lives."""
        token = self.tokens.get(id.lower())
        if not token or self.fake.clock.now() > token["expires"]:
            return None
        return token

    def found(self, request, id):
        if not UUID.fullmatch(id):
            raise page()
        token = self.live(id)
        if not token:
            raise reason(404, "No such token")
        request.truth["principal"] = token["auth_id"]
        return token

    def read(self, request, id):
        token = self.found(request, id)
        scope = request.parameter("scope")
        if not self.allows(token, scope):
            raise reason(403, f"Unauthorized for {scope.encode('ascii', 'replace').decode()}")
        tenant = request.parameter("tenant")
        self.check_tenant(token, tenant)
        if request.method == "HEAD":
            return Answer(204, headers=ANYBODY)
        return good({"data": self.shown(token)})

    @staticmethod
    def allows(token, access):
        return allows(token["acl"], access, token["auth_id"], token["session_uuid"])

    def check_tenant(self, token, tenant):
        if not tenant:
            return
        if token["auth_id"] not in self.users:
            raise api(404, "No such user", "unknown-user", {"uuid": token["auth_id"]}, "users")
        if tenant not in self.visible(token["tenant_uuid"]):
            raise reason(403, f"Unauthorized for tenant {tenant}")

    def visible(self, top):
        """A tenant with all below it."""
        found, more = set(), {top} if top in self.tenants else set()
        while more:
            found |= more
            more = {uuid for uuid, tenant in self.tenants.items() if tenant["parent_uuid"] in more} - found
        return found

    def delete(self, request, id):
        """200 always, for a token that nobody knows too (O)."""
        if not UUID.fullmatch(id):
            raise page()
        self.forget(self.tokens.get(id.lower()))
        return good({"data": {"message": "success"}})

    def forget(self, token):
        if not token:
            return
        self.fake.state.drop("token", token["token"])
        self.of_session.pop(token["session_uuid"], None)
        facts = {"uuid": token["session_uuid"], "user_uuid": token["auth_id"], "tenant_uuid": token["tenant_uuid"]}
        # It names the session, never the token.
        self.fake.publish("auth_session_deleted", facts, token["auth_id"], token["tenant_uuid"])

    def check_scopes(self, request, id):
        token = self.found(request, id)
        try:
            asked = json.loads(request.body)
            scopes = [str(scope) for scope in asked["scopes"]]
        except (ValueError, KeyError, TypeError):
            # Upstream falls with 500 here (O).
            raise reason(400, "Invalid value supplied for field: scopes") from None
        self.check_tenant(token, asked.get("tenant_uuid"))
        return good({"scopes": {scope: self.allows(token, scope) for scope in scopes}})

    # What other resources ask, here and in the daemons.

    def need(self, request, access, id=None):
        """The live token of a request that holds `access`; `id` where the route takes it from elsewhere than its header."""
        id = id or request.header("x-auth-token")
        token = self.live(id)
        if not token:
            raise unauthorized(id, access, "not_found_or_expired")
        request.truth["principal"] = token["auth_id"]
        if not self.allows(token, access):
            raise unauthorized(id, access, "missing_permission_or_invalid_tenant", None)
        return token

    def tenant_in_daemon(self, request, token, access):
        """The daemons send the header's tenant with the check of the token, so a bad one looks like a bad token."""
        wanted = request.header(f"{self.fake.brand}-tenant".lower()) or token["tenant_uuid"]
        if wanted not in self.visible(token["tenant_uuid"]):
            raise unauthorized(token["token"], access, "missing_permission_or_invalid_tenant", wanted)
        return wanted

    def tenant_of(self, request, token):
        """The header's tenant, if the token may go there; without a header, its own."""
        wanted = request.header(f"{self.fake.brand}-tenant".lower()) or token["tenant_uuid"]
        if wanted not in self.visible(token["tenant_uuid"]):
            raise api(401, "Unauthorized tenant", "unauthorized-tenant", {"tenant_uuid": wanted})
        return wanted

    def list_tenants(self, request):
        token = self.need(request, "auth.tenants.read")
        seen = self.visible(self.tenant_of(request, token))
        items = [tenant for uuid, tenant in self.tenants.items() if uuid in seen]
        return good({"total": len(items), "filtered": len(items), "items": items})

    def list_sessions(self, request):
        token = self.need(request, "auth.sessions.read")
        seen = self.visible(self.tenant_of(request, token))
        items = [
            {
                "uuid": each["session_uuid"],
                "mobile": each["mobile"],
                "tenant_uuid": each["tenant_uuid"],
                "user_uuid": each["auth_id"],
            }
            for each in self.tokens.values()
            if each["tenant_uuid"] in seen and self.live(each["token"])
        ]
        return good({"total": len(items), "filtered": len(items), "items": items})

    def delete_session(self, request, session):
        """204, also when nobody knows it; its token ends at once."""
        self.need(request, f"auth.sessions.{session}.delete")
        self.forget(self.tokens.get(self.of_session.get(session)))
        return Answer(204, headers=ANYBODY)

    # The way in for tests.

    def add_admin(self):
        add = self.fake.admin.add
        add("PUT", "/_fake/tenants/{uuid}", self.admin_tenant)
        add("PUT", "/_fake/users/{uuid}", self.admin_user)
        add("DELETE", "/_fake/users/{uuid}", self.admin_forget)
        add("POST", "/_fake/tokens", self.admin_issue)
        add("GET", "/_fake/tokens", lambda request: answer_json(list(self.tokens.values())))
        add("DELETE", "/_fake/tokens/{id}", self.admin_revoke)
        add("PUT", "/_fake/ready", self.admin_ready)

    def admin_tenant(self, request, uuid):
        tenant = {"uuid": uuid, "parent_uuid": MASTER, "name": uuid[:8], "slug": uuid[:8], **body_of(request)}
        self.fake.state.put("tenant", uuid, tenant)
        return answer_json(tenant)

    def admin_user(self, request, uuid):
        usual = {
            "uuid": uuid,
            "username": uuid,
            "password": "",
            "email": None,
            "purpose": "user",
            "tenant_uuid": MASTER,
            "acl": [],
            "enabled": True,
            "lines": [],
        }
        wanted = body_of(request)
        if set(wanted) - set(usual):
            raise ValueError(f"there are {', '.join(usual)}")
        user = {**usual, **self.users.get(uuid, {}), **wanted}
        self.fake.state.put("user", uuid, user)
        if not user["enabled"]:
            for token in [token for token in self.tokens.values() if token["auth_id"] == uuid]:
                self.forget(token)
        return answer_json(user)

    def admin_forget(self, request, uuid):
        """The user's tokens live on, as upstream (O)."""
        self.fake.state.drop("user", uuid)
        return Answer(204)

    def admin_issue(self, request):
        """A token of `user` for `lifetime` seconds; any further member replaces one of the token's."""
        asked = body_of(request)
        user = self.users[asked.pop("user")]
        return answer_json(self.shown(self.issue(user, asked.pop("lifetime", 7200), **asked)))

    def admin_revoke(self, request, id):
        self.forget(self.tokens[id])
        return Answer(204)

    def admin_ready(self, request):
        """What HEAD /0.1/status says."""
        self.ready = body_of(request)
        return Answer(204)


def good(value, headers=(), status=200):
    return answer_json(value, status, [*ANYBODY, *headers])
