import { concatBytes } from '../../base/bytes.ts'
import { type Cbor, encode } from '../../base/codec.ts'
import { type CausalId, causalIdOf, DEFAULT_SPACE, digestOf, memoryStream, type Stream } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { META_MAX_BYTES } from '../../base/limits.ts'
import type { Draft } from '../../chain/chain.ts'
import { encodeLink, encodeRemember, encodeRetract, encodeSupersede } from '../../ecc/records.ts'
import { VECTOR_ENCODING } from '../../ecc/vector-record.ts'
import type { Attacker, HostileBehaviour } from './behaviour.ts'
import { FORGED } from './forge.ts'
import { conceal, HandWritten, show } from './hand-written.ts'

const MAIN: Stream = memoryStream(DEFAULT_SPACE)

export const POISON_MEMORY: HostileBehaviour = {
  name: 'poison-memory',
  says: 'writes records of memory, well chained and signed, that are malformed, circular, thousands deep, about memories of others, or of kinds that nobody knows',
  demands: 'keeps them as void, or harmless, and agrees with every other correct node about which',
  attacks: 'decoders of record bodies, authority over records, depth of retracts, limits of walks along edges',
  isDefended: true,
  isPunished: false,
  start(attacker) {
    let turns = 0
    attacker.every(2, () => {
      const turn = turns++
      if (turn < MALFORMED.length) return attacker.write(MAIN, [draft(KIND['memory.remember'], MALFORMED[turn] as Uint8Array)])
      const poisons = [aboutOthers, circular, rebased, unknownKinds]
      poisons[turn % poisons.length]?.(attacker)
    })
    attacker.after(3000, () => deep(attacker))
  },
}

/** What costs little and may go on for long. */
export const MEDDLE: HostileBehaviour = {
  name: 'meddle',
  says: 'takes back what others said, with and without erasure, and links it, once in two seconds',
  demands: 'keeps what only its author may take back',
  attacks: 'authority over records',
  isDefended: true,
  isPunished: false,
  start(attacker) {
    attacker.every(0.5, () => aboutOthers(attacker))
  },
}

function draft(kind: number, body: Draft['body']): Draft {
  return { kind, actor: '', body, parents: [] }
}

const FIELDS: readonly Cbor[] = [FORGED, [], [], [], [], []]

/** Bodies of a `memory.remember` that is none; each says what must not be read. */
const MALFORMED: readonly Uint8Array[] = [
  ...[
    FIELDS.with(0, ''),
    FIELDS.with(0, 1),
    FIELDS.slice(0, 5),
    [...FIELDS, []],
    FIELDS.with(1, [['service', 'x'.repeat(META_MAX_BYTES)]]),
    FIELDS.with(1, [
      ['b', ''],
      ['a', ''],
    ]),
    FIELDS.with(1, [
      ['a', ''],
      ['a', ''],
    ]),
    FIELDS.with(2, ['']),
    FIELDS.with(2, ['k'.repeat(1024)]),
    FIELDS.with(3, ['yesterday']),
    FIELDS.with(3, ['2026-01-01T00:00:00Z']),
    FIELDS.with(3, ['2026-01-02T00:00:00.000Z']).with(4, ['2026-01-01T00:00:00.000Z']),
    [],
    FORGED,
  ].map(value => encode(value)),
  // The array, and the text in it, with lengths in long form; bytes after the end; none at all.
  concatBytes(Uint8Array.of(0x98, 6), encode(FIELDS).subarray(1)),
  concatBytes(encode(FIELDS), Uint8Array.of(0)),
  new Uint8Array(0),
  Uint8Array.from([0x86, 0xf9, 0x7e, 0x00, 0x80, 0x80, 0x80, 0x80, 0x80]),
  Uint8Array.from([0x86, 0x63, 0xed, 0xa0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]),
]

/** A record of another author, whatever it says. */
function anothers({ logs, self, random }: Attacker): CausalId | undefined {
  const others = [...logs.values()].filter(log => log.identity.author !== self && log.identity.stream === MAIN && log.published > 1)
  if (others.length === 0) return undefined
  const { tree, published } = random.pick(others)
  return causalIdOf(tree.leaf(1 + random.below(published - 1)))
}

/** Takes back, with erasure, what others said; replaces it by what is not. */
function aboutOthers(attacker: Attacker): void {
  const target = anothers(attacker)
  if (target === undefined) return
  attacker.write(MAIN, [
    draft(KIND['memory.retract'], encodeRetract(target, true)),
    draft(KIND['memory.retract'], encodeRetract(target, false)),
    draft(KIND['memory.link'], encodeLink({ from: target, type: 'contradicts', to: target })),
  ])
}

/** Each leads to the next, and the last to the first; and to themselves. */
function circular(attacker: Attacker): void {
  const memories = Array.from({ length: 4 }, (_, i) => draft(KIND['memory.remember'], encodeRemember({ text: `circle ${i}` })))
  const at = (ids: readonly CausalId[], i: number): CausalId => ids[i % 4] as CausalId
  const links = memories.map((_, i) =>
    draft(KIND['memory.link'], ids => encodeLink({ from: at(ids, i), type: 'causes', to: at(ids, i + 1) })),
  )
  const supersedes = memories.map((_, i) =>
    draft(KIND['memory.supersede'], ids => encodeSupersede({ targets: [at(ids, i)], by: at(ids, i + 1) })),
  )
  const own = draft(KIND['memory.link'], ids => encodeLink({ from: at(ids, 0), type: 'causes', to: at(ids, 0) }))
  const itself = draft(KIND['memory.supersede'], ids => encode([[digestOf(at(ids, 0))], digestOf(at(ids, 0)), '']))
  attacker.write(MAIN, [...memories, ...links, ...supersedes, own, itself])
}

/** Old ids that are other nodes' records, new ones that are nothing, and names that come round to themselves. */
function rebased(attacker: Attacker): void {
  const { random } = attacker
  const [a, b] = [random.bytes(32), random.bytes(32)]
  const other = anothers(attacker)
  const pairs = [[a, b], [b, a], [a, a], ...(other === undefined ? [] : [[digestOf(other), a]])]
  attacker.write(MAIN, [draft(KIND['log.rebase'], encode(pairs)), draft(KIND['memory.retract'], encode([a, 1]))])
}

function unknownKinds(attacker: Attacker): void {
  const { random } = attacker
  attacker.write(MAIN, [
    draft(65_535, random.bytes(64)),
    draft(KIND['audit.spawn'], encodeRemember({ text: FORGED })),
    draft(KIND['cluster.operation'], random.bytes(64)),
    draft(KIND['log.genesis'], random.bytes(64)),
    draft(KIND['memory.join'], random.bytes(64)),
  ])
}

/** 500 retracts of retracts, 1,000 memories in a row. */
function deep(attacker: Attacker): void {
  const chain = Array.from({ length: 500 }, (_, i) => draft(KIND['memory.remember'], encodeRemember({ text: `link ${i} of a chain` })))
  const links = chain
    .slice(1)
    .map((_, i) => draft(KIND['memory.link'], ids => encodeLink({ from: ids[i] as CausalId, type: 'causes', to: ids[i + 1] as CausalId })))
  attacker.write(MAIN, [...chain, ...links])
  const retracts = Array.from({ length: 500 }, (_, i) =>
    draft(KIND['memory.retract'], ids => encodeRetract((i === 0 ? ids[0] : ids[i]) as CausalId, false)),
  )
  attacker.write(MAIN, [draft(KIND['memory.remember'], encodeRemember({ text: 'taken back and back' })), ...retracts])
}

export const POISON_VECTORS: HostileBehaviour = {
  name: 'poison-vectors',
  says: 'writes vectors for memories of others and of none: NaN, infinities, zeros, other lengths and dimensions, ever new embedders',
  demands: 'answers every recall as if they were not there',
  attacks: 'the reading of `memory.vector`, the table of embedders, the indexes of vectors',
  isDefended: true,
  isPunished: false,
  start(attacker) {
    const halves = (value: number, count: number): Uint8Array =>
      Uint8Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? value & 0xff : value >> 8))
    attacker.every(1, () => {
      const target = digestOf(anothers(attacker) ?? causalIdOf(attacker.random.bytes(32)))
      const vectors = [halves(0x7e00, 768), halves(0x7c00, 768), halves(0x3c00, 7), halves(0x3c00, 4096), halves(0, 768), halves(0, 0)]
      const bodies = vectors.flatMap(vector => [
        encode([target, 'builtin:hash-768', vector.length / 2, VECTOR_ENCODING.f16, vector]),
        encode([target, 'builtin:hash-768', 768, VECTOR_ENCODING.f32, vector]),
        encode([target, 'builtin:hash-768', vector]),
      ])
      // These are sound: each opens an index.
      const embedder = `external:${attacker.random.uint32()}:1`
      const sound = [digestOf(causalIdOf(attacker.random.bytes(32))), target].map(node =>
        encode([node, embedder, 1, VECTOR_ENCODING.f16, halves(0x3c00, 1)]),
      )
      attacker.write(
        MAIN,
        [...bodies, ...sound].map(body => draft(KIND['memory.vector'], body)),
      )
    })
  },
}

export const FUTURE: HostileBehaviour = {
  name: 'future',
  says: 'dates its own records minutes to millennia ahead, and not after the record before',
  demands: 'does not store what is ahead of its clock yet, nor lets it move its own clock; counts what is not later than its cause as void',
  attacks: 'the bound on clocks ahead, the rule of the clock',
  isDefended: true,
  isPunished: false,
  start(attacker) {
    const { genesis, signer, random } = attacker
    const started = random.uint32()
    const logs = [...AHEAD_MS, null].map((aheadMs, i) => {
      const written = HandWritten.begin(attacker, `${aheadMs === null ? 'late' : 'ahead'}-${started}-${i}`)
      const ms = Math.floor(attacker.wallMs)
      const body = encodeRemember({ text: aheadMs === null ? FORGED : `from ${aheadMs} ms ahead` })
      const kind = KIND['memory.remember']
      conceal(attacker, written)
      written.append({ kind, body: encodeRemember({ text: 'on time' }), hlc: { ms, counter: 1 } })
      if (aheadMs !== null) return written.append({ kind, body, hlc: { ms: Math.min(ms + aheadMs, 2 ** 48 - 1), counter: 0 } })
      for (const late of [
        { ms, counter: 1 },
        { ms, counter: 0 },
        { ms: ms - 60_000, counter: 0 },
        { ms: 0, counter: 0 },
      ])
        written.append({ kind, body, hlc: late })
      return written
    })
    attacker.every(1, () => {
      const written = random.pick(logs)
      show(attacker, random.pick(attacker.peers), written, written.checkpoint(genesis.cluster, signer))
    })
  },
}

/** A minute is allowed; two minutes become so while the run goes on; the rest never does. */
const AHEAD_MS: readonly number[] = [50_000, 120_000, 3_600_000, 31_536_000_000, 2 ** 48]
