import type { EdgeType } from '../../ecc/edge-types.ts'
import type { GraphEdge, GraphNode, MemoryGraph } from '../../node/api.ts'
import { escaped, plain, shortened } from '../../sim/report/plain-text.ts'
import { type Arrow, BOX_WIDTH, layOut, type Placed } from './layout.ts'
import { linesOf, widthOf } from './words.ts'

/**
 * What stands around a memory, as one picture: reasons on the left, what rests on them on the right. A type of link has a colour and a
 * dash of its own; what was replaced is pale and struck through, what is disputed has a red edge and a sign. It follows the
 * light or dark of whoever looks at it, and has no script.
 */
export function renderGraph(graph: MemoryGraph, title: string): string {
  const { width, height, body } = drawn(graph, title)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">\n<style>${GRAPH_STYLE}</style>\n${body}\n</svg>\n`
}

interface Look {
  readonly colour: string
  readonly dash: string
  /** As a sentence has it. */
  readonly words: string
}

/** Okabe and Ito's colours, which colour-blind people tell apart, as classes: they are lighter in the dark. */
export const LOOKS: Readonly<Record<EdgeType, Look>> = {
  causes: { colour: 'e-blue', dash: '', words: 'causes' },
  enables: { colour: 'e-sky', dash: '', words: 'enables' },
  inhibits: { colour: 'e-red', dash: '2 4', words: 'inhibits' },
  contradicts: { colour: 'e-red', dash: '9 4', words: 'contradicts' },
  'evidence-for': { colour: 'e-green', dash: '', words: 'evidence for' },
  'derived-from': { colour: 'e-green', dash: '9 4', words: 'derived from' },
  'triggered-by': { colour: 'e-blue', dash: '9 4', words: 'triggered by' },
  follows: { colour: 'e-quiet', dash: '', words: 'follows' },
  correlates: { colour: 'e-quiet', dash: '2 4', words: 'correlates with' },
  supersedes: { colour: 'e-amber', dash: '7 3 2 3', words: 'supersedes' },
}

const COLOURS: readonly (readonly [name: string, light: string, dark: string])[] = [
  ['e-blue', '#0064a8', '#5bb2f0'],
  ['e-sky', '#2a8fb8', '#8fd3ee'],
  ['e-red', '#b83b00', '#ff8a52'],
  ['e-green', '#007a5a', '#2fc296'],
  ['e-quiet', '#6b7686', '#93a0b0'],
  ['e-amber', '#8f5e00', '#e8ac38'],
]

export const GRAPH_STYLE: string = [
  'svg{font:13px ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif}',
  '.paper{fill:#f7f9fb}.box{fill:#fff;stroke:#b9c2cd}.root .box{fill:#e9f3fc;stroke:#0064a8;stroke-width:2.5}.ink{fill:#16202c}.soft{fill:#5a6676}.disputed .box{stroke:#b83b00;stroke-width:2}.old .ink{fill:#6b7686;text-decoration:line-through}.old .box{stroke-dasharray:4 3}.sign{fill:#b83b00}.tag{fill:#8f5e00}',
  '.way{fill:none;stroke-width:1.7}.halo{fill:none;stroke:#f7f9fb;stroke-width:5}.title{font-size:17px;font-weight:600}.small{font-size:11px}',
  ...COLOURS.map(([name, light]) => `.${name}{stroke:${light}}.${name}-tip{fill:${light}}`),
  `@media (prefers-color-scheme:dark){.paper{fill:#0d1117}.box{fill:#171e27;stroke:#3d4957}.root .box{fill:#11283b;stroke:#5bb2f0}.ink{fill:#e6ebf1}.soft{fill:#9aa7b6}.disputed .box{stroke:#ff8a52}.old .ink{fill:#93a0b0}.sign{fill:#ff8a52}.tag{fill:#e8ac38}.halo{stroke:#0d1117}${COLOURS.map(([name, , dark]) => `.${name}{stroke:${dark}}.${name}-tip{fill:${dark}}`).join('')}}`,
].join('')

const MARGIN = 28
const HEAD = 62
const PAD = 11
const LINE = 17
const LINES_MAX = 3

/** The picture without the element around it. */
export function drawn(graph: MemoryGraph, title: string): { readonly width: number; readonly height: number; readonly body: string } {
  const texts = new Map(graph.nodes.map(node => [node.id as string, linesOf(plain(node.text), BOX_WIDTH - 2 * PAD, LINES_MAX)]))
  const boxes = graph.nodes.map(({ id }) => ({ id, height: 2 * PAD + LINE * ((texts.get(id) as readonly string[]).length + 1) }))
  const arrows = arrowsOf(graph)
  const placed = layOut(boxes, arrows)
  const used = (Object.keys(LOOKS) as EdgeType[]).filter(type => graph.edges.some(edge => edge.type === type))
  const signs = [
    ...(graph.nodes.some(node => node.state === 'superseded') ? ['old'] : []),
    ...(graph.nodes.some(node => node.isDisputed) ? ['disputed'] : []),
  ]
  const legend = legendOf(used, signs, Math.max(placed.width, 520))
  const width = Math.max(placed.width, 520) + 2 * MARGIN
  const height = HEAD + placed.height + legend.height + 2 * MARGIN
  const heights = new Map(boxes.map(box => [box.id, box.height]))
  const about = `${graph.nodes.length} memories, ${graph.edges.length} links${graph.truncated ? ', and more around them' : ''} · reasons left, what rests on them right`
  const body = [
    '<defs>',
    ...COLOURS.map(
      ([name]) =>
        `<marker id="${name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 1L9 5L0 9z" class="${name}-tip"/></marker>`,
    ),
    '</defs>',
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<text x="${MARGIN}" y="${MARGIN + 12}" class="ink title">${escaped(shortened(title, Math.floor((width - 2 * MARGIN) / 9)))}</text>`,
    `<text x="${MARGIN}" y="${MARGIN + 32}" class="soft small">${escaped(about)}</text>`,
    `<g transform="translate(${MARGIN} ${MARGIN + HEAD - 14})">`,
    ...graph.edges.flatMap((edge, i) => wayOf(edge, arrows[i] as Arrow, placed.ways[i] as Placed['ways'][number])),
    ...graph.nodes.map(node => boxOf(node, graph, placed, texts.get(node.id) as readonly string[], heights.get(node.id) as number)),
    `</g>`,
    `<g transform="translate(${MARGIN} ${HEAD + placed.height + MARGIN + 14})">${legend.body}</g>`,
  ].join('\n')
  return { width, height, body }
}

/** From reasons to what rests on them, and from what was replaced to what holds now; others lead away from the middle. */
function arrowsOf({ nodes, edges }: MemoryGraph): readonly Arrow[] {
  const rank = new Map(nodes.map(({ id }, i) => [id as string, i]))
  return edges.map(({ from, to, reason }): Arrow => {
    if (reason === 'from') return { from, to }
    if (reason === 'to') return { from: to, to: from }
    return (rank.get(from) as number) <= (rank.get(to) as number) ? { from, to } : { from: to, to: from }
  })
}

function wayOf(
  { type, from, to, weight, record }: GraphEdge,
  arrow: Arrow,
  { points, isReversed }: Placed['ways'][number],
): readonly string[] {
  const { colour, dash } = LOOKS[type]
  const path = curve(points)
  // The tip is at the object of the sentence: `to`. Ways are drawn from left to right.
  const isObjectRight = (arrow.to === to) !== isReversed
  const tip = type === 'correlates' ? '' : ` marker-${isObjectRight ? 'end' : 'start'}="url(#${colour})"`
  const label = `${from.slice(0, 8)} ${LOOKS[type].words} ${to.slice(0, 8)}${weight < 1 ? `, weight ${weight}` : ''}`
  return [
    `<path class="halo" d="${path}"/>`,
    `<path class="way ${colour}" data-edge="${record}" d="${path}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}${tip}><title>${escaped(label)}</title></path>`,
  ]
}

function curve(points: readonly (readonly [number, number])[]): string {
  const at = (n: number): string => String(Math.round(n * 10) / 10)
  return points
    .map(([x, y], i) => {
      const before = points[i - 1]
      if (before === undefined) return `M${at(x)} ${at(y)}`
      if (before[1] === y) return `H${at(x)}`
      const middle = (before[0] + x) / 2
      return `C${at(middle)} ${at(before[1])} ${at(middle)} ${at(y)} ${at(x)} ${at(y)}`
    })
    .join('')
}

function boxOf(node: GraphNode, { roots }: MemoryGraph, { boxes }: Placed, lines: readonly string[], height: number): string {
  const { x, y } = boxes.get(node.id) as { x: number; y: number }
  const classes = [
    'node',
    ...(roots.includes(node.id) ? ['root'] : []),
    ...(node.state === 'superseded' ? ['old'] : []),
    ...(node.isDisputed ? ['disputed'] : []),
  ]
  const rows = lines.map((line, i) => `<text x="${PAD}" y="${PAD + 12 + i * LINE}" class="ink">${escaped(line)}</text>`)
  const origin = `${node.id.slice(0, 8)} · ..${node.author.slice(-6)} · ${node.at.slice(0, 10)}`
  const tag = node.isDisputed
    ? '<tspan class="sign">  ⚡ disputed</tspan>'
    : node.state === 'superseded'
      ? '<tspan class="tag">  replaced</tspan>'
      : ''
  return [
    `<g class="${classes.join(' ')}" data-node="${node.id}" tabindex="0" transform="translate(${x} ${y})">`,
    `<title>${escaped(shortened(node.text, 300))}</title>`,
    `<rect class="box" width="${BOX_WIDTH}" height="${height}" rx="8"/>`,
    ...rows,
    `<text x="${PAD}" y="${height - PAD + 2}" class="soft small">${escaped(origin)}</text>`,
    tag === '' ? '' : `<text x="${BOX_WIDTH - PAD}" y="-4" text-anchor="end" class="small">${tag}</text>`,
    '</g>',
  ].join('')
}

/** Each sign that is used, and only those. */
function legendOf(types: readonly EdgeType[], signs: readonly string[], width: number): { readonly body: string; readonly height: number } {
  const items = [
    ...types.map(type => {
      const { colour, dash, words } = LOOKS[type]
      const tip = type === 'correlates' ? '' : ` marker-end="url(#${colour})"`
      const line = `<path class="way ${colour}" d="M0 -4H34"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}${tip}/>`
      return { body: `${line}<text x="42" class="ink">${words}</text>`, width: 42 + widthOf(words) + 26 }
    }),
    ...signs.map(sign => {
      const words = sign === 'old' ? 'replaced' : 'disputed'
      return {
        body: `<g class="${sign}"><rect class="box" y="-13" width="34" height="17" rx="4"/></g><text x="42" class="ink">${words}</text>`,
        width: 42 + widthOf(words) + 26,
      }
    }),
  ]
  let x = 0
  let y = 14
  const body = items.map(item => {
    if (x > 0 && x + item.width > width) {
      x = 0
      y += 24
    }
    const placed = `<g transform="translate(${Math.round(x)} ${y})">${item.body}</g>`
    x += item.width
    return placed
  })
  return { body: body.join(''), height: items.length === 0 ? 0 : y + 18 }
}
