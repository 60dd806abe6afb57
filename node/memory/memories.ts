import type { Chain } from '../../chain/chain.ts'
import { DEFAULT_SPACE, type LogId, type Stream, spaceOf } from '../../base/ids.ts'
import type { MemoryFold } from '../../ecc/memory-fold.ts'
import type { CoreContext } from '../context.ts'
import type { Writer } from '../writer.ts'
import { type BodySeal, Memory, type SavedMemory } from './memory.ts'
import { TextCache } from './text-cache.ts'

/** The memories of this node, one for each space. */
export class Memories {
  readonly #context: CoreContext
  readonly #chain: Chain
  readonly #writer: Writer
  readonly #seal: BodySeal
  readonly #texts: TextCache = new TextCache()
  readonly #bySpace: Map<string, Memory> = new Map()

  constructor(context: CoreContext, chain: Chain, writer: Writer, seal: BodySeal) {
    this.#seal = seal
    this.#context = context
    this.#chain = chain
    this.#writer = writer
  }

  /** Takes up what was saved, as far as it is of records that are held. @returns how far each log is folded already */
  restore(snapshots: ReadonlyMap<string, SavedMemory>): Map<LogId, number> {
    const sizes = new Map<LogId, number>()
    for (const [space, saved] of snapshots) {
      if (!this.#isHeld(saved.fold)) continue
      this.#bySpace.set(space, new Memory(this.#context, this.#chain, this.#writer, space, this.#seal, this.#texts, saved))
      for (const [log, size] of saved.fold.cut) sizes.set(log, size)
    }
    this.of(DEFAULT_SPACE)
    return sizes
  }

  #isHeld(fold: MemoryFold): boolean {
    return fold.frontier().every(({ log, size, head }) => {
      const held = this.#chain.log(log)
      return held !== undefined && size <= held.durable && held.tree.leaf(size - 1).every((byte, i) => byte === head[i])
    })
  }

  /** It exists as soon as somebody speaks of it. */
  of(space: string): Memory {
    let memory = this.#bySpace.get(space)
    if (memory === undefined) {
      memory = new Memory(this.#context, this.#chain, this.#writer, space, this.#seal, this.#texts, undefined)
      this.#bySpace.set(space, memory)
    }
    return memory
  }

  /** True when somebody has spoken of it: a record of it is held here, or one was written. */
  has(space: string): boolean {
    return this.#bySpace.has(space)
  }

  /** By name. */
  get all(): readonly Memory[] {
    return [...this.#bySpace.values()].sort((a, b) => (a.space < b.space ? -1 : 1))
  }

  /** Undefined for a stream that is no memory's. */
  ofStream(stream: Stream): Memory | undefined {
    const space = spaceOf(stream)
    return space === undefined ? undefined : this.of(space)
  }

  /** To be called after a step that applied records. */
  settle(): void {
    let nodes = 0
    let edges = 0
    for (const memory of this.#bySpace.values()) {
      memory.settle()
      const { stats } = memory.fold
      nodes += stats.nodes
      edges += stats.edges
    }
    if (!this.all.every(({ isWhole }) => isWhole)) return
    this.#context.metrics.set('weft_memory_nodes', nodes)
    this.#context.metrics.set('weft_memory_edges', edges)
  }

  /** To be called after every step with no record being read for the folds. */
  settleVectors(): void {
    for (const memory of this.#bySpace.values()) if (memory.isWhole) memory.vectors.settle()
  }

  /** To be called when everything that was stored at the start has been applied. */
  onFolded(): void {
    for (const memory of this.#bySpace.values()) memory.onFolded()
  }

  save(): void {
    for (const memory of this.#bySpace.values()) memory.save()
  }

  get nextWakeMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const memory of this.#bySpace.values()) next = Math.min(next, memory.nextWakeMs)
    return next
  }

  onWake(): void {
    for (const memory of this.#bySpace.values()) memory.onWake()
  }
}
