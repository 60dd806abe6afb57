import { assert } from '../base/assert.ts'
import { EMPTY } from '../base/bytes.ts'
import type { Disk, DiskErrorCode, DiskResult, Done } from '../base/ports.ts'
import { assertFileName } from '../node/host/names.ts'
import { SimFile } from './file.ts'
import type { SimRandom } from './random.ts'
import type { SimTimer, Timeline } from './scheduler.ts'

/** Mean times in microseconds; each operation takes between nothing and twice its mean. */
export interface DiskLatency {
  readonly readUs: number
  readonly writeUs: number
  readonly syncUs: number
}

/** Still asynchronous: an operation completes in a later event of the same microsecond. */
const INSTANT: DiskLatency = { readUs: 0, writeUs: 0, syncUs: 0 }

/** File names and contents: a backup. */
export type DiskSnapshot = ReadonlyMap<string, Uint8Array>

/**
 * The disk of one machine: it outlives the processes that use it. Each operation takes effect when
 * it completes, after those called before it on the same file.
 *
 * What is not synced is at risk, names too. A rename or a removal that has completed is durable.
 */
export class SimDisk implements Disk {
  readonly #timeline: Timeline
  readonly #random: SimRandom
  readonly #latency: DiskLatency
  /** While it is slow, of every operation. */
  #slowUs: number | null = null
  #files: Map<string, SimFile> = new Map()
  /** The names that survive a loss of power. */
  #durable: Map<string, SimFile> = new Map()
  /** When the last operation on a file completes. */
  readonly #busyUntilUs: Map<string, number> = new Map()
  /** In the order they were called. */
  readonly #running: Set<Operation> = new Set()
  #limitBytes: number = Infinity
  #syncFails = false
  #writes = 0

  constructor(timeline: Timeline, random: SimRandom, latency: DiskLatency = INSTANT) {
    this.#timeline = timeline
    this.#random = random
    this.#latency = latency
  }

  list(folder: string, done: Done<readonly string[]>): void {
    if (folder !== '') assertFileName(folder)
    const prefix = folder === '' ? '' : `${folder}/`
    this.#start([], this.#latency.readUs, done, () => {
      const names = this.files.filter(name => name.startsWith(prefix)).map(name => name.slice(prefix.length))
      return { ok: true, value: names.filter(name => !name.includes('/')) }
    })
  }

  read(name: string, offset: number, length: number, done: Done<Uint8Array>): void {
    this.#start([name], this.#latency.readUs, done, () => {
      const file = this.#files.get(name)
      return file === undefined ? missing(name) : { ok: true, value: file.read(offset, length) }
    })
  }

  size(name: string, done: Done<number>): void {
    this.#start([name], this.#latency.readUs, done, () => {
      const file = this.#files.get(name)
      return file === undefined ? missing(name) : { ok: true, value: file.size }
    })
  }

  append(name: string, bytes: Uint8Array, done: Done<number>): void {
    this.#start([name], this.#latency.writeUs, done, () => {
      const file = this.#files.get(name) ?? new SimFile(EMPTY)
      this.#files.set(name, file)
      const offset = file.size
      const room = this.#limitBytes === Infinity ? Infinity : Math.max(0, this.#limitBytes - this.usedBytes)
      if (bytes.length <= room) {
        file.append(bytes, ++this.#writes)
        return { ok: true, value: offset }
      }
      file.append(bytes.subarray(0, this.#random.below(room + 1)), ++this.#writes)
      return failure('full', `no room for ${bytes.length} bytes in ${name}`)
    })
  }

  sync(name: string, done: Done<void>): void {
    this.#start(
      [name],
      this.#latency.syncUs,
      done,
      () => {
        const file = this.#files.get(name)
        if (file === undefined) return missing(name)
        if (this.#syncFails) {
          this.#syncFails = false
          file.failSync(this.#random)
          return failure('failed', `cannot sync ${name}`)
        }
        file.sync()
        this.#durable.set(name, file)
        return DONE
      },
      true,
    )
  }

  truncate(name: string, length: number, done: Done<void>): void {
    this.#start([name], this.#latency.writeUs, done, () => {
      const file = this.#files.get(name)
      if (file === undefined) return missing(name)
      if (length > file.size) return failure('failed', `${name} has ${file.size} bytes, not ${length}`)
      file.truncate(length)
      return DONE
    })
  }

  rename(from: string, to: string, done: Done<void>): void {
    this.#start(
      [from, to],
      this.#latency.syncUs,
      done,
      () => {
        const file = this.#files.get(from)
        if (file === undefined) return missing(from)
        file.sync()
        for (const names of [this.#files, this.#durable]) {
          names.delete(from)
          names.set(to, file)
        }
        return DONE
      },
      true,
    )
  }

  remove(name: string, done: Done<void>): void {
    this.#start([name], this.#latency.syncUs, done, () => {
      this.#files.delete(name)
      this.#durable.delete(name)
      return DONE
    })
  }

  /**
   * The node dies: no callback of an operation in progress is called, and each such operation took effect or not.
   * `process`: everything else is as it was. `power`: each unsynced change is kept, lost or torn, and each unsynced name
   * kept or lost. With `torn` the newest unsynced write is there in part, for certain.
   */
  crash(what: 'process' | 'power' = 'power', torn: boolean = false): void {
    const isTorn = torn && what === 'power'
    this.#interrupt(isTorn)
    if (what === 'process') return
    const newest = isTorn ? this.#newestUnsynced() : undefined
    for (const [name, file] of this.#files) {
      if (!this.#durable.has(name) && (file === newest || this.#random.chance(500))) this.#durable.set(name, file)
    }
    this.#files = new Map(this.#durable)
    for (const file of this.#files.values()) file.crash(this.#random, file === newest)
  }

  /** Appends fail, in part, once all files together would pass `limitBytes`; infinity frees the disk. */
  full(limitBytes: number): void {
    this.#limitBytes = limitBytes
  }

  /** The next sync fails, and what was unsynced then is written, forgotten, or visible but never written. */
  failSync(): void {
    this.#syncFails = true
  }

  /** Operations that begin from now on take so long on average, whatever they are; null for what the disk is made for. */
  slow(meanUs: number | null): void {
    this.#slowUs = meanUs
  }

  /** There is room, and the next sync does not fail for what was said before. */
  mend(): void {
    this.#limitBytes = Infinity
    this.#syncFails = false
  }

  /** One bit of the byte at `offset` rots. */
  flip(name: string, offset: number, bit: number = 0): void {
    this.#file(name).flip(offset, bit)
  }

  /** A bit somewhere rots, in one of the files that `isPreferred` if there are any. @returns where; undefined on an empty disk */
  rot(isPreferred: (name: string) => boolean): { readonly name: string; readonly offset: number } | undefined {
    const all = this.files.filter(name => this.#file(name).size > 0)
    const preferred = all.filter(isPreferred)
    if (all.length === 0) return undefined
    const name = this.#random.pick(preferred.length > 0 ? preferred : all)
    const offset = this.#random.below(this.#file(name).size)
    this.flip(name, offset, this.#random.below(8))
    return { name, offset }
  }

  /** What a backup taken now holds. */
  snapshot(): DiskSnapshot {
    return new Map(this.files.map(name => [name, this.contentOf(name)]))
  }

  /** The disk is replaced by what the backup holds. */
  rollback(snapshot: DiskSnapshot): void {
    this.#interrupt()
    this.#files = new Map([...snapshot].map(([name, content]) => [name, new SimFile(content)]))
    this.#durable = new Map(this.#files)
  }

  /** Names of all files, sorted. */
  get files(): readonly string[] {
    return [...this.#files.keys()].sort()
  }

  get usedBytes(): number {
    let bytes = 0
    for (const file of this.#files.values()) bytes += file.size
    return bytes
  }

  /** What a program would read. */
  contentOf(name: string): Uint8Array {
    const file = this.#file(name)
    return file.read(0, file.size)
  }

  /** What is certain to survive a loss of power; undefined if the name itself is not. */
  durableContentOf(name: string): Uint8Array | undefined {
    return this.#durable.get(name)?.durableContent()
  }

  #file(name: string): SimFile {
    const file = this.#files.get(name)
    assert(file !== undefined, `no file ${name}`)
    return file
  }

  #start<T>(names: readonly string[], meanUs: number, done: Done<T>, effect: () => DiskResult<T>, isSync: boolean = false): void {
    for (const name of names) assertFileName(name)
    const { nowUs } = this.#timeline
    const startUs = Math.max(nowUs, ...names.map(name => this.#busyUntilUs.get(name) ?? -Infinity))
    const endUs = startUs + this.#random.below(2 * (this.#slowUs ?? meanUs) + 1)
    for (const name of names) this.#busyUntilUs.set(name, endUs)
    const timer = this.#timeline.after(endUs - nowUs, () => {
      this.#running.delete(operation)
      for (const name of names) if (this.#busyUntilUs.get(name) === endUs) this.#busyUntilUs.delete(name)
      done(effect())
    })
    const operation: Operation = { names, timer, effect, isSync }
    this.#running.add(operation)
  }

  /** Of the operations on one file, the first so many took effect; where a write is to be torn, all before the next sync. */
  #interrupt(isTorn: boolean = false): void {
    const stopped = new Set<string>()
    for (const { names, timer, effect, isSync } of this.#running) {
      timer.cancel()
      const isStopped = names.some(name => stopped.has(name)) || (isTorn ? isSync : this.#random.chance(500))
      if (isStopped) for (const name of names) stopped.add(name)
      else effect()
    }
    this.#running.clear()
    this.#busyUntilUs.clear()
  }

  #newestUnsynced(): SimFile | undefined {
    let newest: SimFile | undefined
    for (const file of this.#files.values()) if (file.unsyncedWrite > (newest?.unsyncedWrite ?? 0)) newest = file
    return newest
  }
}

interface Operation {
  readonly names: readonly string[]
  readonly timer: SimTimer
  readonly effect: () => DiskResult<unknown>
  /** It makes durable what was written before it. */
  readonly isSync: boolean
}

const DONE: DiskResult<void> = { ok: true, value: undefined }

function failure(code: DiskErrorCode, message: string): { ok: false; error: { code: DiskErrorCode; message: string } } {
  return { ok: false, error: { code, message } }
}

function missing(name: string): { ok: false; error: { code: DiskErrorCode; message: string } } {
  return failure('missing', `no file ${name}`)
}
