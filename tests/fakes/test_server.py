"""What all fakes share: framing, faults, log, state, TLS, and their end."""

import json
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

from running import FakeCase

SALT = "GET /rest/salt/default HTTP/1.1\r\nHost: pbx\r\n\r\n"
C2C = "/rest/phoneServices/c2c/0390/201"


class ServerCase(FakeCase):
    fake = "kalliope"

    def raw(self, text):
        """What comes back for bytes, until the fake closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.running.ports["port"]), timeout=5) as connection:
            connection.sendall(text.encode("latin-1"))
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while data := connection.recv(65536):
                received += data
            return received.decode("latin-1")


class Framing(ServerCase):
    def test_requests_on_one_connection_are_answered_in_order(self):
        received = self.raw(SALT + SALT.replace("salt/default", "salt/x") + SALT)
        self.assertEqual(re.findall(r"HTTP/1\.1 (\d+)", received), ["200", "404", "200"])

    def test_chunks_are_read(self):
        received = self.raw(
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: x\r\n\r\n" + SALT
        )
        self.assertEqual(received.count("HTTP/1.1 "), 2)

    def test_what_is_misframed_is_refused_and_told(self):
        length = "Content-Length: 3\r\n"
        bad = [
            "GET / HTTP/1.1\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            f"POST / HTTP/1.1\r\nHost: a\r\n{length}{length}\r\nabc",
            f"POST / HTTP/1.1\r\nHost: a\r\n{length}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        ]
        for text in bad:
            with self.subTest(text):
                self.assertTrue(self.raw(text).startswith("HTTP/1.1 400"))
        self.assertEqual(len(self.log("misframed")), len(bad))
        self.assertEqual(self.log("request"), [])


class FaultsOfRequests(ServerCase):
    options = ["--user", "default/admin:admin"]

    def lost(self, action):
        with self.assertRaises((ConnectionError, OSError)):
            action()

    def test_each_deed(self):
        def ask():
            return self.ask("GET", "/rest/salt/default")

        self.admin(
            "PUT",
            "faults",
            [{"do": "refuse", "status": 429, "headers": {"Retry-After": "7"}, "times": 1, "path": "^/rest/salt"}],
        )
        refused = ask()
        self.assertEqual((refused.status, refused.headers["Retry-After"]), (429, "7"))
        self.assertEqual(ask().status, 200)
        for rule in ({"do": "drop"}, {"do": "drop", "close": "fin"}, {"do": "drop", "after": True}):
            self.admin("PUT", "faults", [rule])
            self.lost(ask)
        self.admin("PUT", "faults", [{"do": "slow", "seconds": 0.3}])
        begun = time.monotonic()
        self.assertEqual(ask().status, 200)
        self.assertGreater(time.monotonic() - begun, 0.25)
        self.admin("PUT", "faults", [{"do": "cut", "part": 30}])
        self.assertTrue(0 < len(self.raw(SALT)) <= 30)
        self.admin("PUT", "faults", [{"do": "hang", "seconds": 0.2}])
        self.lost(ask)
        faults = [line.get("fault") for line in self.log("request")]
        self.assertEqual(faults, ["refuse", None, "drop", "drop", "drop after", "slow", "cut", "hang"])

    def test_a_call_whose_answer_is_lost_was_dialled(self):
        from test_kalliope import VENDORS, header

        self.admin("PUT", "faults", [{"do": "drop", "after": True, "path": "c2c"}])
        self.lost(lambda: self.ask("GET", C2C, header(VENDORS["digest_password"])))
        self.assertEqual(len(self.log("dialled")), 1)
        self.admin("PUT", "faults", [{"do": "drop", "path": "c2c"}])
        self.lost(lambda: self.ask("GET", C2C, header(VENDORS["digest_password"])))
        self.assertEqual(len(self.log("dialled")), 1)

    def test_a_share_is_the_same_in_each_run(self):
        def run():
            running = self.start("--seed", "7")
            running.admin("PUT", "faults", [{"do": "refuse", "share": 0.3}])
            return [running.ask("GET", "/rest/salt/default").status for _ in range(40)]

        first = run()
        self.assertEqual(first, run())
        self.assertTrue(4 < first.count(503) < 22, first)

    def test_no_unknown_fault_is_taken(self):
        with self.assertRaises(AssertionError):
            self.admin("PUT", "faults", [{"do": "refuse", "pth": "x"}])

    def test_connections_are_dropped(self):
        with socket.create_connection(("127.0.0.1", self.running.ports["port"]), timeout=5) as connection:
            connection.sendall(SALT.encode())
            connection.recv(65536)
            self.assertEqual(self.admin("DELETE", "connections"), {"dropped": 1})
            self.lost(lambda: connection.recv(1) or self.fail("closed, not reset"))


class Life(ServerCase):
    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def test_it_ends_with_its_standard_input_and_with_sigterm(self):
        self.assertEqual(self.start().end(), 0)
        running = self.start()
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(running.process.wait(10), 0)

    def test_it_dies_and_goes_on_with_its_calls_and_nonces(self):
        from test_kalliope import VENDORS, header

        folder = self.folder()
        options = ["--state", f"{folder}/state", "--log", f"{folder}/log", "--user", "default/admin:admin"]
        running = self.start(*options)
        running.admin("PUT", "life", {"ring": None})
        sent = header(VENDORS["digest_password"])
        self.assertEqual(running.ask("GET", C2C, sent).status, 200)
        running.admin("PUT", "faults", [{"do": "die", "after": True}])
        with self.assertRaises((ConnectionError, OSError)):
            running.ask("GET", C2C, header(VENDORS["digest_password"]))
        self.assertEqual(running.process.wait(10), 1)
        again = self.start(*options, "--port", running.ports["port"])
        self.assertEqual(len(again.admin("GET", "calls")), 2)
        self.assertEqual(again.ask("GET", C2C, sent).status, 401)
        with open(f"{folder}/log", encoding="utf-8") as log:
            events = [json.loads(line)["event"] for line in log]
        self.assertEqual(events.count("dialled"), 2)
        self.assertEqual(events.count("started"), 2)

    def test_what_happened_is_written_before_the_answer(self):
        folder = self.folder()
        running = self.start("--log", f"{folder}/log")
        for count in range(1, 50):
            running.ask("GET", "/rest/salt/default")
            with open(f"{folder}/log", encoding="utf-8") as log:
                self.assertEqual(sum('"request"' in line for line in log), count)

    def test_it_speaks_tls(self):
        folder = self.folder()
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
        make += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/key", "-out", f"{folder}/cert"]
        subprocess.run(make, check=True, capture_output=True)
        running = self.start("--certificate", f"{folder}/cert", "--key", f"{folder}/key")
        trust = ssl.create_default_context(cafile=f"{folder}/cert")
        with socket.create_connection(("127.0.0.1", running.ports["port"]), timeout=5) as plain:
            with trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                connection.sendall(SALT.encode())
                self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200"))

    def test_the_clock_shows_in_the_date(self):
        self.admin("PUT", "clock", {"frozen": 0, "skew": 60})
        self.assertEqual(self.ask("GET", "/rest/salt/default").headers["Date"], "Thu, 01 Jan 1970 00:01:00 GMT")


if __name__ == "__main__":
    unittest.main()
