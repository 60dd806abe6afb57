/**
 * `npm run test:long`: what takes too long for every change. Names choose some of it:
 *
 *     npm run test:long -- stories kills
 *
 * crypto   the published vectors on Node 20, 22 and 24: the same verdicts everywhere
 * stories  1,000 seeds of the partition story, in two processes and on two versions of Node: all converge, all traces equal
 * kills    50 kills of real nodes under load
 *
 * Ends with one line, `N passed, N failed`.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { hasOthers, runtimeOf } from './runtimes.mjs'

process.chdir(join(import.meta.dirname, '..'))

const SEEDS = process.env.WEFT_SEEDS ?? '1000'
const STAGES = { crypto, stories, kills }

const chosen = process.argv.slice(2)
const unknown = chosen.filter(name => !Object.hasOwn(STAGES, name))
if (unknown.length > 0) {
  console.error(`there is no ${unknown.join(', ')}: there are ${Object.keys(STAGES).join(', ')}`)
  process.exit(64)
}

let passed = 0
let failed = 0
for (const [name, stage] of Object.entries(STAGES)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  const startMs = performance.now()
  for (const { what, error } of await stage()) {
    if (error === undefined) passed++
    else failed++
    console.log(`${error === undefined ? 'ok' : 'not ok'} - ${name}: ${what}${error === undefined ? '' : `\n${error}`}`)
  }
  console.log(`# ${name}: ${Math.round((performance.now() - startMs) / 1000)} s`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1

async function crypto() {
  const args = ['scripts/node-matrix.mjs', '--versions', '20,22,24', '--', 'build/test/base/crypto.test.js']
  return [await judged('the vectors on Node 20, 22 and 24', run(process.execPath, args))]
}

async function stories() {
  const node = process.execPath
  const other = hasOthers ? runtimeOf(process.versions.node.startsWith('22.') ? 20 : 22) : node
  const tell = runtime => run(runtime, ['build/test/sim/story.test.js'], { WEFT_HASH: '1', WEFT_SEEDS: SEEDS, TAP_TIMEOUT: '3600' })
  // Two at a time: as many as the smallest machine has cores.
  const [first, elsewhere] = await Promise.all([tell(node), tell(other)])
  const second = await tell(node)
  const same = (a, b) => (a.output === b.output ? undefined : firstDifference(a.output, b.output))
  return [
    { what: `${SEEDS} seeds converge on ${await versionOf(node)}`, error: first.error },
    { what: `${SEEDS} seeds converge on ${await versionOf(other)}`, error: elsewhere.error },
    { what: 'the same seeds leave the same traces in another process', error: second.error ?? same(first, second) },
    { what: `and on ${await versionOf(other)}`, error: same(first, elsewhere) },
  ]
}

async function kills() {
  return [await judged('50 kills under load', run(process.execPath, ['build/test/long/kills.js']), true)]
}

async function judged(what, running, isShown = false) {
  const { error, output } = await running
  if (isShown) process.stdout.write(output)
  return { what, error }
}

/** What a program printed, and what went wrong. */
function run(runtime, args, environment = {}) {
  return new Promise(resolve => {
    const child = spawn(runtime, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let complaint = ''
    child.stdout.setEncoding('utf8').on('data', text => (output += text))
    child.stderr.setEncoding('utf8').on('data', text => (complaint += text))
    child.on('error', thrown => resolve({ output, error: thrown.message }))
    child.on('close', (code, signal) =>
      resolve({
        output,
        error:
          code === 0
            ? undefined
            : `${args.join(' ')}: ${signal ?? `exit ${code}`}\n${output.split('\n').slice(-20).join('\n')}${complaint}`,
      }),
    )
  })
}

async function versionOf(runtime) {
  return `Node ${(await run(runtime, ['--version'])).output.trim()}`
}

function firstDifference(a, b) {
  const [left, right] = [a.split('\n'), b.split('\n')]
  const at = left.findIndex((line, i) => line !== right[i])
  return `the traces differ: ${left[at]} and ${right[at]}`
}
