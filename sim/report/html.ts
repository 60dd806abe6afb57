import { toHex, utf8 } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'
import { classOf, EVENT_CLASSES, type EventClass } from './event.ts'
import { Brush, SMALL, STRONG } from './page/brush.ts'
import { paintGlyph } from './page/glyph.ts'
import { Board, openReport } from './page/open-report.ts'
import { layerOf, Painter } from './page/painter.ts'
import { Panel } from './page/panel.ts'
import { RunModel } from './page/run-model.ts'
import { STYLE } from './page/style.ts'
import { TimeAxis } from './page/time-axis.ts'
import { LATENCY_STEPS_MS, type Latency } from './latency.ts'
import { embedded, escaped, plain, seconds } from './plain-text.ts'
import type { Judged, Report, Story } from './report.ts'
import { renderTimeline, summaryOf } from './svg.ts'

/**
 * A run as one page that needs nothing else: no network, no font, no file beside it. What was
 * judged is plain HTML; the picture is brought to life by `page/`, whose functions are carried over by their own
 * source text, so the page is type-checked and read like everything else. The policy of the page allows this one script and
 * this one style, by a nonce that nobody who put a text into the run could know, and nothing else.
 */
export function renderHtml(story: Story): string {
  const { report, events } = story
  const data = embedded({ report, events })
  const nonce = toHex(hash('content', utf8(data))).slice(0, 32)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${SIGNS[report.verdict]} ${escaped(report.scenario.name)}, seed ${report.seed}</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body class="${report.verdict}">
<header>
<div class="top">
<div class="heading"><span class="verdict">${SIGNS[report.verdict]} ${report.verdict.toUpperCase()}</span><h1>${escaped(report.scenario.name)} <small>seed ${report.seed}</small></h1></div>
<p>${escaped(report.scenario.about)}</p>
${factsOf(story)}
<div class="replay"><code id="replay">${escaped(report.replay)}</code><button id="copy" aria-live="polite">Copy</button></div>
${report.invariants.map(brokenOf).join('')}</div>
</header>
<main class="stage">
<figure id="still" class="card">${renderTimeline(story)}</figure>
<div id="live" hidden>
${toolsOf(story)}
<div class="split">
<div class="board"><canvas id="timeline" tabindex="0" role="application" aria-label="Timeline: ${escaped(summaryOf(report))}" aria-describedby="keys"></canvas><div id="stretch" hidden></div><div id="tip" hidden></div></div>
<aside class="panel" id="panel" aria-live="polite" aria-label="The chosen event">${LEGEND}</aside>
</div>
</div>
</main>
<section class="cards">
${invariantsOf(report)}
${latenciesOf(report)}
${faultsOf(report)}
${sometimesOf(report)}
</section>
<script type="application/json" id="data">${data}</script>
<script nonce="${nonce}">
(() => {
'use strict'
${SCRIPT}
openReport(window)
})()
</script>
</body>
</html>
`
}

const SIGNS: Readonly<Record<Report['verdict'], string>> = { valid: '✓', invalid: '✗', unknown: '?' }

/** All of the page's code: declarations that find each other by name. Nothing in it may end a script element. */
const SCRIPT: string = [
  `const SMALL = ${JSON.stringify(SMALL)}, STRONG = ${JSON.stringify(STRONG)}`,
  ...[classOf, plain, seconds, layerOf, paintGlyph, Brush, TimeAxis, RunModel, Painter, Panel, Board, openReport].map(String),
]
  .join('\n')
  .replaceAll('</', '<\\/')

function factsOf({ report, events }: Story): string {
  const { operations, leftOut } = report
  const missing = Object.values(leftOut).reduce((sum, count) => sum + count, 0)
  const kinds = EVENT_CLASSES.filter(name => leftOut[name] > 0).map(name => `${leftOut[name]} ${CLASS_NAMES[name]}`)
  const facts: readonly (readonly [string, string])[] = [
    ['virtual time', seconds(report.virtualMs)],
    ['nodes', String(report.nodes.length)],
    ['events simulated', String(report.events)],
    ['events shown here', missing === 0 ? String(events.length) : `${events.length}, without ${kinds.join(', ')}`],
    ['faults', String(report.faults.length)],
    ['operations', `${operations.total}: ${operations.ok} ok, ${operations.fail} failed, ${operations.unknown} unknown`],
    ['Node', report.nodeVersion],
    ...(report.traceHash === null ? [] : [['trace', report.traceHash.slice(0, 16)] as const]),
  ]
  return `<dl class="facts">${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${escaped(value)}</dd></div>`).join('')}</dl>`
}

/** A broken promise: two facts that cannot both be. */
function brokenOf({ id, violation }: Judged): string {
  if (violation === null) return ''
  const { atMs, nodes, facts } = violation
  const where = nodes.length === 0 ? '' : ` on ${escaped(nodes.join(', '))}`
  return `<div class="broken"><h2>✗ ${escaped(id)} was broken at ${seconds(atMs)}${where}</h2>
<div class="against"><blockquote>${escaped(facts[0])}</blockquote><b>but</b><blockquote>${escaped(facts[1])}</blockquote></div>
<button data-jump="${atMs}" data-what="${escaped(id)}">Show the moment</button></div>
`
}

const CLASS_NAMES: Readonly<Record<EventClass, string>> = {
  story: 'lives and faults',
  operation: 'commands',
  write: 'writes',
  log: 'log lines',
  message: 'messages',
  connection: 'connections',
  heartbeat: 'heartbeats',
}

function toolsOf({ report }: Story): string {
  const box = (data: string, name: string, isChecked: boolean): string =>
    `<label><input type="checkbox" ${data}${isChecked ? ' checked' : ''}>${escaped(name)}</label>`
  const classes = EVENT_CLASSES.map(name => box(`data-class="${name}"`, CLASS_NAMES[name], name !== 'heartbeat'))
  const nodes = report.nodes.map(({ name }) => box(`data-node="${escaped(name)}"`, name, true))
  return `<div class="tools">
<details class="choices"><summary>Kinds</summary><div>${classes.join('')}</div></details>
<details class="choices"><summary>Nodes</summary><div>${nodes.join('')}</div></details>
<input type="search" id="search" placeholder="Find text in events" aria-label="Find text in events">
<label>from <input type="number" id="from" step="any" aria-label="From, in seconds"></label><label>to <input type="number" id="to" step="any" aria-label="To, in seconds"> s</label>
<button id="closer" aria-label="Zoom in">+</button><button id="farther" aria-label="Zoom out">−</button><button id="whole">Whole run</button>
<span id="count" role="status"></span>
</div>`
}

const LEGEND: string = `<div><h2>Click an event</h2>
<p>Its causal past and its future light up, and what led to it is listed here.</p>
<ul class="legend">
${(
  [
    ['<path class="good" d="M5 14l6 -12l6 12z"/>', 'a node starts'],
    ['<path class="bad" stroke-width="3" d="M5 2l12 12m0 -12l-12 12"/>', 'it crashes or stops'],
    ['<path class="warn" d="M11 2l6 6l-6 6l-6 -6z"/>', 'a fault'],
    ['<path class="bad" d="M11 0l8 8l-8 8l-8 -8z"/>', 'a broken promise'],
    ['<circle class="good" cx="11" cy="8" r="4"/>', 'records are durable'],
    ['<circle class="good" fill-opacity="0" stroke-width="1.5" cx="11" cy="8" r="4"/>', 'records of others take effect'],
    ['<path class="ask" d="M1 4l7 4l-7 4z"/><path class="ask" d="M12 5h6v6h-6z"/>', 'a command, its answer'],
    ['<path class="message" d="M5 14L17 2"/>', 'a message'],
    ['<path class="bad" d="M11 14v-8m-3 -3l6 6m0 -6l-6 6"/>', 'a lost message'],
    ['<path class="quiet" d="M11 3v10" stroke-width="2"/>', 'a log line'],
  ] as const
)
  .map(([sign, text]) => `<li><svg viewBox="0 0 22 16" aria-hidden="true">${sign}</svg>${text}</li>`)
  .join('\n')}
</ul>
<p class="hint" id="keys">Wheel or <kbd>+</kbd> <kbd>-</kbd> to zoom, drag or <kbd>←</kbd> <kbd>→</kbd> to move, drag over the ruler to choose a stretch of time, <kbd>0</kbd> for all of it. <kbd>Enter</kbd> chooses an event; then the arrows go from event to event, <kbd>Shift</kbd> with them moves, <kbd>c</kbd> goes to its cause, <kbd>Esc</kbd> lets go.</p></div>`

function invariantsOf({ invariants }: Report): string {
  const rows = invariants.map(
    ({ id, held, detail }) =>
      `<tr class="${held ? 'held' : 'not-held'}"><td class="name"><b>${held ? '✓ held' : '✗ broken'}</b></td><td class="name">${escaped(id)}</td><td>${escaped(detail)}</td></tr>`,
  )
  return card('Invariants', ['', 'promise', ''], rows)
}

function latenciesOf({ latencies }: Report): string {
  const rows = latencies.map(
    latency =>
      `<tr><td class="name">${escaped(latency.command)}</td><td class="number">${latency.count}</td><td class="number">${milliseconds(latency.medianMs)}</td><td class="number">${milliseconds(latency.p99Ms)}</td><td class="number">${milliseconds(latency.maxMs)}</td><td>${barsOf(latency)}</td></tr>`,
  )
  return rows.length === 0 ? '' : card('Latency of answers', ['command', 'answers', 'median', '99 %', 'most', '0.1 ms … 5 s'], rows)
}

function barsOf({ command, histogram }: Latency): string {
  const most = Math.max(1, ...histogram)
  const bars = histogram.map((count, i) => {
    const height = count === 0 ? 0 : Math.max(1.5, (count / most) * 32)
    const upTo = LATENCY_STEPS_MS[i]
    const range = upTo === undefined ? `over ${LATENCY_STEPS_MS.at(-1)} ms` : `up to ${upTo} ms`
    return `<rect x="${i * 12}" y="${(34 - height).toFixed(1)}" width="10" height="${height.toFixed(1)}"><title>${count} ${range}</title></rect>`
  })
  return `<svg class="bars" viewBox="0 0 ${histogram.length * 12} 34" preserveAspectRatio="none" role="img" aria-label="Histogram of ${escaped(command)}">${bars.join('')}</svg>`
}

function milliseconds(ms: number): string {
  return ms >= 1_000 ? `${(ms / 1_000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 2 : 0)} ms`
}

function faultsOf({ faults }: Report): string {
  const rows = faults.map(
    ({ atMs, text }) =>
      `<tr><td class="number">${seconds(atMs)}</td><td>${escaped(text)}</td><td><button data-jump="${atMs}" data-what="${escaped(text)}">Show</button></td></tr>`,
  )
  return rows.length === 0 ? '' : card('Faults', ['time', 'what', ''], rows)
}

function sometimesOf({ sometimes }: Report): string {
  const all = Object.entries(sometimes)
  const rows = all.flatMap(([site, count]) => (count === 0 ? [] : [`<tr><td>${escaped(site)}</td><td class="number">${count}</td></tr>`]))
  const missing = all.length - rows.length
  const others = `<tr><td colspan="2">${missing} ${missing === 1 ? 'other' : 'others'} did not</td></tr>`
  return all.length === 0 ? '' : card('Rare situations that came up', ['what', 'times'], missing === 0 ? rows : [...rows, others])
}

function card(title: string, columns: readonly string[], rows: readonly string[]): string {
  return `<div class="card"><h2>${title}</h2><table><tr>${columns.map(name => `<th>${name}</th>`).join('')}</tr>${rows.join('')}</table></div>`
}
