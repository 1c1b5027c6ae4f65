// The two servers that are compared, each with the same clients, and the same person who uses them.

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Provider } from 'oidc-provider'
import { check } from '../check.mjs'
import { Person } from '../person.mjs'

export const callback = 'https://app.example/cb'
export const secondCallback = 'https://app.example/second'
const device = 'urn:ietf:params:oauth:grant-type:device_code'

/** Confidential clients `one` (one redirect URI), `two` (two of them), the public `native`, and `plain` that may do little. */
const clients = {
  one: { uris: [callback], grants: ['authorization_code', 'refresh_token', 'client_credentials', device], confidential: true },
  two: { uris: [callback, secondCallback], grants: ['authorization_code', 'refresh_token'], confidential: true },
  native: { uris: ['http://127.0.0.1/cb'], grants: ['authorization_code', 'refresh_token'], confidential: false },
  plain: { uris: [callback], grants: ['authorization_code'], confidential: true },
}

async function freePort() {
  const server = createServer()
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address()
  await new Promise((done) => server.close(done))
  return port
}

async function metadata(origin, path) {
  for (let tries = 0; tries < 100; tries += 1) {
    const response = await fetch(origin + path).catch(() => undefined)
    if (response?.ok) return response.json()
    await new Promise((done) => setTimeout(done, 100))
  }
  throw new Error(`${origin} does not answer`)
}

/** callgate itself, from the binary, set up by its command line. */
export async function callgate(binary) {
  const folder = mkdtempSync(join(tmpdir(), 'oracle-'))
  const [port, operations] = [await freePort(), await freePort()]
  const origin = `http://127.0.0.1:${port}`
  const config = join(folder, 'callgate.toml')
  writeFileSync(config, `
    server = { listen = "127.0.0.1:${port}", public_origin = "${origin}", upgrade_socket = "${join(folder, 'upgrade')}" }
    operations = { listen = "127.0.0.1:${operations}", token = "${crypto.randomUUID()}" }
    tokens.key = "${crypto.randomUUID()}"
    store.url = "sqlite:${join(folder, 'callgate.db')}"
    log = { filter = "warn", access_file = "${join(folder, 'access.log')}" }
    oauth = { refresh_grace = "0s" }
  `)
  const run = (...words) =>
    execFileSync(binary, ['--config', config, '--json', ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  run('migrate')
  run('tenant', 'create', 'acme', '--region', 'IT', '--name', 'Acme')
  run('policy', 'set', 'call', '--description', 'Place calls.', '--access', 'calls.#')
  const { password } = JSON.parse(run('user', 'create', 'acme', 'ann'))
  const secrets = {}
  for (const [id, { uris, grants, confidential }] of Object.entries(clients)) {
    const options = ['--id', id, '--policy', 'call', '--kind', confidential ? 'confidential' : 'public']
    uris.forEach((uri) => options.push('--redirect-uri', uri))
    grants.forEach((grant) => options.push('--grant-type', grant))
    secrets[id] = JSON.parse(run('client', 'create', 'acme', `Client ${id}`, ...options)).client_secret
  }
  const process = spawn(binary, ['--config', config, 'serve'], { stdio: 'ignore' })
  return {
    name: 'callgate',
    scope: 'call',
    secrets,
    metadata: await metadata(origin, '/.well-known/oauth-authorization-server'),
    person: () => new Person('ann', password),
    stop: () => {
      process.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** oidc-provider, which is certified by the OpenID Foundation, with the features that callgate has as well. */
export async function oracle() {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const secrets = {}
  const registered = Object.entries(clients).map(([id, { uris, grants, confidential }]) => {
    if (confidential) secrets[id] = crypto.randomUUID()
    return {
      client_id: id,
      client_secret: secrets[id],
      redirect_uris: uris,
      grant_types: grants,
      response_types: ['code'],
      token_endpoint_auth_method: confidential ? 'client_secret_basic' : 'none',
      application_type: confidential ? 'web' : 'native',
      scope: 'openid offline_access call',
    }
  })
  const enabled = { enabled: true }
  const provider = new Provider(origin, {
    clients: registered,
    scopes: ['openid', 'offline_access', 'call'],
    features: {
      clientCredentials: enabled,
      deviceFlow: enabled,
      introspection: { enabled: true, allowedPolicy: (_context, client, token) => token.clientId === client.clientId },
      revocation: enabled,
      pushedAuthorizationRequests: enabled,
      dPoP: enabled,
    },
    pkce: { required: () => true },
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    ttl: { AccessToken: 3600, AuthorizationCode: 60, DeviceCode: 600, RefreshToken: 86400, Grant: 86400, Session: 3600, Interaction: 600, IdToken: 600, ClientCredentials: 600 },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  })
  const server = await new Promise((done) => {
    const listening = provider.listen(port, '127.0.0.1', () => done(listening))
  })
  return {
    name: 'oidc-provider',
    scope: 'openid call',
    secrets,
    metadata: await metadata(origin, '/.well-known/openid-configuration'),
    person: () => new Person('ann', 'any'),
    stop: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

export function binaryNamed([path]) {
  check(path, 'say which callgate: node oracle/main.mjs PATH')
  return path
}
