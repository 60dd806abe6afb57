import type { Done, Index, IndexWrite } from '../base/ports.ts'
import { assertKey } from '../node/host/names.ts'
import type { SimRandom } from './random.ts'
import type { SimTimer, Timeline } from './scheduler.ts'

/** 64 batches: what a real index has not handed to the disk yet when the power goes. */
const UNSYNCED_MAX = 64

type Entries = readonly (readonly [key: string, value: Uint8Array | null])[]

/** An ordered map in memory that outlives the processes that use it, with the ways in which a real index is lost. */
export class SimIndex implements Index {
  readonly #timeline: Timeline
  readonly #random: SimRandom
  readonly #latencyUs: number
  readonly #values: Map<string, Uint8Array> = new Map()
  /** In order. */
  readonly #keys: string[] = []
  /** What each of the newest batches replaced, the newest last. */
  readonly #undo: Entries[] = []
  #busyUntilUs: number = -Infinity
  /** In the order they were called. */
  readonly #running: Set<Operation> = new Set()

  /** @param latencyUs mean time of an operation; each takes between nothing and twice as much */
  constructor(timeline: Timeline, random: SimRandom, latencyUs: number = 0) {
    this.#timeline = timeline
    this.#random = random
    this.#latencyUs = latencyUs
  }

  get size(): number {
    return this.#keys.length
  }

  get(key: string, done: Done<Uint8Array | null>): void {
    assertKey(key)
    this.#start(done, () => this.#values.get(key)?.slice() ?? null)
  }

  batch(writes: readonly IndexWrite[], done: Done<void>): void {
    for (const { key } of writes) assertKey(key)
    const entries: Entries = writes.map(({ key, value }) => [key, value?.slice() ?? null])
    this.#start(done, () => this.#commit(entries), true)
  }

  scan(from: string, to: string, limit: number, done: Done<readonly (readonly [key: string, value: Uint8Array])[]>): void {
    this.#start(done, () => {
      const start = this.#position(from)
      const keys = this.#keys.slice(start, Math.min(Math.max(start, this.#position(to)), start + limit))
      return keys.map(key => [key, (this.#values.get(key) as Uint8Array).slice()] as const)
    })
  }

  /**
   * The node dies: no callback of an operation in progress is called, and of its batches the first so many took effect.
   * With `lose`, some of the newest batches are gone besides, as after a loss of power.
   */
  crash({ lose }: { readonly lose: boolean }): void {
    let isStopped = false
    for (const { timer, effect, isBatch } of this.#running) {
      timer.cancel()
      isStopped ||= this.#random.chance(500)
      if (isBatch && !isStopped) effect()
    }
    this.#running.clear()
    this.#busyUntilUs = -Infinity
    const lost = lose ? this.#random.below(this.#undo.length + 1) : 0
    for (let i = 0; i < lost; i++) this.#apply(this.#undo.pop() as Entries)
    this.#undo.length = 0
  }

  /** One bit of one value rots: nothing here notices. @returns the key, undefined if there is no value to spoil */
  damage(): string | undefined {
    const spoilable = this.#keys.filter(key => this.#values.get(key)?.length !== 0)
    if (spoilable.length === 0) return undefined
    const key = this.#random.pick(spoilable)
    const value = this.#values.get(key) as Uint8Array
    const at = this.#random.below(value.length)
    value[at] = (value[at] as number) ^ 1
    return key
  }

  /** What a host does with an index that does not open. */
  destroy(): void {
    this.#values.clear()
    this.#keys.length = 0
    this.#undo.length = 0
  }

  #start<T>(done: Done<T>, effect: () => T, isBatch: boolean = false): void {
    const { nowUs } = this.#timeline
    this.#busyUntilUs = Math.max(nowUs, this.#busyUntilUs) + this.#random.below(2 * this.#latencyUs + 1)
    const timer = this.#timeline.after(this.#busyUntilUs - nowUs, () => {
      this.#running.delete(operation)
      done({ ok: true, value: effect() })
    })
    const operation: Operation = { timer, effect, isBatch }
    this.#running.add(operation)
  }

  #commit(entries: Entries): void {
    const replaced: Entries = entries.map(([key]) => [key, this.#values.get(key) ?? null])
    this.#undo.push(replaced)
    if (this.#undo.length > UNSYNCED_MAX) this.#undo.shift()
    this.#apply(entries)
  }

  #apply(entries: Entries): void {
    for (const [key, value] of entries) {
      const at = this.#position(key)
      const isKnown = this.#keys[at] === key
      if (value === null) {
        this.#values.delete(key)
        if (isKnown) this.#keys.splice(at, 1)
      } else {
        this.#values.set(key, value)
        if (!isKnown) this.#keys.splice(at, 0, key)
      }
    }
  }

  /** Where `key` is, or would be. */
  #position(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#keys[middle] as string) < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

interface Operation {
  readonly timer: SimTimer
  readonly effect: () => unknown
  readonly isBatch: boolean
}
