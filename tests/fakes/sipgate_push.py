"""sipgate's push API: signed webhooks, and what their answers ask for."""

import base64
from urllib.parse import urlencode
from xml.etree import ElementTree

from fake import Answer, answer_json, body_of
from outbox import Outbox

EVENTS = {"dialled": "newCall", "answered": "answer", "ended": "hangup"}
# These ask that the call be ended; the other actions play and gather, which nobody hears here.
REFUSALS = {"Reject": {"busy": "busy"}, "Hangup": {}}


class Push:
    """Tells a URL of each call: `newCall` always, the other two only if its answer asked for them."""

    def __init__(self, fake, exchange):
        self.fake, self.exchange, self.outbox = fake, exchange, Outbox(fake)
        self.key = fake.kept_key("push")
        add = fake.admin.add
        add("GET", "/_fake/key", lambda request: Answer(200, self.key.public_pem(), "application/x-pem-file"))
        add("POST", "/_fake/push", self.admin_push)

    def tell(self, happened, call):
        event = EVENTS[happened]
        facts = self.facts(event, call)
        self.outbox.send(call.id, event, lambda: self.message(event, call, facts))

    def message(self, event, call, facts):
        """To where it goes, is known only when the answer to `newCall` is here."""
        settings = self.fake.push_settings()
        if event == "newCall":
            to = settings["incomingUrl" if call.more["direction"] == "in" else "outgoingUrl"]
        else:
            to = call.more.get({"answer": "onAnswer", "hangup": "onHangup"}[event])
        listed = settings["whitelist"]
        if not to or listed is not None and call.more["user"] not in listed:
            return None
        return self.signed(to, facts, lambda status, body: self.heard(event, call, status, body))

    def signed(self, to, facts, hear=None):
        body = urlencode(facts).encode()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "sipgate.io",
            "Accept": "application/xml, text/plain, text/html",
            "X-Sipgate-Signature": base64.b64encode(self.key.sign(body)).decode(),
        }
        return to, "POST", headers, body, hear

    def facts(self, event, call):
        """Numbers are E.164 without `+`, or `anonymous`."""
        more = call.more
        ours, theirs = more["number_of_line"].lstrip("+") or "anonymous", call.number.lstrip("+") or "anonymous"
        incoming = more["direction"] == "in"
        who = [
            ("user[]", more["name"]),
            ("userId[]", more["user"]),
            ("fullUserId[]", f"{self.fake.given.account}{more['user']}"),
        ]
        places = [
            ("from", theirs if incoming else ours),
            ("to", ours if incoming else theirs),
            ("direction", more["direction"]),
        ]
        if event == "newCall":
            return [
                ("event", event),
                *places,
                ("callId", call.id),
                ("origCallId", call.id),
                *who,
                ("xcid", f"xcid-{call.id}"),
            ]
        answering = ("answeringNumber", ours if incoming else theirs)
        if event == "answer":
            single = [(name.replace("[]", ""), value) for name, value in who]
            return [("event", event), ("callId", call.id), *single, *places, answering]
        return [("event", event), ("cause", call.cause), ("callId", call.id), *places, answering]

    def heard(self, event, call, status, body):
        """Answers to `answer` and `hangup` are discarded."""
        if event != "newCall" or status >= 300:
            return
        try:
            answer = ElementTree.fromstring(body)
        except ElementTree.ParseError:
            self.fake.journal.write("unread", call=call.id, answer=body.decode("utf-8", "replace")[:200])
            return
        for name in ("onAnswer", "onHangup"):
            if answer.get(name):
                call.more[name] = answer.get(name)
        self.exchange.keep(call)
        for action in answer:
            if action.tag in REFUSALS:
                self.exchange.end(call, REFUSALS[action.tag].get(action.get("reason"), "normalClearing"), "webhook")

    def admin_push(self, request):
        """Sends any facts, signed: `{"url", "facts": [[name, value], …], "signature"?}`. A forged signature is given."""
        asked = body_of(request)
        to, method, headers, body, _ = self.signed(asked["url"], [tuple(fact) for fact in asked["facts"]])
        headers["X-Sipgate-Signature"] = asked.get("signature", headers["X-Sipgate-Signature"])
        self.outbox.send("pushed", "pushed", lambda: (to, method, headers, body))
        return answer_json({"signature": headers["X-Sipgate-Signature"]})
