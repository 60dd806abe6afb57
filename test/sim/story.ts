import { equalBytes, toHex } from '../../base/bytes.ts'
import { type CausalId, DEFAULT_SPACE } from '../../base/ids.ts'
import { EDGE_TYPES, type EdgeType } from '../../ecc/edge-types.ts'
import type { MemoryRecord, Receipt } from '../../node/api.ts'
import type { CommandTypes } from '../../node/commands/types.ts'
import type { DiskLatency } from '../../sim/disk.ts'
import type { SimRandom } from '../../sim/random.ts'
import { World } from '../../sim/world.ts'

/**
 * The story that every seed tells in its own way: five nodes found a cluster and write, are cut in
 * two and write on, crash and come back, are one again, and in the end all say the same. What callers
 * were promised is kept here, outside of the nodes, and held against every one of them.
 */
export interface Story {
  /** Of everything that arrived and was logged. */
  readonly hash: string
  readonly events: number
  readonly acknowledged: number
  readonly crashes: number
  /** Virtual time from the heal until all were equal. */
  readonly healMs: number
}

const NAMES: readonly string[] = ['n1', 'n2', 'n3', 'n4', 'n5']
const TYPES = Object.keys(EDGE_TYPES) as EdgeType[]
const WORDS =
  'pool cache deploy latency queue retry disk index shard leader vote token socket buffer quota alert rollback canary trace budget'.split(
    ' ',
  )
const FAST_DISK: DiskLatency = { readUs: 50, writeUs: 50, syncUs: 500 }
const SLOW_DISK: DiskLatency = { readUs: 2_000, writeUs: 5_000, syncUs: 40_000 }
const LAN = { delayMinMs: 0.2, delayMeanMs: 0.3 }
const WAN = { delayMinMs: 5, delayMeanMs: 30, bytesPerSecond: 2_000_000 }

/** What a caller may be refused in this story: an id of the other side, or a record of another node. */
const REFUSALS: ReadonlySet<string> = new Set(['unknown_id', 'not_author'])

/** @param onLog takes what every node logs, to see what happened */
export function tellStory(seed: number, onLog?: (line: string) => void): Story {
  const chances = new World({ seed }).random('story')
  const isMixed = chances.chance(300)
  const slow = new Set(NAMES.filter(() => isMixed && chances.chance(400)))
  const world = new World({
    seed,
    strictGuard: chances.chance(250),
    disk: name => (slow.has(name) ? SLOW_DISK : FAST_DISK),
    wire: chances.chance(300) ? WAN : LAN,
    ...(onLog === undefined ? {} : { onLog }),
  })
  return new Telling(world, chances).tell()
}

/** Something that was asked of a node, and what came of it. */
interface Write {
  readonly node: string
  /** Of a memory; undefined for a record about others. */
  readonly text: string | undefined
  receipt: Receipt | undefined
}

class Telling {
  readonly #world: World
  readonly #random: SimRandom
  readonly #writes: Write[] = []
  /** Not answered yet. */
  readonly #open: Set<Write> = new Set()
  readonly #down: Set<string> = new Set()
  #crashes = 0

  constructor(world: World, random: SimRandom) {
    this.#world = world
    this.#random = random
  }

  tell(): Story {
    const world = this.#world
    world.cluster(NAMES)
    this.#untilConnected()
    this.#write(20)
    world.partition(this.#sides())
    this.#write(20)
    if (this.#random.chance(500)) world.run(this.#random.below(30_000))
    this.#write(20)
    world.heal()
    const healedMs = world.nowMs
    for (const name of this.#down) this.#restart(name)
    world.until('all to be up', () => world.running.length === NAMES.length)
    world.until('every question to be answered', () => this.#open.size === 0)
    this.#untilConnected()
    this.#untilEqual()
    const healMs = world.nowMs - healedMs
    this.#check()
    const acknowledged = this.#writes.filter(({ receipt }) => receipt !== undefined).length
    return { hash: world.trace.hash, events: world.scheduler.executed, acknowledged, crashes: this.#crashes, healMs }
  }

  // ---- what happens

  /** Two, neither empty. */
  #sides(): readonly (readonly string[])[] {
    const names = this.#random.shuffle(NAMES)
    const count = 1 + this.#random.below(NAMES.length - 1)
    return [names.slice(0, count), names.slice(count)]
  }

  /** Some of them in one instant, so that they share a commit. */
  #write(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#writeOnce(this.#random.pick(this.#up))
      if (this.#random.chance(40) && this.#up.length > 2) this.#crash(this.#random.pick(this.#up))
      if (this.#random.chance(200)) for (const name of this.#down) this.#restart(name)
      if (this.#random.chance(600)) this.#world.run(this.#random.below(200))
    }
  }

  get #up(): readonly string[] {
    return this.#world.running.map(({ name }) => name)
  }

  #writeOnce(node: string): void {
    const dice = this.#random.below(10)
    if (dice < 5) this.#remember(node)
    else if (dice < 7)
      this.#ask(node, 'memory.link', { from: this.#id(), type: this.#type(), to: this.#id(), weight: (1 + this.#random.below(10)) / 10 })
    else if (dice < 9) this.#supersede(node)
    else this.#ask(node, 'memory.forget', { id: this.#id() })
  }

  #remember(node: string): void {
    const words = Array.from({ length: 3 + this.#random.below(8) }, () => this.#random.pick(WORDS))
    const text = `${words.join(' ')} ${this.#writes.length}`
    const input = {
      text,
      ...(this.#random.chance(300) ? { key: `key-${this.#random.below(5)}` } : {}),
      ...(this.#random.chance(300) ? { meta: { service: this.#random.pick(WORDS), attempt: this.#random.below(5) } } : {}),
      ...(this.#random.chance(200) ? { edges: [{ type: this.#type(), to: this.#id() }] } : {}),
    }
    this.#ask(node, 'memory.remember', input, text)
  }

  #supersede(node: string): void {
    const [old, by] = [this.#id(), this.#id()]
    if (old !== by) this.#ask(node, 'memory.supersede', { old, by, reason: 'it changed' })
  }

  #type(): EdgeType {
    return this.#random.pick(TYPES)
  }

  /** Of a memory that somebody was promised; now and then of none. */
  #id(): CausalId {
    const known = this.#writes.flatMap(({ text, receipt }) => (text === undefined || receipt === undefined ? [] : [receipt.id]))
    return known.length === 0 || this.#random.chance(50) ? (toHex(this.#random.bytes(32)) as CausalId) : this.#random.pick(known)
  }

  #ask<K extends 'memory.remember' | 'memory.link' | 'memory.supersede' | 'memory.forget'>(
    node: string,
    command: K,
    input: CommandTypes[K]['input'],
    text?: string,
  ): void {
    const write: Write = { node, text, receipt: undefined }
    this.#writes.push(write)
    this.#open.add(write)
    this.#world.askSoon<K>(node, command, input, (error, receipt) => {
      if (error !== undefined && !REFUSALS.has(error.code)) throw error
      this.#open.delete(write)
      write.receipt = receipt
    })
  }

  #crash(name: string): void {
    this.#world.crash(name, this.#random.chance(500) ? 'power' : 'process')
    this.#down.add(name)
    this.#crashes++
    // Whoever had asked it will not hear.
    for (const write of this.#open) if (write.node === name) this.#open.delete(write)
  }

  #restart(name: string): void {
    this.#down.delete(name)
    this.#world.startSoon(name, error => {
      if (error !== undefined) throw error
    })
  }

  // ---- what must be so in the end

  #untilConnected(): void {
    this.#world.until('all to be connected', () =>
      NAMES.every(name => this.#world.runtime(name).core.peers.connected.size === NAMES.length - 1),
    )
  }

  #untilEqual(): void {
    const limitMs = this.#world.nowMs + 60_000
    while (!this.#isEqual()) {
      claim(this.#world.nowMs < limitMs, 'all are equal within a minute')
      this.#world.run(10)
    }
  }

  #isEqual(): boolean {
    const frontiers = NAMES.map(name => this.#ofCore(name, core => core.frontierAll + core.memory(DEFAULT_SPACE).frontier()))
    return (
      frontiers.every(frontier => frontier === frontiers[0]) &&
      NAMES.every(name => this.#ofCore(name, core => core.pending === 0 && core.guard.isOpen))
    )
  }

  #ofCore<T>(name: string, read: (core: ReturnType<World['runtime']>['core']) => T): T {
    return read(this.#world.runtime(name).core)
  }

  #check(): void {
    for (const name of NAMES) {
      const verification = this.#world.ask(name, 'chain.verify', { all: true })
      claim(verification.valid, `${name} verifies`, verification)
      claim(verification.logs.length === 2 * NAMES.length + 1, `${name} holds every log`, verification)
      claim(this.#world.ask(name, 'memory.conflicts', {}).logs.length === 0, `${name} sees no fork`)
    }
    this.#same('fold', name => toHex(this.#ofCore(name, core => core.memory(DEFAULT_SPACE).fold.canonical())))
    for (let i = 0; i < 5; i++) {
      const query = `${this.#random.pick(WORDS)} ${this.#random.pick(WORDS)}`
      this.#same(`recall ${query}`, name => this.#world.ask(name, 'memory.recall', { query, k: 20, includeSuperseded: i % 2 === 0 }))
    }
    this.#same('conflicts', name => this.#world.ask(name, 'memory.conflicts', {}))
    const memories = this.#same('list', name => this.#all(name))
    for (const { id } of memories.slice(0, 5)) this.#same(`why ${id}`, name => this.#world.ask(name, 'memory.why', { id }))
    for (const { receipt } of this.#writes) if (receipt !== undefined) for (const name of NAMES) this.#holds(name, receipt)
    this.#unwanted(memories)
  }

  /** Every record that was acknowledged stands where its receipt says. */
  #holds(name: string, { id, log, seq }: Receipt): void {
    const held = this.#ofCore(name, core => core.chain.log(log))
    claim(
      held !== undefined && seq < held.published && equalBytes(held.tree.leaf(seq), Uint8Array.from(Buffer.from(id, 'hex'))),
      `${name} holds record ${seq} of log ${log}`,
    )
  }

  /** Nobody remembers what nobody said. */
  #unwanted(memories: readonly MemoryRecord[]): void {
    const said = new Set(this.#writes.map(({ text }) => text))
    for (const { text, id } of memories) claim(said.has(text), `${id} was said`, text)
  }

  #all(name: string): readonly MemoryRecord[] {
    const memories: MemoryRecord[] = []
    for (let after: string | undefined; ; ) {
      const page = this.#world.ask(name, 'memory.list', { after, limit: 20 })
      memories.push(...page.memories)
      if (!page.more) return memories
      after = page.frontier
    }
  }

  /** The answer of the first node, which is that of all. */
  #same<T>(what: string, ask: (name: string) => T): T {
    const [first, ...others] = NAMES.map(name => ({ name, answer: ask(name) })) as [
      { name: string; answer: T },
      ...{ name: string; answer: T }[],
    ]
    for (const { name, answer } of others)
      claim(JSON.stringify(answer) === JSON.stringify(first.answer), `${what}: ${name} answers like ${first.name}`, [first.answer, answer])
    return first.answer
  }
}

function claim(holds: boolean, what: string, details?: unknown): asserts holds {
  if (!holds) throw new Error(details === undefined ? what : `${what}: ${JSON.stringify(details)}`)
}
