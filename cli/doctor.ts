import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { asWeftError } from '../base/errors.ts'
import { CLOCK_AHEAD_MAX_MS } from '../base/limits.ts'
import type { NodeStatus, SettingInfo } from '../node/api.ts'
import type { PeerInfo } from '../node/peers.ts'
import { type Config, CONFIG_FILE, resolveConfig, settingsOf } from '../node/config.ts'
import { hostClock } from '../node/host/clock.ts'
import { indexDirectory, readControlFile } from '../node/host/directory.ts'
import { hostRandom } from '../node/host/random.ts'
import { IDENTITY_FILE, NEXT_IDENTITY_FILE } from '../node/identity.ts'
import { isAlive } from './background.ts'
import { isNode, residentOf } from './directory.ts'
import { nodeIn } from './node-in.ts'
import { plural } from './text.ts'
import { verifyIn } from './verify-in.ts'

/** One thing a node depends on. `next` is there when something should be done about it. */
export interface Check {
  readonly check: string
  readonly result: 'ok' | 'warn' | 'fail'
  readonly detail: string
  readonly next?: string
}

/** 1 s: clocks that are synchronised at all are closer than that. */
const CLOCK_WARN_MS = 1000

/** Looks at everything a node needs, whether or not it runs. Never writes. */
export async function examine(dir: string): Promise<readonly Check[]> {
  const platform = [nodeVersion(), await nativeModule('classic-level')]
  const directory = directoryCheck(dir)
  if (directory.result === 'fail') return [...platform, directory]
  const node = nodeIn(dir)
  const status = await node('node.status', {}).catch(() => undefined)
  const peers = status === undefined ? [] : (await node('peer.list', {})).peers.filter(peer => peer.status === 'member')
  return [
    ...platform,
    directory,
    ...permissions(dir),
    await identityCheck(dir),
    ...(status === undefined ? settings(dir) : (await node('node.settings', {})).settings.map(settingCheck)),
    ...(await embedderCheck(dir, status)),
    runCheck(dir, status),
    lockCheck(dir, status),
    await journalCheck(dir),
    ...(status === undefined ? [] : [...peerChecks(status, peers), ...clockChecks(peers)]),
  ]
}

function nodeVersion(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isNew = major > 20 || (major === 20 && minor >= 19)
  return isNew
    ? { check: 'node.js', result: 'ok', detail: process.version }
    : { check: 'node.js', result: 'fail', detail: process.version, next: 'install Node.js 20.19 or newer; 24 is recommended' }
}

async function nativeModule(name: string): Promise<Check> {
  try {
    await import(name)
    return { check: 'native module', result: 'ok', detail: `${name} loads` }
  } catch (thrown) {
    return {
      check: 'native module',
      result: 'fail',
      detail: `${name} does not load: ${(thrown as Error).message.split('\n')[0]}`,
      next: `npm rebuild ${name}, with the Node.js that runs weft`,
    }
  }
}

function directoryCheck(dir: string): Check {
  if (!existsSync(dir))
    return {
      check: 'directory',
      result: 'fail',
      detail: `${dir} does not exist`,
      next: 'weft init (a new cluster) or weft join TOKEN (an existing one)',
    }
  try {
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return {
      check: 'directory',
      result: 'fail',
      detail: `${dir} cannot be read and written by this user`,
      next: `chown or chmod it, or use another --dir`,
    }
  }
  if (!isNode(dir))
    return {
      check: 'directory',
      result: 'fail',
      detail: `there is no node in ${dir}`,
      next: 'weft init (a new cluster) or weft join TOKEN (an existing one)',
    }
  return { check: 'directory', result: 'ok', detail: dir }
}

/** What is secret must be readable by its owner only. */
function permissions(dir: string): Check[] {
  const files = [IDENTITY_FILE, NEXT_IDENTITY_FILE, 'control.json'].filter(name => existsSync(join(dir, name)))
  const open = files.filter(name => (statSync(join(dir, name)).mode & 0o077) !== 0)
  if (open.length === 0) return [{ check: 'permissions', result: 'ok', detail: `only you can read ${files.join(', ')}` }]
  return open.map(name => ({
    check: 'permissions',
    result: 'fail',
    detail: `others can read ${name}`,
    next: `chmod 600 ${join(dir, name)}`,
  }))
}

async function identityCheck(dir: string): Promise<Check> {
  try {
    const { nodeId, cluster } = await residentOf(dir)
    return { check: 'identity', result: 'ok', detail: `${nodeId} of cluster ${cluster ?? 'none'}` }
  } catch (thrown) {
    return failed('identity', thrown)
  }
}

function settings(dir: string): Check[] {
  try {
    return settingsOf(configOf(dir)).map(settingCheck)
  } catch (thrown) {
    return [failed('settings', thrown)]
  }
}

function settingCheck({ setting, value, from }: SettingInfo): Check {
  const isTable = typeof value === 'object' && !Array.isArray(value)
  const parts = isTable ? Object.entries(value).map(([name, one]) => `${name} = ${one}`) : [value as string | readonly string[]].flat()
  return { check: `setting ${setting}`, result: 'ok', detail: `${parts.join(', ') || 'none'} (${from})` }
}

/** One text, embedded by the node if it runs, else as it would be. */
async function embedderCheck(dir: string, status: NodeStatus | undefined): Promise<Check[]> {
  try {
    const report = status === undefined ? await tried(dir) : await nodeIn(dir)('memory.embedder', { probe: true })
    if (report.status === null || report.tookMs === null) return []
    const { embedder, waiting } = report.status
    const left = waiting === 0 ? '' : `, ${plural(waiting, 'memory', 'memories')} without a vector`
    return [{ check: 'embedder', result: 'ok', detail: `${embedder} answers in ${Math.round(report.tookMs)} ms${left}` }]
  } catch (thrown) {
    // Memories are written, and recalled by words, all the same.
    return [{ ...failed('embedder', thrown), result: 'warn' }]
  }
}

async function tried(
  dir: string,
): Promise<{ readonly status: { readonly embedder: string; readonly waiting: number } | null; readonly tookMs: number | null }> {
  const config = configOf(dir)
  if (config.embedder.value === 'none') return { status: null, tookMs: null }
  const { configuredEmbedder } = await import('../node/host/embedder/configured.ts')
  const embedder = configuredEmbedder(config, { clock: hostClock, random: hostRandom, log: () => {}, environment: process.env, dir })
  if (embedder === undefined) return { status: null, tookMs: null }
  const startMs = performance.now()
  try {
    await new Promise<void>((resolve, reject) => {
      embedder.embed(['weft'], 'query', result => (result.ok ? resolve() : reject(result.error)))
    })
  } finally {
    embedder.close()
  }
  return { status: { embedder: embedder.id, waiting: 0 }, tookMs: performance.now() - startMs }
}

function configOf(dir: string): Config {
  const file = join(dir, CONFIG_FILE)
  return resolveConfig({}, process.env, existsSync(file) ? readFileSync(file, 'utf8') : undefined)
}

function runCheck(dir: string, status: NodeStatus | undefined): Check {
  const control = readControlFile(dir)
  if (status !== undefined) return { check: 'running', result: 'ok', detail: `${status.state}, process ${control?.osPid}, ${control?.url}` }
  if (control === undefined) return { check: 'running', result: 'warn', detail: 'the node does not run', next: 'weft start' }
  if (isAlive(control.osPid))
    return {
      check: 'running',
      result: 'fail',
      detail: `control.json names process ${control.osPid} at ${control.url}, which does not answer`,
      next: `if that process is a node that hangs, end it; then weft start`,
    }
  return {
    check: 'running',
    result: 'warn',
    detail: `the node does not run; its last process (${control.osPid}) ended without a shutdown`,
    next: 'weft start: it recovers by itself',
  }
}

/** Whoever opens the index holds a lock on its file LOCK. To ask for the lock would be to write, so the system's table is read where there is one. */
function lockCheck(dir: string, status: NodeStatus | undefined): Check {
  if (status !== undefined) return { check: 'lock', result: 'ok', detail: 'held by the node' }
  try {
    const { ino } = statSync(join(indexDirectory(dir), 'LOCK'))
    const row = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .find(line => line.includes(`:${ino} `))
    if (row !== undefined)
      return {
        check: 'lock',
        result: 'fail',
        detail: `process ${row.trim().split(/\s+/)[4]} holds the directory`,
        next: 'end that process, or use another --dir',
      }
  } catch {
    // No lock was ever taken, or this system does not tell.
  }
  return { check: 'lock', result: 'ok', detail: 'nobody holds the directory' }
}

async function journalCheck(dir: string): Promise<Check> {
  try {
    const verified = await verifyIn(dir, true)
    if (verified.valid)
      return {
        check: 'journal',
        result: 'ok',
        detail: `${plural(verified.records, 'record')} in ${plural(verified.logs.length, 'log')} verify`,
      }
    const { reason, file, offset } = verified
    if (reason.startsWith('torn'))
      return {
        check: 'journal',
        result: 'warn',
        detail: `${reason} (${file} at byte ${offset})`,
        next: 'weft start cuts them off: nothing that was acknowledged is among them',
      }
    return {
      check: 'journal',
      result: 'fail',
      detail: `${reason} (${file} at byte ${offset})`,
      next: 'restore the directory from a backup, or join again under a new identity',
    }
  } catch (thrown) {
    return failed('journal', thrown)
  }
}

function peerChecks({ publishing }: NodeStatus, peers: readonly PeerInfo[]): Check[] {
  const down = peers.filter(peer => peer.state === 'down').length
  const reach: Check =
    down === 0
      ? { check: 'peers', result: 'ok', detail: peers.length === 0 ? 'a cluster of one' : `all ${peers.length} up` }
      : {
          check: 'peers',
          result: down === peers.length ? 'fail' : 'warn',
          detail: `${down} of ${peers.length} down`,
          next: 'weft peers shows which, and where they were last; weft logs why',
        }
  if (publishing) return [reach]
  return [
    reach,
    {
      check: 'publishing',
      result: 'warn',
      detail: 'this node signs nothing yet: no peer has vouched for its logs since it started',
      next: 'start one of its peers',
    },
  ]
}

function clockChecks(peers: readonly PeerInfo[]): Check[] {
  const measured = peers.filter(peer => peer.clockOffsetMs !== null)
  const off = measured.filter(peer => Math.abs(peer.clockOffsetMs as number) - (peer.clockErrorMs ?? 0) > CLOCK_WARN_MS)
  if (measured.length === 0) return []
  if (off.length === 0)
    return [{ check: 'clocks', result: 'ok', detail: `within ${CLOCK_WARN_MS / 1000} s of ${plural(measured.length, 'peer')}` }]
  return off.map(({ nodeId, clockOffsetMs }) => ({
    check: 'clocks',
    result: Math.abs(clockOffsetMs as number) > CLOCK_AHEAD_MAX_MS ? 'fail' : 'warn',
    detail: `${nodeId} is ${Math.round(clockOffsetMs as number)} ms ahead of this clock`,
    next: 'synchronise both clocks (NTP); records from more than a minute ahead wait until they are due',
  }))
}

function failed(check: string, thrown: unknown): Check {
  const { message, next } = asWeftError(thrown)
  return { check, result: 'fail', detail: message, ...(next === undefined ? {} : { next }) }
}
