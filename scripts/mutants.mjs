/**
 * Plants each bug of `test/long/mutants.ts` in a copy of the compiled code and lets the swarm look for it:
 *
 *     node scripts/mutants.mjs [--budget 60s] [--build build] [NAME-PART ...]
 *
 * Prints a line for each, and at the end what share was found, and how small the failures became.
 * Exit 0 when at least 90 % were found, and at least 90 % of those became five faults or fewer.
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const FAULTS_MAX = 5
const SHARE = 0.9

process.chdir(join(import.meta.dirname, '..'))
const { values, positionals } = parseArgs({
  options: { budget: { type: 'string', default: '60s' }, build: { type: 'string', default: 'build' } },
  allowPositionals: true,
})
const { MUTANTS } = await import(`../${values.build}/test/long/mutants.js`)
const chosen = MUTANTS.filter(({ name }) => positionals.length === 0 || positionals.some(part => name.includes(part)))

// Beside the build, so that the packages are found; the tests are not needed.
const copy = resolve(`${values.build}-mutants`)
rmSync(copy, { recursive: true, force: true })
cpSync(values.build, copy, { recursive: true, filter: source => !source.startsWith(join(values.build, 'test')) })
const cwd = mkdtempSync(join(tmpdir(), 'weft-mutants-'))

const results = []
try {
  for (const mutant of chosen) {
    const result = await judge(mutant)
    results.push(result)
    console.log(lineOf(result))
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
  rmSync(cwd, { recursive: true, force: true })
}

const found = results.filter(({ invariant }) => invariant !== undefined)
const small = found.filter(({ faults }) => faults !== undefined && faults <= FAULTS_MAX)
const seconds = found.map(result => result.seconds).sort((a, b) => a - b)
console.log(
  `${found.length} of ${results.length} bugs found, half of them within ${seconds[seconds.length >> 1]?.toFixed(1) ?? '-'} s, the last after ${seconds.at(-1)?.toFixed(1) ?? '-'} s; ` +
    `${small.length} of ${found.length} became ${FAULTS_MAX} faults or fewer`,
)
for (const { name, survives } of results.filter(({ invariant }) => invariant === undefined))
  console.log(`not found: ${name}${survives === undefined ? '' : ` (${survives})`}`)
process.exitCode = found.length >= SHARE * results.length && small.length >= SHARE * found.length ? 0 : 1

async function judge(mutant) {
  const file = join(copy, `${mutant.file}.js`)
  const original = readFileSync(file, 'utf8')
  const parts = original.split(mutant.find)
  if (parts.length !== 2) throw new Error(`${mutant.name}: what it replaces is ${parts.length - 1} times in ${mutant.file}`)
  writeFileSync(file, parts.join(mutant.replace))
  try {
    if (mutant.scenario !== undefined) return { ...mutant, ...(await tell(mutant.scenario)) }
    const { code, output, seconds } = await weft(['sim', 'fuzz', '--stop', '--json', '--seed', '1', '--budget', values.budget])
    const document = code === 3 ? undefined : JSON.parse(output)
    const [failure] = document?.failures ?? []
    return {
      ...mutant,
      seconds: document?.seconds ?? seconds,
      seeds: document?.seeds,
      invariant: code === 3 ? 'the run itself broke' : failure?.invariant,
      faults: code === 3 ? 0 : failure?.shrunk?.faults,
      runs: failure?.shrunk?.runs,
    }
  } finally {
    writeFileSync(file, original)
  }
}

/** One story with one seed after the other, until it is not told as promised. */
async function tell(scenario) {
  const { loadShipped } = await import(join(copy, 'sim/scenario/catalogue.js'))
  const { faults } = await loadShipped(scenario)
  const beganMs = performance.now()
  const elapsed = () => (performance.now() - beganMs) / 1000
  for (let seed = 1; elapsed() < Number.parseFloat(values.budget); seed++) {
    const { code, output } = await weft(['sim', 'run', scenario, '--seed', String(seed), '--json'])
    const broken = code === 3 ? undefined : JSON.parse(output).invariants.find(({ held }) => !held)
    if (code === 1 || code === 3)
      return { seconds: elapsed(), seeds: seed, invariant: broken?.id ?? 'the run itself broke', faults: faults.length, runs: 0 }
  }
  return { seconds: elapsed(), seeds: undefined, invariant: undefined }
}

function weft(words) {
  const beganMs = performance.now()
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [join(copy, 'cli/weft.js'), ...words], { cwd, stdio: ['ignore', 'pipe', 'ignore'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', text => (output += text))
    child.on('error', failed)
    child.on('close', code => done({ code, output, seconds: (performance.now() - beganMs) / 1000 }))
  })
}

function lineOf({ name, seconds, seeds, invariant, faults, runs }) {
  if (invariant === undefined) return `not found  ${name}: ${seeds ?? 'some'} seeds in ${seconds.toFixed(1)} s`
  const smaller = faults === undefined ? 'did not become smaller' : `${faults} faults after ${runs ?? 0} runs`
  return `found      ${name}: ${invariant}, ${seconds.toFixed(1)} s, ${smaller}`
}
