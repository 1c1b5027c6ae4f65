"""The fake calld, websocketd and call-logd, over sockets."""

import base64
import json
import os
import socket
import struct
import unittest

from running import FakeCase

ALICE = "62ffe723-a654-4b97-8fbf-50e44517ef42"
BOB = "9d05f8d6-3e2b-4c0b-8f6f-2f8f9f7a8b11"
BRANCH = "11111111-1111-4111-8111-111111111111"
ALL = ["calld.#", "call-logd.#", "websocketd", "events.calls.me"]
KEYS = """call_id conversation_id user_uuid status direction creation_time answer_time hangup_time caller_id_name caller_id_number
peer_caller_id_name peer_caller_id_number on_hold muted record_state parked bridges talking_to is_caller is_video dialed_extension
sip_call_id line_id""".split()


class WebSocket:
    """A client, as small as can be."""

    def __init__(self, port, path):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: wazo\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.file = self.socket.makefile("rb")
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += self.file.readline()

    def say(self, value, opcode=1):
        payload, mask = json.dumps(value).encode() if opcode == 1 else value, os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self.socket.sendall(struct.pack("!BB", 0x80 | opcode, 0x80 | len(payload)) + mask + masked)

    def frame(self):
        first, size = self.file.read(2)
        if size == 126:
            (size,) = struct.unpack("!H", self.file.read(2))
        return first & 15, self.file.read(size)

    def hear(self):
        opcode, payload = self.frame()
        return json.loads(payload) if opcode == 1 else (opcode, payload)

    def close_code(self):
        opcode, payload = self.frame()
        return struct.unpack("!H", payload[:2])[0] if opcode == 8 else (opcode, payload)

    def end(self):
        self.file.close()
        self.socket.close()


class CallCase(FakeCase):
    fake = "wazo"

    def setUp(self):
        super().setUp()
        self.admin("PUT", "life", {"ring": None})
        self.admin("PUT", f"tenants/{BRANCH}", {})
        for id, uuid, extension in ((1, ALICE, "201"), (2, BOB, "202")):
            line = {"id": id, "context": "inside", "extension": extension}
            self.admin("PUT", f"users/{uuid}", {"username": extension, "lines": [line], "acl": ALL})
        self.alice, self.bob = self.token(ALICE), self.token(BOB)

    def token(self, user, **more):
        return self.admin("POST", "tokens", {"user": user, **more})["token"]

    def as_user(self, token, method, path, body=None):
        return self.ask(method, f"/api/calld/1.0{path}", {"X-Auth-Token": token}, body and json.dumps(body))

    def dial(self, extension="0390501234", token=None):
        return self.as_user(self.alice if token is None else token, "POST", "/users/me/calls", {"extension": extension})


class Calls(CallCase):
    def test_a_user_dials_sees_and_ends_a_call(self):
        created = self.dial("0390 501 234")
        self.assertEqual(created.status, 201)
        call = created.json
        self.assertEqual(set(KEYS) - set(call), set())
        self.assertEqual((call["status"], call["dialed_extension"], call["is_caller"]), ("Ring", "0390501234", True))
        self.assertEqual((call["user_uuid"], call["line_id"]), (ALICE, 1))
        own = self.as_user(self.alice, "GET", "/users/me/calls").json
        self.assertEqual([each["call_id"] for each in own["items"]], [call["call_id"]])
        self.assertEqual(self.as_user(self.bob, "GET", "/users/me/calls").json, {"items": []})
        path = f"/users/me/calls/{call['call_id']}"
        refused = self.as_user(self.bob, "DELETE", path)
        self.assertEqual((refused.status, refused.json["error_id"]), (403, "user-permission-denied"))
        self.assertEqual(self.as_user(self.alice, "DELETE", path).status, 204)
        gone = self.as_user(self.alice, "DELETE", path)
        self.assertEqual((gone.status, gone.json["error_id"]), (404, "no-such-call"))
        self.assertEqual([line["event"] for line in self.log() if line.get("call")], ["dialled", "ended"])
        self.assertEqual(self.log("ended")[0]["by"], ALICE)

    def test_there_is_no_single_own_call_to_get(self):
        call = self.dial().json
        self.assertEqual(self.as_user(self.alice, "GET", f"/users/me/calls/{call['call_id']}").status, 405)

    def test_an_inside_call_has_two_channels(self):
        call = self.dial("202").json
        self.admin("POST", f"calls/{call['call_id']}/answer")
        (of_alice,) = self.as_user(self.alice, "GET", "/users/me/calls").json["items"]
        (of_bob,) = self.as_user(self.bob, "GET", "/users/me/calls").json["items"]
        self.assertEqual((of_alice["is_caller"], of_bob["is_caller"]), (True, False))
        self.assertEqual(of_alice["talking_to"], {of_bob["call_id"]: BOB})
        self.assertEqual(of_alice["status"], "Up")
        self.assertEqual(self.as_user(self.bob, "DELETE", f"/users/me/calls/{of_bob['call_id']}").status, 204)
        self.assertEqual(self.as_user(self.alice, "GET", "/users/me/calls").json["items"], [])

    def test_a_service_dials_for_a_user(self):
        body = {"source": {"user": BOB}, "destination": {"context": "inside", "extension": "0390", "priority": 1}}
        call = self.as_user(self.alice, "POST", "/calls", body)
        self.assertEqual((call.status, call.json["user_uuid"]), (201, BOB))
        path = f"/calls/{call.json['call_id']}"
        self.assertEqual(self.as_user(self.alice, "GET", path).json["call_id"], call.json["call_id"])
        self.assertEqual(self.as_user(self.alice, "DELETE", path).status, 204)
        self.assertEqual(self.as_user(self.alice, "GET", path).status, 404)
        for broken, id in (
            ({**body, "source": {}}, "invalid-data"),
            ({**body, "source": {"user": "x"}}, "invalid-user"),
            ({**body, "destination": {**body["destination"], "priority": 0}}, "invalid-data"),
            ({**body, "destination": {**body["destination"], "extension": "abc"}}, "invalid-extension"),
            ({**body, "source": {"user": BOB, "line_id": 9}}, "invalid-user-line"),
        ):
            refused = self.as_user(self.alice, "POST", "/calls", broken)
            self.assertEqual((refused.status, refused.json["error_id"]), (400, id))
        self.assertEqual(len(self.log("dialled")), 1)

    def test_calls_need_their_access_and_a_person(self):
        low = self.token(ALICE, acl=["calld.users.me.calls.read"])
        refused = self.dial(token=low)
        self.assertEqual(
            (refused.status, refused.json["details"]["required_access"]), (401, "calld.users.me.calls.create")
        )
        service = self.token(ALICE, purpose="internal")
        self.assertEqual(self.dial(token=service).json["error_id"], "token-with-user-uuid-required")
        self.assertEqual(self.dial(token="").status, 401)
        elsewhere = self.ask("GET", "/1.0/calls", {"X-Auth-Token": self.alice, "Wazo-Tenant": "x"})
        self.assertEqual(elsewhere.json["details"]["reason"], "missing_permission_or_invalid_tenant")

    def test_variables_are_written_down(self):
        self.as_user(self.alice, "POST", "/users/me/calls", {"extension": "1", "variables": {"A": "b"}})
        self.assertEqual(self.log("request")[0]["variables"], {"A": "b"})

    def test_a_call_from_the_telephone_is_listed_like_any(self):
        self.admin("POST", "calls", {"line": ALICE, "number": "202"})
        self.assertEqual(len(self.as_user(self.bob, "GET", "/users/me/calls").json["items"]), 1)
        self.assertEqual(self.log("dialled")[0]["asked_by"], "telephone")

    def test_lists_can_be_late(self):
        self.admin("PUT", "life", {"list_delay": 30})
        call = self.dial().json
        self.assertEqual(self.as_user(self.alice, "GET", "/users/me/calls").json["items"], [])
        self.admin("PUT", "life", {"list_delay": 0})
        self.assertEqual(
            self.as_user(self.alice, "GET", "/users/me/calls").json["items"][0]["call_id"], call["call_id"]
        )

    def test_mute_and_hold(self):
        call = self.dial().json["call_id"]
        self.assertEqual(self.as_user(self.alice, "PUT", f"/users/me/calls/{call}/hold/start").status, 204)
        self.assertTrue(self.as_user(self.alice, "GET", f"/calls/{call}").json["on_hold"])


class Events(CallCase):
    options = ["--check-every", "0.05"]

    def listen(self, token, query="&version=2"):
        client = WebSocket(self.running.ports["port"], f"/api/websocketd/?token={token}{query}")
        self.addCleanup(client.end)
        self.assertTrue(client.head.startswith(b"HTTP/1.1 101"))
        return client

    def test_who_subscribes_hears_of_own_calls(self):
        client = self.listen(self.alice)
        self.assertEqual(client.hear(), {"op": "init", "code": 0, "data": {"version": 2}})
        for name in ("call_created", "call_ended"):
            client.say({"op": "subscribe", "data": {"event_name": name}})
            self.assertEqual(client.hear()["op"], "subscribe")
        client.say({"op": "start"})
        self.assertEqual(client.hear()["op"], "start")
        self.dial(token=self.bob)
        call = self.dial().json
        self.admin("POST", f"calls/{call['call_id']}/answer")
        self.admin("POST", f"calls/{call['call_id']}/end")
        heard = [client.hear() for _ in range(2)]
        self.assertEqual([each["data"]["name"] for each in heard], ["call_created", "call_ended"])
        self.assertEqual(heard[0]["data"]["data"]["call_id"], call["call_id"])
        client.say({"op": "ping", "data": {"payload": "x"}})
        self.assertEqual(client.hear(), {"op": "pong", "code": 0, "data": {"payload": "x"}})
        client.say(b"hello", opcode=9)
        self.assertEqual(client.hear(), (10, b"hello"))

    def test_version_1_sends_the_bare_event(self):
        client = self.listen(self.alice, "&version=1")
        self.assertEqual(client.hear(), {"op": "init", "code": 0, "msg": ""})
        client.say({"op": "subscribe", "data": {"event_name": "*"}})
        client.hear()
        client.say({"op": "start"})
        client.hear()
        self.dial()
        self.assertEqual(client.hear()["name"], "call_created")

    def test_tokens_that_are_missing_wrong_or_gone(self):
        self.assertEqual(self.listen("").close_code(), 4001)
        self.assertEqual(self.listen("x").close_code(), 4002)
        self.assertEqual(self.listen(self.token(ALICE, acl=[])).close_code(), 4002)
        client = self.listen(self.alice)
        client.hear()
        self.admin("DELETE", f"tokens/{self.alice}")
        self.assertEqual(client.close_code(), 4003)
        other = self.listen(self.bob)
        other.hear()
        other.say({"op": "nonsense"})
        self.assertEqual(other.close_code(), 4004)

    def test_a_share_of_the_ends_is_lost(self):
        self.admin("PUT", "outbox", {"lose": 1, "event": "call_ended"})
        call = self.dial().json
        self.admin("POST", f"calls/{call['call_id']}/end")
        self.assertEqual([line["message"] for line in self.log("published")], ["call_created"])
        self.assertEqual([line["message"] for line in self.log("lost")], ["call_ended"])


class Records(CallCase):
    def setUp(self):
        super().setUp()
        self.ids = []
        for number in ("0390501234", "202"):
            call = self.dial(number).json["call_id"]
            self.admin("POST", f"calls/{call}/answer")
            self.admin("POST", f"calls/{call}/end")
            self.ids.append(call)
        call = self.dial("0390", token=self.bob).json["call_id"]
        self.admin("POST", f"calls/{call}/end")

    def cdr(self, path, token=None, headers=()):
        return self.ask("GET", f"/api/call-logd/1.0{path}", {"X-Auth-Token": token or self.alice, **dict(headers)})

    def test_records_have_all_keys_and_are_filtered(self):
        every = self.cdr("/cdr").json
        self.assertEqual((every["total"], every["filtered"], len(every["items"])), (3, 3, 3))
        self.assertEqual(len(every["items"][0]), 32)
        for query, found in (
            ("number=202", 2),
            ("number=0390_", 2),
            ("call_status=answered", 2),
            ("call_direction=internal", 1),
            (f"conversation_id={self.ids[0]}", 1),
            (f"user_uuid={BOB}", 2),
            ("search=501", 1),
            ("from_id=3", 1),
            ("until=2020-01-01T00:00:00", 0),
            ("from=2020-01-01T00:00:00%2B01:00", 3),
            ("nonsense=1", 3),
        ):
            with self.subTest(query):
                reply = self.cdr(f"/cdr?{query}").json
                self.assertEqual((reply["total"], reply["filtered"]), (3, found))
        page = self.cdr("/cdr?order=id&direction=asc&limit=1&offset=1").json
        self.assertEqual([row["id"] for row in page["items"]], [2])
        for query in ("from=x", "limit=-1", "order=end", "number=a", "call_status=answered,unknown"):
            refused = self.cdr(f"/cdr?{query}")
            self.assertEqual((refused.status, refused.json["error_id"]), (400, "invalid-data"))

    def test_own_records(self):
        own = self.cdr("/users/me/cdr", self.bob).json
        self.assertEqual((own["total"], "tags" in own["items"][0]), (2, False))
        self.assertEqual(self.cdr(f"/users/{ALICE}/cdr").json["total"], 2)
        self.assertEqual(self.ask("GET", f"/1.0/users/me/cdr?token={self.alice}").json["total"], 2)
        self.assertEqual(self.cdr("/cdr/1").json["conversation_id"], self.ids[0])
        self.assertEqual(self.cdr("/cdr/99").json["error_id"], "cdr-not-found-with-given-id")

    def test_as_csv(self):
        reply = self.cdr("/cdr?format=csv&call_direction=internal")
        head, row, _ = reply.text.split("\r\n")
        self.assertTrue(head.startswith("id,tenant_uuid,answered,start"))
        self.assertIn(",True,", row)
        self.assertNotIn("conversation_id", head)


if __name__ == "__main__":
    unittest.main()
