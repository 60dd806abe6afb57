/**
 * Makes a checkout ready to run, whatever state it is in: installs when the lockfile is not the
 * one that was installed from, builds when a source is not the one that was built from. Does nothing,
 * quickly, when both are as they should be; with --build it builds in any case. Talks on stderr, so that a command's stdout stays its own.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
process.chdir(root)

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`weftmesh needs Node.js 20.19 or newer; this is ${process.version}\n`)
  process.exit(1)
}

const INSTALL_STAMP = 'node_modules/.weftmesh-installed'
const BUILD_STAMP = 'build/.stamp'
const SOURCES = ['base', 'transport', 'discovery', 'chain', 'ecc', 'node', 'sim', 'cli', 'bench', 'examples', 'test']

const lock = hash(readFileSync('package-lock.json'), process.version.split('.')[0], process.platform)
if (read(INSTALL_STAMP) !== lock) {
  say('installing dependencies from package-lock.json (once; about a minute)')
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  // What tap had built of its plugins is gone with the packages it was built in.
  rmSync('.tap', { recursive: true, force: true })
  writeFileSync(INSTALL_STAMP, lock)
}

const sources = hash(read('tsconfig.json'), ...SOURCES.filter(existsSync).flatMap(list).map(describe))
if (process.argv.includes('--build') || read(BUILD_STAMP) !== sources) {
  say('building')
  rmSync('build', { recursive: true, force: true })
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'])
  chmodSync('build/cli/weft.js', 0o755) // `npx weft` runs it as a program
  mkdirSync('build', { recursive: true })
  writeFileSync(BUILD_STAMP, sources)
}

function list(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap(entry => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : list(path)
      return entry.name.endsWith('.ts') ? [path] : []
    })
    .sort()
}

function describe(file) {
  const { size, mtimeMs } = statSync(file)
  return `${file} ${size} ${mtimeMs}`
}

function hash(...parts) {
  const sha = createHash('sha256')
  for (const part of parts) sha.update(part).update('\n')
  return sha.digest('hex')
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function say(text) {
  process.stderr.write(`weftmesh: ${text}\n`)
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (status === 0) return
  say(`${command} ${args[0]} failed${error === undefined ? '' : `: ${error.message}`}`)
  process.exit(status ?? 1)
}
