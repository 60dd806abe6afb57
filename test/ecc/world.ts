import { toHex, utf8 } from '../../base/bytes.ts'
import { decode, encode } from '../../base/codec.ts'
import { hash } from '../../base/crypto/hash.ts'
import { type Hlc, HLC_ZERO, maxHlc, nextHlc } from '../../base/hlc.ts'
import { type CausalId, causalIdOf, digestOf, type LogId, logIdOf, type NodeId, nodeIdOf } from '../../base/ids.ts'
import { KIND, kindName } from '../../base/kinds.ts'
import type { EdgeType } from '../../ecc/edge-types.ts'
import type { FoldRecord } from '../../ecc/folding.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import { encodeJoin, encodeLink, encodeRemember, encodeRetract, encodeSupersede, type RememberInput } from '../../ecc/records.ts'
import type { Cut } from '../../ecc/record-table.ts'
import { encodeVector, type VectorInput } from '../../ecc/vector-record.ts'
import { SimRandom } from '../../sim/random.ts'

/** An author with his own log and his own fold: what he has heard of is what his records build on. */
export class Author {
  readonly node: NodeId
  readonly log: LogId
  readonly fold: MemoryFold
  readonly records: FoldRecord[] = []
  readonly #world: World
  #hlc: Hlc = HLC_ZERO

  constructor(world: World, name: string) {
    this.#world = world
    this.node = nodeIdOf(hash('content', utf8(name)))
    this.log = logIdOf(hash('logid', utf8(name)))
    this.fold = new MemoryFold(this.node)
    this.append(KIND['log.genesis'], utf8(name))
  }

  remember(text: string, more: Omit<RememberInput, 'text'> = {}): CausalId {
    return this.append(KIND['memory.remember'], encodeRemember({ text, ...more }))
  }

  link(from: CausalId, type: EdgeType, to: CausalId, weight: number = 1): CausalId {
    return this.append(KIND['memory.link'], encodeLink({ from, to, type, weight }))
  }

  vector(node: CausalId, input: VectorInput): CausalId {
    return this.append(KIND['memory.vector'], encodeVector(node, input))
  }

  supersede(targets: readonly CausalId[], by: CausalId): CausalId {
    return this.append(KIND['memory.supersede'], encodeSupersede({ targets, by }))
  }

  retract(target: CausalId, erase: boolean = false): CausalId {
    return this.append(KIND['memory.retract'], encodeRetract(target, erase))
  }

  join(): CausalId {
    return this.append(KIND['memory.join'], encodeJoin())
  }

  rebase(pairs: readonly (readonly [old: CausalId, now: CausalId])[]): CausalId {
    return this.append(KIND['log.rebase'], encode(pairs.map(([old, now]) => [digestOf(old), digestOf(now)])))
  }

  /** Appends a record that builds on all this author has heard of. */
  append(kind: number, body: Uint8Array): CausalId {
    const parents = this.fold.parentsFor(this.log)
    this.#hlc = nextHlc(this.#hlc, this.#world.wallMs())
    const place = encode([digestOf(this.log), this.records.length, parents.map(parent => digestOf(parent.id)), kind])
    const id = causalIdOf(hash('leaf', place, body))
    const record: FoldRecord = {
      log: this.log,
      seq: this.records.length,
      id,
      author: this.node,
      hlc: this.#hlc,
      kind,
      parents: parents.map(({ log, seq }) => ({ log, seq })),
      body,
    }
    this.records.push(record)
    this.#world.records.push(record)
    this.fold.apply(record)
    return id
  }

  /** Hears of all that the others wrote and heard of. */
  hear(...others: readonly Author[]): void {
    for (const other of others) {
      for (const record of this.#world.records) {
        if (record.seq < other.fold.sizeOf(record.log) && record.seq >= this.fold.sizeOf(record.log)) {
          this.fold.apply(record)
          this.#hlc = maxHlc(this.#hlc, record.hlc)
        }
      }
    }
  }
}

/** Authors, and all they wrote in an order in which parents come first. */
export class World {
  readonly records: FoldRecord[] = []
  readonly authors: readonly Author[]
  #wallMs = 1_700_000_000_000

  constructor(authors: number = 2) {
    this.authors = Array.from({ length: authors }, (_, i) => new Author(this, `author ${i}`))
  }

  /** Stands still every other time, so that some records are of one millisecond. */
  wallMs(): number {
    return this.#wallMs + (this.records.length >> 1)
  }

  /** One line a record: what a failing property prints. */
  toString(): string {
    const names = new Map<string, string>(this.records.map(record => [record.id, `${record.author.slice(-4)}:${record.seq}`]))
    const content = (body: Uint8Array | null): string => {
      const decoded = decode(body ?? utf8(''))
      const print = (_: string, value: unknown): unknown =>
        value instanceof Uint8Array ? (names.get(toHex(value)) ?? toHex(value).slice(0, 8)) : value
      return decoded.ok ? JSON.stringify(decoded.value, print) : 'malformed'
    }
    const line = (record: FoldRecord): string =>
      `${names.get(record.id)} ${kindName(record.kind)} after [${record.parents.map(({ log, seq }) => names.get(this.records.find(other => other.log === log && other.seq === seq)?.id ?? '')).join()}] ${content(record.body)}`
    return `\n${this.records.map(line).join('\n')}\n`
  }

  /** All authors hear of everything. */
  meet(): void {
    for (const author of this.authors) author.hear(...this.authors)
  }

  author(i: number): Author {
    return this.authors[i] as Author
  }
}

/** The records in some causal order, some of them more than once. */
export function shuffled(records: readonly FoldRecord[], seed: number): FoldRecord[] {
  const random = new SimRandom(seed, 'delivery')
  const waiting = [...records]
  const sizes = new Map<LogId, number>()
  const out: FoldRecord[] = []
  while (waiting.length > 0) {
    const ready = waiting.flatMap((record, i) => {
      const isNext = record.seq === (sizes.get(record.log) ?? 0)
      return isNext && record.parents.every(parent => parent.seq < (sizes.get(parent.log) ?? 0)) ? [i] : []
    })
    const [record] = waiting.splice(random.pick(ready), 1) as [FoldRecord]
    sizes.set(record.log, record.seq + 1)
    out.push(record)
    if (random.chance(200)) out.push(random.pick(out))
  }
  return out
}

export function foldOf(records: readonly FoldRecord[], self: NodeId): MemoryFold {
  const fold = new MemoryFold(self)
  for (const record of records) fold.apply(record)
  return fold
}

/** Ids of the vectors by which memories are found as of a cut. */
export function found(fold: MemoryFold, at?: Cut): string[] {
  const asked = fold.vectors.askedAt({ k: 1, at })
  const labels = fold.vectors.spaces.flatMap(({ index }) => bitsOf(asked.among(index, false)))
  return labels.map(label => toHex(fold.vectors.idOf(label))).sort()
}

function bitsOf(bits: Uint8Array): number[] {
  return [...bits].flatMap((byte, i) => [0, 1, 2, 3, 4, 5, 6, 7].filter(bit => (byte & (1 << bit)) !== 0).map(bit => 8 * i + bit))
}

/** Records as a node has them that came later: what was erased has no body. */
export function withoutErased(records: readonly FoldRecord[], fold: MemoryFold): FoldRecord[] {
  const erased = new Set(fold.erased().map(({ ref: { log, seq } }) => `${log}/${seq}`))
  return records.map(record => (erased.has(`${record.log}/${record.seq}`) ? { ...record, body: null } : record))
}
