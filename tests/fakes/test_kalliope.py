"""The fake Kalliope against the vectors and the manual's facts, over sockets."""

import json
import secrets
import socket
import unittest
from calendar import timegm
from datetime import datetime, timezone

from kalliope_digest import digest, digest_password
from running import VECTORS, FakeCase

FACTS = json.loads((VECTORS / "protocols.json").read_text())["kalliope"]
VENDORS = FACTS["positive"][0]


def seconds(created):
    return timegm(datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ").timetuple())


def header(hashed, username="admin", domain="default", nonce=None, created=None, scheme="RestApiUsernameToken"):
    nonce = nonce or secrets.token_hex(16)
    created = created or datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    sent = digest(hashed, username, domain, nonce, created)
    return {
        "X-authenticate": f'{scheme} Username="{username}", Domain="{domain}", Digest="{sent}", Nonce="{nonce}", Created="{created}"'
    }


class Digests(unittest.TestCase):
    def test_the_vectors_come_out(self):
        for vector in FACTS["positive"]:
            with self.subTest(vector["id"]):
                self.assertEqual(digest_password(vector["password"], vector["salt"]), vector["digest_password"])
                fields = [vector[name] for name in ("digest_password", "username", "domain", "nonce", "created")]
                self.assertEqual(digest(*fields), vector["digest"])


class Authentication(FakeCase):
    fake = "kalliope"

    def load(self, vector):
        self.admin("PUT", f"tenants/{vector['domain']}", {"salt": vector["salt"]})
        self.admin("PUT", f"users/{vector['domain']}/{vector['username']}", {"password": vector["password"]})
        self.admin("PUT", "clock", {"frozen": seconds(vector["created"]), "skew": 0})

    def version(self, sent):
        value = sent if isinstance(sent, dict) else {"X-authenticate": sent.encode()}
        return self.ask("GET", "/rest/dashboard/firmwareVersion", value).status

    def test_each_good_vector_is_let_in_once(self):
        for vector in FACTS["positive"]:
            with self.subTest(vector["id"]):
                running = self.start()
                self.running, self.ask, self.admin, self.log = running, running.ask, running.admin, running.log
                self.load(vector)
                self.assertEqual(self.version(vector["header"]), 200)
                self.assertEqual(self.version(vector["header"]), 401)
                request = self.log("request")
                self.assertEqual(request[0]["principal"], f"{vector['username']}@{vector['domain']}")
                self.assertTrue(request[0]["strict_header"])
                self.assertEqual(request[1]["refused"], "nonce used before")

    def test_no_bad_vector_is_let_in(self):
        for vector in FACTS["negative"]:
            with self.subTest(vector["id"]):
                self.load(VENDORS)
                sent = (
                    VENDORS["header"]
                    .replace(VENDORS["digest"], vector["digest"])
                    .replace(VENDORS["nonce"], secrets.token_hex(16))
                )
                if "username" in vector:
                    sent = (
                        VENDORS["header"]
                        .replace('"admin"', f'"{vector["username"]}"')
                        .replace('"default"', f'"{vector["domain"]}"')
                    )
                self.assertEqual(self.version(sent), 401)
        why = [line["refused"] for line in self.log("request")]
        self.assertEqual(why, ["wrong digest"] * 3 + ["no such user"])

    def test_the_clock_may_differ_by_five_minutes(self):
        for case in FACTS["clock_seconds"]:
            with self.subTest(case["now_minus_created"]):
                self.load(VENDORS)
                self.admin("PUT", "clock", {"skew": case["now_minus_created"]})
                sent = header(VENDORS["digest_password"], created=VENDORS["created"])
                self.assertEqual(self.version(sent), 200 if case["accept"] else 401)

    def test_the_vendors_hole_is_there_unless_it_is_closed(self):
        case = FACTS["replay"][0]
        for options, second in (([], 200), (["--nonces", "created"], 401)):
            with self.subTest(options=options):
                running = self.start("--user", "default/admin:admin", *options)
                self.running, self.ask, self.admin, self.log = running, running.ask, running.admin, running.log
                self.load(VENDORS)
                at = seconds(VENDORS["created"]) - case["created_offset_s"]
                self.admin("PUT", "clock", {"frozen": at})
                self.assertEqual(self.version(VENDORS["header"]), 200)
                self.admin("PUT", "clock", {"frozen": at + 300})
                self.assertEqual(self.version(VENDORS["header"]), 401)
                self.admin("PUT", "clock", {"frozen": at + case["second_use_at_s"]})
                self.assertEqual(self.version(VENDORS["header"]), second)

    def test_the_grammar_is_the_vendors(self):
        self.load(VENDORS)
        good = VENDORS["header"]
        for sent in (
            good.replace(", Domain", ",Domain"),
            good.replace('Z"', '.5Z"'),
            good.replace("RestApi", "UsernameToken"),
            good.replace("2016-04-29", "2016-13-29"),
            good.replace(VENDORS["nonce"], "1234567"),
            good.replace('"default"', '""'),
            good.replace('"admin"', '"admin@default"'),
        ):
            with self.subTest(sent):
                self.assertEqual(self.version(sent), 401)
        self.assertEqual(self.version(good + " "), 200)

    def test_a_changed_salt_asks_for_another_login(self):
        self.load(VENDORS)
        self.admin("PUT", "tenants/default", {"salt": "00"})
        self.assertEqual(self.version(VENDORS["header"]), 401)
        sent = header(digest_password("admin", "00"), created=VENDORS["created"])
        self.assertEqual(self.version(sent), 200)


class Api(FakeCase):
    fake = "kalliope"
    options = ["--user", "default/admin:admin", "--user", "default/click2call:c2c"]

    def signed(self, method, path, headers=None, body=None, user="click2call", password="c2c"):
        hashed = digest_password(password, VENDORS["salt"])
        return self.ask(method, path, {**header(hashed, user), **(headers or {})}, body)

    def test_the_salt_is_for_everybody_in_both_forms(self):
        as_json = self.ask("GET", "/rest/salt/default", {"Accept": "application/json"})
        self.assertEqual(as_json.json, {"salt": VENDORS["salt"]})
        as_xml = self.ask("GET", "/rest/salt/default")
        self.assertIn("xml", as_xml.headers["Content-Type"])
        self.assertIn(f"<salt>{VENDORS['salt']}</salt>", as_xml.text)
        self.assertEqual(self.ask("GET", "/rest/salt/nobody").status, 404)

    def test_click_to_call_dials_once_and_the_log_says_so(self):
        self.admin("PUT", "life", {"ring": None})
        self.assertEqual(self.signed("GET", "/rest/phoneServices/c2c/0390501234/201").status, 200)
        self.assertEqual(self.ask("GET", "/rest/phoneServices/c2c/0390501234/201").status, 401)
        (dialled,) = self.log("dialled")
        told = {name: dialled[name] for name in ("line", "number", "asked_by", "live_of_line")}
        wanted = {"line": "201@default", "number": "0390501234", "asked_by": "click2call@default", "live_of_line": 1}
        self.assertEqual(told, wanted)
        request = self.log("request")[0]
        self.assertEqual(request["dialled"], dialled["call"])
        self.assertLess(dialled["n"], request["n"])
        self.assertEqual(self.log("request")[1]["refused"], "no X-authenticate")

    def test_a_call_is_answered_ends_and_becomes_a_record(self):
        self.admin("PUT", "life", {"ring": [0, 0]})
        self.signed("GET", "/rest/phoneServices/c2c/0390501234/201")
        (call,) = self.eventually(lambda: [call for call in self.admin("GET", "calls") if call["state"] == "answered"])
        self.assertEqual(self.admin("POST", f"calls/{call['id']}/end", {}), {"ended": True})
        self.assertEqual(self.admin("POST", f"calls/{call['id']}/end", {}), {"ended": False})
        self.assertEqual([line["live_of_line"] for line in self.log("ended")], [0])
        year = datetime.now().strftime("%Y")
        rows = self.signed("GET", f"/rest/cdr/detailed/{year}", {"Accept": "json"}).json
        self.assertEqual(
            [(row["id"], row["status"], row["called"]) for row in rows], [(call["id"], "ANSWERED", "0390501234")]
        )
        masked = self.signed("GET", "/rest/cdr/detailed", {"Accept": "json"}, user="admin", password="admin").json
        self.assertEqual(masked[0]["called"], "0390501xxx")
        between = json.dumps({"cdr": {"begin": "2018-05-08 12:00:00", "end": "2018-05-08 14:00:00"}})
        self.assertEqual(self.signed("POST", "/rest/cdr/summary", {"Accept": "json"}, between).json, [])
        self.assertIn("<cdr><call><id>", self.signed("GET", "/rest/cdr/summary").text)

    def test_a_call_that_somebody_ended_does_not_end_again_on_its_own(self):
        self.admin("PUT", "life", {"ring": [0, 0], "talk": [0.1, 0.1]})
        for _ in range(2):
            self.signed("GET", "/rest/phoneServices/c2c/0390/201")
        first, second = self.admin("GET", "calls")
        self.admin("POST", f"calls/{first['id']}/end")
        self.eventually(lambda: len(self.log("ended")) > 1)
        self.assertEqual([line["call"] for line in self.log("ended")], [first["id"], second["id"]])

    def test_settings_of_an_extension(self):
        reply = self.signed("POST", "/rest/operation/CFUN/201", body=json.dumps({"operationData": "0390"}))
        self.assertEqual(
            reply.json, {"tenantUuid": "tenant-default", "serviceName": "CFUN", "key": "201", "operationData": "0390"}
        )
        self.assertEqual(self.signed("GET", "/rest/operation/CFUN/201").json["operationData"], "0390")
        self.assertEqual(self.signed("DELETE", "/rest/operation/CFUN/201").body, b"")
        self.assertEqual(self.signed("GET", "/rest/operation/CFUN/201").json["operationData"], "")
        self.assertEqual(self.signed("GET", "/rest/operation/NONE/201").status, 400)
        self.admin("PUT", "users/default/low", {"password": "x", "operations": False, "extension": "202"})
        for key, status in (("201", 403), ("202", 200)):
            self.assertEqual(self.signed("GET", f"/rest/operation/CFUN/{key}", user="low", password="x").status, status)

    def test_others_are_told_of_calls_in_order(self):
        hearer = self.start()
        to = f"http://127.0.0.1:{hearer.ports['port']}/events"
        self.admin("PUT", "notify", {"url": to, "user": "pbx", "password": "pw"})
        self.admin("PUT", "life", {"ring": [0, 0], "talk": [0, 0]})
        self.signed("GET", "/rest/phoneServices/c2c/0390/201")
        self.eventually(lambda: len(self.log("told")) == 2)
        self.assertEqual([line["message"] for line in self.log("told")], ["pbx.call.start", "pbx.call.end"])
        heard = hearer.log("request")
        self.assertEqual([line["request"] for line in heard], ["POST /events"] * 2)
        self.assertIn("Authorization", heard[0]["headers"])


class Manager(FakeCase):
    """The manager interface, by which a Kalliope ends calls."""

    fake = "kalliope"
    options = ["--ami", "0", "--ami-user", "callgate:secret"]
    CALL = "Action: Originate\r\nActionID: 7\r\nAsync: true\r\nChannel: Local/201@c2c\r\nContext: from_c2c\r\nExten: 0390\r\nPriority: 1"

    def setUp(self):
        super().setUp()
        self.admin("PUT", "life", {"ring": None})
        self.file = self.connect()

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.running.ports["ami"]), timeout=10)
        file = connection.makefile("rwb")
        self.addCleanup(lambda: (file.close(), connection.close()))
        self.assertTrue(file.readline().startswith(b"Asterisk Call Manager/"))
        return file

    def packet(self):
        fields = {}
        while (line := self.file.readline().decode()) not in ("\r\n", ""):
            name, _, value = line.partition(": ")
            fields[name] = value.rstrip("\r\n")
        return fields

    def act(self, text):
        self.file.write(f"{text}\r\n\r\n".encode())
        self.file.flush()
        return self.packet()

    def log_in(self, secret="secret"):
        return self.act(f"Action: Login\r\nUsername: callgate\r\nSecret: {secret}")

    def test_nothing_goes_without_login(self):
        self.assertEqual(self.act("Action: Ping")["Message"], "Permission denied")
        self.assertEqual(self.log_in("guessed")["Message"], "Authentication failed")
        self.assertEqual(self.packet(), {})
        self.assertNotIn("guessed", json.dumps(self.log("ami")))

    def test_a_call_is_originated_seen_and_hung_up(self):
        self.assertEqual(self.log_in()["Response"], "Success")
        queued = self.act(self.CALL)
        self.assertEqual((queued["ActionID"], queued["Message"]), ("7", "Originate successfully queued"))
        begun, done = self.packet(), self.packet()
        self.assertEqual((begun["Event"], begun["Exten"]), ("Newchannel", "0390"))
        self.assertEqual(
            (done["Event"], done["Uniqueid"], done["ActionID"]), ("OriginateResponse", begun["Uniqueid"], "7")
        )
        self.assertEqual(self.log("dialled")[0]["line"], "201@default")
        self.act("Action: Status")
        self.assertEqual(self.packet()["Channel"], begun["Channel"])
        self.assertEqual(self.packet()["Event"], "StatusComplete")
        self.assertEqual(self.act(f"Action: Hangup\r\nChannel: {begun['Channel']}")["Message"], "Channel Hungup")
        ended = self.packet()
        self.assertEqual((ended["Event"], ended["Cause"], ended["Uniqueid"]), ("Hangup", "16", begun["Uniqueid"]))
        self.assertEqual(self.act(f"Action: Hangup\r\nChannel: {begun['Channel']}")["Message"], "No such channel")
        self.assertEqual(self.log("ended")[0]["by"], "callgate")

    def test_tenants_and_what_is_no_call(self):
        self.admin("PUT", "tenants/acme", {"salt": "00"})
        self.log_in()
        tenant = self.CALL.replace("201@c2c", "201@c2c_tenant-acme").replace("from_c2c", "from_c2c_tenant-acme")
        self.assertEqual(self.act(tenant)["Response"], "Success")
        self.assertEqual(self.log("dialled")[0]["line"], "201@acme")
        self.packet(), self.packet()
        for bad in (
            self.CALL.replace("Context: from_c2c", "Context: internal"),
            self.CALL.replace("0390", "0390&SIP/x"),
            self.CALL.replace("201@c2c", "201@c2c_nobody"),
            "Action: CoreShowChannels",
        ):
            self.assertEqual(self.act(bad)["Response"], "Error")
        self.assertEqual(len(self.log("dialled")), 1)

    def test_the_interface_has_faults_too(self):
        self.log_in()
        self.admin("PUT", "faults", [{"method": "AMI", "path": "originate", "do": "drop", "after": True}])
        with self.assertRaises(ConnectionError):
            self.act(self.CALL) or self.fail("closed, not reset")
        self.assertEqual(len(self.log("dialled")), 1)


if __name__ == "__main__":
    unittest.main()
