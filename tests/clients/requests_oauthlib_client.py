"""requests-oauthlib, as published, against callgate. The settings come from the environment (harness.settings).

REDIRECT_URI must be https: the library refuses a callback that is not.
"""

from oauthlib.oauth2 import BackendApplicationClient, InvalidGrantError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

import browser
import harness
from calls import place_read_stop
from harness import check, check_status, expect, step


def main():
    settings = harness.settings()
    server = harness.metadata(settings)
    basic = HTTPBasicAuth(settings.client_id, settings.client_secret)

    session = authorization_code(settings, server, basic)
    place_read_stop(session, settings.origin)
    refresh(session, settings, server, basic)
    client_credentials(settings, server, basic)


def authorization_code(settings, server, basic):
    session = OAuth2Session(
        settings.client_id, redirect_uri=settings.redirect_uri, scope=settings.scope.split(), pkce="S256"
    )
    url, _ = session.authorization_url(server["authorization_endpoint"])
    check("code_challenge_method=S256" in url, f"the library asked without PKCE: {url}")
    callback = browser.authorize(settings, url, server["issuer"])
    token = session.fetch_token(server["token_endpoint"], authorization_response=callback, auth=basic)
    check(token.get("access_token") and token.get("refresh_token"), f"tokens are missing: {list(token)}")
    check(token["token_type"].lower() == "bearer", f"token_type is {token['token_type']}")
    step("authorization code with PKCE exchanged")
    return session


def refresh(session, settings, server, basic):
    old = dict(session.token)
    new = session.refresh_token(server["token_endpoint"], auth=basic)
    check(new["refresh_token"] != old["refresh_token"], "the refresh token was not rotated")
    check(new["access_token"] != old["access_token"], "the access token was not renewed")
    check_status(session.get(f"{settings.origin}/rest/call"), 204, "list with the renewed token")
    step("token refreshed")

    again = OAuth2Session(settings.client_id, token=old)
    expect(
        InvalidGrantError,
        lambda: again.refresh_token(server["token_endpoint"], auth=basic),
        "the old refresh token must be refused with invalid_grant",
    )
    # RFC 9700 §4.14.2: nobody can tell which of the two was the thief, so neither goes on.
    check_status(session.get(f"{settings.origin}/rest/call"), 401, "list after the old refresh token was used again")
    step("old refresh token refused, its family revoked")


def client_credentials(settings, server, basic):
    session = OAuth2Session(client=BackendApplicationClient(settings.client_id, scope=settings.scope.split()))
    token = session.fetch_token(server["token_endpoint"], auth=basic)
    check(token.get("access_token"), f"no access token: {list(token)}")
    check("refresh_token" not in token, "client credentials brought a refresh token, RFC 6749 §4.4.3")
    step("client credentials exchanged")


if __name__ == "__main__":
    main()
