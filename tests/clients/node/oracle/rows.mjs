// Rows of the checklist (docs/oauth.md) that can be asked of any server from outside.

import { check, oneOf, same } from '../check.mjs'
import { challenge, verifier } from './probe.mjs'
import { callback, secondCallback } from './servers.mjs'

const nearMisses = [
  `${callback}/`, `${callback}?x=1`, 'https://app.example/x/../cb', 'https://app.example/%63b', 'https://app.example/CB',
  'http://app.example/cb', 'https://app.example:443/cb', 'https://app.example:8443/cb', 'https://user@app.example/cb',
  'https://app.example.evil.example/cb', 'https://sub.app.example/cb', 'https://app.example\\cb', 'https://app.example//cb',
  'https://app.example/cb\r\n', 'https://app.example/cb\t', 'https://app.example/cb\0', `${callback}#x`,
  'https://аpp.example/cb', 'https://[::1]/cb', 'https://evil.example/cb',
]

export const rows = {
  async A02(on) {
    for (const uri of nearMisses) await on.stays(on.wish({ redirect_uri: uri }), JSON.stringify(uri))
  },
  async A03(on) {
    await on.stays(on.wish({ client_id: 'nobody' }), 'an unknown client')
  },
  async A04(on) {
    await on.stays(on.wish({ client_id: 'two', redirect_uri: undefined }), 'no redirect_uri where there are two')
    const response = await on.ask(on.wish({ redirect_uri: undefined }))
    oneOf(response.status, [302, 303], 'no redirect_uri where there is one')
  },
  async A05(on) {
    const native = { client_id: 'native' }
    const response = await on.ask(on.wish({ ...native, redirect_uri: 'http://127.0.0.1:51004/cb' }))
    oneOf(response.status, [302, 303], 'another port of the loopback literal')
    for (const uri of ['http://127.0.0.1:51004/other', 'http://localhost:51004/cb']) {
      await on.stays(on.wish({ ...native, redirect_uri: uri }), uri)
    }
  },
  async A07(on) {
    for (const name of ['client_id', 'redirect_uri']) {
      const pairs = on.wish()
      await on.stays([...pairs, pairs.find(([known]) => known === name)], `${name} twice`)
    }
  },
  async A08(on) {
    for (const name of ['scope', 'response_type', 'code_challenge']) {
      const pairs = on.wish()
      const back = await on.calledBack([...pairs, pairs.find(([known]) => known === name)], `${name} twice`)
      same(back.error, 'invalid_request', `${name} twice`)
      same(back.state, 'xyz', 'state')
    }
  },
  async A09(on) {
    const missing = await on.calledBack(on.wish({ response_type: undefined }), 'no response_type')
    same(missing.error, 'invalid_request', 'no response_type')
    const unknown = await on.calledBack(on.wish({ response_type: 'foo' }), 'response_type=foo')
    same(unknown.error, 'unsupported_response_type', 'response_type=foo')
  },
  async A10(on) {
    const { code } = await on.authorized({ one: '1', two: '2', three: '3' })
    check(code, 'unknown parameters must not stop the flow')
  },
  async A11(on) {
    const response = await on.ask(on.wish({ scope: `${on.server.scope} admin:everything` }))
    const location = response.headers.get('location') ?? ''
    if (location.startsWith(callback)) return same(new URL(location).searchParams.get('error'), 'invalid_scope', 'error')
    const tokens = await on.tokens({ scope: `${on.server.scope} admin:everything` })
    check(tokens.scope && !tokens.scope.includes('admin'), `granted: ${tokens.scope}`)
  },
  async A12(on) {
    const state = `'><script>&=+% ${'é'.repeat(50)}`
    same((await on.authorized({ state })).state, state, 'state after success')
    same((await on.calledBack(on.wish({ state, response_type: 'foo' }), 'an error')).state, state, 'state after an error')
  },
  async A13(on) {
    same((await on.authorized()).iss, on.metadata.issuer, 'iss after success')
    const refused = await on.calledBack(on.wish({ response_type: 'foo' }), 'an error')
    same(refused.iss, on.metadata.issuer, 'iss after an error')
    same(on.metadata.authorization_response_iss_parameter_supported, true, 'metadata')
  },
  async A17(on) {
    const object = await on.calledBack(on.wish({ request: 'e30.e30.' }), 'request')
    same(object.error, 'request_not_supported', 'request')
    const uri = await on.calledBack(on.wish({ request_uri: 'https://evil.example/x' }), 'request_uri')
    same(uri.error, 'request_uri_not_supported', 'request_uri')
  },
  async D01(on) {
    const { status, json, headers } = await on.token(await on.code())
    same(status, 200, 'status')
    check(json.access_token && json.refresh_token, 'tokens')
    same(json.token_type.toLowerCase(), 'bearer', 'token_type')
    same(typeof json.expires_in, 'number', 'type of expires_in')
    check(headers.get('cache-control')?.includes('no-store'), `Cache-Control: ${headers.get('cache-control')}`)
  },
  async D02(on) {
    const form = await on.code()
    const { json: first } = await on.token(form)
    await on.refused(on.token(form), 400, 'invalid_grant', 'the second use')
    same((await on.introspect(first.access_token)).json.active, false, 'the first access token')
    await on.refused(on.token({ grant_type: 'refresh_token', refresh_token: first.refresh_token }), 400, 'invalid_grant', 'the first refresh token')
  },
  async D03(on) {
    const form = await on.code()
    const { json: first } = await on.token(form)
    await on.refused(on.token({ ...form, code_verifier: verifier() }), 400, 'invalid_grant', 'a replay with another verifier')
    same((await on.introspect(first.access_token)).json.active, true, 'the first access token')
  },
  async D06(on) {
    const form = await on.code()
    await on.refused(on.token(form, 'two'), 400, 'invalid_grant', 'a code of another client')
    same((await on.token(form)).status, 200, 'the client itself, afterwards')
  },
  async D07(on) {
    const form = await on.code()
    await on.refused(on.token({ ...form, redirect_uri: secondCallback }), 400, 'invalid_grant', 'another redirect_uri')
    await on.refused(on.token({ ...(await on.code()), redirect_uri: undefined }), 400, ['invalid_grant', 'invalid_request'], 'no redirect_uri')
  },
  async D08(on) {
    const headers = { authorization: `Basic ${btoa('one:wrong')}` }
    const answer = await on.token({ grant_type: 'client_credentials' }, 'one', { headers })
    await on.refused(answer, 401, 'invalid_client', 'a wrong secret')
    check(answer.headers.get('www-authenticate')?.startsWith('Basic'), 'WWW-Authenticate')
  },
  async D10(on) {
    const form = { grant_type: 'client_credentials', client_id: 'one', client_secret: on.secrets.one }
    await on.refused(on.token(form), [400, 401], ['invalid_request', 'invalid_client'], 'Basic and body')
  },
  async D13(on) {
    const response = await fetch(on.metadata.token_endpoint, { redirect: 'manual' })
    same(response.status, 405, 'GET')
    check(response.headers.get('allow')?.includes('POST'), `Allow: ${response.headers.get('allow')}`)
  },
  async D14(on) {
    const headers = { authorization: `Basic ${btoa(`one:${on.secrets.one}`)}`, 'content-type': 'application/json' }
    const { status } = await on.token({}, 'one', { headers, body: '{"grant_type":"client_credentials"}' })
    oneOf(status, [400, 415], 'JSON')
  },
  async D15(on) {
    await on.refused(on.token({}), 400, 'invalid_request', 'no grant_type')
    for (const grant_type of ['foo', 'password']) {
      await on.refused(on.token({ grant_type }), 400, 'unsupported_grant_type', grant_type)
    }
  },
  async D16(on) {
    await on.refused(on.token({ grant_type: 'client_credentials' }, 'plain'), 400, 'unauthorized_client', 'client_credentials')
  },
  async D17(on) {
    const body = 'grant_type=client_credentials&grant_type=client_credentials'
    const headers = { authorization: `Basic ${btoa(`one:${on.secrets.one}`)}`, 'content-type': 'application/x-www-form-urlencoded' }
    await on.refused(on.token({}, 'one', { headers, body }), 400, 'invalid_request', 'grant_type twice')
  },
  async D18(on) {
    const { json } = await on.token({ grant_type: 'authorization_code', code: '"\\é' })
    check(/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/.test(`${json.error}${json.error_description ?? ''}`), JSON.stringify(json))
  },
  async E01(on) {
    const back = await on.calledBack(on.wish({ code_challenge: undefined, code_challenge_method: undefined }), 'no challenge')
    same(back.error, 'invalid_request', 'no challenge')
  },
  async E02(on) {
    for (const method of ['plain', undefined]) {
      const back = await on.calledBack(on.wish({ code_challenge_method: method }), `method ${method}`)
      same(back.error, 'invalid_request', `method ${method}`)
    }
  },
  async E03(on) {
    await on.refused(on.token({ ...(await on.code()), code_verifier: verifier() }), 400, 'invalid_grant', 'a wrong verifier')
    await on.refused(on.token({ ...(await on.code()), code_verifier: undefined }), 400, 'invalid_grant', 'no verifier')
  },
  async E05(on) {
    for (const text of ['v'.repeat(42), 'v'.repeat(129), `${'v'.repeat(43)}=`]) {
      const form = { ...(await on.code({ code_challenge: challenge(text) })), code_verifier: text }
      await on.refused(on.token(form), 400, ['invalid_request', 'invalid_grant'], `${text.length} characters`)
    }
  },
  async E07(on) {
    same(JSON.stringify(on.metadata.code_challenge_methods_supported), '["S256"]', 'code_challenge_methods_supported')
  },
  async F01(on) {
    const first = await on.tokens()
    const { status, json } = await on.token({ grant_type: 'refresh_token', refresh_token: first.refresh_token })
    same(status, 200, 'refresh')
    check(json.refresh_token && json.refresh_token !== first.refresh_token, 'a new refresh token')
  },
  async F02(on) {
    const first = await on.tokens()
    const form = { grant_type: 'refresh_token', refresh_token: first.refresh_token }
    const { json: second } = await on.token(form)
    await on.refused(on.token(form), 400, 'invalid_grant', 'the old refresh token')
    await on.refused(on.token({ ...form, refresh_token: second.refresh_token }), 400, 'invalid_grant', 'the new refresh token')
    same((await on.introspect(second.access_token)).json.active, false, 'the new access token')
  },
  async F06(on) {
    const { refresh_token } = await on.tokens()
    const form = { grant_type: 'refresh_token', refresh_token }
    await on.refused(on.token(form, 'two'), 400, 'invalid_grant', "another client's refresh token")
    same((await on.token(form)).status, 200, 'the client itself, afterwards')
  },
  async F07(on) {
    const { refresh_token } = await on.tokens()
    const form = { grant_type: 'refresh_token', refresh_token, scope: `${on.server.scope} more` }
    await on.refused(on.token(form), 400, 'invalid_scope', 'a wider scope')
  },
  async F09(on) {
    const { refresh_token } = await on.tokens()
    const form = { grant_type: 'refresh_token', refresh_token }
    const headers = { authorization: `Basic ${btoa('one:wrong')}`, 'content-type': 'application/x-www-form-urlencoded' }
    await on.refused(on.token(form, 'one', { headers }), 401, 'invalid_client', 'a wrong secret')
    same((await on.token(form)).status, 200, 'with the right one')
  },
  async F11(on) {
    const { json } = await on.token({ grant_type: 'client_credentials', scope: 'call' })
    check(json.access_token && !json.refresh_token, JSON.stringify(Object.keys(json)))
  },
  async G02(on) {
    const answer = on.token({ grant_type: 'client_credentials' }, 'native')
    await on.refused(answer, [400, 401], ['unauthorized_client', 'invalid_client'], 'a public client')
  },
  async H01(on) {
    const { status, json, headers } = await on.post(on.metadata.device_authorization_endpoint, { scope: on.server.scope }, 'one')
    same(status, 200, 'status')
    check(json.device_code.length >= 22 && json.verification_uri && json.verification_uri_complete, JSON.stringify(Object.keys(json)))
    check(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/.test(json.user_code), json.user_code)
    check(headers.get('cache-control')?.includes('no-store'), `Cache-Control: ${headers.get('cache-control')}`)
  },
  async H02(on) {
    await on.refused(on.token(await deviceCode(on)), 400, 'authorization_pending', 'a poll before the answer')
  },
  async H03(on) {
    const form = await deviceCode(on)
    await on.token(form)
    await on.refused(on.token(form), 400, 'slow_down', 'a poll at once after another')
  },
  async H08(on) {
    const form = await deviceCode(on)
    await on.refused(on.token(form, 'two'), 400, ['invalid_grant', 'unauthorized_client'], 'another client')
  },
  async H09(on) {
    const answer = on.post(on.metadata.device_authorization_endpoint, { scope: on.server.scope }, 'plain')
    await on.refused(answer, 400, 'unauthorized_client', 'a client without the grant')
  },
  async I01(on) {
    const { access_token } = await on.tokens()
    const { status } = await on.introspect(access_token, undefined, { headers: { 'content-type': 'application/x-www-form-urlencoded' } })
    oneOf(status, [400, 401], 'without credentials')
  },
  async I02(on) {
    const { access_token } = await on.tokens()
    const { json, headers } = await on.introspect(access_token)
    same(json.active, true, 'active')
    same(json.client_id, 'one', 'client_id')
    for (const member of ['scope', 'token_type', 'exp', 'iat', 'iss', 'sub']) check(json[member], `${member} is missing`)
    check(headers.get('cache-control')?.includes('no-store'), `Cache-Control: ${headers.get('cache-control')}`)
  },
  async I03(on) {
    for (const token of ['nonsense', 'x'.repeat(3000)]) {
      same(JSON.stringify((await on.introspect(token)).json), '{"active":false}', 'an unknown token')
    }
  },
  async I04(on) {
    const { access_token } = await on.tokens()
    same((await on.introspect(access_token, 'two')).json.active, false, "another client's token")
  },
  async I05(on) {
    const response = await fetch(`${on.metadata.introspection_endpoint}?token=x`)
    same(response.status, 405, 'GET')
  },
  async J01(on) {
    const { access_token } = await on.tokens()
    same((await on.revoke(access_token)).status, 200, 'revocation')
    same((await on.introspect(access_token)).json.active, false, 'afterwards')
  },
  async J02(on) {
    const { access_token, refresh_token } = await on.tokens()
    same((await on.revoke(refresh_token)).status, 200, 'revocation')
    same((await on.introspect(access_token)).json.active, false, 'the access token')
  },
  async J03(on) {
    same((await on.revoke('nonsense')).status, 200, 'an unknown token')
  },
  async J04(on) {
    const { access_token } = await on.tokens()
    await on.revoke(access_token, 'two')
    same((await on.introspect(access_token)).json.active, true, 'a token that another client revoked')
  },
  async J06(on) {
    const { access_token } = await on.tokens()
    const headers = { authorization: `Basic ${btoa('one:wrong')}`, 'content-type': 'application/x-www-form-urlencoded' }
    await on.refused(on.revoke(access_token, 'one', { headers }), 401, 'invalid_client', 'a wrong secret')
    same((await on.introspect(access_token)).json.active, true, 'the token')
  },
  async K01(on) {
    for (const member of [
      'issuer', 'authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'introspection_endpoint', 'response_types_supported',
      'device_authorization_endpoint', 'pushed_authorization_request_endpoint', 'grant_types_supported', 'jwks_uri',
      'dpop_signing_alg_values_supported',
    ]) check(on.metadata[member], `${member} is missing`)
  },
  async PAR(on) {
    const push = (changes) =>
      on.post(on.metadata.pushed_authorization_request_endpoint, Object.fromEntries(on.wish(changes)), 'one')
    const { status, json } = await push({})
    same(status, 201, 'status')
    check(json.request_uri.startsWith('urn:ietf:params:oauth:request_uri:') && json.expires_in > 0, JSON.stringify(json))
    await on.refused(push({ redirect_uri: 'https://evil.example/cb' }), 400, ['invalid_request', 'invalid_redirect_uri'], 'a foreign redirect_uri')
    await on.refused(push({ request_uri: json.request_uri }), 400, ['invalid_request', 'request_uri_not_supported'], 'request_uri')
    await on.stays([['client_id', 'two'], ['request_uri', json.request_uri]], 'a request_uri of another client')
  },
}

async function deviceCode(on) {
  const { json } = await on.post(on.metadata.device_authorization_endpoint, { scope: on.server.scope }, 'one')
  return { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: json.device_code }
}
