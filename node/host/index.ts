import { mkdir, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { BoundedQueue } from '../../base/bounded-queue.ts'
import { WeftError } from '../../base/errors.ts'
import { DISK_QUEUE_MAX } from '../../base/limits.ts'
import type { DiskError, Done, Index, IndexWrite } from '../../base/ports.ts'
import { assertKey } from './names.ts'
import { isSoundTable } from './table-check.ts'

/**
 * The index on LevelDB, and with it the lock that keeps a second process off the directory:
 * LevelDB locks a file, and the operating system lets go of it however the process ends.
 *
 * POSIX drops such a lock when its process closes *any* descriptor of the file, which LevelDB
 * itself does when it refuses a second open. So a directory that is open here is refused before LevelDB
 * sees it; and nothing else in this process may open the file `LOCK`, a backup for instance.
 */
export interface HostIndex extends Index {
  /** Refuses what comes after, finishes what came before, lets go of the lock. */
  close(done: () => void): void
}

export type IndexOpened = { readonly ok: true; readonly value: HostIndex } | { readonly ok: false; readonly error: WeftError }

/** Real paths of the directories that are open in this process. */
const held: Set<string> = new Set()

/**
 * Opens the index in `directory`, made if absent. Errors: `already_running`; `index_damaged`, then
 * `destroyIndex` and open again; `disk_full`; `directory_unusable`.
 *
 * Damage that comes later is not noticed: a value may come back wrong, or not at all.
 */
export function openIndex(directory: string, done: (result: IndexOpened) => void): void {
  open(directory).then(
    value => done({ ok: true, value }),
    (error: unknown) => done({ ok: false, error: error as WeftError }),
  )
}

/**
 * Removes what the index in `directory` holds, so that the next open finds an empty one.
 * Errors: `already_running`, `directory_unusable`.
 *
 * The file `LOCK` stays: were it replaced, a process that holds the old one and a process that locks the
 * new one would both run. (LevelDB's own destroy replaces it.)
 */
export function destroyIndex(directory: string, done: (error: WeftError | undefined) => void): void {
  destroy(directory).then(
    () => done(undefined),
    (error: unknown) => done(error as WeftError),
  )
}

async function open(directory: string): Promise<HostIndex> {
  const path = await claim(directory)
  // Not compressed: the checksums of a table could not be found without unpacking it, and hashes do not shrink.
  const level = new ClassicLevel<string, Uint8Array>(path, { keyEncoding: 'utf8', valueEncoding: 'view', compression: false })
  try {
    await probe(level, path)
    const damage = await findDamage(path)
    if (damage !== undefined) throw new WeftError('index_damaged', damage)
    await level.open()
  } catch (error) {
    held.delete(path)
    throw openError(path, error)
  }
  return new LevelIndex(level, () => held.delete(path))
}

/** Asked not to open what exists nor to make what does not, LevelDB takes the lock, looks, and lets go again. */
async function probe(level: ClassicLevel<string, Uint8Array>, path: string): Promise<void> {
  try {
    await level.open({ createIfMissing: false, errorIfExists: true })
  } catch (error) {
    if (causeOf(error).code !== undefined) throw openError(path, error)
  }
}

/** What LevelDB would not notice: tables with wrong checksums, and an index without its beginning. */
async function findDamage(path: string): Promise<string | undefined> {
  const names = await readdir(path)
  if (!names.includes('CURRENT') && names.some(name => /^MANIFEST-|\.(?:ldb|log)$/.test(name))) return `${join(path, 'CURRENT')} is missing`
  for (const name of names.filter(each => each.endsWith('.ldb'))) {
    const file = join(path, name)
    if (!isSoundTable(await readFile(file))) return `${file} is damaged`
  }
  return undefined
}

async function destroy(directory: string): Promise<void> {
  const path = await claim(directory)
  try {
    await probe(new ClassicLevel(path), path)
    for (const name of (await readdir(path)).filter(isRemovable)) await rm(join(path, name))
  } catch (error) {
    throw openError(path, error)
  } finally {
    held.delete(path)
  }
}

/** LevelDB's own files, but for `LOCK`. */
function isRemovable(name: string): boolean {
  return /^(?:CURRENT|LOG|LOG\.old|MANIFEST-\d+|\d+\.(?:ldb|log|dbtmp))$/.test(name)
}

/** The real path of `directory`, made if absent, which is `held` from now on. */
async function claim(directory: string): Promise<string> {
  const path = await realPath(directory)
  if (held.has(path)) throw new WeftError('already_running', `${path} is in use by this process`)
  held.add(path)
  return path
}

async function realPath(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    return await realpath(directory)
  } catch (error) {
    throw new WeftError('directory_unusable', causeOf(error).message, { cause: error })
  }
}

/**
 * What LevelDB said, which the library wraps. Codes: `LEVEL_LOCKED`, `LEVEL_CORRUPTION`,
 * `LEVEL_IO_ERROR`, none for an invalid argument; those of Node for files.
 */
function causeOf(error: unknown): { readonly message: string; readonly code?: string } {
  return (error instanceof Error && error.cause !== undefined ? error.cause : error) as Error
}

function openError(path: string, error: unknown): WeftError {
  if (error instanceof WeftError) return error
  const { code, message } = causeOf(error)
  if (code === 'LEVEL_LOCKED') return new WeftError('already_running', `${path} is in use by another process`, { cause: error })
  if (isFull(message)) return new WeftError('disk_full', message, { cause: error })
  const isDamaged = code === 'LEVEL_CORRUPTION' || (code === 'LEVEL_IO_ERROR' && message.includes('No such file'))
  return new WeftError(isDamaged ? 'index_damaged' : 'directory_unusable', message, { cause: error })
}

function isFull(message: string): boolean {
  return message.includes('No space left') || message.includes('quota exceeded')
}

/** One operation: starts, and calls `finish` when it has ended. */
interface Operation {
  readonly isWrite: boolean
  start(finish: () => void): void
}

/**
 * LevelDB runs calls on several threads, in any order; a read sees the state in which it
 * started. So batches run one after the other, and a read starts when all batches before it have ended.
 */
class LevelIndex implements HostIndex {
  readonly #level: ClassicLevel<string, Uint8Array>
  readonly #release: () => void
  readonly #waiting: BoundedQueue<Operation> = new BoundedQueue(DISK_QUEUE_MAX)
  #isWriting = false
  #running = 0
  #isClosed = false
  readonly #closing: (() => void)[] = []

  constructor(level: ClassicLevel<string, Uint8Array>, release: () => void) {
    this.#level = level
    this.#release = release
  }

  get(key: string, done: Done<Uint8Array | null>): void {
    assertKey(key)
    this.#push(false, done, async () => {
      const value = await this.#level.get(key)
      return value === undefined ? null : plain(value)
    })
  }

  batch(writes: readonly IndexWrite[], done: Done<void>): void {
    for (const write of writes) assertKey(write.key)
    const operations = writes.map(({ key, value }) =>
      value === null ? { type: 'del' as const, key } : { type: 'put' as const, key, value },
    )
    this.#push(true, done, () => this.#level.batch(operations))
  }

  scan(from: string, to: string, limit: number, done: Done<readonly (readonly [key: string, value: Uint8Array])[]>): void {
    this.#push(false, done, async () => {
      const entries = await this.#level.iterator({ gte: from, lt: to, limit, highWaterMarkBytes: SCAN_STEP_BYTES }).all()
      return entries.map(([key, value]) => [key, plain(value)] as const)
    })
  }

  close(done: () => void): void {
    this.#isClosed = true
    this.#closing.push(done)
    setImmediate(() => this.#finishClosing())
  }

  #push<T>(isWrite: boolean, done: Done<T>, operate: () => Promise<T>): void {
    const start = (finish: () => void): void => {
      operate().then(
        value => {
          finish()
          done({ ok: true, value })
        },
        (error: unknown) => {
          finish()
          done({ ok: false, error: diskError(error) })
        },
      )
    }
    if (this.#isClosed) refuse(done, 'the index is closed')
    else if (!this.#waiting.push({ isWrite, start })) refuse(done, 'too many operations wait for the index')
    else this.#advance()
  }

  #advance(): void {
    while (!this.#isWriting) {
      const operation = this.#waiting.shift()
      if (operation === undefined) return this.#finishClosing()
      this.#running++
      this.#isWriting = operation.isWrite
      operation.start(() => {
        this.#running--
        if (operation.isWrite) this.#isWriting = false
        this.#advance()
      })
    }
  }

  #finishClosing(): void {
    if (!this.#isClosed || this.#running > 0 || this.#waiting.size > 0) return
    const callbacks = this.#closing.splice(0)
    if (callbacks.length === 0) return
    const finish = (): void => {
      this.#release()
      for (const done of callbacks) done()
    }
    // A close that fails leaves nothing to be done either: the lock goes with the process.
    this.#level.close().then(finish, finish)
  }
}

/** 256 KiB: LevelDB hands over a scan in steps of this size; at its default of 16 KiB a long scan is mostly trips between threads. */
const SCAN_STEP_BYTES = 262_144

/** Without the Node class around it, whose `slice` shares memory where others copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function diskError(error: unknown): DiskError {
  const message = causeOf(error).message
  return { code: isFull(message) ? 'full' : 'failed', message }
}

function refuse<T>(done: Done<T>, message: string): void {
  setImmediate(() => done({ ok: false, error: { code: 'failed', message } }))
}
