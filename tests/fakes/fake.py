"""What all fakes are as processes: options, ports, the log of what truly happened, faults, and the way in for tests."""

import argparse
import asyncio
import json
import os
import random
import re
import signal
import ssl
import sys
import threading
import time
import traceback

from server import Answer, Listener, Lost, Routes, Upgrade

VERBS = "GET HEAD POST PUT PATCH DELETE OPTIONS"


def to_json(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def answer_json(value, status=200, headers=()):
    return Answer(status, to_json(value), headers=headers)


class Refused(Exception):
    """Ends a handler with an answer; `why` is for the log alone."""

    def __init__(self, answer, why):
        super().__init__(why)
        self.answer, self.why = answer, why


class Journal:
    """What happened, one JSON object a line, each with the operating system before an answer leaves."""

    def __init__(self, path):
        self.path, self.lines, self.number = path, [], 0
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if path else None

    def write(self, event, **facts):
        self.number += 1
        line = to_json({"n": self.number, "at": round(time.time(), 6), "event": event, **facts}) + "\n"
        if self.file is None:
            self.lines.append(line)
        else:
            os.write(self.file, line.encode())

    def text(self):
        if self.file is None:
            return "".join(self.lines)
        with open(self.path, encoding="utf-8") as file:
            return file.read()


class State:
    """What outlives the process, if there is a file: kinds of things by key. Each change is appended before it counts."""

    def __init__(self, path):
        self.kinds = {}
        self.file = None
        if not path:
            return
        for line in self.read(path):
            kind, key, value = json.loads(line)
            self.keep(kind, key, value)
        # Begun anew, so that a file of many lives does not grow for ever.
        self.file = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        for kind, things in self.kinds.items():
            for key, value in things.items():
                self.append(kind, key, value)
        os.rename(path + ".new", path)

    @staticmethod
    def read(path):
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            # A line that was cut by kill -9 was never answered.
            return [line for line in file if line.endswith("\n")]

    def keep(self, kind, key, value):
        things = self.kinds.setdefault(kind, {})
        if value is None:
            things.pop(key, None)
        else:
            things[key] = value

    def append(self, kind, key, value):
        if self.file is not None:
            os.write(self.file, (to_json([kind, key, value]) + "\n").encode())

    def put(self, kind, key, value):
        self.append(kind, key, value)
        self.keep(kind, key, value)

    def drop(self, kind, key):
        self.put(kind, key, None)

    def all(self, kind):
        return self.kinds.setdefault(kind, {})

    def take(self, kind):
        """What a former life left of a kind that is only appended to, and is kept elsewhere."""
        return list(self.kinds.pop(kind, {}).values())


class Clock:
    """The system's own clock, which tests set wrong, move and stop."""

    def __init__(self):
        self.skew, self.frozen = 0.0, None

    def now(self):
        return (time.time() if self.frozen is None else self.frozen) + self.skew

    def set(self, frozen=..., skew=None, advance=0):
        if frozen is not ...:
            self.frozen = frozen
        if skew is not None:
            self.skew = skew
        self.skew += advance


class Faults:
    """Rules that spoil requests; the first that meets a request counts. README.md has their keys."""

    KEYS = set("do after method path share times skip status body media headers seconds close part".split())
    DEEDS = set("refuse slow hang drop cut die".split())

    def __init__(self, seed):
        self.random, self.rules = random.Random(seed), []

    def set(self, rules):
        for rule in rules:
            unknown = set(rule) - self.KEYS
            if unknown or rule.get("do") not in self.DEEDS:
                raise ValueError(f"no such fault: {rule}")
        self.rules = [dict(rule) for rule in rules]

    def meet(self, request):
        for rule in self.rules:
            if self.fits(rule, request):
                return rule
        return None

    def fits(self, rule, request):
        if rule.get("method", request.method) != request.method or not re.search(rule.get("path", ""), request.path):
            return False
        if rule.get("skip", 0) > 0:
            rule["skip"] -= 1
            return False
        if self.random.random() >= rule.get("share", 1) or rule.get("times", 1) <= 0:
            return False
        if "times" in rule:
            rule["times"] -= 1
        return True


class Fake:
    """A fake system. A subclass adds its options and routes, and shapes the errors of its framework."""

    name = "fake"

    @classmethod
    def options(cls, parser):
        """Adds the options of one system."""

    def __init__(self, options):
        self.given = options
        self.journal = Journal(options.log)
        self.state = State(options.state)
        self.clock = Clock()
        self.faults = Faults(options.seed)
        self.routes, self.admin = Routes(), Routes()
        self.listener = Listener(self.answer, self.clock.now, self.misframed)
        self.admin_listener = Listener(self.administer, time.time, self.misframed)
        self.ports = {}
        self.admin_routes()
        self.begin()

    def begin(self):
        """Makes what the system has."""

    async def started(self):
        """Opens further ports (into `self.ports`), and goes on with what the state had."""

    def misframed(self, peer, why, seen):
        self.journal.write("misframed", peer=peer, why=why, seen=seen.decode("latin-1"))

    # Requests.

    def answer(self, request):
        rule = self.faults.meet(request)
        return self.spoil(request, rule) if rule else self.handle(request)

    def handle(self, request):
        """Does what was asked, and writes it down before anybody hears of it."""
        handler, found = self.routes.find(request.method, self.local_path(request))
        try:
            outcome = handler(request, **found) if handler else self.unrouted(request, found)
        except Refused as refused:
            request.truth["refused"] = refused.why
            outcome = refused.answer
        except Exception:
            request.truth["bug"] = traceback.format_exc()
            traceback.print_exc()
            outcome = Answer(500, "a bug of the fake\n", "text/plain")
        self.log(request, 101 if isinstance(outcome, Upgrade) else outcome.status)
        return outcome

    def local_path(self, request):
        return request.path

    def unrouted(self, request, allowed):
        if allowed:
            raise Refused(Answer(405, headers=[("Allow", ", ".join(allowed))]), "no such method here")
        raise Refused(Answer(404), "no such path")

    def log(self, request, status):
        self.journal.write(
            "request",
            peer=request.peer,
            request=f"{request.method} {request.target}",
            headers=[name for name, _ in request.fields],
            **request.truth,
            status=status,
        )

    async def spoil(self, request, rule):
        request.truth["fault"] = rule["do"] + (" after" if rule.get("after") else "")
        if rule.get("after"):
            outcome = self.handle(request)
            return await self.act(request, rule, outcome)
        if rule["do"] == "slow":
            await asyncio.sleep(rule.get("seconds", 1))
            return self.handle(request)
        if rule["do"] == "cut":
            return await self.act(request, rule, self.handle(request))
        outcome = self.refusal(rule) if rule["do"] == "refuse" else None
        self.log(request, outcome.status if outcome else None)
        return await self.act(request, rule, outcome)

    async def act(self, request, rule, outcome):
        if rule["do"] == "refuse":
            return self.refusal(rule)
        if rule["do"] == "slow":
            await asyncio.sleep(rule.get("seconds", 1))
            return outcome
        if rule["do"] == "hang":
            await asyncio.sleep(rule.get("seconds", 3600))
            return Lost()
        if rule["do"] == "cut":
            return Lost(answer=outcome, part=rule.get("part", 20))
        if rule["do"] == "die":
            os._exit(1)
        return Lost(reset=rule.get("close", "reset") == "reset")

    def refusal(self, rule):
        headers = list(rule.get("headers", {}).items())
        return Answer(rule.get("status", 503), rule.get("body", ""), rule.get("media", "application/json"), headers)

    # The way in for tests: `/_fake/` on a port of its own.

    def admin_routes(self):
        add = self.admin.add
        add("GET", "/_fake/", lambda request: answer_json(self.describe()))
        add("GET", "/_fake/log", self.admin_log)
        add("GET", "/_fake/clock", lambda request: answer_json({"now": self.clock.now()}))
        add("PUT", "/_fake/clock", self.admin_clock)
        add("PUT", "/_fake/faults", self.admin_faults)
        add("GET", "/_fake/faults", lambda request: answer_json(self.faults.rules))
        add("DELETE", "/_fake/connections", lambda request: answer_json({"dropped": self.listener.drop_all()}))

    def describe(self):
        return {"name": self.name, "ports": self.ports, "connections": len(self.listener.connections)}

    def administer(self, request):
        handler, found = self.admin.find(request.method, request.path)
        if not handler:
            return answer_json({"error": "no such path or method"}, 405 if found else 404)
        if request.method != "GET":
            self.journal.write("admin", request=f"{request.method} {request.target}", body=request.body.decode())
        try:
            return handler(request, **found)
        except (KeyError, TypeError, ValueError) as error:
            return answer_json({"error": f"{type(error).__name__}: {error}"}, 400)

    def admin_log(self, request):
        return Answer(200, self.journal.text(), "application/jsonl")

    def admin_clock(self, request):
        self.clock.set(**body_of(request))
        return answer_json({"now": self.clock.now()})

    def admin_faults(self, request):
        self.faults.set(body_of(request))
        return Answer(204)


def body_of(request):
    """The JSON of a request; an object where it has none."""
    return json.loads(request.body or b"{}")


def main(fake):
    """Runs a fake until SIGTERM, or until standard input ends: then its test is gone."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--admin-port", type=int, default=0)
    parser.add_argument("--log", help="JSON lines of what truly happened; else GET /_fake/log has them")
    parser.add_argument("--state", help="a file, for going on after a restart")
    parser.add_argument("--seed", default="callgate", help="of all that is random")
    parser.add_argument("--certificate", help="PEM; with --key: speak TLS")
    parser.add_argument("--key")
    parser.add_argument("--stay", action="store_true", help="do not end with standard input")
    fake.options(parser)
    asyncio.run(run(fake, parser.parse_args()))


async def run(fake, options):
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    system = fake(options)
    await system.listener.listen(options.host, options.port, tls(options))
    await system.admin_listener.listen("127.0.0.1", options.admin_port)
    system.ports.update(port=system.listener.port, admin=system.admin_listener.port)
    await system.started()
    system.journal.write("started", pid=os.getpid(), **system.ports)
    print(to_json({"name": system.name, "pid": os.getpid(), **system.ports}), flush=True)
    if not options.stay:
        threading.Thread(target=until_end_of_input, args=(loop, stop), daemon=True).start()
    await stop.wait()
    system.journal.write("stopped")
    # No farewells: connections end with the process, as those of a system that is switched off.
    os._exit(0)


def until_end_of_input(loop, stop):
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


def tls(options):
    if not options.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    return context
