"""The telephones behind a fake: calls ring, are answered and end, on their own (seeded) or when a test says so."""

import asyncio
import random
import time
from collections import Counter, deque

from fake import answer_json, body_of

LIFE = {
    # Seconds from … to … until the callee answers; null: it rings until a test answers or ends it.
    "ring": [0.05, 0.05],
    # Seconds from … to … from answer to end; null: until somebody ends it.
    "talk": None,
    # The share of calls that end unanswered after ringing, and that find the callee busy.
    "no_answer": 0.0,
    "busy": 0.0,
    # Lists show the calls as they were so many seconds ago.
    "list_delay": 0.0,
}


class Call:
    """One call; `asked_by` is the principal that had it dialled, or `telephone`."""

    FIELDS = "id line number asked_by state begun answered ended cause ended_by more".split()

    def __init__(self, **fields):
        for name in self.FIELDS:
            setattr(self, name, fields.get(name))

    def to_json(self):
        return {name: getattr(self, name) for name in self.FIELDS}


class Exchange:
    """All calls of a fake. `tell(event, call)` hears `dialled`, `answered` and `ended`."""

    def __init__(self, fake, new_id, tell, complete=lambda line, number: {}):
        self.fake, self.new_id, self.tell, self.complete = fake, new_id, tell, complete
        self.life = dict(LIFE)
        self.live, self.of_line, self.dials = {}, Counter(), 0
        self.ended = deque(maxlen=200_000)
        add = fake.admin.add
        add("GET", "/_fake/calls", lambda request: answer_json([call.to_json() for call in self.live.values()]))
        add("GET", "/_fake/ended", lambda request: answer_json([call.to_json() for call in self.ended]))
        add("POST", "/_fake/calls", self.admin_dial)
        add("POST", "/_fake/calls/{id}/answer", self.admin_answer)
        add("POST", "/_fake/calls/{id}/end", self.admin_end)
        add("PUT", "/_fake/life", self.admin_life)

    def resume(self):
        """Goes on with the calls of the state; their telephones never noticed that the system was away."""
        for fields in self.fake.state.all("call").values():
            call = Call(**fields)
            self.live[call.id] = call
            self.of_line[call.line] += 1
            self.schedule(call)
        self.ended.extend(Call(**fields) for fields in self.fake.state.take("ended"))
        self.dials = self.fake.state.all("exchange").get("dials", 0)

    def dial(self, line, number, asked_by, **more):
        self.dials += 1
        call = Call(
            id=self.new_id(), line=line, number=number, asked_by=asked_by, state="ringing", begun=time.time(), more=more
        )
        more["ordinal"] = self.dials
        self.fake.state.put("exchange", "dials", self.dials)
        self.live[call.id] = call
        self.of_line[line] += 1
        self.happened("dialled", call)
        self.schedule(call)
        return call

    def answer(self, call):
        if call.state != "ringing":
            return False
        call.state, call.answered = "answered", time.time()
        self.happened("answered", call)
        self.schedule(call)
        return True

    def end(self, call, cause, by):
        """Ends a call; false where it had ended before."""
        if self.live.pop(call.id, None) is None:
            return False
        self.of_line[call.line] -= 1
        call.state, call.ended, call.cause, call.ended_by = "ended", time.time(), cause, by
        self.ended.append(call)
        self.happened("ended", call)
        return True

    def keep(self, call):
        """Writes down what changed of a call that goes on."""
        if call.id in self.live:
            self.fake.state.put("call", call.id, call.to_json())

    def listed(self, ringing=True):
        """The calls that a list shows: late, if lists are; without those that ring, where it is one of those lists."""
        then = time.time() - self.life["list_delay"]
        return [call for call in self.shown_at(then) if ringing or call.answered and call.answered <= then]

    def shown_at(self, then):
        if self.life["list_delay"] == 0:
            return list(self.live.values())
        gone = []
        for call in reversed(self.ended):
            if call.ended <= then:
                break
            gone.append(call)
        return [call for call in [*self.live.values(), *gone] if call.begun <= then]

    def happened(self, event, call):
        if event == "ended":
            self.fake.state.drop("call", call.id)
            self.fake.state.append("ended", call.id, call.to_json())
        else:
            self.keep(call)
        facts = {"cause": call.cause, "by": call.ended_by} if event == "ended" else {}
        facts["live_of_line"] = self.of_line[call.line]
        self.fake.journal.write(
            event, call=call.id, line=call.line, number=call.number, asked_by=call.asked_by, **facts
        )
        self.tell(event, call)

    def schedule(self, call):
        """What the two people do by themselves; by the call's ordinal, so that a seed means the same in each run."""
        chance = random.Random(f"{self.fake.given.seed}:{call.more['ordinal']}")
        ring, talk, fate = chance.random(), chance.random(), chance.random()
        if call.state == "ringing" and self.life["ring"]:
            if fate < self.life["no_answer"] + self.life["busy"]:
                cause = "busy" if fate < self.life["busy"] else "noAnswer"
                self.at(call.begun, ring, "ring", lambda: self.end(call, cause, "callee"))
            else:
                self.at(call.begun, ring, "ring", lambda: self.answer(call))
        if call.state == "answered" and self.life["talk"]:
            self.at(call.answered, talk, "talk", lambda: self.end(call, "normalClearing", "callee"))

    def at(self, since, chance, which, then):
        shortest, longest = self.life[which]
        wait = since + shortest + (longest - shortest) * chance - time.time()
        asyncio.get_running_loop().call_later(max(wait, 0), then)

    def admin_dial(self, request):
        """A call that was dialled at the telephone."""
        asked = body_of(request)
        line, number = asked.pop("line"), asked.pop("number")
        call = self.dial(line, number, "telephone", **{**self.complete(line, number), **asked})
        return answer_json(call.to_json(), 201)

    def admin_answer(self, request, id):
        return answer_json({"answered": self.answer(self.live[id])})

    def admin_end(self, request, id):
        """Somebody puts the receiver down."""
        cause = body_of(request).get("cause", "normalClearing")
        return answer_json({"ended": id in self.live and self.end(self.live[id], cause, "telephone")})

    def admin_life(self, request):
        wanted = body_of(request)
        if set(wanted) - set(LIFE):
            raise ValueError(f"there are {', '.join(LIFE)}")
        self.life.update(wanted)
        return answer_json(self.life)
