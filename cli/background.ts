import { spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isErrorCode, WeftError } from '../base/errors.ts'
import { SHUTDOWN_MS } from '../base/limits.ts'
import { type ControlFile, indexDirectory, readControlFile } from '../node/host/directory.ts'
import { openIndex } from '../node/host/index.ts'
import { requireNode } from './directory.ts'
import { nodeIn } from './node-in.ts'

/** A node that runs as a process of its own, as `weft start --json` shows it. */
export interface RunningNode {
  readonly nodeId: string
  readonly cluster: string
  /** Where its control interface listens. */
  readonly http: string
  /** Where other nodes dial it. */
  readonly addresses: readonly string[]
  readonly osPid: number
}

export const LOG_FILE = 'node.log'

/** 60 s: a node with a million records is ready in a few; one that takes longer has a reason that its log tells. */
const START_MS = 60_000
/** How often the directory is looked at while a process comes or goes. */
const LOOK_MS = 10
/** What a node may take to stop: its own deadline, and as long again for a slow disk. */
const STOP_MS = 2 * SHUTDOWN_MS
/** 2 s: a process of its own ends some milliseconds after it has let go of its directory, also on a busy machine. */
const EXIT_MS = 2000

/**
 * Room for young objects, in MiB: records live from the call to the sync, longer than the 1 to 16 MiB that
 * Node.js starts with last. 10 % more records a second, and a start that is 50 ms shorter, for 30 MiB.
 */
const NODE_FLAGS: readonly string[] = ['--min-semi-space-size=16', '--max-semi-space-size=64']

const ENTRY = fileURLToPath(new URL('./weft.js', import.meta.url))

/**
 * Starts the node in `dir` as a process that outlives this one: its own session, no descriptor
 * of ours, its output in `node.log`. Resolves when it is ready; rejects with what kept it from starting.
 *
 * @param flags of `weft start`
 */
export async function startInBackground(
  dir: string,
  flags: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<RunningNode> {
  requireNode(dir)
  const log = openSync(join(dir, LOG_FILE), 'a', 0o600)
  const logFrom = fstatSync(log).size
  const child = spawn(process.execPath, [...NODE_FLAGS, ENTRY, 'start', '--json', '--dir', dir, ...flags], {
    cwd: dir,
    detached: true,
    env: environment,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  let failure: WeftError | undefined
  child.once('error', thrown => (failure = new WeftError('internal', `cannot start a process: ${thrown.message}`, { cause: thrown })))
  child.once('exit', () => (failure ??= failureIn(dir, logFrom)))
  child.unref()

  for (const untilMs = performance.now() + START_MS; performance.now() < untilMs; await sleep(LOOK_MS)) {
    if (failure !== undefined) throw failure
    const control = readControlFile(dir)
    if (control?.osPid === child.pid) return runningNode(dir, control)
  }
  child.kill('SIGKILL')
  throw new WeftError('timeout', `the node in ${dir} was not ready within ${START_MS / 1000} s`, { next: `see ${join(dir, LOG_FILE)}` })
}

/** The node that runs in `dir`. */
export async function runningNode(dir: string, control: ControlFile | undefined = readControlFile(dir)): Promise<RunningNode> {
  const { nodeId, cluster, addresses } = await nodeIn(dir)('node.status', {})
  return { nodeId, cluster, http: control?.url ?? '', addresses, osPid: control?.osPid ?? 0 }
}

/** `weft start --json` ends its output with the reason; anything else is in the log. */
function failureIn(dir: string, logFrom: number): WeftError {
  const file = join(dir, LOG_FILE)
  const lines = readFileSync(file).subarray(logFrom).toString('utf8').trimEnd().split('\n')
  for (const line of lines.reverse()) {
    const error = errorIn(line)
    if (error !== undefined) return error
  }
  return new WeftError('internal', `the node in ${dir} ended before it was ready`, { next: `see ${file}` })
}

function errorIn(line: string): WeftError | undefined {
  try {
    const { error } = JSON.parse(line) as { error?: { code?: string; message?: string; next?: string; details?: Record<string, unknown> } }
    if (error?.code === undefined || !isErrorCode(error.code)) return undefined
    return new WeftError(error.code, error.message ?? error.code, {
      ...(error.next === undefined ? {} : { next: error.next }),
      ...(error.details === undefined ? {} : { details: error.details }),
    })
  } catch {
    return undefined
  }
}

/** Asks the node in `dir` to stop, and resolves when it is gone. */
export async function stopNode(dir: string): Promise<{ readonly osPid: number }> {
  const control = readControlFile(dir)
  await nodeIn(dir)('node.stop', {})
  await untilGone(dir, control?.osPid ?? 0)
  return { osPid: control?.osPid ?? 0 }
}

/** Gone: its process has ended; or, where it was part of a program that goes on, it has let go of the directory. */
export async function untilGone(dir: string, osPid: number): Promise<void> {
  const hasEnded = (): boolean => !isAlive(osPid)
  const hasLetGo = async (): Promise<boolean> => hasEnded() || (readControlFile(dir) === undefined && (await isUnlocked(dir)))
  if (!(await holdsWithin(STOP_MS, hasLetGo))) {
    throw new WeftError('timeout', `the node in ${dir} has not stopped within ${STOP_MS / 1000} s`, {
      next: `see ${join(dir, LOG_FILE)}; its process is ${osPid}`,
    })
  }
  await holdsWithin(EXIT_MS, hasEnded)
}

async function holdsWithin(limitMs: number, holds: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const untilMs = performance.now() + limitMs; performance.now() < untilMs; await sleep(LOOK_MS)) {
    if (await holds()) return true
  }
  return false
}

function isUnlocked(dir: string): Promise<boolean> {
  return new Promise(resolve => {
    openIndex(indexDirectory(dir), opened => {
      if (opened.ok) opened.value.close(() => resolve(true))
      else resolve(opened.error.code !== 'already_running')
    })
  })
}

/** False also for a process that has ended and that nobody has asked about yet: in a container there may be nobody who does. */
export function isAlive(osPid: number): boolean {
  try {
    process.kill(osPid, 0)
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM'
  }
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${osPid}/stat`, 'utf8'))
  } catch {
    return true
  }
}
