// Where oidc-provider answers otherwise, and the words that decide.

const unauthorized =
  'RFC 6749 §5.2, unauthorized_client: "The authenticated client is not authorized to use this authorization grant type." oidc-provider says invalid_request.'

export const differences = {
  A07: 'RFC 6749 §3.1: "Request and response parameters MUST NOT be included more than once." Which redirect_uri was meant is not known, so nothing is sent to either.',
  D07: 'RFC 6749 §4.1.3, redirect_uri: "REQUIRED, if the "redirect_uri" parameter was included in the authorization request". oidc-provider lets a client with one registered URI leave it out.',
  D13: 'RFC 6749 §3.2: "The client MUST use the HTTP "POST" method when making access token requests." RFC 9110 §15.5.6 has 405 for a method that a known resource does not support; oidc-provider answers 404.',
  D16: unauthorized,
  G02: unauthorized,
  H03: 'RFC 8628 §3.5, slow_down: "the interval MUST be increased by 5 seconds for this and all subsequent requests". oidc-provider does not measure the interval.',
  H08: unauthorized,
  H09: unauthorized,
  I05: 'RFC 7662 §2.1: "The protected resource calls the introspection endpoint using an HTTP POST". RFC 9110 §15.5.6 has 405 for GET; oidc-provider answers 404.',
}
