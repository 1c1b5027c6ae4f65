"""HTTP/1 read to the letter of RFC 9112: what a stream of requests says, and what came back as answers."""

from dataclasses import dataclass, field

TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGITS = frozenset(b"0123456789")
HEX = frozenset(b"0123456789abcdefABCDEF")
UNRESERVED = frozenset(b"-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Ambiguous(Exception):
    """Two recipients may read this in two ways: what is here, and all after it, is nobody's request."""


@dataclass
class Request:
    method: str
    target: str
    version: str
    headers: list
    body: bytes = b""
    whole: bool = False

    def values(self, name):
        return [value for known, value in self.headers if known == name]


@dataclass
class Stream:
    """The requests in it, in their order, and whether something is left that is none."""

    requests: list = field(default_factory=list)
    rest: bool = False


def requests(data):
    """Reads requests until one is not whole, or not sound."""
    stream, at = Stream(), 0
    while True:
        # RFC 9112 2.2: empty lines before a request line.
        while data.startswith(b"\r\n", at):
            at += 2
        if at == len(data):
            return stream
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            stream.rest = True
            return stream
        try:
            request = head(data[at : end + 2])
            stream.requests.append(request)
            at = body(request, data, end + 4)
        except Ambiguous:
            stream.rest = True
            return stream
        if not request.whole:
            stream.rest = True
            return stream


def head(data):
    lines = data[:-2].split(b"\r\n")
    for line in lines:
        if any(byte in (0, 10, 13) for byte in line):
            raise Ambiguous("a control character")
    words = lines[0].split(b" ")
    if len(words) != 3 or not words[0] or not words[1] or not set(words[0]) <= TOKEN:
        raise Ambiguous("request line")
    if words[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise Ambiguous("version")
    if any(byte <= 32 or byte >= 127 for byte in words[1]):
        raise Ambiguous("target")
    request = Request(text(words[0]), text(words[1]), text(words[2]), [])
    for line in lines[1:]:
        request.headers.append(header(line))
    return request


def header(line):
    name, colon, value = line.partition(b":")
    if not colon or not name or not set(name) <= TOKEN:
        raise Ambiguous("header name")
    value = value.strip(b" \t")
    if any((byte < 32 and byte != 9) or byte == 127 for byte in value):
        raise Ambiguous("header value")
    return text(name).lower(), text(value)


def body(request, data, at):
    """Where the request ends."""
    lengths, encodings = request.values("content-length"), request.values("transfer-encoding")
    if encodings:
        if lengths or request.version != "HTTP/1.1" or [e.lower() for e in encodings] != ["chunked"]:
            raise Ambiguous("framing")
        return chunked(request, data, at)
    if len(lengths) > 1 or any(not value or not value.isascii() or not value.isdigit() for value in lengths):
        raise Ambiguous("length")
    length = int(lengths[0]) if lengths else 0
    request.body = data[at : at + length]
    request.whole = len(request.body) == length
    return at + length


def chunked(request, data, at):
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            # Whatever comes, it must begin so.
            return len(data)
        size = chunk_size(data[at:end])
        at = end + 2
        if size == 0:
            return trailers(request, data, at)
        piece = data[at : at + size]
        request.body += piece
        if len(piece) < size:
            return len(data)
        at += size
        if data[at : at + 2] != b"\r\n":
            if len(data) - at < 2 and b"\r\n".startswith(data[at:]):
                return len(data)
            raise Ambiguous("end of a chunk")
        at += 2


def chunk_size(line):
    """RFC 9112 7.1; what the extension says is nobody's business."""
    digits, mark, extension = line.partition(b";")
    digits = digits.rstrip(b" \t") if mark else digits
    if not digits or not set(digits) <= HEX or len(digits) > 15:
        raise Ambiguous("chunk size")
    if any((byte < 32 and byte != 9) or byte == 127 for byte in extension):
        raise Ambiguous("chunk extension")
    return int(digits, 16)


def trailers(request, data, at):
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return len(data)
        line = data[at:end]
        if any(byte in (0, 10, 13) for byte in line):
            raise Ambiguous("trailer")
        at = end + 2
        if not line:
            request.whole = True
            return at
        header(line)


def canonical(target):
    """The path and query that may go upstream; None for a target that may not."""
    if not target.startswith("/"):
        scheme, _, rest = target.partition("://")
        if scheme.lower() not in ("http", "https") or not rest:
            return None
        cut = min([rest.find(mark) for mark in "/?" if mark in rest] or [len(rest)])
        target = rest[cut:]
        target = target if target.startswith("/") else "/" + target
    if "#" in target:
        return None
    path, mark, query = target.partition("?")
    out, octets, index, data = "", b"", 0, path.encode("latin-1")
    while index < len(data):
        octet, escaped = data[index], data[index] == 37
        if escaped:
            digits = data[index + 1 : index + 3]
            if len(digits) < 2 or not set(digits) <= HEX:
                return None
            octet = int(digits, 16)
            if octet < 32 or octet == 127 or octet in b"/\\;?#.":
                return None
            index += 2
        elif octet not in UNRESERVED and octet not in b"/!$&'()*+,=:@":
            return None
        index += 1
        out += chr(octet) if octet in UNRESERVED or not escaped else f"%{octet:02X}"
        octets += bytes([octet])
    segments = octets.split(b"/")[1:]
    if any(segment in (b".", b"..") for segment in segments) or b"" in segments[:-1]:
        return None
    return out + mark + query


@dataclass
class Answer:
    status: int
    headers: list
    body: bytes
    whole: bool


def answers(data, methods):
    """What came back, interim answers left out: `methods` are those of the requests, in order."""
    found, at, left = [], 0, list(methods)
    while at < len(data):
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            found.append(Answer(0, [], data[at:], False))
            return found
        lines = data[at:end].split(b"\r\n")
        words = lines[0].split(b" ", 2)
        if len(words) < 2 or words[0] not in (b"HTTP/1.1", b"HTTP/1.0") or not words[1].isdigit():
            found.append(Answer(0, [], data[at:], False))
            return found
        status, headers = int(words[1]), [header(line) for line in lines[1:]]
        at = end + 4
        if status < 200:
            continue
        method = left.pop(0) if left else "GET"
        body, at, whole = answer_body(data, at, status, headers, method)
        found.append(Answer(status, headers, body, whole))
        if not whole:
            return found
    return found


def answer_body(data, at, status, headers, method):
    named = dict(headers)
    if method == "HEAD" or status in (204, 304):
        return b"", at, True
    if named.get("transfer-encoding", "").lower() == "chunked":
        request = Request("", "", "", [])
        try:
            at = chunked(request, data, at)
        except Ambiguous:
            return request.body, len(data), False
        return request.body, at, request.whole
    if "content-length" in named:
        length = int(named["content-length"])
        body = data[at : at + length]
        return body, at + length, len(body) == length
    return data[at:], len(data), True


def text(data):
    return data.decode("latin-1")
