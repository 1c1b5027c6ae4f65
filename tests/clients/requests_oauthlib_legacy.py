"""requests-oauthlib, as published, as a client of the click-to-call service of 2012 uses it: the implicit flow, the token
endpoint by GET, the token in the query. The settings come from the environment (harness.settings).
"""

from oauthlib.oauth2 import MobileApplicationClient, WebApplicationClient
from requests_oauthlib import OAuth2Session

import browser
import harness
from calls import place_read_stop
from harness import check, check_status, step


def main():
    settings = harness.settings()
    server = harness.metadata(settings)
    check("token" in server["response_types_supported"], "the metadata offer no implicit flow")

    place_read_stop(in_query(settings, implicit(settings, server)), settings.origin)
    place_read_stop(in_query(settings, by_get(settings, server)), settings.origin)


def implicit(settings, server):
    """RFC 6749 §4.2: the token comes in the fragment."""
    client = MobileApplicationClient(settings.client_id)
    session = OAuth2Session(client=client, redirect_uri=settings.redirect_uri, scope=settings.scope.split())
    url, _ = session.authorization_url(server["authorization_endpoint"])
    token = session.token_from_fragment(browser.authorize(settings, url, server["issuer"]))
    check("refresh_token" not in token, "the implicit flow brought a refresh token, RFC 6749 §4.2.2")
    step("token from the fragment of an implicit answer")
    return token


def by_get(settings, server):
    """The code is exchanged in an address; the answer leads back with the token in the fragment."""
    session = OAuth2Session(settings.client_id, redirect_uri=settings.redirect_uri, scope=settings.scope.split())
    url, _ = session.authorization_url(server["authorization_endpoint"])
    check("code_challenge" not in url, "a client of 2012 knows no PKCE")
    callback = browser.authorize(settings, url, server["issuer"])
    code = WebApplicationClient(settings.client_id).parse_request_uri_response(callback)["code"]
    answer = session.get(
        server["token_endpoint"],
        params={
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "code": code,
            "redirect_uri": settings.redirect_uri,
            "grant_type": "authorization_code",
        },
        allow_redirects=False,
        withhold_token=True,
    )
    check_status(answer, 303, "the token endpoint by GET")
    reader = OAuth2Session(client=MobileApplicationClient(settings.client_id), scope=settings.scope.split())
    token = reader.token_from_fragment(answer.headers["Location"])
    step("token by GET")
    return token


def in_query(settings, token):
    """A session that sends its token as `?access_token=`, RFC 6750 §2.3."""
    client = WebApplicationClient(settings.client_id, default_token_placement="query")
    return OAuth2Session(client=client, token=token)


if __name__ == "__main__":
    main()
