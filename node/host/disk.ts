import { close, closeSync, constants, fdatasync, fstat, fsync, fsyncSync, ftruncate, mkdir, mkdirSync } from 'node:fs'
import { open, openSync, read, readdir, rename, stat, unlink, write } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { WeftError } from '../../base/errors.ts'
import { OPEN_FILES_MAX } from '../../base/limits.ts'
import type { Disk, DiskError, Done } from '../../base/ports.ts'
import { FileQueue, takeTurn } from './file-queue.ts'
import { assertFileName } from './names.ts'

export interface HostDisk extends Disk {
  /** Refuses what comes after, finishes what came before, closes the files. */
  close(done: () => void): void
}

/**
 * Real files under `directory`, which is made if absent. This process is their only writer:
 * the lock of the index beside them sees to that.
 *
 * @throws WeftError directory_unusable
 */
export function openDisk(directory: string): HostDisk {
  const root = resolve(directory)
  try {
    const made = mkdirSync(root, { recursive: true, mode: 0o700 })
    if (made !== undefined) for (let folder = root; folder !== dirname(made); ) syncFolderNow((folder = dirname(folder)))
  } catch (error) {
    throw new WeftError('directory_unusable', (error as Error).message, { cause: error })
  }
  return new FileDisk(root)
}

function syncFolderNow(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

interface OpenFile {
  readonly descriptor: number
  /** Kept here rather than asked for: nobody else writes. */
  size: number
  /** A name that an earlier process made may not have reached the disk, so each opening starts with false. */
  isNameDurable: boolean
}

type Failure = NodeJS.ErrnoException | null
/** As Node calls back: `value` means something only where `error` is null. */
type Tried<T> = (error: Failure, value: T) => void
type Finish<T> = (error: Failure, value?: T) => void

/** How an operation stands to others on the same file, and whether it makes an absent one. */
interface Mode {
  readonly isAlone: boolean
  readonly isMade: boolean
}
const SHARED: Mode = { isAlone: false, isMade: false }
const ALONE: Mode = { isAlone: true, isMade: false }
const ALONE_MAKING: Mode = { isAlone: true, isMade: true }

/** One file that somebody uses. */
class Entry {
  readonly name: string
  readonly path: string
  readonly queue: FileQueue = new FileQueue()
  file: OpenFile | undefined
  /** Those who wait while the file is being opened. */
  opening: Tried<OpenFile>[] | undefined

  constructor(root: string, name: string) {
    this.name = name
    this.path = join(root, name)
  }
}

class FileDisk implements HostDisk {
  readonly #root: string
  /** By name, the least recently used first. */
  readonly #entries: Map<string, Entry> = new Map()
  #openFiles = 0
  /** Operations, and descriptors being closed. */
  #unfinished = 0
  #isClosed = false
  readonly #closing: (() => void)[] = []

  constructor(root: string) {
    this.#root = root
  }

  list(folder: string, done: Done<readonly string[]>): void {
    if (folder !== '') assertFileName(folder)
    this.#start([], SHARED, done, finish => {
      readdir(join(this.#root, folder), { withFileTypes: true }, (error, found) => {
        if (error !== null && error.code !== 'ENOENT') return finish(error)
        const files = error === null ? found.filter(entry => !entry.isDirectory()) : []
        finish(null, files.map(entry => entry.name).sort())
      })
    })
  }

  read(name: string, offset: number, length: number, done: Done<Uint8Array>): void {
    this.#startOpen(this.#entry(name), SHARED, done, (file, finish) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, file.size - offset)))
      readFully(file.descriptor, bytes, 0, offset, (error, filled) => finish(error, bytes.subarray(0, filled)))
    })
  }

  size(name: string, done: Done<number>): void {
    const entry = this.#entry(name)
    this.#start([entry], SHARED, done, finish => stat(entry.path, (error, stats) => finish(error, stats?.size)))
  }

  append(name: string, bytes: Uint8Array, done: Done<number>): void {
    this.#startOpen(this.#entry(name), ALONE_MAKING, done, (file, finish) => {
      const offset = file.size
      writeFully(file.descriptor, bytes, 0, offset, (error, written) => {
        file.size += written
        finish(error, offset)
      })
    })
  }

  sync(name: string, done: Done<void>): void {
    const entry = this.#entry(name)
    // Shared: reads need not wait for the disk, and what is appended later waits all the same.
    this.#startOpen(entry, SHARED, done, (file, finish) => {
      fdatasync(file.descriptor, error => {
        if (error !== null || file.isNameDurable) return finish(error)
        this.#syncFolders(dirname(entry.path), failure => {
          file.isNameDurable = failure === null
          finish(failure)
        })
      })
    })
  }

  truncate(name: string, length: number, done: Done<void>): void {
    this.#startOpen(this.#entry(name), ALONE, done, (file, finish) => {
      if (length > file.size) return void setImmediate(finish, new Error(`${name} has ${file.size} bytes, not ${length}`))
      ftruncate(file.descriptor, length, error => {
        if (error === null) file.size = length
        finish(error)
      })
    })
  }

  /**
   * In this order, so that a crash leaves the old file or the whole new one: the bytes, the
   * name, the folder of the new name, the folder of the old one.
   */
  rename(from: string, to: string, done: Done<void>): void {
    const source = this.#entry(from)
    const target = this.#entry(to)
    this.#start(source === target ? [source] : [source, target], ALONE, done, finish => {
      const syncNames = (): void => {
        this.#drop(source)
        this.#drop(target)
        const syncOldName = onward(finish, () => syncFolder(dirname(source.path), finish))
        this.#syncFolders(dirname(target.path), syncOldName)
      }
      const move = (): void => makingFolder(target.path, moved => rename(source.path, target.path, moved), onward(finish, syncNames))
      this.#open(source, false, (error, file) => (error === null ? fdatasync(file.descriptor, onward(finish, move)) : finish(error)))
    })
  }

  remove(name: string, done: Done<void>): void {
    const entry = this.#entry(name)
    this.#start([entry], ALONE, done, finish => {
      this.#drop(entry)
      unlink(entry.path, error => {
        if (error === null) syncFolder(dirname(entry.path), finish)
        else finish(error.code === 'ENOENT' ? null : error)
      })
    })
  }

  close(done: () => void): void {
    this.#isClosed = true
    this.#closing.push(done)
    this.#unfinished++
    setImmediate(() => this.#end())
  }

  #entry(name: string): Entry {
    assertFileName(name)
    const entry = this.#entries.get(name) ?? new Entry(this.#root, name)
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    return entry
  }

  /** Runs `operate` in its turn on all of `entries`, and tells `done` how it went once the next operations have begun. */
  #start<T>(entries: readonly Entry[], { isAlone }: Mode, done: Done<T>, operate: (finish: Finish<T>) => void): void {
    const queues = entries.map(entry => entry.queue)
    const run = (release: () => void): void =>
      operate((error, value) => {
        release()
        this.#tidy(entries)
        done(error === null ? { ok: true, value: value as T } : { ok: false, error: diskError(error) })
        this.#end()
      })
    if (!this.#isClosed && takeTurn(queues, isAlone, run)) {
      this.#unfinished++
      return
    }
    this.#tidy(entries)
    const message = this.#isClosed ? 'the disk is closed' : 'too many operations wait for this file'
    setImmediate(done, { ok: false, error: { code: 'failed', message } })
  }

  /** The same on one file that has to be open. */
  #startOpen<T>(entry: Entry, mode: Mode, done: Done<T>, operate: (file: OpenFile, finish: Finish<T>) => void): void {
    this.#start([entry], mode, done, finish => {
      this.#open(entry, mode.isMade, (error, file) => (error === null ? operate(file, finish) : finish(error)))
    })
  }

  #open(entry: Entry, isMade: boolean, opened: Tried<OpenFile>): void {
    if (entry.file !== undefined) return opened(null, entry.file)
    if (entry.opening !== undefined) return void entry.opening.push(opened)
    const waiting = [opened]
    entry.opening = waiting
    const finish = (error: Failure, file?: OpenFile): void => {
      entry.opening = undefined
      entry.file = file
      if (file !== undefined) this.#openFiles++
      for (const callback of waiting) callback(error, file as OpenFile)
    }
    const flags = isMade ? constants.O_RDWR | constants.O_CREAT : constants.O_RDWR
    const attempt = (tried: Finish<number>): void => open(entry.path, flags, 0o600, tried)
    const measure = (error: Failure, descriptor = 0): void => {
      if (error !== null) return finish(error)
      fstat(descriptor, (failure, stats) => {
        if (failure === null) finish(null, { descriptor, size: stats.size, isNameDurable: false })
        else close(descriptor, () => finish(failure))
      })
    }
    if (isMade) makingFolder(entry.path, attempt, measure)
    else attempt(measure)
  }

  /** Closing a descriptor cannot fail in a way that matters: what had to be kept has been synced. */
  #drop(entry: Entry): void {
    if (entry.file === undefined) return
    this.#unfinished++
    close(entry.file.descriptor, () => this.#end())
    entry.file = undefined
    this.#openFiles--
  }

  /** Forgets files that nobody uses; open ones only beyond the limit, the least recently used first. */
  #tidy(used: readonly Entry[]): void {
    for (const entry of used) if (entry.queue.isIdle && entry.file === undefined) this.#entries.delete(entry.name)
    if (this.#openFiles <= OPEN_FILES_MAX) return
    for (const entry of this.#entries.values()) {
      if (!entry.queue.isIdle) continue
      this.#drop(entry)
      this.#entries.delete(entry.name)
      if (this.#openFiles <= OPEN_FILES_MAX) return
    }
  }

  /** Something has ended; once closed, the last thing to end closes the files, and the last file to close ends it all. */
  #end(): void {
    this.#unfinished--
    if (!this.#isClosed || this.#unfinished > 0) return
    for (const entry of this.#entries.values()) this.#drop(entry)
    if (this.#unfinished === 0) for (const done of this.#closing.splice(0)) done()
  }

  /** `folder` and those above it up to the root: each holds the name of the one below. */
  #syncFolders(folder: string, done: (error: Failure) => void): void {
    syncFolder(folder, error => {
      if (error !== null || folder === this.#root) done(error)
      else this.#syncFolders(dirname(folder), done)
    })
  }
}

/** Goes on with `next` unless something went wrong. */
function onward(finish: (error: Failure) => void, next: () => void): (error: Failure) => void {
  return error => (error === null ? next() : finish(error))
}

function syncFolder(folder: string, done: (error: Failure) => void): void {
  open(folder, constants.O_RDONLY, (error, descriptor) => {
    if (error !== null) return done(error)
    fsync(descriptor, failure => close(descriptor, () => done(failure)))
  })
}

/** Tries again with the folder of `path` made, if that was what failed. */
function makingFolder<T>(path: string, attempt: (tried: Finish<T>) => void, done: Finish<T>): void {
  attempt((error, value) => {
    if (error?.code !== 'ENOENT') return done(error, value)
    mkdir(dirname(path), { recursive: true, mode: 0o700 }, failure => (failure === null ? attempt(done) : done(failure)))
  })
}

/** Until `bytes` is full or the file ends; `done` has the number of bytes filled. */
function readFully(descriptor: number, bytes: Uint8Array, filled: number, position: number, done: Tried<number>): void {
  read(descriptor, bytes, filled, bytes.length - filled, position + filled, (error, count) => {
    if (error !== null || count === 0 || filled + count === bytes.length) done(error, filled + (count ?? 0))
    else readFully(descriptor, bytes, filled + count, position, done)
  })
}

/** `done` has the number of bytes written, with an error too: a full disk takes a part. */
function writeFully(descriptor: number, bytes: Uint8Array, written: number, position: number, done: Tried<number>): void {
  write(descriptor, bytes, written, bytes.length - written, position + written, (error, count) => {
    if (error !== null) done(error, written)
    else if (written + count === bytes.length) done(null, bytes.length)
    else writeFully(descriptor, bytes, written + count, position, done)
  })
}

function diskError(error: NodeJS.ErrnoException): DiskError {
  const code = error.code === 'ENOENT' ? 'missing' : error.code === 'ENOSPC' || error.code === 'EDQUOT' ? 'full' : 'failed'
  return { code, message: error.message }
}
