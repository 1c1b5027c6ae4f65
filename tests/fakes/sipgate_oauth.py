"""sipgate's Keycloak: authorization, tokens that rotate, and whom a request to the API is from."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import uuid
from urllib.parse import parse_qsl, urlencode

from fake import Answer, Refused, answer_json, body_of

BASE = "/auth/realms/{realm}/protocol/openid-connect"
ACCESS_LIFE, REFRESH_LIFE, CODE_LIFE = 300, 2_592_000, 60
PAT = ("token-FQ1V12", "e68ead46-a7db-46cd-8a1a-44aed1e4e372")
CLIENT = "2556404-0-dc848ae6-085c-11e8-92a6-31b99c83912e"


class Login:
    """Clients, personal access tokens and token sets of a fake."""

    def __init__(self, fake):
        self.fake, state = fake, fake.state
        self.sets, self.pats, self.clients = state.all("set"), state.all("pat"), state.all("client")
        self.codes, self.by_access, self.by_refresh = {}, {}, {}
        self.person, self.denied, self.key = "w0", False, None
        for id, each in self.sets.items():
            self.by_access[each["access"]], self.by_refresh[each["refresh"]] = id, id
        if not self.pats:
            state.put("pat", PAT[0], {"token": PAT[1], "user": "w0", "scopes": ["all"]})
        if not self.clients:
            state.put("client", CLIENT, {"secret": "client-secret", "redirect_uris": ["*"]})
        add = fake.routes.add
        add("GET", BASE + "/auth", self.authorize)
        add("POST", BASE + "/token", self.token)
        # Keycloak's convention; sipgate's text has neither (I).
        add("GET", BASE + "/certs", lambda request, realm: answer_json({"keys": [self.jwk()]}))
        add("GET", "/auth/realms/{realm}/.well-known/openid-configuration", self.discovery)
        self.add_admin()

    # Endpoints.

    def authorize(self, request, realm):
        """The person is logged in and agrees at once, or refuses at once."""
        asked = dict(parse_qsl(request.query, keep_blank_values=True))
        client = self.clients.get(asked.get("client_id"))
        to = asked.get("redirect_uri", "")
        if not client or not any(matches(pattern, to) for pattern in client["redirect_uris"]):
            raise Refused(
                Answer(400, "Invalid parameter: redirect_uri\n", "text/html"), "unknown client or redirect URI"
            )
        # A secret has no place in the browser; vendors' examples put it there all the same.
        request.truth["secret_in_url"] = "client_secret" in asked
        back = {"state": asked["state"]} if "state" in asked else {}
        if asked.get("response_type") != "code":
            return redirect(to, error="unsupported_response_type", **back)
        if self.denied:
            return redirect(to, error="access_denied", **back)
        code = f"{uuid.uuid4()}.{uuid.uuid4()}"
        self.codes[code] = {
            "client": asked["client_id"],
            "redirect_uri": to,
            "scope": asked.get("scope", ""),
            "user": self.person,
            "challenge": asked.get("code_challenge"),
            "method": asked.get("code_challenge_method", "plain"),
            "nonce": asked.get("nonce"),
            "realm": realm,
            "expires": self.fake.clock.now() + CODE_LIFE,
        }
        session = {"session_state": str(uuid.uuid4())}
        return redirect(to, **back, **session, code=code)

    def token(self, request, realm):
        if not request.header("content-type").startswith("application/x-www-form-urlencoded"):
            raise refused("invalid_request", "Content-Type")
        asked = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        client = self.client_of(request, asked)
        request.truth["client"] = client
        grant = asked.get("grant_type")
        request.truth["grant"] = grant
        if grant == "authorization_code":
            return self.by_code(request, asked, client, realm)
        if grant == "refresh_token":
            return self.by_refresh_token(request, asked, client)
        raise refused("unsupported_grant_type", "Unsupported grant_type")

    def client_of(self, request, asked):
        """The secret is in the form (S); Keycloak takes Basic too (I)."""
        id, secret = asked.get("client_id", ""), asked.get("client_secret", "")
        pair = basic_of(request)
        if pair:
            id, secret = pair
        known = self.clients.get(id)
        if not hmac.compare_digest((known or {}).get("secret", "").encode(), secret.encode()) or not known:
            raise refused("unauthorized_client", "Invalid client or Invalid client credentials", 401)
        return id

    def by_code(self, request, asked, client, realm):
        known = self.codes.pop(asked.get("code"), None)
        if (
            not known
            or known["expires"] < self.fake.clock.now()
            or known["client"] != client
            or known["realm"] != realm
        ):
            raise refused("invalid_grant", "Code not valid")
        if known["redirect_uri"] != asked.get("redirect_uri"):
            raise refused("invalid_grant", "Incorrect redirect_uri")
        if known["challenge"] and not proves(known, asked.get("code_verifier", "")):
            raise refused("invalid_grant", "PKCE verification failed")
        request.truth["principal"] = known["user"]
        session = str(uuid.uuid4())
        return self.issued(session, realm, client, known["user"], known["scope"], known["nonce"])

    def by_refresh_token(self, request, asked, client):
        """The new set ends the former one, both of its tokens (S-OAUTHPY)."""
        session = self.by_refresh.get(asked.get("refresh_token"))
        known = self.sets.get(session)
        if not known or known["client"] != client:
            raise refused("invalid_grant", "Invalid refresh token")
        if known["refresh"] != asked["refresh_token"]:
            if self.fake.given.reuse == "ends":
                self.forget(session)
            raise refused("invalid_grant", "Maximum allowed refresh token reuse exceeded")
        if known["refresh_expires"] < self.fake.clock.now():
            raise refused("invalid_grant", "Token is not active")
        request.truth["principal"] = known["user"]
        self.by_access.pop(known["access"], None)
        return self.issued(session, known["realm"], client, known["user"], known["scope"], None)

    def issued(self, session, realm, client, user, scope, nonce):
        now = int(self.fake.clock.now())
        access = self.jwt("Bearer", now, ACCESS_LIFE, session, realm, client, user, scope)
        refresh = self.jwt("Refresh", now, REFRESH_LIFE, session, realm, client, user, scope)
        more = {"nonce": nonce} if nonce else {}
        value = {
            "access_token": access,
            "expires_in": ACCESS_LIFE,
            "refresh_expires_in": REFRESH_LIFE,
            "refresh_token": refresh,
            "token_type": "bearer",
            "id_token": self.jwt("ID", now, ACCESS_LIFE, session, realm, client, user, scope, **more),
            "not-before-policy": 0,
            "session_state": session,
        }
        known = {
            "access": access,
            "refresh": refresh,
            "expires": now + ACCESS_LIFE,
            "refresh_expires": now + REFRESH_LIFE,
            "realm": realm,
            "client": client,
            "user": user,
            "scope": scope,
        }
        self.fake.state.put("set", session, known)
        # Former refresh tokens are remembered, so that their reuse is known from what never was.
        self.by_access[access], self.by_refresh[refresh] = session, session
        return answer_json(value, headers=[("Cache-Control", "no-store")])

    def forget(self, session):
        known = self.sets.get(session)
        if known:
            self.by_access.pop(known["access"], None)
            self.fake.state.drop("set", session)

    # Signed tokens. All three kinds have the same key, iss and aud: only `typ` tells them apart.

    def jwt(self, typ, now, life, session, realm, client, user, scope, **more):
        claims = {
            "jti": str(uuid.uuid4()),
            "exp": now + life,
            "nbf": 0,
            "iat": now,
            "iss": f"{self.fake.origin()}/auth/realms/{realm}",
            "aud": client,
            "sub": f"f:2e724444-e44a-49cc-8ad8-ef0412c44024:{957000 + int(user[1:] or 0)}",
            "typ": typ,
            "azp": client,
            "session_state": session,
            "realm_access": {"roles": scope.split()},
            "resource_access": {},
            **more,
        }
        key = self.signer()
        head = {"alg": "RS256", "typ": "JWT", "kid": self.jwk()["kid"]}
        text = f"{unpadded(json.dumps(head).encode())}.{unpadded(json.dumps(claims).encode())}"
        return f"{text}.{unpadded(key.sign(text.encode()))}"

    def signer(self):
        if not self.key:
            self.key = self.fake.kept_key("realm")
        return self.key

    def jwk(self):
        key = self.signer()
        kid = unpadded(hashlib.sha256(key.public_der()).digest())
        numbers = {
            name: unpadded(value.to_bytes((value.bit_length() + 7) // 8, "big"))
            for name, value in (("n", key.n), ("e", key.e))
        }
        return {"kid": kid, "kty": "RSA", "alg": "RS256", "use": "sig", **numbers}

    def discovery(self, request, realm):
        issuer = f"{self.fake.origin()}/auth/realms/{realm}"
        base = f"{issuer}/protocol/openid-connect"
        return answer_json(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{base}/auth",
                "token_endpoint": f"{base}/token",
                "jwks_uri": f"{base}/certs",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["plain", "S256"],
            }
        )

    # Who asks the API.

    def need(self, request, *scopes):
        """The user of a request that holds one of these scopes, or `all`."""
        user, held = (
            self.bearer(request) if request.header("authorization").startswith("Bearer ") else self.pat(request)
        )
        if user is None:
            raise Refused(Answer(401), held)
        request.truth["principal"] = user
        if scopes and not set(held) & {*scopes, "all"}:
            raise Refused(Answer(403), f"needs one of {', '.join(scopes)}")
        return user

    def bearer(self, request):
        known = self.sets.get(self.by_access.get(request.header("authorization")[7:]))
        if not known:
            return None, "unknown access token"
        if known["expires"] < self.fake.clock.now():
            return None, "expired access token"
        return known["user"], known["scope"].split()

    def pat(self, request):
        id, token = basic_of(request) or ("", "")
        known = self.pats.get(id)
        if not hmac.compare_digest((known or {}).get("token", "").encode(), token.encode()) or not known:
            return None, "unknown personal access token"
        return known["user"], known["scopes"]

    # The way in for tests.

    def add_admin(self):
        add = self.fake.admin.add
        add("PUT", "/_fake/pats/{id}", self.admin_pat)
        add("DELETE", "/_fake/pats/{id}", lambda request, id: self.admin_drop("pat", id))
        add("PUT", "/_fake/clients/{id}", self.admin_client)
        add("PUT", "/_fake/login", self.admin_login)
        add("POST", "/_fake/sets", self.admin_issue)
        add("GET", "/_fake/sets", lambda request: answer_json(self.sets))
        add("DELETE", "/_fake/sets", self.admin_forget)

    def admin_pat(self, request, id):
        self.fake.state.put(
            "pat", id, {"user": "w0", "scopes": ["all"], "token": str(uuid.uuid4()), **body_of(request)}
        )
        return answer_json(self.pats[id])

    def admin_drop(self, kind, id):
        self.fake.state.drop(kind, id)
        return Answer(204)

    def admin_client(self, request, id):
        self.fake.state.put("client", id, {"secret": secrets.token_hex(8), "redirect_uris": ["*"], **body_of(request)})
        return answer_json(self.clients[id])

    def admin_login(self, request):
        """Who is at the browser, and whether that person refuses."""
        wanted = body_of(request)
        self.person, self.denied = wanted.get("user", self.person), wanted.get("denied", False)
        return Answer(204)

    def admin_issue(self, request):
        """A token set without a browser: `user`, `client`, `scope`, `realm`."""
        usual = {"user": "w0", "client": CLIENT, "scope": "all", "realm": "sipgate-apps", "nonce": None}
        return self.issued(str(uuid.uuid4()), **{**usual, **body_of(request)})

    def admin_forget(self, request):
        """The persons took their consent back: all sets end, and refreshing says `invalid_grant`."""
        for session in list(self.sets):
            self.forget(session)
        return Answer(204)


def matches(pattern, uri):
    """A redirect URI may be registered with a wildcard at its end."""
    return bool(uri) and (uri.startswith(pattern[:-1]) if pattern.endswith("*") else uri == pattern)


def redirect(to, **parameters):
    joint = "&" if "?" in to else "?"
    return Answer(302, headers=[("Location", f"{to}{joint}{urlencode(parameters)}")])


def refused(error, description, status=400):
    return Refused(answer_json({"error": error, "error_description": description}, status), description)


def proves(known, verifier):
    """RFC 7636 §4.6."""
    if known["method"] == "S256":
        verifier = unpadded(hashlib.sha256(verifier.encode()).digest())
    return hmac.compare_digest(verifier.encode(), known["challenge"].encode())


def basic_of(request):
    sent = request.header("authorization")
    if not sent.startswith("Basic "):
        return None
    try:
        id, _, secret = base64.b64decode(sent[6:], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return id, secret


def unpadded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
