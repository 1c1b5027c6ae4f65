// What a row does to a server: authorization requests, token requests, and what comes of them.

import { createHash, randomBytes } from 'node:crypto'
import { check, same } from '../check.mjs'
import { callback } from './servers.mjs'

export const verifier = () => randomBytes(32).toString('base64url')
export const challenge = (text) => createHash('sha256').update(text).digest('base64url')

export class Probe {
  constructor(server) {
    Object.assign(this, { server, metadata: server.metadata, secrets: server.secrets })
  }

  /** The parameters of a good authorization request of `one`; `undefined` leaves one out. */
  wish(changes = {}) {
    const usual = {
      client_id: 'one',
      response_type: 'code',
      redirect_uri: callback,
      scope: this.server.scope,
      state: 'xyz',
      code_challenge: challenge('v'.repeat(43)),
      code_challenge_method: 'S256',
    }
    return Object.entries({ ...usual, ...changes }).filter(([, value]) => value !== undefined)
  }

  address(pairs) {
    return `${this.metadata.authorization_endpoint}?${new URLSearchParams(pairs)}`
  }

  /** The bare answer to an authorization request. */
  ask(pairs) {
    return fetch(this.address(pairs), { redirect: 'manual', headers: { accept: 'text/html' } })
  }

  /** Asserts that the request goes nowhere: an error here, no redirect to any client. */
  async stays(pairs, what) {
    const response = await this.ask(pairs)
    check(response.status >= 400 && response.status < 500, `${what}: status ${response.status}`)
    same(response.headers.get('location'), null, `${what}: Location`)
  }

  /** The parameters with which the client is called back at once. */
  async calledBack(pairs, what) {
    const response = await this.ask(pairs)
    const location = response.headers.get('location')
    check(location?.startsWith(callback), `${what}: ${response.status}, Location ${location}`)
    return Object.fromEntries(new URL(location).searchParams)
  }

  /** Goes through login and consent; the parameters that the client gets. */
  async authorized(changes = {}) {
    const back = await this.server.person().authorize(this.address(this.wish(changes)))
    return Object.fromEntries(back.searchParams)
  }

  /** A code, and what is needed to exchange it. */
  async code(changes = {}) {
    const code_verifier = verifier()
    const { code, error } = await this.authorized({ code_challenge: challenge(code_verifier), ...changes })
    check(code, `there is no code: ${error}`)
    const redirect_uri = changes.redirect_uri ?? callback
    return { grant_type: 'authorization_code', code, redirect_uri, code_verifier }
  }

  async tokens(changes) {
    const answer = await this.token(await this.code(changes), changes?.client_id)
    same(answer.status, 200, `exchange of a good code (${answer.json?.error_description})`)
    return answer.json
  }

  token(form, client = 'one', options) {
    return this.post(this.metadata.token_endpoint, form, client, options)
  }

  introspect(token, client = 'one', options) {
    return this.post(this.metadata.introspection_endpoint, { token }, client, options)
  }

  revoke(token, client = 'one', options) {
    return this.post(this.metadata.revocation_endpoint, { token }, client, options)
  }

  /** A form, from a client that authenticates as it is registered unless `options` has headers of its own. */
  async post(endpoint, form, client, { headers, body } = {}) {
    const secret = this.secrets[client]
    const basic = secret && { authorization: `Basic ${btoa(`${encodeURIComponent(client)}:${encodeURIComponent(secret)}`)}` }
    const pairs = Object.entries(form).filter(([, value]) => value !== undefined)
    if (!secret && client && !headers) pairs.push(['client_id', client])
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...(headers ?? basic) },
      body: body ?? new URLSearchParams(pairs).toString(),
      redirect: 'manual',
    })
    const text = await response.text()
    let json
    try {
      json = JSON.parse(text)
    } catch {
      json = undefined
    }
    return { status: response.status, headers: response.headers, json, text }
  }

  /** Asserts an error of RFC 6749 §5.2. */
  async refused(answer, statuses, errors, what) {
    const { status, json } = await answer
    check([statuses].flat().includes(status), `${what}: expected ${statuses}, got ${status} ${json?.error}`)
    check([errors].flat().includes(json?.error), `${what}: expected ${errors}, got ${json?.error}`)
  }
}
