"""One call from beginning to end, through the session of whichever library."""

from urllib.parse import parse_qs, urlsplit

from harness import check, check_status, step


def place_read_stop(session, origin):
    calls = f"{origin}/rest/call"

    placed = session.post(calls, data={"number": "390501234567"})
    check_status(placed, 201, "placing a call")
    location = placed.headers.get("Location", "")
    call = parse_qs(urlsplit(location).query).get("token_call", [""])[0]
    check(call and location.startswith(calls), f"the Location names no call: {location!r}")
    step("call placed")

    read = session.get(location)
    check_status(read, 200, "reading the call")
    check(read.json()["info"]["token"] == call, f"another call was read: {read.text}")
    check(read.json()["info"]["end"] == "Call Ongoing", f"the call is not live: {read.text}")
    step("call read")

    check_status(session.put(calls, data={"token_call": call}), 200, "stopping the call")
    check(session.get(location).json()["info"]["end"] != "Call Ongoing", "the call that was stopped is live")
    check_status(session.get(calls), 204, "listing calls when none is live")
    step("call stopped")
