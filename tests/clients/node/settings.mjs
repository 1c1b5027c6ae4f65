// What the test set up, from the environment.

import { check } from './check.mjs'

const names = ['CALLGATE_ORIGIN', 'CLIENT_ID', 'CLIENT_SECRET', 'REDIRECT_URI', 'USERNAME', 'PASSWORD', 'SCOPE']

for (const name of names) check(process.env[name], `set ${name}`)

export const settings = Object.fromEntries(names.map((name) => [name.replace('CALLGATE_', '').toLowerCase(), process.env[name]]))
