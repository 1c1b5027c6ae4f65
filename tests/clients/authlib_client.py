"""Authlib, as published, against callgate. The settings come from the environment (harness.settings)."""

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

import browser
import harness
from calls import place_read_stop
from harness import check, check_status, expect, step


def main():
    settings = harness.settings()
    server = harness.metadata(settings)

    session = authorization_code(settings, server)
    place_read_stop(session, settings.origin)
    refresh(session, settings, server)
    revoke(client_credentials(settings, server), settings, server)


def client(settings, server, **more):
    return OAuth2Session(
        settings.client_id,
        settings.client_secret,
        token_endpoint=server["token_endpoint"],
        token_endpoint_auth_method="client_secret_basic",
        revocation_endpoint_auth_method="client_secret_basic",
        scope=settings.scope,
        **more,
    )


def authorization_code(settings, server):
    session = client(settings, server, redirect_uri=settings.redirect_uri, code_challenge_method="S256")
    verifier = generate_token(48)
    url, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier)
    check("code_challenge_method=S256" in url, f"the library asked without PKCE: {url}")
    callback = browser.authorize(settings, url, server["issuer"])
    token = session.fetch_token(authorization_response=callback, state=state, code_verifier=verifier)
    check(token.get("access_token") and token.get("refresh_token"), f"tokens are missing: {list(token)}")
    check(token["token_type"].lower() == "bearer", f"token_type is {token['token_type']}")
    step("authorization code with PKCE exchanged")
    return session


def refresh(session, settings, server):
    old = dict(session.token)
    new = session.refresh_token(server["token_endpoint"])
    check(new["refresh_token"] != old["refresh_token"], "the refresh token was not rotated")
    check(new["access_token"] != old["access_token"], "the access token was not renewed")
    check_status(session.get(f"{settings.origin}/rest/call"), 204, "list with the renewed token")
    step("token refreshed")

    refused = expect(
        OAuthError,
        lambda: client(settings, server).refresh_token(server["token_endpoint"], old["refresh_token"]),
        "the old refresh token must be refused",
    )
    check(refused.error == "invalid_grant", f"the old refresh token was refused with {refused.error}")
    # RFC 9700 §4.14.2: nobody can tell which of the two was the thief, so neither goes on.
    check_status(session.get(f"{settings.origin}/rest/call"), 401, "list after the old refresh token was used again")
    step("old refresh token refused, its family revoked")


def client_credentials(settings, server):
    session = client(settings, server)
    token = session.fetch_token(grant_type="client_credentials")
    check(token.get("access_token"), f"no access token: {list(token)}")
    check("refresh_token" not in token, "client credentials brought a refresh token, RFC 6749 §4.4.3")
    step("client credentials exchanged")
    return session


def revoke(session, settings, server):
    token = session.token["access_token"]
    answer = session.revoke_token(server["revocation_endpoint"], token=token, token_type_hint="access_token")
    check_status(answer, 200, "revocation")
    check_status(session.get(f"{settings.origin}/rest/call"), 401, "list with a revoked token")
    step("token revoked")


if __name__ == "__main__":
    main()
