"""The server's side of RFC 6455: text messages, ping, pong, close."""

import asyncio
import base64
import hashlib
import struct

from server import Upgrade

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
LONGEST = 1 << 20


def upgrade(request, socket):
    """101 for a request that asks for it well (RFC 6455 §4.2.1); `None` for others."""
    if request.method != "GET" or request.header("upgrade").lower() != "websocket":
        return None
    if "upgrade" not in request.header("connection").lower() or request.header("sec-websocket-version") != "13":
        return None
    try:
        if len(base64.b64decode(request.header("sec-websocket-key"), validate=True)) != 16:
            return None
    except ValueError:
        return None
    accept = base64.b64encode(hashlib.sha1((request.header("sec-websocket-key") + MAGIC).encode()).digest()).decode()
    return Upgrade(socket, [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)])


class Socket:
    """One WebSocket. A subclass hears `opened()`, `said(text)` and `gone()`, and uses `say` and `close`."""

    # Seconds between the server's pings.
    ping_every = 60

    def __init__(self):
        self.transport, self.buffer, self.parts, self.closing = None, bytearray(), [], False
        self.pings = None

    def opened(self):
        """It may speak from now on."""

    def said(self, text):
        """A whole message came."""

    def gone(self):
        """The connection has ended."""

    def say(self, text):
        self.frame(TEXT, text.encode())

    def close(self, code, reason=""):
        if not self.closing:
            self.frame(CLOSE, struct.pack("!H", code) + reason.encode())
            self.closing = True

    # What a `server.Connection` calls.

    def connected(self, transport):
        self.transport = transport
        self.ping()
        self.opened()

    def received(self, data):
        self.buffer += data
        while frame := self.next_frame():
            self.heard(*frame)

    def lost(self):
        if self.pings:
            self.pings.cancel()
        self.gone()

    # Frames.

    def ping(self):
        if self.pings:
            self.frame(PING, b"")
        self.pings = asyncio.get_running_loop().call_later(self.ping_every, self.ping)

    def frame(self, opcode, payload):
        if self.closing or self.transport.is_closing():
            return
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x80 | opcode, 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
        self.transport.write(head + payload)

    def next_frame(self):
        """The final flag, the opcode and the payload of a whole frame; `None` until it is there."""
        if len(self.buffer) < 2:
            return None
        first, second = self.buffer[:2]
        size, at = second & 0x7F, 2
        for short, layout in ((126, "!H"), (127, "!Q")):
            if size == short:
                width = struct.calcsize(layout)
                if len(self.buffer) < at + width:
                    return None
                size, at = struct.unpack_from(layout, self.buffer, at)[0], at + width
                break
        # §5.1: what a client sends is masked. No extension was agreed, so no reserved bit may be set.
        if not second & 0x80 or first & 0x70 or size > LONGEST:
            self.fail()
            return None
        if len(self.buffer) < at + 4 + size:
            return None
        mask, payload = self.buffer[at : at + 4], bytearray(self.buffer[at + 4 : at + 4 + size])
        for index in range(size):
            payload[index] ^= mask[index & 3]
        del self.buffer[: at + 4 + size]
        return bool(first & 0x80), first & 0x0F, bytes(payload)

    def heard(self, final, opcode, payload):
        if opcode == CLOSE:
            # §5.5.1: the same code goes back, and the server ends the connection.
            if not self.closing:
                self.frame(CLOSE, payload[:2])
            self.transport.close()
        elif opcode == PING:
            self.frame(PONG, payload)
        elif opcode in (0, TEXT):
            self.parts.append(payload)
            if final:
                text, self.parts = b"".join(self.parts), []
                if not self.closing:
                    self.said(text.decode("utf-8", "replace"))
        elif opcode != PONG:
            self.fail()

    def fail(self):
        """§7.1.7"""
        self.buffer.clear()
        self.close(1002)
        self.transport.close()
