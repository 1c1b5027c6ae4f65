// Asks the same rows of callgate and of oidc-provider. callgate must pass each; where the other does not, differences.mjs
// has the words of the RFC that decide. A difference that is no more, or has no words, fails as well.

import { differences } from './differences.mjs'
import { Probe } from './probe.mjs'
import { rows } from './rows.mjs'
import { binaryNamed, callgate, oracle } from './servers.mjs'

const ours = await callgate(binaryNamed(process.argv.slice(2)))
const theirs = await oracle()
let wrong = 0
try {
  for (const [id, row] of Object.entries(rows)) {
    const [us, them] = [await ask(row, ours), await ask(row, theirs)]
    const reason = differences[id]
    const verdict = judge(us, them, reason)
    if (verdict.startsWith('WRONG')) wrong += 1
    console.log(`${id}  ${verdict}${them ? `\n     oidc-provider: ${them}` : ''}${reason ? `\n     ${reason}` : ''}`)
  }
} finally {
  ours.stop()
  theirs.stop()
}
console.log(`${Object.keys(rows).length - wrong} passed, ${wrong} failed`)
process.exit(wrong ? 1 : 0)

/** What is wrong with a server's answers; `undefined` if nothing. */
async function ask(row, server) {
  try {
    await row(new Probe(server))
  } catch (error) {
    return error.message
  }
  return undefined
}

function judge(us, them, reason) {
  if (us) return `WRONG here: ${us}`
  if (!them && reason) return 'WRONG: the two agree now, so differences.mjs must not name it'
  if (them && !reason) return 'WRONG: they differ, and no words of an RFC decide'
  return them ? 'differs' : 'agrees'
}
