// oidc-provider as an issuer of JWT access tokens (RFC 9068), and its clients, who call with them at callgate. All over TLS.

import { createServer } from 'node:https'
import { readFileSync } from 'node:fs'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'
import * as oauth from 'oauth4webapi'
import { check, same } from './check.mjs'
import { Person } from './person.mjs'

const { ISSUER, CERTIFICATE, KEY, CALLGATE_ORIGIN } = process.env
const API = 'https://calls.example/api'
const REDIRECT = 'https://app.example/cb'
const client = { client_id: 'app' }
const secret = oauth.ClientSecretBasic('secret-of-the-app')

const keys = await Promise.all(['RS256', 'ES256'].map(async (alg) => {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: `key-${alg}` }
}))
const provider = new Provider(ISSUER, {
  clients: [
    {
      ...client,
      client_secret: 'secret-of-the-app',
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      response_types: ['code'],
      scope: 'openid offline_access call pbx',
    },
  ],
  scopes: ['openid', 'offline_access', 'call', 'pbx'],
  jwks: { keys },
  pkce: { required: () => true },
  issueRefreshToken: () => true,
  ttl: { AccessToken: 300, AuthorizationCode: 60, ClientCredentials: 300, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600, IdToken: 600 },
  features: {
    clientCredentials: { enabled: true },
    dPoP: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => {
        same(resource, API, 'the resource')
        return { scope: 'call pbx', audience: 'callgate', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }
      },
      useGrantedResource: () => true,
    },
  },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
})
const { hostname, port } = new URL(ISSUER)
const tls = { cert: readFileSync(CERTIFICATE), key: readFileSync(KEY) }
await new Promise((done) => createServer(tls, provider.callback()).listen(Number(port), hostname, done))
process.stdin.on('end', () => process.exit())
console.log('serving')
await new Promise((done) => process.stdin.once('data', done))

const issuer = new URL(ISSUER)
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer))

/** The status that callgate answers to a token of this kind. */
async function status(token, path = '/rest/call', DPoP = undefined) {
  const url = new URL(path, CALLGATE_ORIGIN)
  if (DPoP) return (await oauth.protectedResourceRequest(token, 'GET', url, undefined, null, { DPoP })).status
  return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status
}

async function credentials(parameters, options) {
  const response = await oauth.clientCredentialsGrantRequest(server, client, secret, parameters, options)
  return (await oauth.processClientCredentialsResponse(server, client, response)).access_token
}

// A client for itself.
const own = await credentials({ scope: 'call', resource: API })
same(own.split('.').length, 3, 'parts of the access token')
same(await status(own), 204, 'a token of the client')
same(await status(own, '/pbx/x'), 403, 'what it has no scope for')
const opaque = await credentials({ scope: '' })
same(await status(opaque), 401, 'a token that is for the issuer alone')

// The same, bound to a key.
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
const bound = await credentials({ scope: 'call', resource: API }, { DPoP })
same(await status(bound), 401, 'a bound token as bearer')
same(await status(bound, '/rest/call', DPoP), 204, 'a bound token with its proof')
const thief = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
const refused = await status(bound, '/rest/call', thief).catch((error) => error.status)
same(refused, 401, 'a bound token with the proof of another key')

// A person, with an ID token and a refresh token that the same issuer made.
const verifier = oauth.generateRandomCodeVerifier()
const wish = new URL(server.authorization_endpoint)
wish.search = new URLSearchParams({
  ...client,
  response_type: 'code',
  redirect_uri: REDIRECT,
  scope: 'openid call pbx',
  resource: API,
  nonce: 'n',
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
})
const back = await new Person('ann', 'any').authorize(wish.href)
const parameters = oauth.validateAuthResponse(server, client, back)
const response = await oauth.authorizationCodeGrantRequest(server, client, secret, parameters, REDIRECT, verifier)
const set = await oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce: 'n' })
check(set.id_token && set.refresh_token, 'there is no ID token or no refresh token')
same(await status(set.access_token, '/pbx/of-a-person'), 200, 'a token of a person at an upstream')
same(await status(set.id_token), 401, 'an ID token')
same(await status(set.refresh_token), 401, 'a refresh token')
console.log('called')
