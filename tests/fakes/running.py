"""For the tests of the fakes: starts one, asks it over a socket, and ends it."""

import http.client
import json
import subprocess
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).parent
VECTORS = HERE.parent / "vectors"


class Reply:
    def __init__(self, response):
        self.status, self.body = response.status, response.read()
        self.headers = response.headers

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Running:
    """A fake in a process of its own."""

    def __init__(self, name, *options):
        command = [sys.executable, str(HERE / f"{name}.py"), *map(str, options)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ports = json.loads(self.process.stdout.readline())

    def ask(self, method, path, headers=None, body=None, port="port"):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[port], timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def admin(self, method, path, value=None):
        reply = self.ask(method, f"/_fake/{path}", body=None if value is None else json.dumps(value), port="admin")
        if reply.status >= 300:
            raise AssertionError(f"{method} {path}: {reply.status} {reply.text}")
        return reply.json if reply.body else None

    def log(self, event=None):
        lines = [json.loads(line) for line in self.ask("GET", "/_fake/log", port="admin").text.splitlines()]
        return [line for line in lines if event in (None, line["event"])]

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(10)


class FakeCase(unittest.TestCase):
    """Tests of one fake, each with a process of its own."""

    fake, options = None, []

    def setUp(self):
        self.running = self.start(*self.options)
        self.ask, self.admin, self.log = self.running.ask, self.running.admin, self.running.log

    def start(self, *options):
        running = Running(self.fake, *options)
        self.addCleanup(running.end)
        return running

    def eventually(self, happened, what="it"):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if found := happened():
                return found
            time.sleep(0.005)
        raise AssertionError(f"{what} did not happen: {self.log()}")
