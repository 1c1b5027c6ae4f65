"""The Asterisk manager interface of a Kalliope, as its manual has it opened for click-to-call."""

import asyncio
import hmac
import os
import re
import socket
import struct
from types import SimpleNamespace

GREETING = "Asterisk Call Manager/2.10.6\r\n"
LOCAL = re.compile(r"Local/([0-9]{1,20})@c2c(?:_([^/;]+))?")
# What a user of the manual has: read class call, write classes call and originate.
# Status wants one of system, call, reporting; CoreShowChannels is not for such a user (Asterisk; I).
ALLOWED = "login logoff ping originate hangup status events".split()
CAUSES = {
    "normalClearing": (16, "Normal Clearing"),
    "busy": (17, "User busy"),
    "noAnswer": (19, "User alerting, no answer"),
}
LONGEST = 64 << 10


class Ami:
    """All connections of the manager interface. A packet is lines `Name: value`, ended by an empty one."""

    def __init__(self, fake):
        self.fake, self.sessions = fake, set()
        self.users = dict(each.split(":", 1) for each in fake.given.ami_user)

    async def listen(self, host, port):
        server = await asyncio.start_server(self.serve, host, port, limit=LONGEST)
        self.fake.ports["ami"] = server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        session = Session(self, reader, writer)
        self.sessions.add(session)
        self.fake.listener.connections.add(session)
        try:
            await session.run()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self.sessions.discard(session)
            self.fake.listener.connections.discard(session)
            writer.close()

    def tell(self, happened, call):
        """Events of a call, to who logged in and did not turn them off."""
        name = {"dialled": "Newchannel", "answered": "Newstate", "ended": "Hangup"}[happened]
        fields = {"Event": name, "Privilege": "call,all", **channel_of(call)}
        if happened == "ended":
            code, text = CAUSES.get(call.cause, (16, "Normal Clearing"))
            fields.update({"Cause": code, "Cause-txt": text})
        if self.sessions and self.fake.outbox.loses(name):
            self.fake.journal.write("lost", call=call.id, message=name)
            return
        for session in self.sessions:
            if session.user and session.events:
                # After the answer to the action that caused it.
                asyncio.get_running_loop().call_soon(session.send, fields)


class Session:
    """One connection."""

    def __init__(self, ami, reader, writer):
        self.ami, self.fake, self.reader, self.writer = ami, ami.fake, reader, writer
        self.user, self.events = None, True
        self.peer = "{}:{}".format(*writer.get_extra_info("peername")[:2])

    async def run(self):
        self.writer.write(GREETING.encode())
        while True:
            packet = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].decode("utf-8", "replace")
            if not await self.heard(packet):
                return

    def reset(self):
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def send(self, fields):
        if self.writer.is_closing():
            return
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
        self.writer.write(f"{text}\r\n".encode())

    async def heard(self, packet):
        """Does one action, and whether to go on. Every line is written down: an injected one shows."""
        fields, variables = {}, {}
        for line in packet.split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "variable":
                key, _, text = value.strip().partition("=")
                variables[key] = text
            else:
                fields[name.strip().lower()] = value.strip()
        action = fields.get("action", "").lower()
        shown = [line for line in packet.split("\r\n") if not line.lower().startswith("secret:")]
        truth = {"peer": self.peer, "action": action, "lines": shown}
        rule = self.fake.faults.meet(SimpleNamespace(method="AMI", path=action))
        if rule:
            truth["fault"] = rule["do"] + (" after" if rule.get("after") else "")
            return await self.spoiled(rule, action, fields, variables, truth)
        answer = self.do(action, fields, variables, truth)
        self.fake.journal.write("ami", principal=self.user, **truth)
        return self.reply(fields, answer)

    async def spoiled(self, rule, action, fields, variables, truth):
        answer = None
        if rule.get("after") or rule["do"] in ("slow", "cut"):
            if rule["do"] == "slow" and not rule.get("after"):
                await asyncio.sleep(rule.get("seconds", 1))
            answer = self.do(action, fields, variables, truth)
        self.fake.journal.write("ami", principal=self.user, **truth)
        if rule["do"] == "die":
            os._exit(1)
        if rule["do"] == "refuse":
            return self.reply(fields, failure(rule.get("body", "Permission denied")))
        if rule["do"] == "slow":
            if rule.get("after"):
                await asyncio.sleep(rule.get("seconds", 1))
            return self.reply(fields, answer)
        if rule["do"] == "hang":
            await asyncio.sleep(rule.get("seconds", 3600))
        if rule["do"] != "drop" or rule.get("close", "reset") == "reset":
            self.reset()
        return False

    def reply(self, fields, packets):
        named = {"ActionID": fields["actionid"]} if "actionid" in fields else {}
        for packet in packets:
            first = next(iter(packet))
            self.send({first: packet[first], **named, **packet})
        return packets[0].get("Response") != "Goodbye" and packets[0].get("Message") != "Authentication failed"

    def do(self, action, fields, variables, truth):
        if action == "login":
            return self.log_in(fields, truth)
        if not self.user or action not in ALLOWED:
            truth["refused"] = "not logged in" if not self.user else "not of the user's classes"
            return failure("Permission denied" if action else "Missing action in request")
        return getattr(self, f"do_{action}")(fields, variables, truth)

    def log_in(self, fields, truth):
        secret = self.ami.users.get(fields.get("username"), "")
        if not secret or not hmac.compare_digest(secret.encode(), fields.get("secret", "").encode()):
            truth["refused"] = "wrong secret"
            return failure("Authentication failed")
        self.user = fields["username"]
        self.events = fields.get("events", "on").lower() != "off"
        return success("Authentication accepted")

    def do_logoff(self, fields, variables, truth):
        return [{"Response": "Goodbye", "Message": "Thanks for all the fish."}]

    def do_ping(self, fields, variables, truth):
        return [{"Response": "Success", "Ping": "Pong", "Timestamp": f"{self.fake.clock.now():.6f}"}]

    def do_events(self, fields, variables, truth):
        self.events = fields.get("eventmask", "on").lower() not in ("off", "")
        return [{"Response": "Success", "Events": "On" if self.events else "Off"}]

    def do_originate(self, fields, variables, truth):
        """`Channel: Local/201@c2c` with `Context: from_c2c`, or both with the tenant's uid (D)."""
        channel = LOCAL.fullmatch(fields.get("channel", ""))
        number, context = fields.get("exten", ""), fields.get("context", "")
        uid = channel[2] if channel else None
        domain = self.fake.domain_of(uid)
        expected = f"from_c2c_{uid}" if uid else "from_c2c"
        if not channel or domain is None or context != expected or not re.fullmatch(r"\+?[0-9*#]{1,40}", number):
            truth["refused"] = "no such channel, context or number"
            return failure("Originate failed")
        line = f"{channel[1]}@{domain}"
        call = self.fake.exchange.dial(line, number, self.user, variables=variables)
        truth["dialled"] = call.id
        if fields.get("async", "").lower() in ("true", "yes", "1"):
            done = {
                "Event": "OriginateResponse",
                "Privilege": "call,all",
                "ActionID": fields.get("actionid"),
                "Response": "Success",
            }
            more = {"Channel": fields["channel"], "Context": context, "Exten": number, "Reason": 4, "Uniqueid": call.id}
            asyncio.get_running_loop().call_soon(self.send, {**done, **more})
        return success("Originate successfully queued")

    def do_hangup(self, fields, variables, truth):
        """By the channel's name."""
        for call in self.fake.exchange.live.values():
            if channel_of(call)["Channel"] == fields.get("channel"):
                self.fake.exchange.end(call, "normalClearing", self.user)
                truth["ended"] = call.id
                return success("Channel Hungup")
        return failure("No such channel")

    def do_status(self, fields, variables, truth):
        calls = self.fake.exchange.listed()
        items = [{"Event": "Status", "Privilege": "Call", **channel_of(call)} for call in calls]
        begun = {**success("Channel status will follow")[0], "EventList": "start"}
        done = {"Event": "StatusComplete", "EventList": "Complete", "ListItems": len(items), "Items": len(items)}
        return [begun, *items, done]


def success(message):
    return [{"Response": "Success", "Message": message}]


def failure(message):
    return [{"Response": "Error", "Message": message}]


def channel_of(call):
    """The source's channel; the destination's is not shown, as nobody needs it to count or to end a call."""
    extension, _, domain = call.line.partition("@")
    return {
        "Channel": f"SIP/{extension}-{call.more['ordinal']:08x}",
        "ChannelState": 6 if call.answered else 5,
        "ChannelStateDesc": "Up" if call.answered else "Ringing",
        "CallerIDNum": extension,
        "CallerIDName": f"c2c: {call.number}",
        "ConnectedLineNum": call.number,
        "AccountCode": domain,
        "Context": "from_c2c",
        "Exten": call.number,
        "Priority": 1,
        "Uniqueid": call.id,
        "Linkedid": call.id,
    }
