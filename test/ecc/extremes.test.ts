import t from 'tap'
import { type CausalId, causalIdOf, type LogId, logIdOf, type NodeId, nodeIdOf } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { LINKS_PAGE, LINKS_SHOWN_MAX, WHATIF_LINKS_MAX, WHATIF_NODES_MAX } from '../../base/limits.ts'
import type { EdgeType } from '../../ecc/edge-types.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import { encodeLink, encodeRemember, encodeSupersede } from '../../ecc/records.ts'
import { World } from './world.ts'

/** A fold that is written to faster than an author could: ids are numbers, not hashes. */
class Quick {
  readonly node: NodeId = nodeIdOf(new Uint8Array(32).fill(7))
  readonly log: LogId = logIdOf(new Uint8Array(32).fill(9))
  readonly fold: MemoryFold = new MemoryFold(this.node)
  #size = 0

  idOf(number: number): CausalId {
    const bytes = new Uint8Array(32)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, Math.imul(number, 0x9e3779b1))
    view.setUint32(4, number)
    return causalIdOf(bytes)
  }

  remember(text: string, key?: string): CausalId {
    return this.#put(KIND['memory.remember'], encodeRemember({ text, ...(key === undefined ? {} : { key }) }))
  }

  link(from: CausalId, type: EdgeType, to: CausalId, weight: number = 1): CausalId {
    return this.#put(KIND['memory.link'], encodeLink({ from, to, type, weight }))
  }

  supersede(target: CausalId, by: CausalId): CausalId {
    return this.#put(KIND['memory.supersede'], encodeSupersede({ targets: [target], by }))
  }

  #put(kind: number, body: Uint8Array): CausalId {
    const seq = this.#size++
    const id = this.idOf(seq)
    this.fold.apply({
      log: this.log,
      seq,
      id,
      author: this.node,
      hlc: { ms: 1_700_000_000_000 + seq, counter: 0 },
      kind,
      parents: [],
      body,
    })
    return id
  }
}

t.test('a chain of causes a hundred thousand deep is walked as far as the bounds go, and is said to be longer', async t => {
  const quick = new Quick()
  const steps: CausalId[] = []
  for (let i = 0; i < 100_000; i++) {
    steps.push(quick.remember(`step ${i}`))
    if (i > 0) quick.link(steps[i - 1] as CausalId, 'causes', steps[i] as CausalId)
  }
  const { fold } = quick
  const last = steps.at(-1) as CausalId
  const first = steps[0] as CausalId
  const reasons = fold.why(last)
  t.equal(reasons.truncated, true)
  t.equal(reasons.paths[0]?.steps[0]?.id, last)
  t.strictSame(
    fold.recall('step 50000', { k: 2 }).hits.map(hit => hit.id),
    [steps[50_000], steps[50_001]],
  )
  t.equal(fold.whatIf(first).truncated, true)
  t.strictSame(fold.linksOf(first, 10).edges[0]?.cyclic, undefined)
  const restored = MemoryFold.restore(fold.snapshot(), quick.node) as MemoryFold
  t.strictSame(restored.why(last), reasons)
  t.strictSame(restored.stats, fold.stats)
})

/** A quarter of a million takes some seconds; the long run makes a million. */
const LINKS = Number(process.env['WEFT_LINKS'] ?? 250_000)

t.test(`a memory with ${LINKS} links shows the oldest, says how many, and gives all of them page by page`, async t => {
  const quick = new Quick()
  const hub = quick.remember('the hub')
  const leaf = quick.remember('a leaf')
  const count = LINKS
  const made: CausalId[] = []
  for (let i = 0; i < count; i++) made.push(quick.link(hub, 'causes', i % 3 === 0 ? quick.idOf(1e9 + i) : leaf, ((i % 1000) + 1) / 1000))
  const { fold } = quick
  t.strictSame([fold.stats.edges, fold.stats.dangling], [count, Math.ceil(count / 3)])
  const shown = fold.linksOf(hub, LINKS_SHOWN_MAX)
  t.equal(shown.inAll, count)
  t.strictSame(
    shown.edges.map(edge => edge.id),
    made.slice(0, LINKS_SHOWN_MAX),
  )
  const seen = new Set<CausalId>()
  let pages = 0
  for (let page = fold.outgoing(hub, LINKS_PAGE); ; page = fold.outgoing(hub, LINKS_PAGE, page.next)) {
    for (const edge of page.edges) seen.add(edge.id)
    pages++
    if (page.next === undefined) break
  }
  t.strictSame([seen.size, pages], [count, Math.ceil(count / LINKS_PAGE)])
  t.strictSame(
    fold.why(leaf).paths.map(({ weight, steps }) => [weight, steps.map(step => step.id)]),
    [[1, [leaf, hub]]],
    'links to the same reason are one, as good as the best of them',
  )
  t.ok(fold.recall('hub', { k: 10 }).hits.some(hit => hit.id === hub))
})

t.test('rings of reasons are kept, and shown for what they are', async t => {
  const world = new World(2)
  const [ann, bob] = [world.author(0), world.author(1)]
  const [a, b, c, d] = ['pool', 'cache', 'queue', 'disk'].map(text => ann.remember(text)) as [CausalId, CausalId, CausalId, CausalId]
  world.meet()
  const rows: readonly (readonly [what: string, link: CausalId, cyclic: true | undefined])[] = [
    ['the first of the ring', ann.link(a, 'causes', b), true],
    ['the same way round, said from the other side', ann.link(c, 'derived-from', b), true],
    ['what closes it, by somebody who knew of neither', bob.link(c, 'causes', a), true],
    ['what leads out of it', ann.link(c, 'causes', d), undefined],
    ['to itself', ann.link(d, 'causes', d), true],
    ['to itself without being a reason', ann.link(d, 'contradicts', d), true],
    ['against each other, no reason', ann.link(b, 'contradicts', a), undefined],
  ]
  world.meet()
  for (const author of world.authors) {
    const shown = new Map([a, b, c, d].flatMap(id => author.fold.linksOf(id, 10).edges.map(edge => [edge.id, edge.cyclic] as const)))
    for (const [what, link, cyclic] of rows) t.equal(shown.get(link), cyclic, what)
    t.equal(author.fold.linksOf(d, 10).inAll, 3, 'a link to itself is one link')
    t.equal(author.fold.why(a).truncated, false, 'why comes to an end')
    t.ok(author.fold.recall('pool', { k: 4 }).hits.length === 4)
  }
  const closing = rows[2]?.[1] as CausalId
  bob.retract(closing)
  world.meet()
  t.strictSame(
    ann.fold.linksOf(a, 10).edges.map(edge => edge.cyclic),
    [undefined, undefined, undefined],
    'a ring that was opened again is none',
  )
})

// Each of these would take minutes if every successor looked through all the others.

t.test('a memory in whose place forty thousand stand is answered for by the newest of them', async t => {
  const quick = new Quick()
  const target = quick.remember('the target')
  const successors = Array.from({ length: 40_000 }, (_, i) => quick.remember(`it became ${i}`))
  for (const by of successors) quick.supersede(target, by)
  for (let i = 0; i < 40_000; i++) quick.supersede(target, successors[7] as CausalId)
  const { fold } = quick
  const newest = successors.slice(-5).reverse()
  const found = fold.recall('target', { k: 5 })
  t.strictSame(
    found.hits.map(hit => hit.id),
    newest,
  )
  t.equal(found.truncatedBy, 'edges', 'the others are not looked at')
  const hasty = fold.recall('target', { k: 5, budgetMs: 5 })
  t.strictSame([hasty.hits, hasty.truncatedBy], [[], 'time'], 'each of them counts for the budget')
  t.equal(fold.node(target)?.supersededBy.length, 80_000)
  t.equal(fold.why(successors[7] as CausalId).paths.length, 1)
  t.strictSame(fold.conflicts(), [])
})

t.test('a key with twenty thousand values leads from any of them to the last', async t => {
  const quick = new Quick()
  const values = Array.from({ length: 20_000 }, (_, i) => quick.remember(`value ${i}`, 'gauge'))
  const last = values.at(-1) as CausalId
  const hub = quick.remember('what the gauge reads')
  for (let i = 0; i < 900; i++) quick.link(hub, 'correlates', values[i * 20] as CausalId)
  const { fold } = quick
  t.strictSame(
    fold.recall('value 17', { k: 1, budgetNodes: 100_000 }).hits.map(hit => hit.id),
    [last],
  )
  t.ok(fold.recall('gauge reads', { k: 2 }).hits.some(hit => hit.id === last))
  t.equal(fold.node(last)?.supersedes[0]?.id, values.at(-2))
})

t.test('what rests on one of three hundred memories that are all reasons of each other is said within bounds', async t => {
  const quick = new Quick()
  const nodes = Array.from({ length: 300 }, (_, i) => quick.remember(`claim ${i}`))
  for (const from of nodes) for (const to of nodes) if (from !== to) quick.link(from, 'causes', to, 0.5)
  const { fold } = quick
  const { dependents, truncated } = fold.whatIf(nodes[5] as CausalId)
  t.strictSame(
    dependents.map(({ node }) => node.id),
    nodes.slice(-WHATIF_NODES_MAX).reverse(),
    'of those that are equally near, the newest',
  )
  t.equal(truncated, true)
  for (const { node, before } of dependents.slice(0, 3)) t.equal(before, fold.why(node.id, { maxPaths: 1 }).paths[0]?.weight)
})

t.test('what rests on a memory with half a million links is not looked for', async t => {
  const quick = new Quick()
  const hub = quick.remember('the hub')
  const leaf = quick.remember('a leaf')
  for (let i = 0; i <= WHATIF_LINKS_MAX; i++) quick.link(hub, 'causes', leaf)
  t.strictSame(quick.fold.whatIf(hub), { dependents: [], truncated: true })
})
