"""Kalliope's one-way digest, as its manual says (D): written anew for the fake, so that each checks the other's reading."""

import base64
import hashlib
import hmac
import re
from calendar import timegm
from datetime import datetime

# The vendor's own, which is not anchored (K-RX).
VENDOR = re.compile(
    r'RestApiUsernameToken Username="([^"@]+)", Domain="([^"@]+){0,1}", Digest="([^"]+)", Nonce="([^"]+)", '
    r'Created="(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)"'
)
# What the gateway must send: no more than this.
STRICT = re.compile(
    r'RestApiUsernameToken Username="[^"@\x00-\x1f\x7f]{1,128}", Domain="[^"@\x00-\x1f\x7f]{0,64}", '
    r'Digest="[A-Za-z0-9+/]{43}=", Nonce="[0-9A-Fa-f]{8,128}", Created="[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"'
)
# Seconds that the clocks may differ, and that a nonce is remembered.
WINDOW = 300


def digest_password(password, salt):
    return hashlib.sha256(f"{password}{{{salt}}}".encode()).hexdigest()


def digest(digest_password, username, domain, nonce, created):
    text = f"{nonce}{digest_password}{username}{domain}{created}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


class Nonces:
    """The used ones. The vendor keeps each for five minutes from its use, which lets a header of the future be used twice."""

    def __init__(self, state):
        self.state = state

    def use(self, nonce, created, now, until_created):
        """Whether it was free; it is used from now on."""
        used = self.state.all("nonce")
        # The oldest are in front; one that was kept longer only keeps those behind it a little longer, too.
        while used and next(iter(used.values())) < now:
            self.state.drop("nonce", next(iter(used)))
        if used.get(nonce, 0) >= now:
            return False
        self.state.put("nonce", nonce, created + WINDOW if until_created else now + WINDOW)
        return True


def parse(header):
    """User name, domain, digest, nonce, Created as it is written and in seconds; or why not."""
    found = VENDOR.search(header)
    if not found:
        return None, "grammar"
    username, domain, sent, nonce, created = found.groups()
    if len(nonce) < 8:
        return None, "nonce too short"
    try:
        seconds = timegm(datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ").timetuple())
    except ValueError:
        return None, "Created is no time"
    return (username, domain or "", sent, nonce, created, seconds), None


def equal(one, other):
    return hmac.compare_digest(one.encode(), other.encode())
