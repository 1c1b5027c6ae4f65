// How the scripts report a step, and how they fail.

export class Failed extends Error {}

export function step(text) {
  console.log(text)
}

export function check(holds, message) {
  if (!holds) throw new Failed(message)
}

export function same(found, expected, what) {
  check(found === expected, `${what}: expected ${expected}, got ${found}`)
}

export function oneOf(found, expected, what) {
  check(expected.includes(found), `${what}: expected one of ${expected.join(', ')}, got ${found}`)
}
