"""What a fake tells others: HTTP requests of its own, in order for each call; some get lost, if a test says so."""

import asyncio
import random
import ssl
from urllib.parse import urlsplit

from fake import answer_json, body_of

PATIENCE = 10

FAULTS = {
    # The shares of messages that never leave, and that leave twice.
    "lose": 0.0,
    "double": 0.0,
    # Seconds that each waits before it leaves.
    "delay": 0.0,
    # Whether only the messages of this event are lost, e.g. "hangup"; null: any.
    "event": None,
}


async def ask(url, method, headers, body, trust=None):
    """The status and the body of the answer to one request, on a connection of its own."""
    place = urlsplit(url)
    secure = (trust or ssl.create_default_context()) if place.scheme == "https" else None
    port = place.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(place.hostname, port, ssl=secure)
    try:
        target = (place.path or "/") + (f"?{place.query}" if place.query else "")
        head = {"Host": place.netloc.rpartition("@")[2], **headers, "Content-Length": len(body), "Connection": "close"}
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode("latin-1") + body)
        status = int((await reader.readline()).split(b" ")[1])
        length = None
        while (line := await reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return status, await (reader.read() if length is None else reader.readexactly(length))
    finally:
        writer.close()


class Outbox:
    """Sends messages; those of one call one after the other."""

    def __init__(self, fake, losing=True):
        """Where not `losing`, the fake itself asks what gets lost."""
        self.fake, self.losing = fake, losing
        self.random = random.Random(f"{fake.given.seed}:outbox")
        self.faults = dict(FAULTS)
        self.tails, self.waiting = {}, 0
        self.trust = None
        if fake.given.trust:
            self.trust = ssl.create_default_context(cafile=fake.given.trust)
        fake.admin.add("PUT", "/_fake/outbox", self.admin_faults)
        fake.admin.add("GET", "/_fake/outbox", lambda request: answer_json({**self.faults, "waiting": self.waiting}))

    @staticmethod
    def options(parser):
        parser.add_argument("--trust", help="PEM of whom to trust for https; else the system's authorities")

    def send(self, call, event, prepare):
        """Sends what `prepare()` makes: url, method, headers, body and what hears the answer, or `None` to send nothing."""
        before = self.tails.get(call)
        task = asyncio.ensure_future(self.deliver(before, call, event, prepare))
        self.tails[call] = task
        self.waiting += 1
        task.add_done_callback(lambda done: self.delivered(call, done))

    def delivered(self, call, task):
        self.waiting -= 1
        if self.tails.get(call) is task:
            del self.tails[call]

    def loses(self, event):
        """Whether this message is one of those that get lost."""
        return self.faults["event"] in (None, event) and self.random.random() < self.faults["lose"]

    async def deliver(self, before, call, event, prepare):
        times = 2 if self.random.random() < self.faults["double"] else 1
        if before:
            await asyncio.wait([before])
        message = prepare()
        if not message:
            return
        if self.losing and self.loses(event):
            self.fake.journal.write("lost", call=call, message=event)
            return
        if self.faults["delay"]:
            await asyncio.sleep(self.faults["delay"])
        for _ in range(times):
            await self.once(call, event, *message)

    async def once(self, call, event, url, method, headers, body, hear=None):
        try:
            status, answer = await asyncio.wait_for(ask(url, method, headers, body, self.trust), PATIENCE)
        except (OSError, ValueError, IndexError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
            self.fake.journal.write("undelivered", call=call, message=event, error=f"{type(error).__name__}: {error}")
            return
        self.fake.journal.write("told", call=call, message=event, status=status)
        if hear:
            hear(status, answer)

    def admin_faults(self, request):
        wanted = body_of(request)
        if set(wanted) - set(FAULTS):
            raise ValueError(f"there are {', '.join(FAULTS)}")
        self.faults.update(wanted)
        return answer_json(self.faults)
