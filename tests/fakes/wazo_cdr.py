"""wazo-call-logd 1.0: the calls that ended."""

import csv
import io
import re
from datetime import datetime, timezone

from fake import Answer
from wazo_auth import good
from wazo_calld import iso
from wazo_errors import ANYBODY, api, invalid

# All keys are always there; this is the order of the CSV, too, which lacks `conversation_id` and `destination_details`.
COLUMNS = """id tenant_uuid answered start answer end destination_extension destination_name destination_internal_extension
destination_internal_context destination_user_uuid destination_line_id duration call_direction call_status requested_name
requested_extension requested_context requested_internal_extension requested_internal_context requested_user_uuid
source_extension source_name source_internal_name source_internal_extension source_internal_context source_user_uuid
source_line_id tags""".split()
SEARCHED = "source_name source_extension destination_name destination_extension".split()
RANKS = {"unknown": 1, "blocked": 2, "voicemail": 3, "answered": 4}
CSV = "text/csv; charset=utf-8"


class CallLogd:
    """The records of a fake."""

    def __init__(self, fake, auth, exchange):
        self.fake, self.auth, self.exchange = fake, auth, exchange
        add = fake.routes.add
        add("GET", "/1.0/cdr", self.list_all)
        add("GET", "/1.0/cdr/{id}", self.read)
        add("GET", "/1.0/users/me/cdr", self.list_own)
        add("GET", "/1.0/users/{uuid}/cdr", self.list_of)

    def list_all(self, request):
        token, tenants = self.entered(request, "call-logd.cdr.read")
        return self.listed(request, lambda row: row["tenant_uuid"] in tenants)

    def list_own(self, request):
        token, _ = self.entered(request, "call-logd.users.me.cdr.read")
        if token["purpose"] != "user":
            raise api(400, "A valid token with a user UUID is required", "token-with-user-uuid-required")
        return self.listed(request, took_part(token["auth_id"]), own=True)

    def list_of(self, request, uuid):
        _, tenants = self.entered(request, f"call-logd.users.{uuid}.cdr.read")
        part = took_part(uuid)
        return self.listed(request, lambda row: part(row) and row["tenant_uuid"] in tenants)

    def read(self, request, id):
        _, _ = self.entered(request, f"call-logd.cdr.{id}.read", query=False)
        row = next((row for row in self.rows() if str(row["id"]) == id), None)
        if not row:
            raise api(404, "No CDR found matching this ID", "cdr-not-found-with-given-id", {"cdr_id": id})
        return good(row)

    def entered(self, request, access, query=True):
        """The token, in its header or, on these routes, `?token=`; and the tenants that it asks about."""
        token = self.auth.need(request, access, request.parameter("token") if query else None)
        tenant = self.auth.tenant_in_daemon(request, token, access)
        recurse = request.parameter("recurse") in ("true", "True", "1")
        return token, self.auth.visible(tenant) if recurse else {tenant}

    def rows(self):
        return [record(call, self.auth.users) for call in self.exchange.ended]

    def listed(self, request, belongs, own=False):
        rows = [row for row in self.rows() if belongs(row)]
        fits = filters(request)
        left = [row for row in rows if all(fit(row) for fit in fits)]
        shown = page_of(request, left)
        if own:
            shown = [{key: value for key, value in row.items() if key != "tags"} for row in shown]
        if request.parameter("format") == "csv" or "text/csv" in request.header("accept"):
            return written(shown)
        return good({"items": shown, "total": len(rows), "filtered": len(left)})


def record(call, users):
    more = call.more
    callee = users.get(more.get("callee"))
    row = dict.fromkeys(COLUMNS)
    row.update(
        id=more["ordinal"],
        tenant_uuid=more["tenant"],
        answered=call.answered is not None,
        start=iso(call.begun),
        answer=iso(call.answered),
        end=iso(call.ended),
        destination_extension=call.number,
        destination_name=callee["username"] if callee else "",
        duration=int(call.ended - call.answered) if call.answered else None,
        call_direction="internal" if callee else "outbound",
        call_status="answered" if call.answered else "unknown",
        requested_extension=call.number,
        requested_context=more.get("context"),
        source_extension=more.get("caller"),
        source_name=more.get("name"),
        source_internal_extension=more.get("caller"),
        source_internal_context=more.get("context"),
        source_user_uuid=call.line,
        source_line_id=more.get("line_id"),
        tags=[],
        conversation_id=call.id,
        destination_details={"type": "unknown"},
        recordings=[],
    )
    if callee:
        details = {"type": "user", "user_uuid": callee["uuid"], "user_name": callee["username"]}
        row.update(
            destination_user_uuid=callee["uuid"], requested_user_uuid=callee["uuid"], destination_details=details
        )
    return row


def took_part(uuid):
    return lambda row: uuid in (row["source_user_uuid"], row["destination_user_uuid"])


def filters(request):
    """What a row must be, by the query; unknown parameters are ignored."""

    def wanted(name, pattern):
        value = request.parameter(name)
        if value is not None and not re.fullmatch(pattern, value):
            raise invalid(name, "Not a valid value.")
        return value

    fits = []
    for name, holds in (("from", lambda start, at: start >= at), ("until", lambda start, at: start < at)):
        text = request.parameter(name)
        if text is not None:
            at = moment(name, text)
            fits.append(lambda row, at=at, holds=holds: holds(datetime.fromisoformat(row["start"]), at))
    if number := wanted("number", "_?[0-9]+_?"):
        numbers = re.compile(re.sub("^_|_$", ".*", number))
        fits.append(
            lambda row: any(numbers.fullmatch(row[key] or "") for key in ("source_extension", "destination_extension"))
        )
    for name, key, pattern in (
        ("call_direction", "call_direction", "internal|inbound|outbound"),
        ("call_status", "call_status", "answered|blocked|voicemail|unknown"),
        ("conversation_id", "conversation_id", r"[0-9]+\.[0-9]+"),
    ):
        if value := wanted(name, pattern):
            fits.append(lambda row, key=key, value=value: row[key] == value)
    if uuids := request.parameter("user_uuid"):
        parts = [took_part(uuid) for uuid in uuids.split(",")]
        fits.append(lambda row: any(part(row) for part in parts))
    if least := wanted("from_id", "[0-9]+"):
        fits.append(lambda row: row["id"] >= int(least))
    if text := request.parameter("search"):
        fits.append(lambda row: any(text.lower() in (row[key] or "").lower() for key in SEARCHED))
    return fits


def moment(name, text):
    """An ISO 8601 date-time. A `+` that came unescaped is a blank by now."""
    try:
        at = datetime.fromisoformat(text.replace(" ", "+").replace("Z", "+00:00"))
    except ValueError:
        raise invalid(name, "Not a valid datetime.") from None
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def page_of(request, rows):
    def count(name, usual):
        text = request.parameter(name)
        if text is not None and not re.fullmatch("[0-9]+", text):
            raise invalid(name, "Not a valid integer.")
        return usual if text is None else int(text)

    limit, offset = count("limit", 1000), count("offset", 0)
    order, direction = request.parameter("order") or "start", request.parameter("direction") or "desc"
    if order in ("end", "tags", "recordings") or order not in [*COLUMNS, "conversation_id"]:
        raise invalid("order", "Must be one of the fields of a CDR.")
    if direction not in ("asc", "desc"):
        raise invalid("direction", "Must be one of: asc, desc.")

    def rank(row):
        value = {"answered": row["answer"], "call_status": RANKS[row["call_status"]]}.get(order, row[order])
        # Ascending: nulls first; descending: last.
        return (value is not None, value if value is not None else 0)

    rows = sorted(rows, key=rank, reverse=direction == "desc")[offset:]
    # 0 is no limit (as coded).
    return rows[:limit] if limit else rows


def written(rows):
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore", restval="")
    table.writeheader()
    for row in rows:
        table.writerow({**row, "tags": ";".join(row.get("tags", []))})
    headers = [*ANYBODY, ("Content-Disposition", "attachment; filename=cdr.csv")]
    return Answer(200, text.getvalue(), CSV, headers)
