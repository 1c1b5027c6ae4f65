// oauth4webapi, as published and as strict as it comes, against callgate (settings.mjs says where).

import * as oauth from 'oauth4webapi'
import { check, same, step } from './check.mjs'
import { Person } from './person.mjs'
import { settings } from './settings.mjs'

const issuer = new URL(settings.origin)
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }))
step('metadata read')

const crm = { client_id: settings.client_id }
const secret = oauth.ClientSecretBasic(settings.client_secret)
const person = () => new Person(settings.username, settings.password)
const calls = new URL('/rest/call', issuer)

await codeAndRefresh()
await clientCredentials()
await introspectionAndRevocation()
await signedTokens()
await pushedRequest()
await proofOfPossession()
await signedAssertion()
await device()

/** Code with PKCE and `iss`, the call API, and a refresh. */
async function codeAndRefresh() {
  const tokens = await code({ client: crm, auth: secret })
  check(tokens.refresh_token, 'there is no refresh token')
  await placeAndEnd(tokens.access_token)
  step('authorization code exchanged, call placed and ended')

  const refreshed = await oauth.processRefreshTokenResponse(
    server, crm, await oauth.refreshTokenGrantRequest(server, crm, secret, tokens.refresh_token),
  )
  check(refreshed.refresh_token !== tokens.refresh_token, 'the refresh token was not rotated')
  same((await list(refreshed.access_token)).status, 204, 'list with the renewed token')
  step('token refreshed')
}

async function clientCredentials() {
  const response = await oauth.clientCredentialsGrantRequest(server, crm, secret, { scope: settings.scope })
  const tokens = await oauth.processClientCredentialsResponse(server, crm, response)
  check(!tokens.refresh_token, 'client credentials brought a refresh token (RFC 6749 §4.4.3)')
  step('client credentials exchanged')
}

async function introspectionAndRevocation() {
  const { access_token: token } = await code({ client: crm, auth: secret })
  const before = await introspect(token)
  same(before.active, true, 'introspection of a live token')
  same(before.client_id, crm.client_id, 'its client_id')
  same(before.username, settings.username, 'its username')
  await oauth.processRevocationResponse(await oauth.revocationRequest(server, crm, secret, token))
  same((await introspect(token)).active, false, 'introspection of a revoked token')
  await refused(token, 'a revoked token')
  step('token introspected and revoked')
}

async function introspect(token) {
  const response = await oauth.introspectionRequest(server, crm, secret, token)
  return oauth.processIntrospectionResponse(server, crm, response)
}

/** RFC 9068: a resource server reads the token by itself, with the published keys. */
async function signedTokens() {
  const client = { client_id: 'signed' }
  const { access_token: token } = await code({ client, auth: secret })
  const request = new Request(calls, { headers: { authorization: `Bearer ${token}` } })
  const claims = await oauth.validateJwtAccessToken(server, request, settings.origin)
  same(claims.client_id, 'signed', 'the client_id of the signed token')
  same((await list(token)).status, 204, 'list with a signed token')
  step('signed access token validated by its keys')
}

/** RFC 9126, by a client that must. */
async function pushedRequest() {
  const client = { client_id: 'pushing' }
  const tokens = await code({ client, auth: secret, push: true })
  same((await list(tokens.access_token)).status, 204, 'list after a pushed request')
  step('pushed authorization request went all the way')
}

/** RFC 9449, by a public client. */
async function proofOfPossession() {
  const client = { client_id: 'bound' }
  const keys = await oauth.generateKeyPair('ES256')
  const DPoP = oauth.DPoP(client, keys)
  const tokens = await code({ client, auth: oauth.None(), DPoP, push: true })
  same(tokens.token_type, 'dpop', 'token_type')
  same((await withNonce(() => list(tokens.access_token, DPoP))).status, 204, 'list with a proof')
  await refused(tokens.access_token, 'a bound token as bearer')
  const thief = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
  await refused(tokens.access_token, 'a bound token with the proof of another key', thief)

  const refreshed = await withNonce(async () => {
    const response = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), tokens.refresh_token, { DPoP })
    return oauth.processRefreshTokenResponse(server, client, response)
  })
  same(refreshed.token_type, 'dpop', 'token_type after a refresh')
  step('token bound to a key, refused without it')
}

/** RFC 7523 §3: a client that signs instead of sending a secret. */
async function signedAssertion() {
  const client = { client_id: 'signing' }
  const key = await crypto.subtle.importKey(
    'jwk', JSON.parse(process.env.SIGNING_JWK), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'],
  )
  const auth = oauth.PrivateKeyJwt({ key, kid: 'one' })
  const response = await oauth.clientCredentialsGrantRequest(server, client, auth, { scope: settings.scope })
  await oauth.processClientCredentialsResponse(server, client, response)
  step('client authenticated by signature')
}

/** RFC 8628: a device without a browser, and a person with one. */
async function device() {
  const client = { client_id: 'devices' }
  const asked = await oauth.deviceAuthorizationRequest(server, client, secret, { scope: settings.scope })
  const answer = await oauth.processDeviceAuthorizationResponse(server, client, asked)
  const poll = async () =>
    oauth.processDeviceCodeResponse(server, client, await oauth.deviceCodeGrantRequest(server, client, secret, answer.device_code))
  const early = await poll().then(() => undefined, (error) => error)
  same(early?.error, 'authorization_pending', 'the first poll')

  const who = person()
  let allowed = false
  const { page } = await who.open(answer.verification_uri_complete, (page) => {
    const typed = page.form(['user_code']) && !page.form(['grant']) ? {} : who.usual(page)
    if (page.form(['grant'])) {
      check(page.text.includes(answer.user_code), 'the page that asks does not show the code')
      if (allowed) return undefined
      allowed = true
    }
    return typed && !Object.keys(typed).length ? { user_code: answer.user_code } : typed
  })
  same(page.status, 200, `after the device was allowed: ${page.text}`)
  await new Promise((done) => setTimeout(done, (answer.interval ?? 5) * 1000 + 500))
  const tokens = await poll()
  same((await list(tokens.access_token)).status, 204, "list with the device's token")
  step('device authorized')
}

/** An authorization code, allowed by a person and exchanged; with `push`, by a pushed request. */
async function code({ client, auth, DPoP, push }) {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const wish = {
    client_id: client.client_id,
    response_type: 'code',
    redirect_uri: settings.redirect_uri,
    scope: settings.scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }
  const query = push ? await pushed(client, auth, wish, DPoP) : wish
  const url = new URL(server.authorization_endpoint)
  url.search = new URLSearchParams(query)
  const callback = await person().authorize(url.href)
  const parameters = oauth.validateAuthResponse(server, client, callback, state)
  return withNonce(async () => {
    const response = await oauth.authorizationCodeGrantRequest(
      server, client, auth, parameters, settings.redirect_uri, verifier, { DPoP },
    )
    return oauth.processAuthorizationCodeResponse(server, client, response)
  })
}

async function pushed(client, auth, wish, DPoP) {
  const { request_uri } = await withNonce(async () => {
    const response = await oauth.pushedAuthorizationRequest(server, client, auth, wish, { DPoP })
    return oauth.processPushedAuthorizationResponse(server, client, response)
  })
  return { client_id: client.client_id, request_uri }
}

/** Once more with the nonce that the server asked for, if it did (RFC 9449 §8). */
async function withNonce(attempt) {
  try {
    return await attempt()
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return attempt()
  }
}

function list(token, DPoP) {
  return oauth.protectedResourceRequest(token, 'GET', calls, undefined, undefined, { DPoP })
}

/** The library throws what a `WWW-Authenticate` header says. */
async function refused(token, what, DPoP) {
  const error = await withNonce(() => list(token, DPoP)).then(() => undefined, (error) => error)
  same(error?.code, oauth.WWW_AUTHENTICATE_CHALLENGE, `${what} must be refused with a challenge`)
  same(error.status, 401, what)
}

async function placeAndEnd(token) {
  const headers = new Headers({ 'content-type': 'application/x-www-form-urlencoded' })
  const body = new URLSearchParams({ number: '390501234567' })
  const placed = await oauth.protectedResourceRequest(token, 'POST', calls, headers, body)
  same(placed.status, 201, 'placing a call')
  const call = new URL(placed.headers.get('location')).searchParams.get('token_call')
  const ended = await oauth.protectedResourceRequest(token, 'PUT', calls, headers, new URLSearchParams({ token_call: call }))
  same(ended.status, 200, 'ending a call')
}
