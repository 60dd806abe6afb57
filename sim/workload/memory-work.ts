import { toHex } from '../../base/bytes.ts'
import { EDGE_TYPES, type EdgeType } from '../../ecc/edge-types.ts'
import type { ImportItem, RecallOptions, Receipt, RememberOptions } from '../../node/api.ts'
import type { InSpace } from '../../node/commands/types.ts'
import type { SimRandom } from '../random.ts'
import type { Asking } from './asking.ts'
import type { Operation } from './history.ts'

const TYPES = Object.keys(EDGE_TYPES) as EdgeType[]
/** Few, so that texts have words in common and recall has something to rank. */
const WORDS: readonly string[] =
  'pool cache deploy latency queue retry disk index shard leader vote token socket buffer quota alert rollback canary trace budget'.split(
    ' ',
  )
/** Every fourth text names a file, so that memories lead to each other by what they name. */
const FILE_EVERY = 4
/** The newest 64 of each kind can be meant again: more would hardly ever meet. */
const TOLD_MAX = 64
/** How long a question waits for what another node knew. */
const WAIT_MS = 5_000

type Kind = 'remember' | 'link' | 'supersede' | 'forget'
type Content = RememberOptions & { readonly text: string }

/** Something that somebody was promised, and by which node. */
interface Told {
  readonly id: string
  readonly node: string
}

interface Asked {
  readonly query: string
  readonly k: number
  readonly frontier: string
}

/**
 * What agents do to memory: they say things, once or all at once or over again, with labels, times and edges; they
 * replace, take back, take back what was taken back; and they ask, also for what another node has been asked before.
 */
export class MemoryWork {
  readonly #asking: Asking
  /** Part of everything that is asked. */
  readonly #where: InSpace
  readonly #told: Readonly<Record<Kind, Told[]>> = { remember: [], link: [], supersede: [], forget: [] }
  readonly #said: { readonly node: string; readonly content: Content }[] = []
  readonly #answers: Asked[] = []
  #texts = 0
  #forgets = 0

  /** @param space `main` unless one is given */
  constructor(asking: Asking, space?: string) {
    this.#asking = asking
    this.#where = space === undefined ? {} : { space }
  }

  query(random: SimRandom): string {
    return `${random.pick(WORDS)} ${random.pick(WORDS)}`
  }

  // ---- saying

  remember(node: string, content: Content): Operation {
    keep(this.#said, { node, content })
    return this.#asking.ask(node, 'memory.remember', { ...this.#where, ...content }, this.#promised('remember', node))
  }

  /** One thing mostly; sometimes many in one instant, so that they share a commit, or what was said before. */
  rememberSome(node: string, random: SimRandom, keys: number): void {
    const dice = random.below(100)
    if (dice < 10) {
      const again = this.#said.filter(said => said.node === node)
      if (again.length > 0) return void this.remember(node, random.pick(again).content)
    }
    if (dice < 14) return this.#import(node, random)
    const count = dice < 22 ? 2 + random.below(7) : 1
    for (let i = 0; i < count; i++) this.remember(node, this.#content(random, keys))
  }

  #content(random: SimRandom, keys: number): Content {
    return {
      text: this.#text(random),
      ...(keys === 0 ? {} : { key: `key-${random.below(keys)}` }),
      ...(random.chance(200) ? { meta: { service: random.pick(WORDS), attempt: random.below(9), isFirst: random.chance(500) } } : {}),
      ...(random.chance(100) ? { source: `https://example.org/${random.pick(WORDS)}` } : {}),
      ...(random.chance(100) ? { validFrom: `2026-0${1 + random.below(9)}-01T00:00:00.000Z` } : {}),
      ...(random.chance(100) ? { validTo: `2027-0${1 + random.below(9)}-01T00:00:00.000Z` } : {}),
      ...(random.chance(150) ? { edges: Array.from({ length: 1 + random.below(3) }, () => this.#edge(random)) } : {}),
    }
  }

  #edge(random: SimRandom): { readonly type: EdgeType; readonly to: string; readonly weight: number } {
    return { type: random.pick(TYPES), to: this.#memory(random), weight: (1 + random.below(10)) / 10 }
  }

  /** Items that name each other by their keys, those that come later too. */
  #import(node: string, random: SimRandom): void {
    const batch = this.#texts
    const count = 2 + random.below(5)
    const items = Array.from({ length: count }, (_, i): ImportItem => {
      const to = `item-${batch}-${random.below(count)}`
      return { text: this.#text(random), key: `item-${batch}-${i}`, edges: [{ type: random.pick(TYPES), to }] }
    })
    this.#asking.ask(node, 'memory.import', { ...this.#where, items }, ({ items: made }) => {
      for (const item of made) if (item.status === 'imported' || item.status === 'skipped') keep(this.#told.remember, { id: item.id, node })
    })
  }

  #text(random: SimRandom): string {
    const words = Array.from({ length: 3 + random.below(8) }, () => random.pick(WORDS))
    const named = this.#texts % FILE_EVERY === 0 ? ` src/${words[0]}.ts` : ''
    return `${words.join(' ')}${named} ${this.#texts++}`
  }

  link(node: string, random: SimRandom): void {
    const { type, to, weight } = this.#edge(random)
    this.#asking.ask(node, 'memory.link', { ...this.#where, from: this.#memory(random), type, to, weight }, this.#promised('link', node))
  }

  /** One memory for another; sometimes for several at once. */
  supersede(node: string, random: SimRandom): void {
    const by = this.#memory(random)
    const olds = Array.from({ length: random.chance(250) ? 2 + random.below(2) : 1 }, () => this.#memory(random))
    const others = [...new Set(olds)].filter(old => old !== by)
    const [old] = others
    if (old === undefined) return
    const input = { ...this.#where, old: others.length === 1 ? old : others, by, reason: 'it changed' }
    this.#asking.ask(node, 'memory.supersede', input, this.#promised('supersede', node))
  }

  /** Mostly by its author, since others are refused; of any kind, so that what was taken back comes back. */
  forget(node: string, random: SimRandom): void {
    const told = this.#told[random.pick(['remember', 'link', 'supersede', 'forget'] as const)]
    const one = told.length === 0 ? undefined : random.pick(told)
    const at = one !== undefined && random.chance(850) && this.#asking.stage.up.includes(one.node) ? one.node : node
    // Now and then for good; no dice of its own, so that what else happens does not depend on it.
    const erase = this.#forgets++ % 4 === 3
    this.#asking.ask(
      at,
      'memory.forget',
      { ...this.#where, id: one?.id ?? this.#memory(random), ...(erase ? { erase } : {}) },
      this.#promised('forget', at),
    )
  }

  // ---- asking

  recall(node: string, random: SimRandom): void {
    const dice = random.below(100)
    const asked = this.#answers.length === 0 ? undefined : random.pick(this.#answers)
    if (dice < 10) return void this.#asking.ask(node, 'memory.get', { ...this.#where, id: this.#memory(random) })
    if (dice < 20) return void this.#asking.ask(node, 'memory.why', { ...this.#where, id: this.#memory(random) })
    if (asked === undefined || dice < 50) return this.#recall(node, this.query(random), 1 + random.below(8), {})
    // The answer that another node gave, or one that knows at least as much.
    if (dice < 80) return this.#recall(node, asked.query, asked.k, { asOf: asked.frontier, deadlineMs: WAIT_MS })
    this.#recall(node, asked.query, asked.k, { after: asked.frontier, deadlineMs: WAIT_MS })
  }

  #recall(node: string, query: string, k: number, options: RecallOptions): void {
    this.#asking.ask(node, 'memory.recall', { ...this.#where, query, k, ...options }, ({ frontier }) =>
      keep(this.#answers, { query, k, frontier }),
    )
  }

  // ---- what there is

  /** Of a memory that somebody was promised; now and then of none. */
  #memory(random: SimRandom): string {
    const { remember } = this.#told
    return remember.length === 0 || random.chance(50) ? toHex(random.bytes(32)) : random.pick(remember).id
  }

  #promised(kind: Kind, node: string): (receipt: Receipt) => void {
    return ({ id }) => keep(this.#told[kind], { id, node })
  }
}

function keep<T>(list: T[], item: T): void {
  if (list.length >= TOLD_MAX) list.shift()
  list.push(item)
}
