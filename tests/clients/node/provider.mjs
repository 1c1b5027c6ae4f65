// oidc-provider as a provider of callgate, and a person who logs in at callgate with it; then it serves until nobody listens.

import { Provider } from 'oidc-provider'
import { check } from './check.mjs'
import { Person } from './person.mjs'

const { ISSUER, PROVIDER_SECRET, CALLGATE_ORIGIN, LOGIN } = process.env

const provider = new Provider(ISSUER, {
  clients: [
    {
      client_id: 'gate',
      client_secret: PROVIDER_SECRET,
      redirect_uris: [`${CALLGATE_ORIGIN}/auth/with/idp/callback`],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
  ],
  scopes: ['openid', 'offline_access'],
  pkce: { required: () => true },
  rotateRefreshToken: true,
  // Less than callgate asks of a token, so that it renews each.
  ttl: { AccessToken: 20, AuthorizationCode: 60, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600, IdToken: 600 },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
})
const { hostname, port } = new URL(ISSUER)
await new Promise((done) => provider.listen(Number(port), hostname, done))
process.stdin.on('end', () => process.exit())
console.log('serving')
await new Promise((done) => process.stdin.once('data', done))

const person = new Person('ann', 'any')
const begun = await person.open(`${CALLGATE_ORIGIN}/auth/login?${LOGIN}`, () => ({}), '/auth/with/idp')
check(begun.away?.origin === ISSUER, `callgate does not lead to the provider: ${begun.page.status} ${begun.page.text}`)
const back = await person.authorize(begun.away.href)
check(back.origin === CALLGATE_ORIGIN, `the provider does not lead back: ${back}`)
check(back.searchParams.get('iss') === ISSUER, 'the provider does not name itself')
const done = await person.authorize(back.href)
check(done.searchParams.get('code'), `the login ends without a code: ${done}`)
console.log('allowed')
