import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import t from 'tap'
import type { CausalId, LogId, NodeId } from '../../base/ids.ts'
import { renderGraphPage } from '../../cli/graph/html.ts'
import { BOX_WIDTH, layOut } from '../../cli/graph/layout.ts'
import { LOOKS, renderGraph } from '../../cli/graph/svg.ts'
import { behaviourOf, EDGE_TYPES, type EdgeType } from '../../ecc/edge-types.ts'
import type { MemoryGraph } from '../../node/api.ts'
import { World } from '../../sim/world.ts'
import fc from '../properties.ts'
import { codeOf, settle, untilEqual } from '../sim/helpers.ts'

const TYPES = Object.keys(EDGE_TYPES) as EdgeType[]
/** What somebody may remember to break a picture, or to make it lie. */
const HOSTILE = '</text></svg></script><script>alert(1)</script>"onload=alert(2) \u202egnorw \u0000 \ud800 ]]> &lt;'

const arrows = (count: number): fc.Arbitrary<{ from: string; to: string }[]> =>
  fc.array(fc.record({ from: fc.nat(count - 1).map(String), to: fc.nat(count - 1).map(String) }), { maxLength: 3 * count })
const anyGraph = fc
  .integer({ min: 1, max: 60 })
  .chain(count => fc.tuple(fc.array(fc.integer({ min: 40, max: 90 }), { minLength: count, maxLength: count }), arrows(count)))

t.test('no two boxes overlap, whatever leads where, and ways begin and end at their boxes', async t => {
  fc.assert(
    fc.property(anyGraph, ([heights, links]) => {
      const boxes = heights.map((height, i) => ({ id: String(i), height }))
      const { boxes: places, ways, width, height } = layOut(boxes, links)
      const rows = boxes.map(box => ({ ...box, ...(places.get(box.id) as { x: number; y: number }) }))
      for (const a of rows) {
        if (a.x < 0 || a.y < 0 || a.x + BOX_WIDTH > width || a.y + a.height > height) throw new Error(`${a.id} is outside`)
        for (const b of rows)
          if (a.id < b.id && a.x === b.x && a.y < b.y + b.height && b.y < a.y + a.height) throw new Error(`${a.id} over ${b.id}`)
      }
      links.forEach(({ from, to }, i) => {
        const way = ways[i]
        if (from === to || way === undefined) return
        const [left, right] = way.isReversed ? [to, from] : [from, to]
        const [x] = way.points[0] as readonly [number, number]
        const [end] = way.points.at(-1) as readonly [number, number]
        if (x !== (places.get(left)?.x ?? 0) + BOX_WIDTH || end !== places.get(right)?.x) throw new Error(`${from} -> ${to} hangs`)
      })
    }),
    { numRuns: 150 },
  )
  t.pass()
})

function id(n: number): CausalId {
  return n.toString(16).padStart(64, '0') as CausalId
}

/** A memory of each kind, and a link of each type. */
function graphOf(text: string): MemoryGraph {
  const nodes = TYPES.map((type, i) => ({
    id: id(i),
    text: `${type} ${text}`,
    meta: { [text]: text },
    author: `12D3KooW${'x'.repeat(44)}` as NodeId,
    at: '2026-03-01T00:00:00.000Z',
    state: i === 1 ? ('superseded' as const) : ('current' as const),
    isDisputed: i === 2,
    distance: i,
    log: id(99) as string as LogId,
    seq: i,
  }))
  const edges = TYPES.slice(1).map((type, i) => ({
    record: id(100 + i),
    from: id(i),
    to: id(i + 1),
    type,
    weight: 0.5,
    reason: behaviourOf(EDGE_TYPES[type]).reason,
  }))
  return { roots: [id(0)], nodes, edges, frontier: '', truncated: false }
}

t.test('equal graphs make equal bytes; each type has a look of its own, and the legend names what is there', t => {
  const graph = graphOf('said')
  t.equal(renderGraph(graph, 'title'), renderGraph(structuredClone(graph), 'title'))
  t.equal(renderGraphPage(graph, 'title'), renderGraphPage(structuredClone(graph), 'title'))
  t.equal(new Set(Object.values(LOOKS).map(({ colour, dash }) => `${colour} ${dash}`)).size, TYPES.length)
  const svg = renderGraph(graph, 'title')
  for (const type of TYPES.slice(1)) t.ok(svg.includes(`>${LOOKS[type].words}</text>`), type)
  t.notOk(svg.includes(`>${LOOKS.causes.words}</text>`), 'and nothing else')
  t.match(svg, /class="node root"/)
  t.match(svg, /class="node old"/)
  t.match(svg, /class="node disputed"/)
  t.end()
})

t.test('text of others stays text, in the picture and on the page', t => {
  const graph = graphOf(HOSTILE)
  const [svg, page] = [renderGraph(graph, HOSTILE), renderGraphPage(graph, HOSTILE)]
  t.notMatch(svg, /<script|onload="|\u202e/)
  t.notOk(`${svg}${page}`.includes('\0'))
  t.equal(svg.match(/<\/svg>/g)?.length, 1)
  t.equal(page.match(/<script/g)?.length, 2, 'its data and its own script')
  t.notMatch(page, /\u202e/)
  t.notMatch(`${svg}${page}`, /(?:src|href)=|@import|url\((?!#)/, 'nothing is loaded from anywhere')
  t.end()
})

t.test('what stands around a memory, or around what a query finds, nearest first', t => {
  const world = new World({ seed: 61 })
  settle(world, ['a', 'b'])
  const said = (text: string, key?: string): string => world.ask('a', 'memory.remember', { text, key }).id
  const outage = said('checkout failed')
  const cause = said('the pool is exhausted')
  const old = said('the pool has 200 connections', 'pool')
  const now = said('the pool has 400 connections', 'pool')
  const doubt = said('the pool is fine')
  const far = said('nothing to do with it')
  const gone = said('taken back')
  for (const [from, type, to] of [
    [cause, 'causes', outage],
    [old, 'enables', cause],
    [doubt, 'contradicts', cause],
    [gone, 'causes', outage],
  ] as const)
    world.ask('a', 'memory.link', { from, type, to })
  world.ask('a', 'memory.forget', { id: gone })
  untilEqual(world, ['a', 'b'])
  const graph = world.ask('b', 'memory.graph', { id: outage })
  t.strictSame(
    graph.nodes.map(({ id: one, distance, state, isDisputed }) => [one, distance, state, isDisputed]),
    [
      [outage, 0, 'current', false],
      [cause, 1, 'current', true],
      ...[
        [old, 2, 'superseded', false],
        [doubt, 2, 'current', true],
      ].sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)),
      [now, 3, 'current', false],
    ],
  )
  t.strictSame(graph.edges.map(({ type }) => type).sort(), ['causes', 'contradicts', 'enables', 'supersedes'])
  t.strictSame(world.ask('a', 'memory.graph', { id: outage }), graph, 'the same on every node')
  t.match(world.ask('b', 'memory.graph', { id: outage, limit: 2 }), { truncated: true, nodes: { length: 2 } })
  t.match(world.ask('b', 'memory.graph', { query: 'nothing to do' }), { roots: [far] })
  t.equal(renderGraph(graph, 'x'), renderGraph(world.ask('a', 'memory.graph', { id: outage }), 'x'))
  for (const [input, code] of [
    [{}, 'invalid_argument'],
    [{ id: outage, query: 'x' }, 'invalid_argument'],
    [{ id: id(7) }, 'unknown_id'],
    [{ id: gone }, 'unknown_id'],
    [{ id: outage.slice(0, 7) }, 'invalid_argument'],
    [{ id: outage, limit: 61 }, 'invalid_argument'],
  ] as const)
    t.equal(
      codeOf(() => world.ask('b', 'memory.graph', input)),
      code,
      JSON.stringify(input),
    )
  t.end()
})

const CHROMIUM = process.env['WEFT_CHROMIUM'] ?? '/usr/bin/chromium'
const isMissing = existsSync(CHROMIUM) ? false : `no chromium at ${CHROMIUM}: set WEFT_CHROMIUM to have the page tried in a browser`

t.test(
  'in a browser: no text leaves its box, a click shows all of a memory, nothing is asked of the network',
  { skip: isMissing },
  async t => {
    const dir = mkdtempSync(join(tmpdir(), 'weft-graph-'))
    const file = join(dir, 'graph.html')
    writeFileSync(file, renderGraphPage(graphOf(HOSTILE), 'a picture'))
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
    t.teardown(async () => {
      await browser.close()
      rmSync(dir, { recursive: true })
    })
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('pageerror', error => complaints.push(error.message))
    page.on('console', message => complaints.push(message.text()))
    page.on('request', request => request.url().startsWith('file:') || complaints.push(request.url()))
    page.on('dialog', dialog => complaints.push(dialog.message()))
    await page.goto(`file://${file}`)
    t.match(await page.innerText('#panel .said'), 'causes </text></svg></script><script>alert(1)</script>', 'the first is open')
    await page.click(`[data-node="${id(3)}"]`)
    t.match(await page.innerText('#panel .said'), TYPES[3])
    t.match(await page.innerText('#panel ol'), 'inhibits')
    t.equal(await page.locator('.chosen').count(), 1)
    const outside = await page.evaluate<number>(
      `[...document.querySelectorAll('.node')].filter(node => { const box = node.querySelector('.box').getBoundingClientRect(); return [...node.querySelectorAll('.ink')].some(text => text.getBoundingClientRect().right > box.right + 0.5) }).length`,
    )
    t.equal(outside, 0)
    t.strictSame(complaints, [])
  },
)
