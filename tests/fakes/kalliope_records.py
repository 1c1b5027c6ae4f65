"""The call records of a Kalliope (CDR): which are asked for, and their forms."""

import csv
import io
import re
import time
from html import escape

from fake import Answer, Refused, answer_json, body_of

FORMATS = "summary detailed blues_out v3_compat".split()


def on_days(years, months, days):
    """Whether a row began in these years, months and days, which are positional ranges: 2016/01-02/12-15 (D)."""
    # Without any: the current month.
    months = months or ("" if years else time.strftime("%m"))
    years = years or time.strftime("%Y")
    ranges = []
    for text, digits in ((years, 4), (months, 2), (days, 2)):
        if text and not re.fullmatch(rf"\d{{{digits}}}(-\d{{{digits}}})?", text):
            raise Refused(Answer(400), "no date")
        first, _, last = text.partition("-")
        ranges.append((first or "0", last or first or "9999"))

    def fits(row):
        parts = row["start_time"][:10].split("-")
        return all(int(first) <= int(part) <= int(last) for part, (first, last) in zip(parts, ranges))

    return fits


def between(request):
    text = request.body.decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        begin, end = (re.search(f"<{name}>([^<]*)</{name}>", text) for name in ("begin", "end"))
        begin, end = begin and begin[1], end and end[1]
    else:
        try:
            wanted = body_of(request)["cdr"]
            begin, end = wanted.get("begin"), wanted.get("end")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Refused(Answer(400), "no cdr in the body") from None
    return lambda row: (begin or "") <= row["start_time"] <= (end or "9999")


def record(call, masked):
    def at(seconds):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else ""

    number = call.number
    if masked and len(number) > 5:
        number = number[:-3] + "xxx"
    begin = call.answered or call.ended
    return {
        "id": call.id,
        "source": "local_exten",
        "start_time": at(call.begun),
        "answer_time": at(call.answered),
        "end_time": at(call.ended),
        "account_code": "",
        "caller": call.line.partition("@")[0],
        "gateway_name": "",
        "called": number,
        "status": "ANSWERED" if call.answered else {"busy": "BUSY", "noAnswer": "NO ANSWER"}.get(call.cause, "FAILED"),
        "answered_by": number if call.answered else "",
        "bill_secs": str(int(call.ended - begin)),
        "duration": str(int(call.ended - call.begun)),
        "destination": number,
    }


def written(rows, request, format):
    """As JSON (a list: I), CSV, text, or XML by the same names under `<cdr><call>` (D)."""
    if format == "blues_out":
        return Answer(200, "".join(";".join(row.values()) + "\r\n" for row in rows), "text/plain")
    if wants(request, "json"):
        return answer_json(rows)
    if wants(request, "csv"):
        text = io.StringIO()
        table = csv.DictWriter(text, list(rows[0]) if rows else ["id"])
        table.writeheader()
        table.writerows(rows)
        return Answer(200, text.getvalue(), "text/csv")
    calls = "".join(
        "<call>" + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in row.items()) + "</call>"
        for row in rows
    )
    return Answer(200, f'<?xml version="1.0"?>\n<cdr>{calls}</cdr>\n', "application/xml")


def wants(request, kind):
    """Whether `Accept` names a kind; `Accept: json` counts too (K-CDRPY, S)."""
    return kind in request.header("accept").lower()
