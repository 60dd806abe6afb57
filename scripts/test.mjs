/**
 * `npm test`: runs every compiled test file with tap and ends with one line, `N passed, N failed`.
 * Arguments go to tap: file names to run only those, `--jobs 1`, `--disable-coverage`...
 * A run in which nothing was tested has failed.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

process.chdir(join(import.meta.dirname, '..'))
const tap = 'node_modules/tap/dist/esm/run.mjs'

if (!existsSync('.tap/plugins')) {
  process.stderr.write('weftmesh: preparing the test runner (once)\n')
  const { status } = spawnSync(process.execPath, [tap, 'build'], { stdio: ['ignore', 2, 2] })
  if (status !== 0) process.exit(status ?? 1)
}

const folder = mkdtempSync(join(tmpdir(), 'weft-test-'))
const output = join(folder, 'results.tap')
const args = [
  '--disable-coverage',
  `--reporter=${process.stdout.isTTY ? 'base' : 'silent'}`,
  `--output-file=${output}`,
  ...process.argv.slice(2),
]
const child = spawn(process.execPath, [tap, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
const status = await new Promise(resolve => child.on('close', resolve))

const results = existsSync(output) ? readFileSync(output, 'utf8').split('\n') : []
rmSync(folder, { recursive: true, force: true })
const { passed, failed, skipped } = count(results)
for (const line of results)
  if (/^(not )?ok [0-9]+ - .*# time=/.test(line) || / # (SKIP|TODO)/i.test(line)) process.stdout.write(`${line.trim()}\n`)
if (failed > 0) process.stdout.write(`\n${details(results).join('\n')}\n\n`)
if (skipped > 0) process.stdout.write(`${skipped} skipped\n`)
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = status === 0 && failed === 0 && passed > 0 ? 0 : 1

/** A test is what a file calls by name: the results one level below the file. A file that broke outside of any counts as one. */
function count(results) {
  let passed = 0
  let failed = 0
  let skipped = 0
  let failedInFile = 0
  for (const line of results) {
    const found = /^( {0,4})(not )?ok [0-9]+/.exec(line)
    if (found === null) continue
    const [, indent, not] = found
    if (indent === '') {
      if (not !== undefined && failedInFile === 0) failed++
      failedInFile = 0
    } else if (indent.length === 4) {
      if (/# (SKIP|TODO)/i.test(line)) skipped++
      else if (not === undefined) passed++
      else {
        failed++
        failedInFile++
      }
    }
  }
  return { passed, failed, skipped }
}

/** What failed, each with what tap says about it. */
function details(results) {
  const lines = []
  let isDiagnostic = false
  for (const line of results) {
    const failure = /^ *not ok /.test(line)
    const startsDiagnostic = /^ +---/.test(line)
    if (failure || (startsDiagnostic && lines.at(-1)?.includes('not ok')) || isDiagnostic) lines.push(line)
    if (startsDiagnostic && lines.at(-1) === line) isDiagnostic = true
    if (/^ +\.\.\./.test(line)) isDiagnostic = false
  }
  return lines
}
