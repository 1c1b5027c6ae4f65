"""The fake wazo-auth against the observed facts, over sockets."""

import base64
import json
import unittest

from running import VECTORS, FakeCase
from wazo_acl import allows, may_add, may_remove
from wazo_auth import MASTER

ALICE = "62ffe723-a654-4b97-8fbf-50e44517ef42"
BRANCH = "11111111-1111-4111-8111-111111111111"
NOBODY = "00000000-0000-4000-8000-000000000000"


class Acl(unittest.TestCase):
    def test_each_vector_is_answered_as_wazo_does(self):
        judges = {"match": allows, "may_add": may_add, "may_remove": may_remove}
        rows = [line.split("\t") for line in (VECTORS / "acl.tsv").read_text().splitlines() if line and line[0] != "#"]
        self.assertGreater(len(rows), 40)
        for op, auth_id, session, patterns, required, expected, note in rows:
            with self.subTest(note):
                got = judges[op](json.loads(patterns), required.replace("\\n", "\n"), auth_id, session)
                self.assertEqual(got, expected == "true")


def basic(login, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()}


class WazoCase(FakeCase):
    fake = "wazo"

    def setUp(self):
        super().setUp()
        self.admin("PUT", f"tenants/{BRANCH}", {"name": "branch"})
        user = {
            "username": "Alice",
            "password": "pässwörd",
            "email": "alice@example.org",
            "acl": ["foo.me.#", "!foo.me.secret"],
        }
        self.admin("PUT", f"users/{ALICE}", user)

    def token(self, **more):
        return self.admin("POST", "tokens", {"user": ALICE, **more})

    def post(self, body, headers=None):
        return self.ask("POST", "/0.1/token", headers, json.dumps(body))


class Tokens(WazoCase):
    def test_a_login_gives_a_token_of_the_observed_form(self):
        reply = self.post({"expiration": 60, "backend": "whatever"}, basic("aLiCe", "pässwörd"))
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["Wazo-Sessions-Revoked"], "0")
        self.assertEqual(reply.headers["Access-Control-Allow-Origin"], "*")
        token = reply.json["data"]
        keys = "token auth_id xivo_user_uuid xivo_uuid issued_at expires_at utc_issued_at utc_expires_at acl metadata session_uuid"
        self.assertEqual(set(token), {*keys.split(), "remote_addr", "user_agent"})
        self.assertEqual(
            set(token["metadata"]), {"uuid", "tenant_uuid", "auth_id", "pbx_user_uuid", "xivo_uuid", "purpose"}
        )
        self.assertRegex(token["utc_issued_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$")
        read = self.ask("GET", f"/api/auth/0.1/token/{token['token'].upper()}").json["data"]
        self.assertTrue(read["utc_issued_at"].endswith(".000000"))
        self.assertEqual(read["acl"], ["foo.me.#", "!foo.me.secret"])

    def test_an_address_and_other_spellings_log_in_too(self):
        self.assertEqual(self.post([], basic("ALICE@example.org", "pässwörd")).status, 200)
        self.assertEqual(self.post({"expiration": "60"}, basic("alice", "pässwörd")).status, 200)
        self.assertEqual(self.post({"expiration": 1.5}, basic("alice", "pässwörd")).status, 200)

    def test_every_failed_login_is_the_same(self):
        lower = {"Authorization": basic("alice", "pässwörd")["Authorization"].replace("Basic", "basic")}
        for headers in ({}, basic("alice", "wrong"), basic("nobody", "x"), basic("", ""), lower):
            reply = self.post({}, headers)
            self.assertEqual(reply.status, 401)
            self.assertEqual(reply.json["reason"], ["Authentication Failed"])
            self.assertIsInstance(reply.json["timestamp"][0], float)
            self.assertEqual(reply.json["status_code"], 401)

    def test_bad_bodies_are_refused(self):
        self.assertEqual(self.ask("POST", "/0.1/token", basic("alice", "pässwörd")).status, 400)
        bad = [
            {"expiration": 0},
            {"expiration": 315360001},
            {"access_type": "offline"},
            {"refresh_token": "x"},
            {"access_type": "offline", "client_id": "c", "refresh_token": "x"},
            {"client_id": ""},
        ]
        for body in bad:
            with self.subTest(body):
                self.assertEqual(self.post(body, basic("alice", "pässwörd")).status, 400)

    def test_a_refresh_token_neither_rotates_nor_expires(self):
        offline = {"access_type": "offline", "client_id": "cli"}
        first = self.post(offline, basic("alice", "pässwörd")).json["data"]["refresh_token"]
        self.assertEqual(self.post(offline, basic("alice", "pässwörd")).json["data"]["refresh_token"], first)
        renewed = self.post({"refresh_token": first, "client_id": "cli"})
        self.assertNotIn("refresh_token", renewed.json["data"])
        self.assertEqual(self.post({"refresh_token": first, "client_id": "other"}).status, 401)

    def test_too_many_sessions(self):
        running = self.start("--max-sessions", 1)
        running.admin("PUT", f"users/{ALICE}", {"password": "pw", "username": "alice"})
        statuses = [running.ask("POST", "/0.1/token", basic("alice", "pw"), "{}").status for _ in range(2)]
        self.assertEqual(statuses, [200, 429])


class Checks(WazoCase):
    def head(self, token, query=""):
        return self.ask("HEAD", f"/0.1/token/{token}{query}")

    def test_head_and_get_decide_scope_then_tenant(self):
        id = self.token()["token"]
        cases = [
            ("", 204),
            ("?scope=foo.me.bar", 204),
            (f"?scope=foo.{ALICE}.bar", 204),
            ("?scope=foo.me.secret", 403),
            ("?scope=", 403),
            ("?scope=foo.me.bar&scope=nothing", 204),
            (f"?tenant={MASTER}", 204),
            (f"?tenant={BRANCH}", 204),
            (f"?tenant={NOBODY}", 403),
            ("?tenant=", 204),
        ]
        for query, status in cases:
            with self.subTest(query):
                self.assertEqual(self.head(id, query).status, status)
                got = self.ask("GET", f"/0.1/token/{id}{query}")
                self.assertEqual(got.status, 200 if status == 204 else status)
        both = self.ask("GET", f"/0.1/token/{id}?scope=x&tenant={NOBODY}")
        self.assertEqual(both.json["reason"], ["Unauthorized for x"])
        self.assertEqual(self.head(id).headers["Content-Type"], "application/json")
        self.assertGreater(int(self.head(id, "?scope=x").headers["Content-Length"]), 10)

    def test_unknown_expired_and_malformed_tokens(self):
        short = self.token(lifetime=5)["token"]
        self.assertEqual(self.head(short).status, 204)
        self.admin("PUT", "clock", {"advance": 6})
        self.assertEqual(self.head(short).status, 404)
        unknown = self.ask("GET", f"/0.1/token/{NOBODY}")
        self.assertEqual((unknown.status, unknown.json["reason"]), (404, ["No such token"]))
        for path in (NOBODY.replace("-", ""), NOBODY + "/"):
            page = self.ask("GET", f"/0.1/token/{path}")
            self.assertEqual(page.status, 404)
            self.assertIn("text/html", page.headers["Content-Type"])

    def test_deletion_always_succeeds_and_tells_the_session(self):
        token = self.token()
        hearer = self.start()
        self.admin("PUT", "hook", f"http://127.0.0.1:{hearer.ports['port']}/hook")
        for id in (token["token"], token["token"], NOBODY):
            self.assertEqual(self.ask("DELETE", f"/0.1/token/{id}").json, {"data": {"message": "success"}})
        self.assertEqual(self.head(token["token"]).status, 404)
        (published,) = self.log("published")
        self.assertEqual(published["data"]["uuid"], token["session_uuid"])
        self.assertNotIn(token["token"], json.dumps(published))
        self.eventually(lambda: self.log("told"))

    def test_scopes_are_checked_together(self):
        id = self.token()["token"]
        path = f"/0.1/token/{id}/scopes/check"
        reply = self.ask("POST", path, body=json.dumps({"scopes": ["foo.me.a", "x", "x"], "tenant_uuid": None}))
        self.assertEqual(reply.json, {"scopes": {"foo.me.a": True, "x": False}})
        self.assertEqual(self.ask("POST", path, body="{}").status, 400)
        elsewhere = json.dumps({"scopes": [], "tenant_uuid": NOBODY})
        self.assertEqual(self.ask("POST", path, body=elsewhere).status, 403)

    def test_changes_of_a_user_do_not_reach_tokens_but_disabling_does(self):
        id = self.token()["token"]
        self.admin("PUT", f"users/{ALICE}", {"acl": []})
        self.assertEqual(self.head(id, "?scope=foo.me.bar").status, 204)
        self.admin("DELETE", f"users/{ALICE}")
        self.assertEqual(self.head(id).status, 204)
        gone = self.ask("GET", f"/0.1/token/{id}?tenant={MASTER}")
        self.assertEqual((gone.status, gone.json["error_id"]), (404, "unknown-user"))
        self.admin("PUT", f"users/{ALICE}", {"enabled": False})
        self.assertEqual(self.head(id).status, 404)

    def test_tenants_and_sessions_need_their_access(self):
        low, high = self.token(), self.token(acl=["auth.#"])
        for path, access in (("/0.1/tenants", "auth.tenants.read"), ("/0.1/sessions", "auth.sessions.read")):
            refused = self.ask("GET", path, {"X-Auth-Token": low["token"]}).json
            self.assertEqual(refused["error_id"], "unauthorized")
            self.assertEqual(refused["details"]["reason"], "missing_permission_or_invalid_tenant")
            self.assertEqual(refused["details"]["required_access"], access)
            self.assertEqual(self.ask("GET", path).json["details"]["invalid_token"], "")
        seen = self.ask("GET", "/0.1/tenants", {"X-Auth-Token": high["token"]}).json
        self.assertEqual({tenant["uuid"] for tenant in seen["items"]}, {MASTER, BRANCH})
        below = self.ask("GET", "/0.1/tenants", {"X-Auth-Token": high["token"], "Wazo-Tenant": BRANCH}).json
        self.assertEqual(below["total"], 1)
        wrong = self.ask("GET", "/0.1/tenants", {"X-Auth-Token": high["token"], "Wazo-Tenant": NOBODY})
        self.assertEqual((wrong.status, wrong.json["error_id"]), (401, "unauthorized-tenant"))
        self.assertEqual(
            self.ask("DELETE", f"/0.1/sessions/{low['session_uuid']}", {"X-Auth-Token": high["token"]}).status, 204
        )
        self.assertEqual(self.head(low["token"]).status, 404)

    def test_status_and_what_is_not_there(self):
        self.assertEqual(self.ask("HEAD", "/0.1/status").status, 200)
        wrong = self.ask("GET", "/0.1/status")
        self.assertEqual((wrong.status, wrong.headers["Allow"]), (405, "HEAD, OPTIONS"))
        self.admin("PUT", "ready", False)
        self.assertEqual(self.ask("HEAD", "/0.1/status").status, 503)
        self.assertEqual(self.ask("GET", "/0.1/users/me").status, 404)

    def test_accent_names_things_differently(self):
        running = self.start("--brand", "Accent")
        running.admin("PUT", f"users/{ALICE}", {"username": "a", "password": "b"})
        reply = running.ask("POST", "/0.1/token", basic("a", "b"), "{}")
        self.assertNotIn("Wazo-Sessions-Revoked", reply.headers)
        self.assertEqual(reply.json["data"]["accent_user_uuid"], ALICE)
        id = reply.json["data"]["token"]
        self.assertNotIn(".", running.ask("GET", f"/0.1/token/{id}").json["data"]["utc_expires_at"])


if __name__ == "__main__":
    unittest.main()
