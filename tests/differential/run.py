"""HTTP/1 to the byte through callgate, to nginx, Node's http and Python's http.server: what each understood is compared.

usage: run.py BINARY [--node NODE] (--cases FILE | --seconds N [--seed S] | --number N --seed S)

Each connection comes from an address of its own (127.x.y.z), by which the access log and what the upstreams heard are told
apart. What fails is written to stderr and, with --findings, into a file each, to be tried again with --cases.
"""

import argparse
import ast
import json
import resource
import selectors
import signal
import socket
import sys
import time
from collections import Counter
from pathlib import Path

import judge
from grammar import TOKEN, UPSTREAMS, Case, each_alone
from reader import answers, requests
from system import System

AT_ONCE = 96
BATCH = 800
# In seconds: for the answer to a part, for the whole of a case, and for an answer too many.
PART, WHOLE, SURPLUS = 1.0, 90.0, 0.02
# For what is on its way to a log, and in bytes, for all that are not looked at any more.
LATE, LONG_LOGS = 30, 64_000_000


class Connection:
    """A case on its way."""

    def __init__(self, number, parts, edge):
        # Its address tells it apart from the cases before and after.
        self.number, self.parts = number, parts
        self.address = f"127.{1 + number // 62500 % 250}.{1 + number // 250 % 250}.{1 + number % 250}"
        self.expected = requests(b"".join(parts))
        self.methods = [request.method for request in self.expected.requests]
        self.received, self.closed, self.sent, self.due = b"", False, 0, b""
        self.began = time.monotonic()
        self.until, self.over = self.began + WHOLE, False
        self.part_until = 0
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind((self.address, 0))
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", edge))

    def wants(self):
        """What to wait for."""
        if self.due or self.sent == 0:
            return selectors.EVENT_READ | selectors.EVENT_WRITE
        return selectors.EVENT_READ

    def ready(self, events, now):
        try:
            if events & selectors.EVENT_WRITE:
                self.send(now)
            if events & selectors.EVENT_READ:
                data = self.socket.recv(262144)
                self.received += data
                self.closed = self.closed or not data
        except BlockingIOError:
            pass
        except OSError:
            self.closed = True
        self.progress(now)

    def send(self, now):
        if not self.due and self.sent == 0:
            self.next_part(now)
        if self.due:
            self.due = self.due[self.socket.send(self.due) :]

    def next_part(self, now):
        if self.sent < len(self.parts):
            self.due = self.parts[self.sent]
            self.sent += 1
            self.part_until = now + PART

    def progress(self, now):
        if self.closed or now > self.until:
            self.over = True
            return
        if self.due or self.sent == 0:
            return
        came = [answer for answer in answers(self.received, self.methods) if answer.whole]
        if self.sent < len(self.parts):
            if len(came) >= self.sent or now > self.part_until:
                self.next_part(now)
                self.send(now)
        elif not self.expected.rest and len(came) >= len(self.methods):
            # It may go on for ever: wait for an answer too many, and go.
            self.until = min(self.until, now + SURPLUS)


class Differential:
    def __init__(self, system, findings):
        self.system, self.findings = system, findings
        self.before, self.outcomes = {}, Counter()
        self.cases = self.found = self.forwarded = 0

    def batch(self, cases):
        """Sends the cases, and judges those of the batch before: what came late has come by then."""
        done = self.send(cases)
        before, self.before = self.before, done
        self.collect({**before, **done})
        self.judge(before)
        if self.system.log_size() > LONG_LOGS:
            time.sleep(1)
            self.collect(self.before)
            self.system.shrink_logs()

    def finish(self):
        time.sleep(0.5)
        self.collect(self.before)
        self.judge(self.before)
        self.before = {}

    def send(self, cases):
        waiting, under_way, done = iter(cases), {}, {}
        with selectors.DefaultSelector() as selector:
            def begin():
                for number, parts in waiting:
                    connection = Connection(number, parts, self.system.edge)
                    connection.mask = connection.wants()
                    selector.register(connection.socket, connection.mask, connection)
                    under_way[connection.address] = connection
                    if len(under_way) >= AT_ONCE:
                        return

            begin()
            while under_way:
                ready = selector.select(0.01)
                now = time.monotonic()
                for key, events in ready:
                    key.data.ready(events, now)
                for connection in list(under_way.values()):
                    connection.progress(now)
                    if connection.over:
                        selector.unregister(connection.socket)
                        connection.socket.close()
                        connection.logged, connection.heard = [], []
                        done[connection.address] = connection
                        del under_way[connection.address]
                    elif connection.wants() != connection.mask:
                        connection.mask = connection.wants()
                        selector.modify(connection.socket, connection.mask, connection)
                if len(under_way) < AT_ONCE:
                    begin()
        return done

    def collect(self, connections):
        for line in self.system.logged():
            if line["peer"] in connections:
                connections[line["peer"]].logged.append(line)
        for one in self.system.heard():
            if "refused" in one:
                self.refused(one, connections)
            elif one["x-forwarded-for"] in connections:
                connections[one["x-forwarded-for"]].heard.append(one)
            else:
                self.report(f"{one['upstream']} heard what came by no connection: {one}", None)
        assert self.system.is_well(), f"a process has ended: {self.system.said()}"

    def refused(self, one, connections):
        """An upstream that cannot read a request does not know whose it is: the access log does."""
        for connection in connections.values():
            odd = [request for request in connection.expected.requests if not judge.is_known(one["upstream"], request.method)]
            if odd and any(request.method in one["line"] or not one["line"] for request in odd):
                return
        self.report(f"{one['upstream']} could not read what the gateway sent: {one}", None)

    def judge(self, connections):
        until = time.monotonic() + LATE
        while time.monotonic() < until and any(self.faults(connection) for connection in connections.values()):
            time.sleep(0.2)
            self.collect({**connections, **self.before})
        for connection in connections.values():
            self.cases += 1
            self.forwarded += len(connection.heard)
            came = answers(connection.received, connection.methods)
            self.outcomes.update([answer.status for answer in came] or ["closed"])
            for fault in self.faults(connection):
                self.report(fault, connection)

    def faults(self, connection):
        facts = (connection.address, connection.parts, connection.received, connection.closed, connection.logged, connection.heard)
        return judge.faults(*facts, self.system.token)

    def report(self, fault, connection):
        self.found += 1
        print(f"FOUND: {fault}", file=sys.stderr)
        if connection is None:
            return
        token = self.system.token.encode()
        line = "\t".join(repr(part.replace(token, TOKEN))[2:-1] for part in connection.parts)
        print(f"  case {connection.number}: {line}\n  came back: {connection.received!r}\n  logged: {connection.logged}\n  heard: {connection.heard}", file=sys.stderr)
        if self.findings:
            Path(self.findings).mkdir(parents=True, exist_ok=True)
            (Path(self.findings) / f"case-{connection.number}.txt").write_text(f"# {fault}\n{line}\n")


def committed(path):
    """The cases of a file: a line a case, its parts between tabs, escaped as in Python."""
    for line in Path(path).read_text().splitlines():
        if line and not line.startswith("#"):
            yield [ast.literal_eval("b'" + part.replace("'", "\\'") + "'") for part in line.split("\t")]


def fixed(path):
    """What is sent in each run of the tests, to each of the upstreams."""
    for parts in [*each_alone(), *committed(path)]:
        for prefix in UPSTREAMS.values():
            yield [part.replace(b"{UP}", prefix.encode()) for part in parts]


def invented(seed, begin):
    while True:
        yield Case(seed, begin).parts()
        begin += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--node", default="node")
    parser.add_argument("--cases")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default=str(int(time.time())))
    parser.add_argument("--begin", type=int, default=0)
    parser.add_argument("--number", type=int)
    parser.add_argument("--findings")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with System(options.binary, options.node) as system:
        run(system, options)


def run(system, options):
    differential, began = Differential(system, options.findings), time.monotonic()
    source = fixed(options.cases) if options.cases else invented(options.seed, options.begin)
    number, told = options.begin, began
    while True:
        cases = []
        for parts in source:
            cases.append((number, [part.replace(TOKEN, system.token.encode()) for part in parts]))
            number += 1
            if len(cases) == BATCH or number - options.begin == options.number:
                break
        if cases:
            differential.batch(cases)
        is_over = time.monotonic() - began > options.seconds and not (options.cases or options.number)
        if is_over or len(cases) < BATCH or number - options.begin == options.number:
            break
        if time.monotonic() - told > 60:
            told = time.monotonic()
            tell(system, differential, began, options)
    differential.finish()
    tell(system, differential, began, options)
    sys.exit(1 if differential.found else 0)


def tell(system, differential, began, options):
    own = resource.getrusage(resource.RUSAGE_SELF)
    gateway, *upstreams = system.cpu()
    what = {
        "seed": None if options.cases else options.seed,
        "seconds": round(time.monotonic() - began, 1),
        "cases": differential.cases,
        "heard_upstream": differential.forwarded,
        "found": differential.found,
        "cpu_gateway": gateway,
        "cpu_upstreams": round(sum(upstreams) - gateway, 1),
        "cpu_driver": round(own.ru_utime + own.ru_stime, 1),
        "answers": {str(status): count for status, count in differential.outcomes.most_common()},
    }
    print(json.dumps(what), flush=True)


main()
