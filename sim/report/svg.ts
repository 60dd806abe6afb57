import type { RunEvent } from './event.ts'
import { classOf } from './event.ts'
import { groupsText } from './fault-place.ts'
import { escaped, shortened } from './plain-text.ts'
import type { Partition, Report, Story, Verdict } from './report.ts'

/**
 * A run as one still picture, for a README: lanes, partitions, crashes, some of the messages and how equal the
 * nodes were. Only attributes, no style and no script, so it looks the same wherever a picture may be shown.
 */
export function renderTimeline(story: Story): string {
  const { report, events } = story
  const scale = new Scale(report)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${scale.height}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="12" role="img" aria-label="${escaped(summaryOf(report))}">`,
    `<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${scale.height - 1}" rx="10" fill="#ffffff" stroke="#d5dae1"/>`,
    ...heading(report),
    ...report.partitions.flatMap(partition => shade(partition, report, scale)),
    ...ruler(report, scale),
    ...lanes(report, scale),
    ...messages(events, scale),
    ...marks(report, events, scale),
    ...convergence(report, scale),
    ...legend(scale),
    '</svg>\n',
  ].join('\n')
}

/** What the picture says, in words. */
export function summaryOf({ scenario, seed, verdict, nodes, faults, virtualMs }: Report): string {
  return `${scenario.name}, seed ${seed}: ${verdict}; ${nodes.length} nodes, ${faults.length} faults, ${(virtualMs / 1000).toFixed(1)} s`
}

const WIDTH = 1200
const LEFT = 84
const RIGHT = 24
const TOP = 92
/** Of the lanes of up to ten nodes; more share the height of ten. */
const LANE = 44
const TRACK = 46
const FOOT = 40

const INK = '#1c2330'
const QUIET = '#5c6675'
const LINE = '#c9d0d9'
/** Okabe and Ito's colours, which colour-blind people tell apart; each also has a shape. */
const BLUE = '#0072b2'
const GREEN = '#007a5a'
const VERMILION = '#c44e00'
const AMBER = '#a86a00'
const TINTS: readonly string[] = ['#d6e9f7', '#fbe6cf', '#d9f0e6', '#f6dfec', '#ece9d0']

const VERDICTS: Readonly<Record<Verdict, { readonly colour: string; readonly text: string }>> = {
  valid: { colour: GREEN, text: '✓ valid' },
  invalid: { colour: VERMILION, text: '✗ invalid' },
  unknown: { colour: AMBER, text: '? unknown' },
}

class Scale {
  readonly laneHeight: number
  readonly bottom: number
  readonly height: number
  readonly endMs: number
  readonly #lanes: ReadonlyMap<string, number>

  constructor({ nodes, virtualMs }: Report) {
    this.laneHeight = nodes.length <= 10 ? LANE : Math.max(6, (10 * LANE) / nodes.length)
    this.bottom = TOP + this.laneHeight * nodes.length
    this.height = Math.round(this.bottom + TRACK + FOOT + 14)
    this.endMs = Math.max(1, virtualMs)
    this.#lanes = new Map(nodes.map(({ name }, i) => [name, i]))
  }

  x(ms: number): string {
    return (LEFT + (Math.min(Math.max(ms, 0), this.endMs) / this.endMs) * (WIDTH - LEFT - RIGHT)).toFixed(1)
  }

  /** The middle of a lane. */
  y(node: string): string {
    return (TOP + ((this.#lanes.get(node) ?? 0) + 0.5) * this.laneHeight).toFixed(1)
  }

  top(node: string): string {
    return (TOP + (this.#lanes.get(node) ?? 0) * this.laneHeight).toFixed(1)
  }

  width(fromMs: number, toMs: number): string {
    return Math.max(0, Number(this.x(toMs)) - Number(this.x(fromMs))).toFixed(1)
  }
}

function heading(report: Report): readonly string[] {
  const { colour, text } = VERDICTS[report.verdict]
  const broken = report.invariants.filter(({ held }) => !held).map(({ id }) => id)
  const detail = broken.length > 0 ? `broken: ${broken.join(', ')}` : `${report.invariants.length} invariants held`
  const facts = `seed ${report.seed} · ${report.nodes.length} nodes · ${(report.virtualMs / 1000).toFixed(1)} s of virtual time · ${report.faults.length} faults · ${detail}`
  return [
    `<text x="24" y="36" font-size="19" font-weight="600" fill="${INK}">${escaped(shortened(report.scenario.name, 70))}</text>`,
    `<text x="24" y="57" fill="${QUIET}">${escaped(shortened(facts, 150))}</text>`,
    `<rect x="${WIDTH - RIGHT - 108}" y="19" width="108" height="28" rx="14" fill="${colour}"/>`,
    `<text x="${WIDTH - RIGHT - 54}" y="38" font-size="14" font-weight="600" fill="#ffffff" text-anchor="middle">${text}</text>`,
  ]
}

function shade(partition: Partition, { nodes }: Report, scale: Scale): readonly string[] {
  const { fromMs, toMs, groups } = partition
  const bands = nodes.flatMap(({ name }) => {
    const group = groups.findIndex(members => members.includes(name))
    if (group < 0) return []
    const tint = TINTS[group % TINTS.length]
    return [
      `<rect x="${scale.x(fromMs)}" y="${scale.top(name)}" width="${scale.width(fromMs, toMs)}" height="${scale.laneHeight.toFixed(1)}" fill="${tint}"/>`,
    ]
  })
  const room = Math.floor((Number(scale.width(fromMs, toMs)) + 40) / 6)
  const label = `✂ ${groupsText(groups)}`
  return [
    ...bands,
    `<path d="M${scale.x(fromMs)} ${TOP - 18}V${scale.bottom}M${scale.x(toMs)} ${TOP}V${scale.bottom}" stroke="${VERMILION}" stroke-dasharray="3 3" fill="none"/>`,
    ...(room < 3
      ? []
      : [
          `<text x="${scale.x(fromMs)}" y="${TOP - 6}" dx="4" font-size="11" fill="${VERMILION}">${escaped(shortened(label, room))}</text>`,
        ]),
  ]
}

function ruler({ virtualMs }: Report, scale: Scale): readonly string[] {
  const everyMs =
    [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000, 300_000, 600_000].find(step => virtualMs / step <= 14) ??
    3_600_000
  const ticks: string[] = []
  for (let ms = 0; ms <= virtualMs; ms += everyMs) {
    ticks.push(
      `<path d="M${scale.x(ms)} ${scale.bottom}v5" stroke="${LINE}"/><text x="${scale.x(ms)}" y="${(scale.bottom + 17).toFixed(1)}" font-size="11" fill="${QUIET}" text-anchor="middle">${ms / 1000} s</text>`,
    )
  }
  return ticks
}

function lanes({ nodes, lives, spells }: Report, scale: Scale): readonly string[] {
  const names = scale.laneHeight < 12 ? nodes.filter((_, i) => i % 10 === 0) : nodes
  return [
    ...nodes.map(({ name }) => `<path d="M${LEFT} ${scale.y(name)}H${WIDTH - RIGHT}" stroke="${LINE}" stroke-dasharray="2 4"/>`),
    ...lives.map(
      ({ node, fromMs, toMs }) => `<path d="M${scale.x(fromMs)} ${scale.y(node)}H${scale.x(toMs)}" stroke="#6b7686" stroke-width="2"/>`,
    ),
    ...spells.map(
      ({ node, fromMs, toMs, what }) =>
        `<path d="M${scale.x(fromMs)} ${scale.y(node)}H${scale.x(toMs)}" stroke="${AMBER}" stroke-width="5" stroke-dasharray="4 3"><title>${escaped(what)}</title></path>`,
    ),
    ...names.map(
      ({ name }) =>
        `<text x="${LEFT - 12}" y="${scale.y(name)}" dy="4" fill="${INK}" font-weight="600" text-anchor="end">${escaped(shortened(name, 10))}</text>`,
    ),
  ]
}

/** So many messages are drawn, evenly chosen: more only make a grey wall. */
const MESSAGES_SHOWN = 360
const LOST_SHOWN = 120

function messages(events: readonly RunEvent[], scale: Scale): readonly string[] {
  const arrived = sampled(
    events.filter(({ kind, what }) => kind === 'receive' && classOf(kind, what) === 'message'),
    MESSAGES_SHOWN,
  )
  const lost = sampled(
    events.filter(({ kind }) => kind === 'lost'),
    LOST_SHOWN,
  )
  const ways = arrived.flatMap(({ atMs, node, fields }) => {
    const { from, ms } = fields
    if (node === null || typeof from !== 'string' || typeof ms !== 'number') return []
    return [`M${scale.x(atMs - ms)} ${scale.y(from)}L${scale.x(atMs)} ${scale.y(node)}`]
  })
  const stubs = lost.flatMap(({ atMs, node, fields }) => {
    if (node === null || typeof fields['to'] !== 'string') return []
    const down = Number(scale.y(fields['to'])) > Number(scale.y(node)) ? 1 : -1
    const y = Number(scale.y(node)) + down * scale.laneHeight * 0.3
    return [`M${scale.x(atMs)} ${scale.y(node)}V${y.toFixed(1)}m-2.5 -2.5l5 5m0 -5l-5 5`]
  })
  return [
    `<path d="${ways.join('')}" stroke="${BLUE}" stroke-opacity="0.4" fill="none"/>`,
    `<path d="${stubs.join('')}" stroke="${VERMILION}" stroke-opacity="0.75" fill="none"/>`,
  ]
}

function sampled<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)] as T)
}

const WRITES_SHOWN = 400

function marks({ lives, invariants }: Report, events: readonly RunEvent[], scale: Scale): readonly string[] {
  const writes = sampled(
    events.filter(({ kind, fields }) => kind === 'commit' && fields['own'] !== 0),
    WRITES_SHOWN,
  )
  return [
    ...writes.map(({ atMs, node }) => `<circle cx="${scale.x(atMs)}" cy="${scale.y(node ?? '')}" r="2.4" fill="${GREEN}"/>`),
    ...lives.flatMap(({ node, fromMs, toMs, end }) => [
      `<path d="M${scale.x(fromMs)} ${scale.y(node)}m-4 5l4 -10l4 10z" fill="${GREEN}" stroke="#ffffff"/>`,
      ...(end === null
        ? []
        : [
            `<path d="M${scale.x(toMs)} ${scale.y(node)}m-5 -5l10 10m0 -10l-10 10" stroke="${VERMILION}" stroke-width="2.5" fill="none"><title>${end}</title></path>`,
          ]),
    ]),
    ...invariants.flatMap(({ id, violation }) =>
      violation === null
        ? []
        : [
            `<path d="M${scale.x(violation.atMs)} ${TOP - 4}V${scale.bottom}" stroke="${VERMILION}" stroke-width="2.5"/>`,
            `<text x="${scale.x(violation.atMs)}" y="${TOP - 22}" font-weight="600" fill="${VERMILION}" text-anchor="end">✗ ${escaped(id)}</text>`,
          ],
    ),
  ]
}

/** Different states of the cluster over time: the lower the step, the more equal; on the ground all are. */
function convergence({ convergence: samples, nodes }: Report, scale: Scale): readonly string[] {
  if (samples.length === 0) return []
  const top = scale.bottom + 28
  const height = TRACK - 16
  const most = Math.max(2, nodes.length)
  const y = (distinct: number): string => (top + height - (Math.max(0, distinct - 1) / (most - 1)) * height).toFixed(1)
  const steps = samples.map(({ atMs, distinct }) => `H${scale.x(atMs)}V${y(distinct)}`)
  const ground = y(1)
  return [
    `<path d="M${scale.x(samples[0]?.atMs ?? 0)} ${ground}${steps.join('')}H${scale.x(scale.endMs)}V${ground}Z" fill="${BLUE}" fill-opacity="0.25" stroke="${BLUE}"/>`,
    `<text x="${LEFT - 12}" y="${(top + height).toFixed(1)}" dy="-8" font-size="11" fill="${QUIET}" text-anchor="end">different</text>`,
    `<text x="${LEFT - 12}" y="${(top + height).toFixed(1)}" dy="4" font-size="11" fill="${QUIET}" text-anchor="end">states</text>`,
  ]
}

function legend(scale: Scale): readonly string[] {
  const y = scale.height - 16
  const entry = (x: number, sign: string, text: string): string =>
    `<g transform="translate(${x} ${y})">${sign}<text x="12" y="0" dy="4" font-size="11" fill="${QUIET}">${text}</text></g>`
  return [
    entry(LEFT, `<path d="M-4 5l4 -10l4 10z" fill="${GREEN}"/>`, 'start'),
    entry(LEFT + 70, `<path d="M-5 -5l10 10m0 -10l-10 10" stroke="${VERMILION}" stroke-width="2.5"/>`, 'crash or stop'),
    entry(LEFT + 190, `<circle r="3" fill="${GREEN}"/>`, 'write'),
    entry(LEFT + 262, `<path d="M-4 6L4 -6" stroke="${BLUE}"/>`, 'message (some of them)'),
    entry(LEFT + 430, `<path d="M0 6V-1m-2.5 -2.5l5 5m0 -5l-5 5" stroke="${VERMILION}" fill="none"/>`, 'lost message'),
    entry(LEFT + 540, `<rect x="-6" y="-6" width="12" height="12" fill="${TINTS[0]}"/>`, 'one side of a partition'),
    entry(LEFT + 706, `<path d="M-6 0H6" stroke="${AMBER}" stroke-width="5" stroke-dasharray="4 3"/>`, 'paused, slow or mute'),
  ]
}
