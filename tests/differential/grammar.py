"""Requests as attackers write them: a grammar of HTTP/1 with its known ambiguities, and bytes that are changed at random.

A case is a list of parts: each but the first is sent when an answer to the one before has come.
"""

import random

# Where each upstream is to be found, and what opens it.
UPSTREAMS = {"nginx": "/n", "node": "/j", "python": "/p", "simple": "/s"}
TOKEN = b"{TOKEN}"

METHODS = ["GET"] * 12 + ["POST"] * 12 + ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"] * 2
ODD_METHODS = ["get", "Post", "FOO", "M-SEARCH", "PURGE", "CONNECT", "TRACE", "PRI", "G3T", "GE!T", "PROPFIND", "", "G\tET", "\x00GET", "X" * 40]
VERSIONS = ["HTTP/1.1"] * 30 + ["HTTP/1.0"] * 4
ODD_VERSIONS = ["HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.1 ", "HTTP/01.1", "HTTP/1.10", "HTTP/1,1", "HTTP/1", "", "XTTP/1.1", "HTTP/1.1\t", "HTTP\\1.1"]
PATHS = ["/a", "/a/b", "/", "", "/%61", "/caf%C3%A9", "/a%20b", "/a?b=1", "/a?b=/../c", "/a?x=%0d%0a", "/a:b@c", "/a?", "/a?access_token=x"]
ODD_PATHS = ["/../n/a", "/%2e%2e/a", "//a", "/a//b", "/./a", "/a;b", "/a%2fb", "/a%5cb", "/a\\b", "/a%00", "/a%", "/a%zz", "/a%252e", "/a#b", "/a%23", "/\xe9", "/a?\xe9", '/a?"<>', "/a?b#c", "/a b", "/a\tb", "/a%0d%0a", "/" + "a" * 3000, "/a?" + "q" * 5000, "/%c0%af", "/a?\x7f", "/a?`{|}^"]
LENGTHS = ["{n}"] * 14 + ["0{n}", "{more}", "{less}", "0", "+{n}", "-1", " {n} ", "{n},{n}", "{n}, {n}", "0x{n}", "{n}.0", "{n}_0", "{n}\t", "\x0b{n}", "\xa0{n}", "", "99999999999999999999", "18446744073709551621", "{n} {n}", "{n}\x00", "1e1", "\u00b2"]
ENCODINGS = ["chunked"] * 14 + ["Chunked", "CHUNKED", " chunked", "chunked ", "\tchunked", "chunked\t", "\x0bchunked", "chunked\x0c", "xchunked", "chunkedx", '"chunked"', "chunked, identity", "identity, chunked", "identity", "gzip, chunked", "chunked, gzip", "chunked,", ",chunked", "chunked;q=1", "chunked chunked", "", "chunk", "cow", "chunked\x00", "\xa0chunked", "chu\rnked", "chunked\r", "[chunked]"]
NAMES = {"te": ["Transfer-Encoding"] * 12 + ["transfer-encoding", "TRANSFER-ENCODING", "Transfer_Encoding", "Transfer.Encoding", "Transfer-Encoding ", " Transfer-Encoding", "\tTransfer-Encoding", "Transfer-Encoding\x00", "Transfer-Encoding\t", "Transfer-\xc5\xbfEncoding", "\x00Transfer-Encoding", "Transfer Encoding", "Transfer-Encoding\x0b", "X\nTransfer-Encoding", "X: y\rTransfer-Encoding", ":Transfer-Encoding"],
         "cl": ["Content-Length"] * 12 + ["content-length", "CONTENT-LENGTH", "Content_Length", "Content-Length ", " Content-Length", "Content-Length\t", "Content.Length", "\x00Content-Length", "Content Length", "X\nContent-Length", "X: y\rContent-Length", "Content-Lengt\xb9"]}
SIZES = ["{x}"] * 16 + ["{X}", "0{x}", "{x};a", "{x};a=b", '{x};a="b;c"', "{x} ;a", "{x} ", " {x}", "{x}\t", "0x{x}", "+{x}", "-{x}", "{x}g", "{x};\n", "{x};a\nb", "{x};a\rb", "{x}\x00", "{x};\x00", "", "{more}", "{less}", "fffffffffffffffff{x}", "{x}_", "{x};" + "e" * 300, "{x}\r", "1{pad}{x}"]
ENDS = ["\r\n"] * 24 + ["\n", "\r", "\r\r\n", "\n\r\n", "", "X", "\r\nX"]
ENDINGS = ["0\r\n\r\n"] * 14 + ["0\r\nX-Trailer: 1\r\n\r\n", "00000\r\n\r\n", "0;ext\r\n\r\n", "0\n\r\n", "0\r\n\n", "0\n\n", "0\r\n", "0", "", "0\r\nContent-Length: 5\r\n\r\n", "0\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n X: folded\r\n\r\n", "0\r\nno colon\r\n\r\n", "0 \r\n\r\n", "-0\r\n\r\n", "0x0\r\n\r\n", "0\r\nX: 1\nY: 2\r\n\r\n", "0\r\nHost: other\r\nAuthorization: Bearer x\r\n\r\n"]
HOSTS = ["Host: gate.example"] * 8 + ["host:gate.example", "HOST: gate.example"]
ODD_HOSTS = ["", "Host: gate.example\r\nHost: gate.example", "Host: other\r\nHost: gate.example", "Host: ", "Host: a, b", "Host: user@gate.example", "Host: gate.example/x", "Host : gate.example", "Host: gate.example:80", "Host: gate.example\t", "Host:\tgate.example", " Host: gate.example", "Host: gate.example\r\n folded"]
CREDENTIALS = ["Authorization: Bearer {TOKEN}"] * 8 + ["X-Auth-Token: {TOKEN}", "authorization: bearer {TOKEN}", "Authorization: Bearer  {TOKEN}"]
ODD_CREDENTIALS = ["Authorization: Bearer {TOKEN}\r\nX-Auth-Token: {TOKEN}", "Authorization: Bearer {TOKEN}x", "Authorization: Bearer", "Authorization: Basic YTpi", "X_Auth_Token: {TOKEN}", "Authorization : Bearer {TOKEN}", "Authorization: Bearer\t{TOKEN}", "Authorization:\r\n Bearer {TOKEN}"] + [""] * 8
CONNECTIONS = ["close", "keep-alive", "Keep-Alive", "upgrade", "Upgrade, HTTP2-Settings", "close, keep-alive", "Content-Type", "te", "X-Else"]
ODD_CONNECTIONS = ["close, X-Callgate-Client", "X-Callgate-Client", "Host", "Authorization", "Content-Length", "Transfer-Encoding", "\x00", "X-Forwarded-For"]
OTHERS = ["Accept: */*", "User-Agent: x", "Content-Type: text/plain", "Cookie: a=b", "X-Forwarded-For: 10.9.9.9", "X-Forwarded-Host: evil", "X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-For: 10.9.9.8", "X-Callgate-Client: evil", "X-Callgate-User: root", "x-callgate-access: #", "Forwarded: for=1", "Via: 1.1 x", "TE: trailers", "TE: trailers, gzip", "Trailer: X-Trailer", "Upgrade: websocket", "Upgrade: h2c", "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13", "HTTP2-Settings: AAMAAABkAAQAAP__", "Content-Encoding: gzip", "Range: bytes=0-1", "X-HTTP-Method-Override: DELETE", "X-Original-URL: /p/x", "Max-Forwards: 0", "Keep-Alive: timeout=1", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic x", "If-Match: *", "Date: x", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Idempotency-Key: a", "Accept-Encoding: gzip", "Origin: null"]
ODD_HEADERS = ["X_Callgate_Client: evil", "X.Callgate.Client: evil", "no colon", ": empty", "X: a\r\n b", "X: a\r\n\tb", "X : a", "X\t: a", "X: \x00", "X: a\rb", "X: a\nY: b", "X: \xff\xfe", "X: \x01", "X: \x7f", "X\xe9: a", "X[]: a", "X: " + "a" * 9000, "X" * 5000 + ": a", "X:", "X:a", "X: \t a \t ", "\x0bX: a", "X\x0b: a", "(X): a", '"X": a', "X: a\r\n\r", "X: a\r\n : b", "X;Y: a", "\xefX: a", "Content-Length", "Transfer-Encoding"]
EXPECTS = ["100-continue"] * 6 + ["100-Continue", "100-continue, x", "200-ok", "", "100-continue\r\nExpect: 100-continue"]
ALPHABET = [b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"\x0b", b"\x0c", b"\x85", b"\xa0", b"\xff", b"0", b"1", b"a", b"/", b"#", b"?", b"%", b"\x7f", b"_", b"-", b"\x1b", b'"']


class Case:
    """One connection's worth of bytes."""

    def __init__(self, seed, number, upstreams=tuple(UPSTREAMS)):
        self.random = random.Random(f"{seed}/{number}")
        # Most have one thing that is odd, or none: what is refused for one hides all others.
        self.oddness = self.random.choice([0, 0.2, 0.2, 0.5, 1, 2])
        self.prefix = UPSTREAMS[self.random.choice(upstreams)]

    def parts(self):
        parts = []
        for _ in range(self.random.choice([1, 1, 1, 2, 2, 3])):
            request = self.request()
            if parts and self.random.random() < 0.5:
                parts[-1] += request
            else:
                parts.append(request)
        if self.random.random() < 0.2 * min(self.oddness, 1):
            at = self.random.randrange(len(parts))
            parts[at] = self.changed(parts[at])
        return [part for part in parts if part] or [b"\r\n"]

    def one(self, usual, odd, share):
        """One of the odd ones, now and then."""
        return self.random.choice(odd if self.random.random() < share * self.oddness else usual)

    def target(self, odd=0.08):
        path = self.one(PATHS, ODD_PATHS, odd)
        prefix = self.prefix if self.random.random() < 0.95 else self.random.choice(["/nowhere", "/rest/call", "/n", "/j", "/p"])
        target = f"{prefix}{path}"
        form = self.random.random()
        if form < 0.04:
            host = self.random.choice(["gate.example", "GATE.example", "other", "gate.example:80", "u@gate.example", ""])
            target = self.random.choice(["http", "HTTP", "https", "ftp"]) + f"://{host}{target}"
        elif form < 0.05:
            target = self.random.choice(["*", "gate.example:80", "", "a", "?a", "http:", "/"])
        return target

    def smuggled(self):
        """What would be a request, if anybody took it for one. It has no credential."""
        method = self.random.choice(["GET", "GET", "POST"])
        return f"{method} {self.prefix}/smuggled HTTP/1.1\r\nHost: gate.example\r\nX-Callgate-Client: evil\r\nX-Forwarded-For: 10.9.9.9\r\n\r\n"

    def content(self):
        kinds = ["", "x", "hello", "0\r\n\r\n", "\r\n", "\r\n\r\n", "0", "a" * self.random.randrange(2000)]
        kinds += [self.smuggled(), f"0\r\n\r\n{self.smuggled()}", f"\r\n{self.smuggled()}"] * 2
        return self.random.choice(kinds)

    def request(self):
        choose = self.random.choice
        method = self.one(METHODS, ODD_METHODS, 0.06)
        version = self.one(VERSIONS, ODD_VERSIONS, 0.04)
        lines = [self.one(HOSTS, ODD_HOSTS, 0.1), self.one(CREDENTIALS, ODD_CREDENTIALS, 0.15)]
        # Each once: nginx does not take `If-Match` twice, whoever sends it.
        lines += self.random.sample(OTHERS, choose([0, 0, 1, 2, 3]))
        if self.random.random() < 0.15:
            lines.append("Connection: " + self.one(CONNECTIONS, ODD_CONNECTIONS, 0.3))
        if self.random.random() < 0.06:
            lines.append("Expect: " + choose(EXPECTS))
        if self.random.random() < 0.08 * self.oddness:
            lines.append(choose(ODD_HEADERS))
        framing, body = self.framed(self.content())
        lines += framing
        self.random.shuffle(lines)
        ends = ENDS if self.random.random() < 0.05 * self.oddness else ["\r\n"]
        head = f"{method} {self.target()} {version}{choose(ends)}"
        if self.random.random() < 0.02 * self.oddness:
            head = choose(["\r\n", "\n", "\r\n\r\n", " ", "\r"]) + head
        head += "".join(line + choose(ends) for line in lines if line) + choose(ends)
        head = head.replace("\u00b2", "\xb2")
        return head.encode("latin-1", "replace") + body.encode("latin-1", "replace")

    def framed(self, content):
        """How the head says where the body ends, and the body so framed, or nearly."""
        way = self.random.random()
        if way < 0.3:
            return [], "" if self.random.random() > 0.2 * self.oddness else content
        if way < 0.6:
            return [self.length(content)], content
        if way < 1 - 0.1 * self.oddness:
            return [self.encoding()], self.chunks(content)
        # Both, or one of them twice: whichever the other end believes.
        lines = [self.length(content), self.encoding()]
        if self.random.random() < 0.3:
            lines = self.random.choice([[self.length(content)] * 2, [self.encoding(), self.encoding()], [self.length(content), self.length(content)]])
        return lines, self.random.choice([content, self.chunks(content), self.smuggled()])

    def length(self, content):
        size = len(content)
        value = self.one(LENGTHS[:14], LENGTHS, 0.4)
        value = value.replace("{n}", str(size)).replace("{more}", str(size + 7)).replace("{less}", str(max(size - 3, 0)))
        return self.one(["Content-Length"], NAMES["cl"], 0.3) + ": " + value

    def encoding(self):
        return self.one(["Transfer-Encoding"], NAMES["te"], 0.3) + ": " + self.one(ENCODINGS[:14], ENCODINGS, 0.4)

    def chunks(self, content):
        text, odd = "", self.random.random() < 0.4 * self.oddness
        pieces = self.random.choice([1, 1, 2, 3])
        step = max(len(content) // pieces, 1)
        for at in range(0, len(content), step):
            piece = content[at : at + step]
            size = self.one(["{x}"], SIZES, 0.4 if odd else 0)
            size = size.replace("{x}", f"{len(piece):x}").replace("{X}", f"{len(piece):X}").replace("{more}", f"{len(piece) + 5:x}")
            size = size.replace("{less}", f"{max(len(piece) - 2, 0):x}").replace("{pad}", "0" * 16)
            text += size + self.one(["\r\n"], ENDS, 0.3 if odd else 0) + piece + self.one(["\r\n"], ENDS, 0.3 if odd else 0)
        return text + self.one(["0\r\n\r\n"], ENDINGS, 0.4 if odd else 0.03)

    def changed(self, data):
        """A few bytes inserted, removed, replaced, doubled; or the rest cut off."""
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            if not data:
                return data
            at, what = self.random.randrange(len(data)), self.random.choice(ALPHABET)
            # Mostly in the head, where it matters most.
            if self.random.random() < 0.5:
                ends = [place for place in range(len(data)) if data[place] in b"\r\n: "]
                at = self.random.choice(ends) if ends else at
            line_end = data.find(b"\n", at) + 1
            data = self.random.choice([
                data[:at] + what + data[at:],
                data[:at] + what + data[at:],
                data[:at] + what + data[at + 1 :],
                data[:at] + data[at + 1 :],
                data[:line_end] + data[at:],
                data[:at],
                data.replace(b"\r\n", b"\n", self.random.choice([1, 2, 3])),
            ])
        return data


def each_alone():
    """Each odd thing of the grammar in a request that is sound otherwise; another request follows on the connection."""
    sound, body = {"method": "POST", "path": "/a", "version": "HTTP/1.1", "host": HOSTS[0], "credential": CREDENTIALS[0]}, "hello"
    inner = "GET {UP}/smuggled HTTP/1.1\r\nHost: gate.example\r\nX-Callgate-Client: evil\r\n\r\n"

    def case(lines=("Content-Length: 5",), body=body, **odd):
        what = {**sound, **odd}
        head = [what["host"], what["credential"], *lines]
        first = f"{what['method']} {{UP}}{what['path']} {what['version']}\r\n" + "".join(f"{line}\r\n" for line in head if line) + "\r\n" + body
        second = f"GET {{UP}}/after HTTP/1.1\r\n{HOSTS[0]}\r\n{CREDENTIALS[0]}\r\n\r\n"
        return [part.replace("\u00b2", "\xb2").encode("latin-1", "replace") for part in (first, second)]

    for name, values in (("method", METHODS[23:] + ODD_METHODS), ("path", PATHS + ODD_PATHS), ("version", VERSIONS[-1:] + ODD_VERSIONS)):
        for value in values:
            yield case(**{name: value})
    for name, values in (("host", HOSTS[8:] + ODD_HOSTS), ("credential", CREDENTIALS[8:] + ODD_CREDENTIALS[:-7])):
        for value in values:
            yield case(**{name: value})
    for line in OTHERS + ODD_HEADERS + [f"Connection: {value}" for value in CONNECTIONS + ODD_CONNECTIONS] + [f"Expect: {value}" for value in EXPECTS[5:]]:
        yield case(["Content-Length: 5", line])
    for value in LENGTHS[13:]:
        value = value.replace("{n}", str(len(inner))).replace("{more}", "999").replace("{less}", "1")
        yield case([f"Content-Length: {value}"], inner)
        yield case([f"Content-Length: {value}", "Transfer-Encoding: chunked"], f"0\r\n\r\n{inner}")
        yield case([f"Content-Length: {value}", "Content-Length: 0"], inner)
    for name in NAMES["cl"][12:]:
        yield case([f"{name}: {len(inner)}"], inner)
        yield case([f"{name}: {len(inner)}", "Content-Length: 0"], inner)
    chunk = f"5\r\nhello\r\n0\r\n\r\n{inner}"
    for value in ENCODINGS[13:]:
        yield case([f"Transfer-Encoding: {value}"], chunk)
        yield case([f"Transfer-Encoding: {value}", "Transfer-Encoding: chunked"], chunk)
    for name in NAMES["te"][12:]:
        yield case([f"{name}: chunked"], chunk)
        yield case([f"{name}: chunked", "Content-Length: 5"], chunk)
    size = f"{len(inner):x}"
    for value in SIZES[16:]:
        value = value.replace("{x}", size).replace("{more}", "fff").replace("{less}", "1").replace("{pad}", "0" * 16)
        yield case(["Transfer-Encoding: chunked"], f"{value}\r\n{inner}\r\n0\r\n\r\n")
    for end in ENDS[24:]:
        yield case(["Transfer-Encoding: chunked"], f"{size}{end}{inner}\r\n0\r\n\r\n")
        yield case(["Transfer-Encoding: chunked"], f"{size}\r\n{inner}{end}0\r\n\r\n")
    for ending in ENDINGS[14:]:
        yield case(["Transfer-Encoding: chunked"], f"{size}\r\n{inner}\r\n{ending}{inner}")
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        yield case([f"Content-Length: {len(inner)}"], inner, method=method)
        yield case(["Transfer-Encoding: chunked"], f"{size}\r\n{inner}\r\n0\r\n\r\n", method=method)
