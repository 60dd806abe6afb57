/**
 * `npm run test:long`: what takes too long for every change. Names choose some of it:
 *
 *     npm run test:long -- seeds kills
 *
 * crypto      the published vectors on Node 20, 22 and 24: the same verdicts everywhere
 * seeds       1,000 seeds of the swarm, two minutes each, in two processes each on Node 20, 22 and 24, with a busy processor: all traces equal, nothing broken
 * stories     ten seeds of each scenario, a hundred of each profile, sieges of 30 s, a journal of 300 records, a million links of one memory
 * properties  what holds for drawn cases, in five rounds of cases that `npm test` does not draw
 * fuzz        other seeds for ten minutes: nothing broken
 * mutants     bugs planted one at a time: the swarm finds nine of ten within a minute each
 * libp2p      fifty stories over libp2p in memory end as they do over the simulated transport
 * kills       50 kills of real nodes under load
 * vectors     the vector store: 100 kills, 200 flipped bytes, 10,000 calls that mean harm
 * mcp         the MCP server as the Inspector and the conformance runner see it
 *
 * Ends with one line, `N passed, N failed`.
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasOthers, runtimeOf } from './runtimes.mjs'

process.chdir(join(import.meta.dirname, '..'))

const SEEDS = process.env.WEFT_SEEDS ?? '1000'
const PROPERTY_ROUNDS = 5
const STAGES = { crypto, seeds, stories, properties, fuzz, mutants, libp2p, kills, vectors, mcp }

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

async function seeds() {
  const runtimes = hasOthers
    ? [20, 22, 24].map(major => (process.versions.node.startsWith(`${major}.`) ? process.execPath : runtimeOf(major)))
    : [process.execPath]
  const load = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
  const results = []
  try {
    for (const runtime of runtimes) {
      // Both at once, and a third process beside them: more than the smallest machine has cores.
      const runs = await Promise.all([1, 2].map(() => run(runtime, ['build/test/long/seeds.js', SEEDS, '1', '120'])))
      results.push({ version: await versionOf(runtime), runs })
    }
  } finally {
    load.kill()
  }
  const [reference] = results[0].runs
  return results.flatMap(({ version, runs: [first, second] }) => [
    { what: `${SEEDS} seeds break no promise on ${version}`, error: first.error ?? brokenIn(first.output) },
    { what: `and leave the same traces in another process`, error: second.error ?? difference(first, second) },
    ...(first === reference ? [] : [{ what: `and as on ${results[0].version}`, error: difference(reference, first) }]),
  ])
}

function brokenIn(output) {
  const broken = output.split('\n').filter(line => line !== '' && !/^[0-9]+ [0-9a-f]+ valid$/.test(line))
  return broken.length === 0 ? undefined : broken.join('\n')
}

function difference(a, b) {
  return a.output === b.output ? undefined : firstDifference(a.output, b.output)
}

/** What `npm test` tells with fewer seeds, for less time and of less. */
async function stories() {
  const rows = [
    { what: 'ten seeds of each scenario end well', file: 'sim/scenarios', more: { WEFT_SEEDS: '10' } },
    { what: 'a hundred seeds of each profile break no promise', file: 'sim/swarm', more: { WEFT_SEEDS: '100' } },
    { what: 'correct nodes stand sieges of 30 s', file: 'sim/byzantine', more: { WEFT_SIEGE_SECONDS: '30' } },
    { what: 'what is done to each of 300 records is named', file: 'chain/tamper', more: { WEFT_TAMPER_RECORDS: '100' } },
    { what: 'a memory with a million links is answered for', file: 'ecc/extremes', more: { WEFT_LINKS: '1000000' } },
  ]
  const judgements = []
  // Each takes minutes, and where the machine is slow more of them than a file of tests gets.
  for (const { what, file, more } of rows)
    judgements.push(await judged(what, run(process.execPath, [`build/test/${file}.test.js`], { TAP_TIMEOUT: '0', ...more })))
  return judgements
}

async function properties() {
  const files = readdirSync('build/test', { recursive: true }).flatMap(name =>
    name.endsWith('.test.js') ? [join('build/test', name)] : [],
  )
  const drawing = files.filter(file =>
    /\/(properties|any-world)\.js'|\/contract\/(disk|index|vector-index)\.js'/.test(readFileSync(file, 'utf8')),
  )
  const first = fresh()
  const judgements = []
  for (let seed = first; seed < first + PROPERTY_ROUNDS; seed++) {
    const environment = { WEFT_PROPERTY_SEED: String(seed), TAP_TIMEOUT: '600' }
    judgements.push(await judged(`WEFT_PROPERTY_SEED=${seed}`, run(process.execPath, ['scripts/test.mjs', ...drawing], environment)))
  }
  return judgements
}

/** No other run has had this seed, nor those right after it. */
function fresh() {
  return 1_000_000 + (Math.floor(Date.now() / 1000) % 1_000_000_000)
}

async function fuzz() {
  const first = String(fresh())
  const { error, output } = await run(process.execPath, ['build/cli/weft.js', 'sim', 'fuzz', '--budget', '10m', '--seed', first])
  process.stdout.write(output)
  return [{ what: `ten minutes of seeds from ${first} on break no promise`, error }]
}

async function mutants() {
  return [await judged('nine of ten planted bugs are found and made small', run(process.execPath, ['scripts/mutants.mjs']), true)]
}

async function libp2p() {
  const running = run(process.execPath, ['build/test/transport/libp2p-nodes.test.js'], { WEFT_SEEDS: '50' })
  return [await judged('fifty stories end over libp2p as in the simulator', running)]
}

async function kills() {
  return [await judged('50 kills under load', run(process.execPath, ['build/test/long/kills.js']), true)]
}

async function vectors() {
  return [
    await judged(
      '100 kills, 200 flipped bytes and 10,000 hostile calls do no harm',
      run(process.execPath, ['build/test/long/vectors.js']),
      true,
    ),
  ]
}

async function mcp() {
  return [await judged('the Inspector and the conformance runner agree with it', run(process.execPath, ['scripts/mcp-clients.mjs']), true)]
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
