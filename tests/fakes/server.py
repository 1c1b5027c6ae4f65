"""HTTP/1.1 over asyncio, strict about framing: what a gateway sends wrongly must be seen, not mended."""

import asyncio
import re
import socket
import struct
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

HEAD_LIMIT = 64 << 10
BODY_LIMIT = 16 << 20

REQUEST_LINE = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])")
FIELD = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?")
REASONS = {status.value: status.phrase for status in HTTPStatus}


class Misframed(Exception):
    """A request that must not be understood (RFC 9112 §2.2, §6)."""


class Request:
    """One request; `truth` collects what the log will say of it."""

    __slots__ = ("method", "target", "path", "query", "headers", "fields", "body", "peer", "persistent", "truth")

    def __init__(self, method, target, fields, peer, persistent):
        self.method, self.target, self.fields, self.peer, self.persistent = method, target, fields, peer, persistent
        self.path, _, self.query = target.partition("?")
        # Of a repeated field the last wins here; `fields` has all.
        self.headers = {name.lower(): value for name, value in fields}
        self.body = b""
        self.truth = {}

    def header(self, name):
        return self.headers.get(name, "")

    def parameter(self, name):
        """The first value of a query parameter; `None` where it is absent."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        return next((value for key, value in pairs if key == name), None)

    def parameters(self, name):
        return [value for key, value in parse_qsl(self.query, keep_blank_values=True) if key == name]


class Answer:
    """A status, a body and its media type; further headers as pairs."""

    __slots__ = ("status", "body", "media", "headers")

    def __init__(self, status, body=b"", media="application/json", headers=()):
        self.status, self.media, self.headers = status, media, headers
        self.body = body.encode() if isinstance(body, str) else body

    def to_bytes(self, head, persistent, now):
        lines = [
            f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}",
            f"Date: {formatdate(now, usegmt=True)}",
        ]
        if self.media:
            lines.append(f"Content-Type: {self.media}")
        # RFC 9110 §8.6: none with 1xx and 204.
        if self.status >= 200 and self.status != 204:
            lines.append(f"Content-Length: {len(self.body)}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        if not persistent:
            lines.append("Connection: close")
        without = head or self.status in (204, 304)
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if without else self.body)


class Lost:
    """Instead of an answer: the connection ends. `part` bytes of `answer` are sent before."""

    def __init__(self, reset=True, answer=None, part=0):
        self.reset, self.answer, self.part = reset, answer, part


class Upgrade:
    """Instead of an answer: 101, then the connection is `protocol`'s (connected, received, lost)."""

    def __init__(self, protocol, headers):
        self.protocol, self.headers = protocol, headers


class Connection(asyncio.Protocol):
    """One client's connection: requests are served one after the other, in the order they came."""

    def __init__(self, listener):
        self.listener = listener
        self.transport = self.peer = self.request = self.upgraded = None
        self.buffer = bytearray()
        self.busy = self.paused = self.ended = False

    def connection_made(self, transport):
        self.transport = transport
        self.peer = "{}:{}".format(*transport.get_extra_info("peername")[:2])
        self.listener.connections.add(self)

    def connection_lost(self, error):
        self.listener.connections.discard(self)
        if self.upgraded:
            self.upgraded.lost()

    def data_received(self, data):
        if self.upgraded:
            return self.upgraded.received(data)
        self.buffer += data
        if self.busy and len(self.buffer) > HEAD_LIMIT:
            self.transport.pause_reading()
            self.paused = True
        return self.serve()

    def eof_received(self):
        """The client sends no more, but still hears what it has asked for."""
        self.ended = True
        return self.busy and not self.transport.get_extra_info("ssl_object")

    def serve(self):
        try:
            while not self.busy and not self.transport.is_closing():
                request = self.parse()
                if not request:
                    break
                self.busy = True
                outcome = self.listener.answer(request)
                if asyncio.iscoroutine(outcome):
                    task = asyncio.ensure_future(outcome)
                    task.add_done_callback(lambda done, request=request: self.later(request, done))
                else:
                    self.send(request, outcome)
        except Misframed as error:
            self.listener.misframed(self.peer, str(error), bytes(self.buffer[:200]))
            self.write(Answer(400, "malformed request\n", "text/plain").to_bytes(False, False, self.listener.now()))
            self.transport.close()

    def later(self, request, done):
        if done.exception():
            self.reset()
        self.send(request, done.result())
        self.serve()
        if self.ended and not self.busy:
            self.transport.close()

    def send(self, request, outcome):
        self.busy = False
        if self.paused:
            self.transport.resume_reading()
            self.paused = False
        if self.transport.is_closing():
            return
        if isinstance(outcome, Upgrade):
            self.upgrade(outcome)
            return
        if isinstance(outcome, Lost):
            self.lose(request, outcome)
            return
        self.write(outcome.to_bytes(request.method == "HEAD", request.persistent, self.listener.now()))
        if not request.persistent:
            self.transport.close()

    def write(self, data):
        self.transport.write(data)

    def upgrade(self, outcome):
        head = "".join(f"{name}: {value}\r\n" for name, value in outcome.headers)
        self.write(f"HTTP/1.1 101 Switching Protocols\r\n{head}\r\n".encode("latin-1"))
        self.upgraded = outcome.protocol
        self.upgraded.connected(self.transport)
        if self.buffer:
            self.upgraded.received(bytes(self.buffer))

    def lose(self, request, outcome):
        if outcome.answer:
            whole = outcome.answer.to_bytes(request.method == "HEAD", True, self.listener.now())
            self.write(whole[: outcome.part])
            self.transport.close()
        elif outcome.reset:
            self.reset()
        else:
            self.transport.close()

    def reset(self):
        """Ends with RST, not FIN, as a process that was killed or a firewall does."""
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def parse(self):
        """The next whole request that was received, or `None`."""
        if not self.request:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > HEAD_LIMIT:
                    raise Misframed("head too long")
                return None
            self.request = self.head(bytes(self.buffer[:end]).decode("latin-1"))
            del self.buffer[: end + 4]
            if self.request.header("expect").lower() == "100-continue":
                self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = self.request
        if "transfer-encoding" in request.headers:
            body = self.chunked()
        else:
            body = self.sized(int(request.headers.get("content-length", "0")))
        if body is None:
            return None
        request.body, self.request = body, None
        return request

    def head(self, text):
        line, *rest = text.split("\r\n")
        matched = REQUEST_LINE.fullmatch(line)
        if not matched:
            raise Misframed("request line")
        method, target, minor = matched.groups()
        fields = []
        for each in rest:
            found = FIELD.fullmatch(each)
            if not found:
                raise Misframed("header line")
            fields.append((found[1], found[2].rstrip(" \t")))
        request = Request(method, target, fields, self.peer, minor == "1")
        names = [name.lower() for name, _ in fields]
        if any(names.count(name) > 1 for name in ("content-length", "transfer-encoding", "host")):
            raise Misframed("repeated Content-Length, Transfer-Encoding or Host")
        if minor == "1" and "host" not in names:
            raise Misframed("no Host")
        length = request.headers.get("content-length")
        if length is not None:
            if "transfer-encoding" in names:
                raise Misframed("both Content-Length and Transfer-Encoding")
            if not re.fullmatch("[0-9]{1,10}", length) or int(length) > BODY_LIMIT:
                raise Misframed("Content-Length")
        if "transfer-encoding" in names and (minor == "0" or request.header("transfer-encoding").lower() != "chunked"):
            raise Misframed("Transfer-Encoding")
        if "close" in request.header("connection").lower():
            request.persistent = False
        return request

    def sized(self, length):
        if len(self.buffer) < length:
            return None
        body = bytes(self.buffer[:length])
        del self.buffer[:length]
        return body

    def chunked(self):
        """The body of chunks, if it is all there; it is read anew with each arrival, which is for small bodies alone."""
        body, at = b"", 0
        while True:
            end = self.buffer.find(b"\r\n", at)
            if end < 0:
                return None
            matched = CHUNK.fullmatch(self.buffer[at:end])
            if not matched or len(body) > BODY_LIMIT:
                raise Misframed("chunk")
            size, at = int(matched[1], 16), end + 2
            if size == 0:
                break
            if len(self.buffer) < at + size + 2:
                return None
            if self.buffer[at + size : at + size + 2] != b"\r\n":
                raise Misframed("end of chunk")
            body += self.buffer[at : at + size]
            at += size + 2
        while True:  # trailer fields, which say nothing here
            end = self.buffer.find(b"\r\n", at)
            if end < 0:
                return None
            if end == at:
                del self.buffer[: end + 2]
                return body
            if not FIELD.fullmatch(self.buffer[at:end].decode("latin-1")):
                raise Misframed("trailer")
            at = end + 2


class Listener:
    """What `Connection`s ask: `answer(request)` gives an `Answer`, `Lost`, `Upgrade` or a coroutine of one."""

    def __init__(self, answer, now, misframed):
        self.answer, self.now, self.misframed = answer, now, misframed
        self.connections = set()
        self.port = None

    async def listen(self, host, port, tls=None):
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self), host, port, ssl=tls, backlog=1024
        )
        self.port = server.sockets[0].getsockname()[1]

    def drop_all(self):
        """Resets every connection; says how many there were."""
        dropped = list(self.connections)
        for connection in dropped:
            connection.reset()
        return len(dropped)


class Routes:
    """Methods and path templates such as `/rest/salt/{domain}`; a `{name…}` at the end takes slashes too."""

    def __init__(self):
        self.table = []

    def add(self, methods, template, handler):
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        pattern = re.sub(r"\{(\w+)…\}", r"(?P<\1>.*)", pattern)
        self.table.append((methods.split(), re.compile(pattern), handler))

    def find(self, method, path):
        """The handler with its arguments; or `None` with the methods that the path has, if any."""
        allowed = []
        for methods, pattern, handler in self.table:
            matched = pattern.fullmatch(path)
            if matched and method in methods:
                return handler, {name: unquote(value) for name, value in matched.groupdict().items()}
            if matched:
                allowed += methods
        return None, allowed
