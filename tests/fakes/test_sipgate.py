"""The fake sipgate against the vectors and the documented facts, over sockets."""

import base64
import hashlib
import http.server
import json
import secrets
import threading
import unittest
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import rsa
from running import VECTORS, FakeCase
from sipgate_oauth import CLIENT

FACTS = json.loads((VECTORS / "protocols.json").read_text())["sipgate"]
REALM = "/auth/realms/sipgate-apps/protocol/openid-connect"
JSON = {"Accept": "application/json", "Content-Type": "application/json"}
PAT = {**JSON, "Authorization": FACTS["pat"]["authorization"]}
BACK = "https://gate.example/connect/sipgate/callback"


class Signatures(unittest.TestCase):
    def test_the_vendors_signature_verifies_and_a_changed_body_does_not(self):
        fact = FACTS["webhook_signature"]
        key, signature = rsa.public(fact["public_key_pem"]), base64.b64decode(fact["signature_b64"])
        self.assertTrue(rsa.verify(*key, fact["body"].encode(), signature))
        self.assertFalse(rsa.verify(*key, fact["tampered_body"].encode(), signature))

    def test_what_is_signed_verifies_by_the_public_key(self):
        key = rsa.Key(rsa.generate(1024))
        n, e = rsa.public(key.public_pem())
        self.assertEqual((n, e), (key.n, key.e))
        signature = key.sign(b"text")
        self.assertTrue(rsa.verify(n, e, b"text", signature))
        self.assertFalse(rsa.verify(n, e, b"test", signature))


class Hearer:
    """A web server that hears webhooks, and answers `newCall` as `reply` says."""

    def __init__(self, reply):
        hearer = self
        self.heard, self.reply = [], reply

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hearer.heard.append((self.path, dict(self.headers), body))
                answer = hearer.reply(hearer) if b"event=newCall" in body else b""
                self.send_response(200)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()


class SipgateCase(FakeCase):
    fake = "sipgate"
    options = ["--bits", "1024"]

    def setUp(self):
        super().setUp()
        self.admin("PUT", "life", {"ring": None})

    def api(self, method, path, body=None, headers=PAT):
        return self.ask(method, f"/v2{path}", headers, None if body is None else json.dumps(body))

    def dial(self, **more):
        return self.api("POST", "/sessions/calls", {"caller": "e0", "callee": "+4915799912345", **more})


class OAuth(SipgateCase):
    def form(self, **fields):
        fields = {"client_id": CLIENT, "client_secret": "client-secret", **fields}
        return self.ask(
            "POST", f"{REALM}/token", {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(fields)
        )

    def code(self, **more):
        query = {
            "client_id": CLIENT,
            "redirect_uri": BACK,
            "scope": "sessions:calls:write",
            "response_type": "code",
            "state": "x y",
            **more,
        }
        reply = self.ask("GET", f"{REALM}/auth?{urlencode(query)}")
        self.assertEqual(reply.status, 302)
        return parse_qs(urlsplit(reply.headers["Location"]).query)

    def login(self, **more):
        return self.form(grant_type="authorization_code", code=self.code(**more)["code"][0], redirect_uri=BACK)

    def bearer(self, token):
        return {**JSON, "Authorization": f"Bearer {token}"}

    def test_a_code_gives_a_set_of_the_documented_form_once(self):
        back = self.code()
        self.assertEqual(back["state"], ["x y"])
        fields = {"grant_type": "authorization_code", "code": back["code"][0], "redirect_uri": BACK}
        got = self.form(**fields)
        keys = "session_state token_type id_token refresh_token access_token not-before-policy expires_in refresh_expires_in"
        self.assertEqual(set(got.json), set(keys.split()))
        self.assertEqual(
            (got.json["token_type"], got.json["expires_in"], got.json["refresh_expires_in"]), ("bearer", 300, 2592000)
        )
        again = self.form(**fields)
        self.assertEqual((again.status, again.json["error"]), (400, "invalid_grant"))

    def test_tokens_differ_in_typ_alone_and_verify_by_the_keys(self):
        got = self.login().json
        (jwk,) = self.ask("GET", f"{REALM}/certs").json["keys"]
        n, e = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="), "big") for name in "ne")
        claims = {}
        for name in ("access_token", "refresh_token", "id_token"):
            head, body, signature = got[name].split(".")
            self.assertTrue(rsa.verify(n, e, f"{head}.{body}".encode(), base64.urlsafe_b64decode(signature + "==")))
            claims[name] = json.loads(base64.urlsafe_b64decode(body + "=="))
            self.assertEqual(json.loads(base64.urlsafe_b64decode(head + "=="))["kid"], jwk["kid"])
        self.assertEqual([each["typ"] for each in claims.values()], ["Bearer", "Refresh", "ID"])
        self.assertEqual(claims["access_token"]["realm_access"], {"roles": ["sessions:calls:write"]})
        discovery = self.ask("GET", "/auth/realms/sipgate-apps/.well-known/openid-configuration").json
        self.assertEqual(claims["access_token"]["iss"], discovery["issuer"])

    def test_a_refresh_ends_the_former_set(self):
        first = self.login().json
        self.assertEqual(
            self.api("GET", "/authorization/userinfo", headers=self.bearer(first["access_token"])).json["sub"], "w0"
        )
        second = self.form(grant_type="refresh_token", refresh_token=first["refresh_token"]).json
        self.assertEqual(
            self.api("GET", "/authorization/userinfo", headers=self.bearer(first["access_token"])).status, 401
        )
        self.assertEqual(
            self.api("GET", "/authorization/userinfo", headers=self.bearer(second["access_token"])).status, 200
        )
        late = self.form(grant_type="refresh_token", refresh_token=first["refresh_token"])
        self.assertEqual((late.status, late.json["error"]), (400, "invalid_grant"))
        self.assertEqual(self.form(grant_type="refresh_token", refresh_token=second["refresh_token"]).status, 200)

    def test_tokens_expire_and_consent_is_taken_back(self):
        first = self.login().json
        self.admin("PUT", "clock", {"advance": 301})
        self.assertEqual(
            self.api("GET", "/authorization/userinfo", headers=self.bearer(first["access_token"])).status, 401
        )
        second = self.form(grant_type="refresh_token", refresh_token=first["refresh_token"]).json
        self.admin("DELETE", "sets")
        gone = self.form(grant_type="refresh_token", refresh_token=second["refresh_token"])
        self.assertEqual(gone.json["error"], "invalid_grant")

    def test_wrong_codes_clients_and_proofs(self):
        code = self.code()["code"][0]
        self.assertEqual(
            self.form(grant_type="authorization_code", code=code, redirect_uri="https://other").json["error"],
            "invalid_grant",
        )
        self.assertEqual(self.form(grant_type="refresh_token", refresh_token="x", client_secret="wrong").status, 401)
        self.assertEqual(self.form(grant_type="password").json["error"], "unsupported_grant_type")
        verifier = secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        for sent, status in ((verifier, 200), ("wrong", 400)):
            code = self.code(code_challenge=challenge, code_challenge_method="S256")["code"][0]
            got = self.form(grant_type="authorization_code", code=code, redirect_uri=BACK, code_verifier=sent)
            self.assertEqual(got.status, status)
        self.admin("PUT", "login", {"denied": True})
        self.assertEqual(self.code()["error"], ["access_denied"])
        self.admin("PUT", "clients/strict", {"redirect_uris": [BACK]})
        refused = self.ask("GET", f"{REALM}/auth?client_id=strict&redirect_uri={BACK}x&response_type=code")
        self.assertEqual(refused.status, 400)

    def test_scopes_are_any_one_of(self):
        token = self.login(scope="sessions:calls:write").json["access_token"]
        self.assertEqual(
            self.api(
                "POST", "/sessions/calls", {"caller": "e0", "callee": "+4915799912345"}, self.bearer(token)
            ).status,
            200,
        )
        self.assertEqual(self.api("GET", "/calls", headers=self.bearer(token)).status, 403)


class Calls(SipgateCase):
    def test_a_call_is_listed_only_when_it_is_answered(self):
        id = self.dial().json["sessionId"]
        self.assertEqual(self.api("GET", "/calls").json, {"data": []})
        self.admin("POST", f"calls/{id}/answer")
        (call,) = self.api("GET", "/calls").json["data"]
        self.assertEqual((call["callId"], call["hold"]), (id, False))
        self.assertEqual(call["participants"][1]["phoneNumber"], "+4915799912345")
        hung_up = self.api("DELETE", f"/calls/{id}")
        self.assertEqual((hung_up.status, hung_up.body), (204, b""))
        self.assertEqual(self.api("DELETE", f"/calls/{id}").status, 404)
        self.assertEqual(self.api("GET", "/calls").json, {"data": []})
        (row,) = self.api("GET", "/history?types=CALL&limit=5").json["items"]
        self.assertEqual((row["callId"], row["callStatus"], row["direction"]), (id, "SUCCESS", "OUTGOING"))
        self.assertEqual(self.api("GET", "/history?limit=1001").status, 400)

    def test_each_documented_refusal(self):
        for more, status in (
            ({"callee": "abc"}, 400),
            ({"caller": "q0"}, 400),
            ({"caller": "+492111000000"}, 400),
            ({"caller": "e9"}, 404),
            ({"callerId": "+49301234567"}, 403),
            ({"callerId": "+492111000000"}, 200),
        ):
            with self.subTest(more):
                self.assertEqual(self.dial(**more).status, status)
        self.admin("PUT", "balance", 0)
        self.assertEqual(self.dial().status, 402)
        self.assertEqual(len(self.log("dialled")), 1)
        for headers in ({**PAT, "Content-Type": "text/plain"}, {**PAT, "Accept": "text/html"}):
            self.assertEqual(self.api("POST", "/sessions/calls", {}, headers).status, 415)
        self.assertEqual(self.api("GET", "/calls", headers=JSON).status, 401)
        self.assertEqual(self.api("PATCH", "/calls").status, 405)

    def test_a_200_does_not_mean_a_call(self):
        self.admin("PUT", "users/w0", {"devices": [{"id": "e0", "online": False}]})
        self.assertEqual(self.dial().status, 200)
        self.assertEqual(self.log("dialled"), [])
        self.assertFalse(self.api("GET", "/w0/devices").json["items"][0]["online"])

    def test_too_many_requests(self):
        self.admin(
            "PUT", "faults", [{"do": "refuse", "status": 429, "path": "sessions", "headers": {"Retry-After": "2"}}]
        )
        refused = self.dial()
        self.assertEqual((refused.status, refused.headers["Retry-After"]), (429, "2"))

    def test_a_narrow_token_is_refused(self):
        self.admin("PUT", "pats/token-abcdef", {"token": FACTS["pat"]["token"], "scopes": ["rtcm:read"]})
        pair = base64.b64encode(f"token-abcdef:{FACTS['pat']['token']}".encode()).decode()
        headers = {**JSON, "Authorization": f"Basic {pair}"}
        self.assertEqual(self.api("GET", "/calls", headers=headers).status, 200)
        self.assertEqual(self.api("POST", "/sessions/calls", {}, headers).status, 403)
        self.admin("DELETE", "pats/token-abcdef")
        self.assertEqual(self.api("GET", "/calls", headers=headers).status, 401)

    def test_calls_live_as_the_seed_says(self):
        def lives():
            running = self.start("--bits", "1024", "--seed", "5")
            life = {"ring": [0, 0.05], "talk": [0, 0.05], "no_answer": 0.3, "busy": 0.2}
            running.admin("PUT", "life", life)
            for _ in range(20):
                body = json.dumps({"caller": "e0", "callee": "+4915799912345"})
                running.ask("POST", "/v2/sessions/calls", PAT, body)
            self.eventually(lambda: not running.admin("GET", "calls"))
            ended = sorted(running.admin("GET", "ended"), key=lambda call: call["more"]["ordinal"])
            return [call["cause"] for call in ended]

        first = lives()
        self.assertEqual(set(first), {"normalClearing", "busy", "noAnswer"})
        self.assertEqual(first, lives())


class Webhooks(SipgateCase):
    BOTH = b'<?xml version="1.0" encoding="UTF-8"?><Response onAnswer="%(url)b/secret" onHangup="%(url)b/secret"/>'

    def hearer(self, reply):
        hearer = Hearer(lambda hearer: reply % {b"url": hearer.url.encode()} if b"%(" in reply else reply)
        self.addCleanup(hearer.end)
        self.admin("PUT", "webhooks", {"incomingUrl": f"{hearer.url}/in", "outgoingUrl": f"{hearer.url}/out"})
        return hearer

    def test_a_call_is_told_from_ring_to_end_signed_and_in_order(self):
        hearer = self.hearer(self.BOTH)
        key = rsa.public(self.ask("GET", "/_fake/key", port="admin").text)
        id = self.dial().json["sessionId"]
        self.admin("POST", f"calls/{id}/answer")
        self.admin("POST", f"calls/{id}/end", {"cause": "normalClearing"})
        self.eventually(lambda: len(hearer.heard) == 3)
        facts = [dict(parse_qsl(body.decode())) for _, _, body in hearer.heard]
        self.assertEqual([each["event"] for each in facts], ["newCall", "answer", "hangup"])
        self.assertEqual({each["callId"] for each in facts}, {id})
        self.assertEqual((facts[0]["to"], facts[0]["direction"], facts[0]["userId[]"]), ("4915799912345", "out", "w0"))
        self.assertEqual((facts[1]["userId"], facts[2]["cause"]), ("w0", "normalClearing"))
        self.assertEqual([path for path, _, _ in hearer.heard], ["/out", "/secret", "/secret"])
        for _, headers, body in hearer.heard:
            self.assertTrue(rsa.verify(*key, body, base64.b64decode(headers["X-Sipgate-Signature"])))
            self.assertEqual(headers["Content-Type"], "application/x-www-form-urlencoded; charset=UTF-8")

    def test_answer_and_hangup_are_told_only_if_asked_for(self):
        hearer = self.hearer(b"<Response/>")
        id = self.dial().json["sessionId"]
        self.admin("POST", f"calls/{id}/answer")
        self.admin("POST", f"calls/{id}/end")
        self.eventually(lambda: hearer.heard and self.admin("GET", "outbox")["waiting"] == 0)
        self.assertEqual(len(hearer.heard), 1)

    def test_a_refusal_ends_an_incoming_call(self):
        hearer = self.hearer(b'<Response><Reject reason="busy"/></Response>')
        self.admin("POST", "calls", {"line": "e0", "number": "+49301234567"})
        (ended,) = self.eventually(lambda: self.log("ended"))
        self.assertEqual((ended["cause"], ended["by"]), ("busy", "webhook"))
        self.assertEqual(hearer.heard[0][0], "/in")

    def test_lost_and_doubled_hangups(self):
        self.hearer(self.BOTH)
        self.admin("PUT", "outbox", {"lose": 1, "event": "hangup", "double": 1})
        id = self.dial().json["sessionId"]
        self.admin("POST", f"calls/{id}/end")
        self.eventually(lambda: self.log("lost"))
        self.assertEqual([line["message"] for line in self.log("told")], ["newCall", "newCall"])

    def test_settings_by_the_api_and_forged_events(self):
        hearer = self.hearer(self.BOTH)
        urls = {"incomingUrl": "", "outgoingUrl": ""}
        self.assertEqual(self.api("PUT", "/settings/sipgateio", urls).status, 204)
        self.assertEqual(self.api("PUT", "/settings/sipgateio", {"incomingUrl": ""}).status, 400)
        self.assertEqual(self.api("GET", "/settings/sipgateio").json, {**urls, "log": False, "whitelist": None})
        self.dial()
        self.admin(
            "POST",
            "push",
            {"url": f"{hearer.url}/x", "facts": [["event", "hangup"], ["callId", "1"]], "signature": "AAAA"},
        )
        self.eventually(lambda: hearer.heard)
        self.assertEqual(
            [(path, headers["X-Sipgate-Signature"]) for path, headers, _ in hearer.heard], [("/x", "AAAA")]
        )


if __name__ == "__main__":
    unittest.main()
