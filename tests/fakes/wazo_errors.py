"""The four shapes of Wazo's errors."""

import time

from fake import Answer, Refused, answer_json

ANYBODY = [("Access-Control-Allow-Origin", "*")]


def reason(status, message):
    """E1, of the token service: arrays round the values."""
    shape = {"reason": [message], "timestamp": [time.time()], "status_code": status}
    return Refused(answer_json(shape, status, ANYBODY), message)


def api(status, message, error_id, details=None, resource=None):
    """E2, of everything else."""
    shape = {"message": message, "error_id": error_id, "details": details or {}, "timestamp": time.time()}
    if resource:
        shape["resource"] = resource
    return Refused(answer_json(shape, status, ANYBODY), error_id)


def framework(status, message, headers=()):
    """E3, of the framework below."""
    return Refused(answer_json({"message": message}, status, [*ANYBODY, *headers]), message)


def page():
    """E4: clients look at the status only."""
    text = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    return Refused(Answer(404, text, "text/html; charset=utf-8", ANYBODY), "no such page")


def unauthorized(token, access, why, tenant=...):
    """The 401 of every protected resource: 401, never 403, for a missing permission (O)."""
    # The whole token, as upstream does: what is in front may not hand that on.
    details = {"invalid_token": token, "reason": why, "required_access": access}
    if tenant is not ...:
        details["tenant_uuid"] = tenant
    return api(401, "Unauthorized", "unauthorized", details)


def invalid(field, message, resource=None):
    return api(400, "Sent data is invalid", "invalid-data", {field: {"message": message}}, resource)
