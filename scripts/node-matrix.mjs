/**
 * Runs one compiled test with several versions of Node:
 *
 *     node scripts/node-matrix.mjs [--versions 20,22,24] [--cache DIRECTORY] -- build/test/base/crypto.test.js [arguments]
 *
 * One line per version, exit 1 if any fails. Where other versions cannot be had only the Node that runs this is tried.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { CACHE, hasOthers, runtimeOf } from './runtimes.mjs'

const USAGE = 'usage: node scripts/node-matrix.mjs [--versions 20,22,24] [--cache DIRECTORY] -- FILE [ARGUMENTS]'

const { values, positionals } = parse()
const failures = runtimes().filter(runtime => !passes(runtime))
process.exitCode = failures.length === 0 ? 0 : 1

function parse() {
  try {
    const parsed = parseArgs({
      allowPositionals: true,
      options: {
        versions: { type: 'string', default: '20,22,24' },
        cache: { type: 'string', default: CACHE },
      },
    })
    if (parsed.positionals.length > 0 && /^\d+(,\d+)*$/.test(parsed.values.versions)) return parsed
  } catch {
    // said below
  }
  console.error(USAGE)
  process.exit(64)
}

/** Paths of the Node binaries to use. */
function runtimes() {
  if (!hasOthers) {
    console.log(`on ${process.platform}-${process.arch} only the current Node is tried: there are no packages of the others`)
    return [process.execPath]
  }
  try {
    return values.versions.split(',').map(major => runtimeOf(major, values.cache))
  } catch (thrown) {
    console.error(thrown.message)
    process.exit(1)
  }
}

function passes(runtime) {
  const version = spawnSync(runtime, ['--version'], { encoding: 'utf8' }).stdout.trim()
  const startMs = performance.now()
  const run = spawnSync(runtime, positionals, { encoding: 'utf8', maxBuffer: 2 ** 30 })
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  const isOk = run.status === 0
  console.log(`${version} ${isOk ? 'ok' : `failed (${run.signal ?? `exit ${run.status}`})`} ${seconds} s`)
  if (!isOk) console.log(run.stdout.split('\n').slice(-40).join('\n') + run.stderr)
  return isOk
}
