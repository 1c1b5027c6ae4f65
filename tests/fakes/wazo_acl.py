"""Wazo's access control: which pattern of a token grants which required access (S)."""

import re
from functools import lru_cache

RESERVED = {"edit": ("edit", "update")}


def allows(patterns, required, auth_id, session):
    """A negative pattern that matches decides, wherever it stands; without any that matches: no."""
    if required is None:
        return True
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    refused = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    if any(matches(pattern, required, auth_id, session) for pattern in refused):
        return False
    return any(matches(pattern, required, auth_id, session) for pattern in wanted)


def may_add(patterns, access, auth_id, session):
    return access.startswith("!") or allows(patterns, access, auth_id, session)


def may_remove(patterns, access, auth_id, session):
    return allows(patterns, access.removeprefix("!"), auth_id, session)


def matches(pattern, required, auth_id, session):
    return compiled(pattern, auth_id, session).fullmatch(required) is not None


@lru_cache(maxsize=4096)
def compiled(pattern, auth_id, session):
    reserved = {**RESERVED, "me": ("me", auth_id), "my_session": ("my_session", session)}
    return re.compile(r"\.".join(word(each, reserved) for each in pattern.split(".")))


def word(text, reserved):
    if text in reserved:
        return "(?:" + "|".join(re.escape(each or "") for each in reserved[text]) + ")"
    return re.escape(text).replace(r"\*", "[^.#]*").replace(r"\#", ".*")
