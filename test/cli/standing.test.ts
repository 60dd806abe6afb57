import t from 'tap'
import type { CausalId, LogId, NodeId } from '../../base/ids.ts'
import { renderHits } from '../../cli/commands/mem-recall.ts'
import { renderWhy } from '../../cli/commands/mem-why.ts'
import { TOOLS } from '../../cli/mcp/tools.ts'
import type { RecallHit, WhyStep } from '../../node/api.ts'
import type { Request } from '../../node/commands/types.ts'

const [A, B, C] = ['a', 'b', 'c'].map(digit => digit.repeat(64)) as [CausalId, CausalId, CausalId]
const author = 'n1' as NodeId
const said = { text: 'deploys run on Fridays', author, log: A as string as LogId, seq: 1 }
const hit: RecallHit = {
  ...said,
  id: A,
  meta: {},
  at: '2026-01-31T12:00:00.000Z',
  score: 1,
  parts: { bm25: 1, vector: 0, spread: 0 },
  path: [],
  mark: `weft://memory/${A}`,
}
const rival = { id: B, author, text: 'deploys run on Mondays\nand never else' }

t.test('what does not hold, or not alone, says so in words', t => {
  const rows: readonly (readonly [what: string, more: Partial<RecallHit>, says: readonly string[]])[] = [
    ['what holds alone', {}, []],
    ['what was replaced', { state: 'superseded', supersededBy: [B, C] }, ['Fridays (replaced by bbbbbbbb, cccccccc)\n']],
    ['what was replaced by something that is not here', { state: 'superseded' }, ['Fridays (replaced)\n']],
    [
      'one rival',
      { rivals: [rival] },
      [
        'in conflict with bbbbbbbb: deploys run on Mondays\n',
        'weft mem resolve aaaaaaaa --keep aaaaaaaa settles it, or --keep one of those',
      ],
    ],
    ['many', { rivals: [rival], rivalsInAll: 9 }, ['in conflict with bbbbbbbb: ', ' 9 in all; weft mem resolve aaaaaaaa']],
  ]
  for (const [what, more, says] of rows) {
    const shown = renderHits({ hits: [{ ...hit, ...more }], frontier: '', foldVersion: 1, exact: true, truncated: false, vectors: 'none' })
    for (const words of says) t.match(shown, words, what)
    t.equal(/replaced|conflict/.test(shown), says.length > 0, what)
  }
  const step = (id: CausalId, more: Partial<WhyStep> = {}): WhyStep => ({ ...said, id, edge: 'causes', ...more })
  const ways = (...steps: readonly WhyStep[]) => renderWhy({ id: A, paths: [{ weight: 1, steps }], frontier: '', truncated: false })
  t.match(
    ways(step(A), step(B, { state: 'superseded', supersededBy: [C] })),
    'because bbbbbbbb  deploys run on Fridays (replaced by cccccccc)\n',
  )
  t.match(ways(step(A, { state: 'superseded', supersededBy: [C] }), step(B)), 'aaaaaaaa  deploys run on Fridays (replaced by cccccccc)\n')
  t.notMatch(ways(step(A), step(B)), 'replaced')
  t.end()
})

t.test('a model is told in which space a label has put what it remembers, and can look there', async t => {
  const asked: unknown[] = []
  const request = (async (command: string, input: object) => {
    asked.push([command, Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))])
    return command === 'memory.remember'
      ? { id: A, log: A, seq: 1, space: 'billing' }
      : { hits: [{ ...hit, state: 'superseded', rivals: [rival], rivalsInAll: 9 }], truncated: false, vectors: 'none' }
  }) as unknown as Request
  const told = await TOOLS['remember']?.run(request, { text: 'x', meta: { service: 'billing' } })
  t.match(told, {
    data: { id: A, space: 'billing' },
    text: `Remembered as ${A}, in space billing: recall finds it there with space "billing"`,
  })
  const found = await TOOLS['recall']?.run(request, { query: 'x', space: 'billing' })
  t.match(found, {
    data: { hits: [{ rivals: [B], rivalsInAll: 9 }] },
    text: /written 2026-01-31T12:00:00\.000Z by n1\n[^]*bbbbbbbbbbbbbbbb, of 9\)/,
  })
  await TOOLS['recall']?.run(request, { query: 'x' })
  t.strictSame(asked.slice(1), [
    ['memory.recall', { query: 'x', space: 'billing' }],
    ['memory.recall', { query: 'x' }],
  ])
  for (const one of [told, found].keys())
    t.ok(TOOLS[['remember', 'recall'][one] as string]?.output.safeParse([told, found][one]?.data).success)
})
