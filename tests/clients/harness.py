"""What the client scripts share: their settings, how they report a step, and how they fail."""

import os
import sys
from types import SimpleNamespace

import requests


def settings():
    """What the test set up, from the environment."""
    names = "CALLGATE_ORIGIN CALLGATE_CA CLIENT_ID CLIENT_SECRET REDIRECT_URI USERNAME PASSWORD SCOPE".split()
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        sys.exit(f"set {', '.join(missing)}")
    # The libraries read these two by themselves; proxies have no place between a test and 127.0.0.1.
    os.environ["REQUESTS_CA_BUNDLE"] = os.environ["CALLGATE_CA"]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "*"
    return SimpleNamespace(**{name.lower().removeprefix("callgate_"): os.environ[name] for name in names})


def step(text):
    print(text, flush=True)


def check(holds, message):
    """Ends the script with `message` where `holds` is false; unlike `assert`, under -O as well."""
    if not holds:
        sys.exit(f"FAILED: {message}")


def check_status(response, status, what):
    check(
        response.status_code == status,
        f"{what}: expected {status}, got {response.status_code} {dict(response.headers)} {response.text[:400]}",
    )


def expect(exception, action, what):
    """`action` must raise `exception`; returns it."""
    try:
        result = action()
    except exception as raised:
        return raised
    except Exception as other:
        sys.exit(f"FAILED: {what}: {type(other).__name__}: {other}")
    sys.exit(f"FAILED: {what}: it succeeded with {result}")


def metadata(settings):
    """The authorization server's metadata, RFC 8414."""
    response = requests.get(f"{settings.origin}/.well-known/oauth-authorization-server", timeout=20)
    check_status(response, 200, "metadata")
    found = response.json()
    check(found["issuer"] == settings.origin, f"issuer is {found['issuer']}, not {settings.origin}")
    for name, path in {
        "authorization_endpoint": "/oauth/authorize",
        "token_endpoint": "/oauth/token",
        "revocation_endpoint": "/oauth/revoke",
    }.items():
        check(found.get(name) == settings.origin + path, f"{name} is {found.get(name)}")
    check("S256" in found.get("code_challenge_methods_supported", []), "the metadata offer no PKCE with S256")
    step("metadata read")
    return found
