// What the scripts share: their settings, how they report a step, and how they fail.

const names = ['CALLGATE_ORIGIN', 'CLIENT_ID', 'CLIENT_SECRET', 'REDIRECT_URI', 'USERNAME', 'PASSWORD', 'SCOPE']

export const settings = Object.fromEntries(names.map((name) => [name.replace('CALLGATE_', '').toLowerCase(), process.env[name]]))

for (const name of names) check(process.env[name], `set ${name}`)

export function step(text) {
  console.log(text)
}

/** Ends the script with `message` where `holds` is false. */
export function check(holds, message) {
  if (holds) return
  console.error(`FAILED: ${message}`)
  process.exit(1)
}

export function same(found, expected, what) {
  check(found === expected, `${what}: expected ${expected}, got ${found}`)
}
