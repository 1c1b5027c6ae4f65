// A person with a browser without scripts: keeps cookies, follows links, fills in forms.

import { check } from './check.mjs'

/** The answer of one page load. */
class Page {
  constructor(url, response, text) {
    Object.assign(this, { url, status: response.status, headers: response.headers, text })
  }

  /** The first form that offers all of `names`, and leads to a path that begins with `to`. */
  form(names, to = '') {
    for (const [, tag, inside] of this.text.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)) {
      const inputs = {}
      const offered = []
      for (const [, attributes] of inside.matchAll(/<(?:input|button)([^>]*)>/g)) {
        const name = attribute(attributes, 'name')
        if (!name) continue
        offered.push(name)
        if (attribute(attributes, 'type') !== 'submit') inputs[name] = attribute(attributes, 'value') ?? ''
      }
      const action = attribute(tag, 'action') ?? ''
      if (action.startsWith(to) && names.every((name) => offered.includes(name))) return { action, inputs }
    }
    return undefined
  }
}

function attribute(text, name) {
  const found = text.match(new RegExp(`\\s${name}="([^"]*)"`))
  return found?.[1].replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code))).replace(/&amp;/g, '&')
}

export class Person {
  #cookies = new Map()

  constructor(username, password) {
    Object.assign(this, { username, password })
  }

  /** Opens an address and goes on as `answers` says, by forms to `to`, until it leads away from `origin`: returns where to. */
  async open(url, answers, to = '') {
    const { origin } = new URL(url)
    let page = await this.#load(url)
    for (let steps = 0; steps < 12; steps += 1) {
      const location = page.headers.get('location')
      if (location) {
        const next = new URL(location, page.url)
        if (next.origin !== origin) return { away: next, page }
        page = await this.#load(next.href)
        continue
      }
      const typed = answers(page)
      if (typed === undefined) return { away: undefined, page }
      const form = page.form(Object.keys(typed), to)
      check(form, `${page.url} (${page.status}) has no form with ${Object.keys(typed)}: ${page.text}`)
      page = await this.#load(new URL(form.action, page.url).href, { ...form.inputs, ...typed })
    }
    throw new Error(`there is no end to what begins at ${url}`)
  }

  /** Signs in and allows what is asked for; returns the address that the client is called back at. */
  async authorize(url) {
    const { away, page } = await this.open(url, (page) => this.usual(page))
    check(away, `the way ends at ${page.url} (${page.status}): ${page.text}`)
    return away
  }

  /** What a willing person answers to a page of callgate, or of oidc-provider; `undefined` where there is nothing to answer. */
  usual(page) {
    const login = ['username', 'login'].find((name) => page.form([name, 'password']))
    if (login) return { [login]: this.username, password: this.password }
    if (page.form(['grant'])) return { grant: 'true' }
    if (/name="prompt" value="consent"/.test(page.text)) return { prompt: 'consent' }
    return undefined
  }

  async #load(url, form) {
    const headers = { accept: 'text/html,application/xhtml+xml', 'accept-language': 'en' }
    if (this.#cookies.size) headers.cookie = [...this.#cookies].map(([n, v]) => `${n}=${v}`).join('; ')
    // Fetch §3.2: under `no-referrer` a browser hides where a form was.
    if (form) headers.origin = 'null'
    const body = form && new URLSearchParams(form)
    const response = await fetch(url, { method: form ? 'POST' : 'GET', headers, body, redirect: 'manual' })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = cookie.match(/^([^=]+)=([^;]*)/)
      this.#cookies.set(name, value)
    }
    return new Page(url, response, await response.text())
  }
}
