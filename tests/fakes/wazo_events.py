"""websocketd: the bus's messages over a WebSocket, to whom a token allows."""

import asyncio
import json

from fake import Answer, Refused, to_json
from wazo_auth import UUID
from websocket import Socket, upgrade

NO_TOKEN, FAILED, EXPIRED, PROTOCOL = 4001, 4002, 4003, 4004


class Events:
    """All connections of websocketd."""

    def __init__(self, fake, auth):
        self.fake, self.auth, self.sockets = fake, auth, set()
        for path in ("/", ""):
            fake.routes.add("GET", path, self.connect)

    def connect(self, request):
        id = request.parameter("token") or request.header("x-auth-token")
        version = 1 if request.parameter("version") == "1" else 2
        outcome = upgrade(request, Listening(self, id, version))
        if not outcome:
            raise Refused(Answer(426, headers=[("Upgrade", "websocket")]), "no WebSocket")
        token = self.auth.live(id)
        request.truth["principal"] = token["auth_id"] if token else None
        return outcome

    def publish(self, message, access):
        """To all that asked for it and hold `access`."""
        for socket in list(self.sockets):
            socket.event(message, access)


class Listening(Socket):
    """One client: init, subscribe, start, then events."""

    def __init__(self, events, token, version):
        super().__init__()
        self.events, self.auth, self.id, self.version = events, events.auth, token, version
        self.names, self.started, self.check = set(), False, None

    def opened(self):
        if not self.id:
            return self.close(NO_TOKEN)
        token = self.auth.live(self.id) if UUID.fullmatch(self.id) else None
        if not token or not self.auth.allows(token, "websocketd"):
            return self.close(FAILED)
        self.events.sockets.add(self)
        self.answer("init", {"version": 2} if self.version == 2 else None)
        return self.look_again()

    def look_again(self):
        """It looks at the token now and then, as websocketd does; a bus would tell it no sooner."""
        if not self.auth.live(self.id):
            self.events.sockets.discard(self)
            self.close(EXPIRED)
            return
        every = self.events.fake.given.check_every
        self.check = asyncio.get_running_loop().call_later(every, self.look_again)

    def gone(self):
        self.events.sockets.discard(self)
        if self.check:
            self.check.cancel()

    def answer(self, op, data=None):
        """Version 1 has `msg`, version 2 may have `data` (I: only `init` is known)."""
        value = {"op": op, "code": 0}
        if self.version == 1:
            value["msg"] = ""
        elif data is not None:
            value["data"] = data
        self.say(to_json(value))

    def said(self, text):
        try:
            message = json.loads(text)
            op, data = message["op"], message.get("data") or {}
            if op == "subscribe":
                self.names.add(data["event_name"])
                if not self.started or self.version == 2:
                    self.answer(op)
            elif op == "start":
                self.answer(op)
                self.started = True
            elif op == "token" and self.version == 2:
                self.renew(data["token"])
            elif op == "ping" and self.version == 2:
                self.answer("pong", {"payload": data["payload"]})
            else:
                self.close(PROTOCOL)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.close(PROTOCOL)

    def renew(self, id):
        token = self.auth.live(id) if UUID.fullmatch(id) else None
        if not token or not self.auth.allows(token, "websocketd"):
            self.close(FAILED)
            return
        self.id = id
        self.answer("token")

    def event(self, message, access):
        if not self.started or not self.names & {message["name"], "*"}:
            return
        token = self.auth.live(self.id)
        if token and self.auth.allows(token, access):
            self.say(to_json(message if self.version == 1 else {"op": "event", "code": 0, "data": message}))
