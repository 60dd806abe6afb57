import t from 'tap'
import { encode } from '../../base/codec.ts'
import { toHex } from '../../base/bytes.ts'
import type { ErrorCode } from '../../base/errors.ts'
import { type CausalId, causalIdOf, memoryStream } from '../../base/ids.ts'
import { EMBEDDERS_PER_AUTHOR_MAX, VECTOR_DIMS_MAX, VECTOR_NUMBERS_PAGE } from '../../base/limits.ts'
import { KIND, kindName } from '../../base/kinds.ts'
import { encodeVector } from '../../ecc/vector-record.ts'
import type { GivenVector, Recollection } from '../../node/api.ts'
import type { CommandTypes } from '../../node/commands/types.ts'
import { SimRandom } from '../../sim/random.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, recordsOf, settle, untilConnected, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(33)
const M = 'external:m:2'
const NAMES = ['a', 'b', 'c']

function clusterOf(names: readonly string[]): World {
  const world = new World({ seed: SEED })
  settle(world, names)
  return world
}

type Question = CommandTypes['memory.recall']['input']

function recall(world: World, name: string, question: Question): Recollection {
  return world.ask(name, 'memory.recall', { embedder: M, spread: false, ...question })
}

function textsIn(found: Recollection): readonly string[] {
  return found.hits.map(({ text }) => text)
}

/** Where so many degrees point to. */
function at(degrees: number): number[] {
  return [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
}

function remember(world: World, name: string, text: string, degrees: number, more: object = {}): CausalId {
  return world.ask(name, 'memory.remember', { text, vector: at(degrees), embedder: M, ...more }).id
}

function kindsOf(world: World, name: string): readonly string[] {
  return recordsOf(world, name, 'memory/main').map(({ header }) => kindName(header.kind).replace('memory.', ''))
}

t.test('what one node remembers with a vector, another finds by one', async t => {
  const world = clusterOf(['a', 'b'])
  for (const degrees of [0, 10, 20, 80]) remember(world, 'a', `at ${degrees}`, degrees)
  world.ask('a', 'memory.remember', { text: 'nowhere' })
  untilEqual(world, ['a', 'b'])
  const found = recall(world, 'b', { vector: at(12), k: 3 })
  t.same(textsIn(found), ['at 10', 'at 20', 'at 0'])
  t.match(found, { exact: true, truncated: false, nearest: { embedder: M, dims: 2, exact: true, missing: 0 } })
  t.equal(found.hits[0]?.parts.vector, 1, 'the best of all has 1')
  t.equal(found.hits[0]?.parts.bm25, 0)
  t.same(recall(world, 'a', { vector: at(12), k: 3 }), found)
  const both = recall(world, 'b', { query: 'nowhere', vector: at(12), k: 5 })
  t.same([...textsIn(both)].sort(), ['at 0', 'at 10', 'at 20', 'at 80', 'nowhere'])
  t.equal(recall(world, 'b', { vector: at(12), truth: true }).nearest?.agreement, 1)
  t.match(world.ask('b', 'memory.get', { id: found.hits[0]?.id ?? '' }).embedders, [{ embedder: M, dims: 2 }])
  t.match(world.ask('b', 'memory.status', {}).indexes, [{ embedder: M, dims: 2, vectors: 4, retired: 0, missing: 0 }])
})

t.test('text and vector are written together, each once, and a better vector takes the place of the one before', async t => {
  const world = clusterOf(['a', 'b'])
  const say = (degrees: number) => world.ask('a', 'memory.remember', { text: 'said', vector: at(degrees), embedder: M })
  const first = say(10)
  t.same(kindsOf(world, 'a'), ['log.genesis', 'remember', 'vector'])
  t.same(say(10), { ...first, known: true })
  t.equal(first.vector?.seq, first.seq + 1)
  const second = say(50)
  t.same(kindsOf(world, 'a'), ['log.genesis', 'remember', 'vector', 'vector'])
  t.equal(second.id, first.id)
  t.not(second.vector?.id, first.vector?.id)
  untilEqual(world, ['a', 'b'])
  remember(world, 'b', 'near', 12)
  t.same(textsIn(recall(world, 'b', { vector: at(50), k: 1 })), ['said'])
  t.same(textsIn(recall(world, 'b', { vector: at(10), k: 1 })), ['near'], 'the one before is not found any more')
  t.same(say(10).vector?.seq, 4, 'and can be said again')
  t.match(world.ask('a', 'memory.status', {}).indexes, [{ vectors: 4, retired: 2 }])
  const { id } = world.ask('a', 'memory.remember', { text: 'said' })
  t.equal(id, first.id)
  t.equal(kindsOf(world, 'a').length, 5, 'without a vector nothing is written')

  let left = 3
  const receipts: unknown[] = []
  for (const degrees of [70, 70, 71]) {
    world.askSoon('a', 'memory.remember', { text: 'at once', vector: at(degrees), embedder: M }, (error, receipt) => {
      receipts.push(error ?? receipt)
      left--
    })
  }
  world.until('all to be written', () => left === 0)
  t.same({ ...(receipts[0] as object), known: true }, receipts[1])
  t.same(kindsOf(world, 'a').slice(5), ['remember', 'vector', 'vector'])
})

t.test('what was taken back, replaced or is not wanted is not found by a vector', async t => {
  const world = clusterOf(['a', 'b'])
  const gone = remember(world, 'a', 'taken back', 10)
  remember(world, 'a', 'old', 12, { key: 'k' })
  const { frontier } = world.ask('a', 'memory.status', {})
  remember(world, 'a', 'new', 60, { key: 'k' })
  const { id: retract } = world.ask('a', 'memory.forget', { id: gone })
  untilEqual(world, ['a', 'b'])
  remember(world, 'b', 'other', 40)
  untilEqual(world, ['a', 'b'])
  for (const name of ['a', 'b']) {
    const ask = (question: Question) => textsIn(recall(world, name, { vector: at(10.6), ...question }))
    t.same(ask({}), ['new', 'other'], 'a match of what was replaced speaks for what took its place')
    t.same(ask({ includeSuperseded: true }), ['new', 'old', 'other'])
    t.same(ask({ asOf: frontier }), ['taken back', 'old'])
    t.same(ask({ author: world.nodeId('b') }), ['other'])
    t.same(ask({ author: world.nodeId('a'), exact: true }), ['new'])
  }
  world.ask('a', 'memory.forget', { id: retract })
  untilEqual(world, ['a', 'b'])
  for (const name of ['a', 'b']) t.same(textsIn(recall(world, name, { vector: at(10.6), k: 1 })), ['taken back'], 'what is back is found')
})

t.test('of several vectors of a memory the most similar speaks for it', async t => {
  const world = clusterOf(['a', 'b'])
  const id = remember(world, 'a', 'seen from two sides', 0)
  remember(world, 'a', 'between', 50)
  untilEqual(world, ['a', 'b'])
  const core = coreOf(world, 'b')
  const body = encodeVector(id, { embedder: M, vector: at(90) })
  writeTo(world, 'b', [{ kind: KIND['memory.vector'], body }])
  untilEqual(world, ['a', 'b'])
  t.equal(core.pending, 0)
  for (const name of ['a', 'b']) {
    t.same(textsIn(recall(world, name, { vector: at(0), k: 1 })), ['seen from two sides'])
    t.same(textsIn(recall(world, name, { vector: at(90), k: 1 })), ['seen from two sides'])
    t.same(textsIn(recall(world, name, { vector: at(47), k: 5 })), ['between', 'seen from two sides'], 'once')
  }
})

t.test('the vectors that callers gave are told as they were written, page by page, as of then, and of no other embedder', async t => {
  const world = clusterOf(['a', 'b'])
  const dims = VECTOR_DIMS_MAX
  const long = `external:long:${dims}`
  const ids = Array.from({ length: 70 }, (_, i) => {
    const vector = Array.from({ length: dims }, (_, n) => ((n * 7 + i) % 11) - 5)
    return world.ask('a', 'memory.remember', { text: `memory ${i}`, vector, embedder: long }).id
  })
  const first = ids[0] as CausalId
  const bare = world.ask('a', 'memory.remember', { text: 'without' }).id
  world.ask('a', 'memory.remember', { text: 'memory 0', vector: [1, 2], embedder: 'a-model' })
  const { frontier } = world.ask('a', 'memory.status', {})
  world.ask('a', 'memory.remember', { text: 'memory 0', vector: at(10), embedder: M })
  untilEqual(world, ['a', 'b'])
  remember(world, 'b', 'memory 0', 20)
  untilEqual(world, ['a', 'b'])

  const read = (name: string, asked: readonly CausalId[], asOf?: string): { rows: GivenVector[]; pages: number } => {
    const rows: GivenVector[] = []
    let [rest, place, pages] = [asked, 0, 0]
    for (;;) {
      const { vectors, next } = world.ask(name, 'memory.vectors', { ids: rest, place, asOf })
      rows.push(...vectors)
      pages++
      t.ok(vectors.reduce((sum, { vector }) => sum + vector.length, 0) <= VECTOR_NUMBERS_PAGE)
      if (next === undefined) return { rows, pages }
      rest = rest.slice(rest.indexOf(next.id))
      place = next.place
    }
  }
  const { rows, pages } = read('b', [bare, ...ids])
  t.equal(pages, 2)
  t.strictSame(
    rows.map(({ id, embedder }) => [id, embedder]),
    [[first, long], [first, M], ...ids.slice(1).map(id => [id, long])],
    'in the order they were asked for',
  )
  t.ok(
    at(20).every((number, i) => Math.abs(number - (rows[1]?.vector[i] as number)) < 1e-3),
    'of two authors the newest',
  )
  t.strictSame(
    read('a', [first], frontier).rows.map(({ embedder }) => embedder),
    [long],
    'as of then',
  )
  t.strictSame(world.ask('b', 'memory.vectors', { ids: ['no id' as CausalId, 'f'.repeat(64) as CausalId, bare] }), { vectors: [] })
  t.strictSame(
    world.ask('b', 'memory.vectors', { ids: [first], place: 1 }).vectors.map(({ embedder }) => embedder),
    [M],
    'from a place on',
  )

  const other = clusterOf(['z'])
  for (const [i, { vector, embedder }] of rows.entries()) other.ask('z', 'memory.remember', { text: `row ${i}`, vector, embedder })
  const told = other.ask('z', 'memory.list', { limit: 100 }).memories.map(({ id }) => id)
  const again: GivenVector[] = []
  for (let from = 0; from < told.length; from += 50)
    again.push(...other.ask('z', 'memory.vectors', { ids: told.slice(from, from + 50) }).vectors)
  const numbers = (some: readonly GivenVector[]): string[] => some.map(({ vector, embedder }) => `${embedder} ${vector}`).sort()
  t.strictSame(numbers(again), numbers(rows), 'written elsewhere they are the same, to the last bit')
})

t.test('what cannot be asked or kept is told with a code', async t => {
  const world = clusterOf(['a'])
  remember(world, 'a', 'one', 0)
  world.ask('a', 'memory.remember', { text: 'two', vector: [1, 2, 3], embedder: 'other-model' })
  const asked: readonly (readonly [what: string, question: Question, code: ErrorCode])[] = [
    ['neither words nor a vector', { query: undefined }, 'invalid_argument'],
    ['a vector of nobody', { vector: [1, 2], embedder: undefined }, 'invalid_argument'],
    ['an embedder without a vector', { query: 'x', embedder: M }, 'invalid_argument'],
    ['truth without a vector', { query: 'x', embedder: undefined, truth: true }, 'invalid_argument'],
    ['an embedder that nobody used', { vector: [1, 2], embedder: 'external:n:2' }, 'embedder_unknown'],
    ['more dimensions', { vector: [1, 2, 3] }, 'vector_invalid'],
    ['fewer dimensions', { vector: [1], embedder: 'other-model' }, 'vector_invalid'],
    ['no numbers', { vector: [] }, 'vector_invalid'],
    ['NaN', { vector: [Number.NaN, 1] }, 'vector_invalid'],
    ['infinity', { vector: [Infinity, 1] }, 'vector_invalid'],
    ['text', { vector: ['1', 2] as unknown as number[] }, 'vector_invalid'],
    ['a hole', { vector: [1, undefined] as unknown as number[] }, 'vector_invalid'],
    ['zeros', { vector: [0, 0] }, 'vector_invalid'],
    ['an object', { vector: { length: 2 } }, 'invalid_argument'],
    ['no candidates', { vector: [1, 2], ef: 0 }, 'invalid_argument'],
    ['too many candidates', { vector: [1, 2], ef: 4097 }, 'invalid_argument'],
  ]
  for (const [what, question, code] of asked) {
    const input = { embedder: M, ...question }
    t.equal(
      codeOf(() => world.ask('a', 'memory.recall', input)),
      code,
      what,
    )
  }
  const before = kindsOf(world, 'a').length
  const said: readonly (readonly [what: string, options: object, code: ErrorCode])[] = [
    ['a vector of nobody', { vector: [1, 2] }, 'invalid_argument'],
    ['an embedder without a vector', { embedder: M }, 'invalid_argument'],
    ['other dimensions than it says', { vector: [1, 2, 3], embedder: M }, 'vector_invalid'],
    ['NaN', { vector: [Number.NaN, 2], embedder: M }, 'vector_invalid'],
    ['zeros', { vector: [0, 0], embedder: M }, 'vector_invalid'],
    ['an embedder that is none', { vector: [1, 2], embedder: 'a b' }, 'embedder_invalid'],
  ]
  for (const [what, options, code] of said) {
    t.equal(
      codeOf(() => world.ask('a', 'memory.remember', { text: what, ...options })),
      code,
      what,
    )
  }
  t.equal(kindsOf(world, 'a').length, before, 'nothing of it was written, not the text either')
})

// ---- many, on three nodes

const DIMS = 16
const CLUSTERED = `external:clustered:${DIMS}`

/** Vectors around a few middles, like those of a model. */
function clustered(random: SimRandom, middles: readonly (readonly number[])[]): number[] {
  const middle = random.pick([...middles])
  return middle.map(number => number + (random.below(2001) - 1000) / 2500)
}

function middlesOf(random: SimRandom): number[][] {
  return Array.from({ length: 12 }, () => Array.from({ length: DIMS }, () => (random.below(2001) - 1000) / 1000))
}

function fill(world: World, name: string, from: number, count: number, random: SimRandom, middles: readonly (readonly number[])[]): void {
  const items = Array.from({ length: count }, (_, i) => ({
    text: `memory ${from + i} of ${name}`,
    ...(i % 7 === 0 ? { key: `key ${i % 5}` } : {}),
    vector: clustered(random, middles),
    embedder: CLUSTERED,
  }))
  for (const item of world.ask(name, 'memory.import', { items }).items) if (item.status === 'failed') throw new Error(item.message)
}

function foldBytes(world: World, name: string): string {
  return toHex(coreOf(world, name).memory('main').fold.canonical())
}

t.test('vectors of one embedder more than count are refused, not written for nothing', async t => {
  const world = clusterOf(['a', 'b'])
  for (let i = 0; i < EMBEDDERS_PER_AUTHOR_MAX; i++) remember(world, 'a', `${i}`, i, { embedder: `external:m${i}:2` })
  const { length } = recordsOf(world, 'a', 'memory/main')
  t.equal(
    codeOf(() => remember(world, 'a', 'one more', 0, { embedder: 'external:more:2' })),
    'table_full',
  )
  t.equal(recordsOf(world, 'a', 'memory/main').length, length, 'nor is the memory without it')
  remember(world, 'a', 'of one that is known', 0, { embedder: 'external:m3:2' })
  remember(world, 'b', 'each author has his own', 0, { embedder: 'external:more:2' })
})

t.test('three nodes that were parted answer the same by a vector when they have met again', async t => {
  const world = clusterOf(NAMES)
  const random = new SimRandom(SEED, 'vectors')
  const middles = middlesOf(random)
  for (const name of NAMES) fill(world, name, 0, 90, random, middles)
  untilEqual(world, NAMES)
  world.partition([['a'], ['b', 'c']])
  for (const name of NAMES) fill(world, name, 100, 130, random, middles)
  for (const name of NAMES) {
    const page = world.ask(name, 'memory.list', { limit: 500 }).memories.filter(({ author }) => author === world.nodeId(name))
    for (const { id } of page.slice(5, 9)) world.ask(name, 'memory.forget', { id })
  }
  world.heal()
  untilConnected(world, NAMES)
  untilEqual(world, NAMES)
  t.equal(new Set(NAMES.map(name => foldBytes(world, name))).size, 1)
  const ask = (name: string, vector: number[], more: Question): Recollection =>
    recall(world, name, { vector, embedder: CLUSTERED, k: 10, ...more })
  let agreed = 0
  let approximate = 0
  const queries = Array.from({ length: 25 }, () => clustered(random, middles))
  const { frontier } = world.ask('a', 'memory.status', {})
  for (const [i, vector] of queries.entries()) {
    const exact = ask('a', vector, { exact: true })
    t.equal(exact.hits.length, 10)
    for (const name of NAMES) {
      const same = JSON.stringify(ask(name, vector, { exact: true })) === JSON.stringify(exact)
      if (!same) t.fail(`${name} answers otherwise to query ${i}`)
      const found = ask(name, vector, { truth: true })
      const names = new Set(exact.hits.map(({ id }) => id))
      agreed += found.hits.filter(({ id }) => names.has(id)).length / exact.hits.length / NAMES.length / queries.length
      if (!found.exact) approximate++
      const filtered = [{ author: world.nodeId('b') }, { asOf: frontier }].map(more => ask(name, vector, { ...more, exact: true }))
      if (i < 3) t.same(filtered[0], ask('a', vector, { author: world.nodeId('b'), exact: true }))
      if (i < 3) t.same(filtered[1], exact, 'as of now is now')
    }
  }
  t.ok(approximate > 0, `${approximate} answers were not exact`)
  t.ok(agreed >= 0.99, `agreement ${agreed.toFixed(4)}`)

  world.crash('b')
  world.start('b')
  const early = ask('b', queries[0] as number[], {})
  t.ok(early.nearest?.missing !== undefined && early.nearest.missing > 0, `${early.nearest?.missing} are missing at first`)
  t.equal(early.exact, false, 'and the answer says so')
  world.until('all to be in the index again', () => world.ask('b', 'memory.status', {}).indexes[0]?.missing === 0)
  untilConnected(world, NAMES)
  untilEqual(world, NAMES)
  for (const vector of queries.slice(0, 5)) t.same(ask('b', vector, { exact: true }), ask('a', vector, { exact: true }))
})

t.test('vectors that no honest node would write are kept out by all, and harm nobody', async t => {
  const world = clusterOf(['a', 'b'])
  const id = remember(world, 'b', 'good', 0)
  untilEqual(world, ['a', 'b'])
  const node = Uint8Array.from(Buffer.from(id, 'hex'))
  const floats = (...numbers: number[]): Uint8Array => new Uint8Array(Float32Array.from(numbers).buffer)
  const bodies = [
    encode([node, M, 2, 0, floats(Number.NaN, 1)]),
    encode([node, M, 2, 0, floats(Infinity, 0)]),
    encode([node, M, 2, 0, floats(0, 0)]),
    encode([node, M, 2, 0, floats(3, 4)]),
    encode([node, M, 3, 0, floats(1, 0, 0)]),
    encode([node, M, 2, 1, Uint8Array.of(0, 0x7e, 0, 0x7e)]),
    encode(['no vector']),
    Uint8Array.of(0xff),
  ]
  writeTo(
    world,
    'a',
    bodies.map(body => ({ kind: KIND['memory.vector'], body })),
  )
  // One of a memory that nobody has, which waits, and one of a link.
  writeTo(world, 'a', [
    { kind: KIND['memory.vector'], body: encodeVector(causalIdOf(new Uint8Array(32).fill(1)), { embedder: M, vector: [0, 1] }) },
  ])
  untilEqual(world, ['a', 'b'])
  for (const name of ['a', 'b']) {
    t.equal(world.ask(name, 'memory.status', {}).voids, bodies.length)
    t.match(world.ask(name, 'memory.status', {}).indexes, [{ embedder: M, vectors: 1 }])
    t.same(textsIn(recall(world, name, { vector: [0.1, 1], k: 10 })), ['good'])
    t.equal(world.ask(name, 'chain.verify', { all: true }).valid, true)
  }
})

t.test('a node of the version before keeps vectors for others, and refuses to write them', async t => {
  const world = new World({ seed: SEED })
  for (const name of ['a', 'b']) world.machine(name).version = 'previous'
  settle(world, ['a', 'b'])
  t.equal(
    codeOf(() => remember(world, 'a', 'too early', 0)),
    'incompatible',
  )
  world.stop('a')
  world.machine('a').version = 'current'
  world.start('a')
  untilConnected(world, ['a', 'b'])
  remember(world, 'a', 'with a vector', 10)
  untilEqual(world, ['a', 'b'])
  t.equal(
    codeOf(() => recall(world, 'b', { vector: at(10) })),
    'embedder_unknown',
  )
  world.stop('b')
  world.machine('b').version = 'current'
  world.start('b')
  untilConnected(world, ['a', 'b'])
  untilEqual(world, ['a', 'b'])
  t.same(textsIn(recall(world, 'b', { vector: at(10) })), ['with a vector'])
})

/** Writes records past all checks of an author. */
function writeTo(world: World, name: string, records: readonly { readonly kind: number; readonly body: Uint8Array }[]): void {
  const drafts = records.map(({ kind, body }) => ({ kind, actor: 'kernel', body, parents: [] }))
  world.wait<boolean>(done =>
    world.runtime(name).dispatch({
      kind: 'run',
      run: () => void coreOf(world, name).writer.write(memoryStream('main'), drafts, error => done(error, true)),
    }),
  )
}
