import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Script } from 'node:vm'
import { type Browser, chromium, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { SHIVIZ_EVENTS_MAX } from '../../base/limits.ts'
import { INVARIANTS, type Violation } from '../../sim/checkers/checker.ts'
import type { Fault } from '../../sim/faults/fault.ts'
import { performFault } from '../../sim/faults/perform.ts'
import { classOf, EVENT_CLASSES, type Happening, type RunEvent } from '../../sim/report/event.ts'
import { renderHtml } from '../../sim/report/html.ts'
import { latenciesOf } from '../../sim/report/latency.ts'
import { LiveLog, liveLine } from '../../sim/report/live.ts'
import { embedded, escaped, plain, shortened } from '../../sim/report/plain-text.ts'
import { Recorder, type Recording } from '../../sim/report/recorder.ts'
import { formatEvents, formatReport, parseEvents, parseReport, type ReportInput, reportOf, type Story } from '../../sim/report/report.ts'
import { renderShiviz } from '../../sim/report/shiviz.ts'
import { renderTimeline } from '../../sim/report/svg.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { History, type Operation } from '../../sim/workload/history.ts'
import { World } from '../../sim/world.ts'
import fc from '../properties.ts'
import { codeOf } from './helpers.ts'

const NAMES: readonly string[] = ['n1', 'n2', 'n3']
/** What an agent may remember to break a page, or to make it lie. */
const HOSTILE = '</script><script>alert(1)</script><!-- &amp; \u2028 \u0000 \u001b[31m \u202egnorw " \' \ud800'

const SCENARIO: Scenario = {
  name: 'split <one> from two',
  about: `n3 is cut off & writes on: ${HOSTILE}`,
  nodes: NAMES.map(name => ({ name, disk: 'ssd', clockOffsetMs: 0, clockDriftPpm: 0, version: 'current', isLate: false })),
  net: {},
  workload: [],
  faults: [],
  durationMs: 8_000,
  expect: { convergeMs: 60_000, falsePositives: null, sometimes: [], forkedLogs: null },
  guard: 'one',
  buggify: [],
  seed: 5,
}

const FAULTS: readonly (readonly [atMs: number, fault: Fault])[] = [
  [1_000, { verb: 'partition', groups: [['n1', 'n2'], ['n3']] }],
  [2_000, { verb: 'crash', node: 'n2', how: 'power', torn: false }],
  [2_500, { verb: 'pause', node: 'n1', forMs: 300 }],
  [3_000, { verb: 'restart', node: 'n2' }],
  [4_000, { verb: 'heal' }],
]

/** Three nodes that write, are cut in two, crash and heal; all that was seen of them. */
function play(limit?: number, violation?: Omit<Violation, 'atMs'>): { readonly recording: Recording; readonly input: ReportInput } {
  const recorder = new Recorder(limit === undefined ? {} : { limit })
  const world = new World({ seed: 5, observers: [recorder] })
  const history = new History()
  recorder.begin(() => world.nowMs)
  recorder.phase('founding')
  world.cluster(NAMES)
  world.run(500)
  recorder.phase('safety')
  for (const [atMs, fault] of FAULTS) world.scheduler.after(atMs * 1000, () => performFault(world, fault))
  for (let i = 0; i < 30; i++) world.scheduler.after(i * 200_000 + 1, () => remember(world, recorder, history, NAMES[i % 3] as string, i))
  world.run(6_500)
  recorder.phase('convergence')
  performFault(world, { verb: 'heal' })
  if (violation !== undefined) recorder.violated({ ...violation, atMs: world.nowMs })
  // A node that was cut off is dialled again within some seconds.
  world.run(15_000)
  const recording = recorder.recording()
  const input: ReportInput = {
    scenario: SCENARIO,
    seed: 5,
    verdict: violation === undefined ? 'valid' : 'invalid',
    virtualMs: world.nowMs,
    events: world.scheduler.executed,
    traceHash: world.trace.hash,
    invariants: INVARIANTS.map(id =>
      violation?.invariant === id
        ? { id, held: false, detail: violation.facts.join('; but '), violation: { ...violation, atMs: world.nowMs - 15_000 } }
        : { id, held: true, detail: 'as promised' },
    ),
    sometimes: new Map([
      ['torn tail cut', 1],
      ['refutation won', 0],
    ]),
    operations: history.operations,
    replay: 'weft sim replay 5 --scenario split.yaml',
    nodeVersion: 'v20.19.0',
    recording,
  }
  return { recording, input }
}

function remember(world: World, recorder: Recorder, history: History, node: string, i: number): void {
  if (world.machine(node).runtime === undefined) return
  const text = i === 4 ? HOSTILE : `memory ${i}`
  const operation = history.begin(world.nowMs, node, 'memory.remember', { text })
  recorder.asked(operation)
  world.askSoon(node, 'memory.remember', { text }, (error, result) => {
    Object.assign(operation, { endMs: world.nowMs, outcome: error === undefined ? 'ok' : 'fail', error, result })
    recorder.answered(operation)
  })
}

const BROKEN: Omit<Violation, 'atMs'> = {
  invariant: 'durability',
  nodes: ['n3'],
  facts: ['n1 promised <record 7>', 'n3 has never heard of it'],
}
const whole = play()
const broken = play(undefined, BROKEN)

function storyOf({ input, recording }: ReturnType<typeof play>): Story {
  return { report: reportOf(input), events: recording.events }
}

// ---- the recorder

t.test('every event is in its place and names what caused it', async t => {
  const { events } = whole.recording
  t.ok(events.length > 500, `${events.length} events`)
  const last = new Map<string, number>()
  for (const [i, { id, atMs, node, cause }] of events.entries()) {
    if (id !== i || atMs < (events[i - 1]?.atMs ?? 0)) t.fail(`event ${i} is out of order`)
    if (cause.some(before => before >= id)) t.fail(`event ${i} has a cause that comes later`)
    const before = node === null ? undefined : last.get(node)
    if (before !== undefined && !cause.includes(before)) t.fail(`event ${i} does not follow the one before it on ${node}`)
    if (node !== null) last.set(node, id)
  }
  const causeOf = ({ cause }: RunEvent, kind: RunEvent['kind']): RunEvent | undefined =>
    cause.map(id => events[id] as RunEvent).find(event => event.kind === kind)
  for (const event of events.filter(({ kind }) => kind === 'receive')) {
    const send = event.cause
      .map(id => events[id] as RunEvent)
      .find(({ kind, node, what }) => kind === 'send' && node === event.fields['from'] && what === event.what)
    if (send?.fields['to'] !== event.node || send?.fields['bytes'] !== event.fields['bytes']) t.fail(`event ${event.id} was never sent`)
  }
  const answers = events.filter(({ kind }) => kind === 'answer')
  t.ok(
    answers.length > 20 && answers.every(event => causeOf(event, 'ask')?.fields['operation'] === event.fields['operation']),
    'answers come from questions',
  )
  const kinds = new Set(events.map(({ kind }) => kind))
  for (const kind of ['boot', 'end', 'fault', 'commit', 'apply', 'send', 'receive', 'lost', 'log', 'ask', 'answer'] as const)
    t.ok(kinds.has(kind), `has ${kind}`)
  t.same(
    whole.recording.phases.map(({ phase }) => phase),
    ['founding', 'safety', 'convergence'],
  )
  const peers = events.flatMap(({ what, fields }) => (what === 'peer.up' ? [fields['peer']] : []))
  t.ok(peers.length > 0 && peers.every(peer => NAMES.includes(String(peer))), 'nodes are called by their names')
})

t.test('the nodes become equal again, and the samples show it', async t => {
  const { samples } = whole.recording
  t.ok(
    samples.some(({ distinct }) => distinct > 1),
    'they were different while they were apart',
  )
  t.equal(samples.at(-1)?.distinct, 1)
  const held = Object.values(samples.at(-1)?.held ?? {})
  t.ok(held.length === 3 && held.every(records => records === held[0] && records > 30), held.join(' '))
})

t.test('what is told of a run is what came up in it', async t => {
  const page = renderHtml(storyOf(whole))
  t.match(page, /<td>torn tail cut<\/td>.*<td colspan="2">1 other did not<\/td>/s)
  t.notMatch(page, '<td>refutation won</td>')
  t.match(renderTimeline(storyOf(whole)), /3 nodes, 5 faults,/, 'what mends everything in the end is none')
})

t.test('the same seed is told in the same words', async t => {
  const again = play()
  t.equal(formatEvents(again.recording.events), formatEvents(whole.recording.events))
  t.equal(renderHtml(storyOf(again)), renderHtml(storyOf(whole)))
  t.equal(renderTimeline(storyOf(again)), renderTimeline(storyOf(whole)))
})

t.test('when there is no room, the least telling goes first and is counted', async t => {
  const count = (events: readonly RunEvent[], name: string): number =>
    events.filter(({ kind, what }) => classOf(kind, what) === name).length
  for (const limit of [400, 60, 10]) {
    const { events, leftOut } = play(limit).recording
    t.ok(events.length <= limit && events.length > limit - 2, `${events.length} of ${limit}`)
    t.equal(
      events.length + Object.values(leftOut).reduce((sum, left) => sum + left, 0),
      whole.recording.events.length,
      'nothing goes uncounted',
    )
    const first = EVENT_CLASSES.findIndex(name => leftOut[name] > 0)
    for (const name of EVENT_CLASSES.slice(first + 1)) t.equal(count(events, name), 0, `no ${name} beside a gap in ${EVENT_CLASSES[first]}`)
    t.ok(
      events.every(({ cause, id }) => cause.every(before => before < id)),
      'and causes still come first',
    )
  }
})

t.test('a recorder that was not begun says so', async t => {
  t.throws(() => new Recorder().onFault({ verb: 'heal' }), { message: 'a recorder is begun before it sees anything' })
})

// ---- the files

t.test('a report says who lived when, who was cut from whom, and what the answers took', async t => {
  const { partitions, spells, lives, operations, faults, nodes, leftOut, convergence, virtualMs } = reportOf(whole.input)
  const startMs = faults[0]?.atMs ?? 0
  t.same(
    faults.map(({ text, node }) => [text, node]),
    [
      ['partition [[n1,n2],[n3]]', null],
      ['crash n2', 'n2'],
      ['pause n1 { for: 300ms }', 'n1'],
      ['restart n2', 'n2'],
      ['heal', null],
    ],
  )
  t.same(
    partitions.map(({ groups, fromMs, toMs }) => [groups, toMs - fromMs]),
    [[[['n1', 'n2'], ['n3']], 3_000]],
  )
  t.same(
    spells.map(({ node, what, fromMs, toMs }) => [node, what, Math.round(toMs - fromMs)]),
    [['n1', 'pause', 300]],
  )
  const livesOf = (name: string): unknown =>
    lives.flatMap(({ node, end, fromMs, toMs }) => (node === name ? [[end, fromMs < startMs, Math.round(toMs - startMs)]] : []))
  const endMs = Math.round(virtualMs - startMs)
  t.same(livesOf('n1'), [[null, true, endMs]])
  t.same(livesOf('n2'), [
    ['power', true, 1_000],
    [null, false, endMs],
  ])
  t.same(livesOf('n3'), [[null, true, endMs]])
  t.same(
    nodes.map(({ name }) => name),
    NAMES,
  )
  t.equal(operations.total, operations.ok + operations.fail + operations.unknown)
  t.equal(leftOut.heartbeat, 0)
  t.equal(convergence.at(-1)?.distinct, 1)
})

t.test('latency is counted per command, in steps', async t => {
  const operation = (command: Operation['command'], ms: number | null): Operation => ({
    id: 0,
    node: 'n1',
    command,
    input: {},
    message: undefined,
    atMs: 100,
    endMs: ms === null ? null : 100 + ms,
    outcome: 'ok',
    result: undefined,
    error: undefined,
  })
  const found = latenciesOf(
    [4, 0, 0.25, 10_000].map(ms => operation('memory.recall', ms)).concat(operation('memory.forget', null), operation('memory.link', 1)),
  )
  t.same(found, [
    { command: 'memory.link', count: 1, medianMs: 1, p99Ms: 1, maxMs: 1, histogram: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
    {
      command: 'memory.recall',
      count: 4,
      medianMs: 0.25,
      p99Ms: 10_000,
      maxMs: 10_000,
      histogram: [1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    },
  ])
})

t.test('what was written can be read again, and what was not is refused by name', async t => {
  for (const run of [whole, broken]) {
    const report = reportOf(run.input)
    t.strictSame(parseReport(formatReport(report)), report)
    t.strictSame(parseEvents(formatEvents(run.recording.events)), run.recording.events)
  }
  const report = reportOf(broken.input)
  const wrong: readonly (readonly [file: unknown, message: string])[] = [
    [[], 'report.json: the file: expected an object, got []'],
    [{}, 'report.json: version: expected one of 1, got nothing'],
    [{ ...report, verdict: 'fine' }, 'report.json: verdict: expected one of valid, invalid, unknown, got "fine"'],
    [{ ...report, seed: null }, 'report.json: seed: expected a number, got null'],
    [{ ...report, nodes: [{ name: 1 }] }, 'report.json: nodes[0].name: expected a string, got 1'],
    [{ ...report, leftOut: { ...report.leftOut, log: '4' } }, 'report.json: leftOut.log: expected a number, got "4"'],
    [
      { ...report, invariants: [{ id: 'chain', held: false, detail: '', violation: { atMs: 1, nodes: [], facts: ['one'] } }] },
      'report.json: invariants[0].violation.facts: expected two texts, got 1',
    ],
  ]
  for (const [file, message] of wrong) t.throws(() => parseReport(JSON.stringify(file)), { code: 'report_invalid', message })
  t.throws(() => parseReport('{'), { code: 'report_invalid' })
  t.throws(() => parseReport(JSON.stringify({ ...report, version: 2 })), { code: 'report_invalid', next: /^upgrade weftmesh/ })
  t.strictSame(parseReport(JSON.stringify({ ...report, later: true })), report, 'fields of a later version are let be')

  const line = (event: object): string =>
    `${JSON.stringify({ id: 0, atMs: 0, node: 'n1', kind: 'boot', what: 'boot', fields: {}, cause: [], ...event })}\n`
  t.strictSame(parseEvents(''), [])
  const lines: readonly (readonly [text: string, message: string])[] = [
    [line({}) + line({ id: 2 }), 'events.jsonl, line 2: an event is numbered by its line, and its causes come before it'],
    [line({ cause: [0] }), 'events.jsonl, line 1: an event is numbered by its line, and its causes come before it'],
    [line({}) + line({ id: 1, cause: [0, 0] }), 'events.jsonl, line 2: an event is numbered by its line, and its causes come before it'],
    [
      line({ kind: 'party' }),
      `events.jsonl, line 1: kind: expected one of boot, end, fault, commit, apply, send, receive, lost, log, ask, answer, violation, got "party"`,
    ],
    [line({ fields: { to: [] } }), 'events.jsonl, line 1: fields.to: expected a string, got []'],
  ]
  for (const [text, message] of lines) t.throws(() => parseEvents(text), { code: 'report_invalid', message })
  t.equal(
    codeOf(() => parseEvents('nonsense')),
    'report_invalid',
  )
})

// ---- texts of others

t.test('no text can hide, break out, or turn its neighbours round', async t => {
  t.equal(plain('a\nb\u202ec\u0000\u2028\ud800é猫🐈'), 'a\\u000ab\\u202ec\\u0000\\u2028\\ud800é猫🐈')
  t.equal(escaped('<a href="x">\'&'), '&#60;a href=&#34;x&#34;&#62;&#39;&#38;')
  t.equal(shortened('ab🐈cd', 4), 'ab…')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const json = embedded({ text })
      return JSON.parse(json).text === text && !/[<>&\u2028\u2029]/.test(json) && !/[<>"'\p{Cc}\p{Cf}]/u.test(escaped(text))
    }),
  )
})

t.test('the page is one file that reaches for nothing, whatever was remembered', async t => {
  const story = storyOf(broken)
  t.ok(JSON.stringify(story.events).includes('</script>'), 'the hostile text is among the events')
  const html = renderHtml(story)
  t.same(
    html.match(/<script\b[^>]*>/g)?.map(tag => tag.replace(/"[0-9a-f]{32}"/, '"…"')),
    ['<script type="application/json" id="data">', '<script nonce="…">'],
  )
  t.equal(html.match(/<\/script/g)?.length, 2, 'and each ends once')
  t.notMatch(html.replaceAll('http://www.w3.org/2000/svg', ''), /https?:|\ssrc=|<link|@import|url\(|\son[a-z]+="/, 'no address, no handler')
  t.notMatch(html, /[\u2028\u2029\u202e\0]/)
  const data = /<script type="application\/json" id="data">(.*)<\/script>/.exec(html)?.[1] ?? ''
  t.strictSame(JSON.parse(data), JSON.parse(JSON.stringify(story)), 'the data are whole')
  const nonce = /script-src 'nonce-([0-9a-f]{32})'/.exec(html)?.[1]
  t.equal(html.split(`nonce="${nonce}"`).length - 1, 2, 'the one style and the one script are allowed')
  const script = /<script nonce="[0-9a-f]+">([\s\S]*?)<\/script>/.exec(html)?.[1] ?? ''
  t.doesNotThrow(() => new Script(script), 'the script is one')
  t.match(html, '<span class="verdict">✗ INVALID</span>')
  t.match(html, '<blockquote>n1 promised &#60;record 7&#62;</blockquote><b>but</b><blockquote>n3 has never heard of it</blockquote>')
})

t.test('the still picture is well-formed and says who was cut from whom', async t => {
  for (const run of [whole, broken]) {
    const svg = renderTimeline(storyOf(run))
    const open: string[] = []
    for (const [, end, tag, empty] of svg.matchAll(/<(\/?)([a-z]+)(?:\s+[a-zA-Z-]+="[^"<]*")*\s*(\/?)>/g)) {
      if (end === '/') t.equal(open.pop(), tag)
      else if (empty !== '/') open.push(tag as string)
    }
    t.same(open, [], 'every tag is closed')
    t.equal(svg.replace(/<(\/?)([a-z]+)(?:\s+[a-zA-Z-]+="[^"<]*")*\s*(\/?)>/g, '').includes('<'), false, 'and there is nothing else')
    t.match(svg, 'split &#60;one&#62; from two')
    t.match(svg, '✂ n1 n2 | n3')
    t.notMatch(svg, /NaN|undefined|<script|<style/)
  }
  t.match(renderTimeline(storyOf(broken)), '✗ durability')
})

// ---- ShiViz

/** By the rules that ShiViz documents: pairs of lines, an own entry that goes up by one from 1, nothing seen before it happened, and nothing forgotten. */
function readShiviz(log: string): readonly { readonly host: string; readonly clock: Readonly<Record<string, number>> }[] {
  const lines = log.trimEnd().split('\n')
  const events = lines.flatMap((line, i) => {
    if (i % 2 === 0) return []
    const [, host, json] = /^(\S+) (\{.*\})$/.exec(line) ?? []
    if (host === undefined || json === undefined) throw new Error(`line ${i + 1} is not a host and a clock`)
    return [{ host, clock: JSON.parse(json) as Record<string, number> }]
  })
  if (lines.length !== events.length * 2) throw new Error('an event without a clock')
  const last = new Map<string, Readonly<Record<string, number>>>()
  const happened = new Map<string, Readonly<Record<string, number>>>()
  for (const { host, clock } of events) {
    const before = last.get(host) ?? {}
    if (clock[host] !== (before[host] ?? 0) + 1) throw new Error(`${host} must go up by one`)
    for (const [other, time] of Object.entries(before)) if ((clock[other] ?? 0) < time) throw new Error(`${host} forgot ${other}`)
    for (const [other, time] of Object.entries(clock)) {
      const seen = other === host ? before : happened.get(`${other} ${time}`)
      if (seen === undefined) throw new Error(`${host} saw ${other} ${time} before it happened`)
      for (const [third, known] of Object.entries(seen))
        if ((clock[third] ?? 0) < known) throw new Error(`${host} saw ${other}, and not what it saw of ${third}`)
    }
    last.set(host, clock)
    happened.set(`${host} ${clock[host]}`, clock)
  }
  return events
}

t.test('ShiViz can read it: whole where it fits, the most telling part where it does not', async t => {
  const { events } = whole.recording
  const placed = events.filter(({ node }) => node !== null)
  t.ok(placed.length <= SHIVIZ_EVENTS_MAX)
  t.equal(readShiviz(renderShiviz(events)).length, placed.length)
  const long = play().recording.events
  const many: RunEvent[] = []
  for (let round = 0; many.length <= 3 * SHIVIZ_EVENTS_MAX; round++) {
    const from = many.length
    many.push(...long.map(event => ({ ...event, id: event.id + from, cause: event.cause.map(id => id + from) })))
    // Each round goes on where the one before ended.
    for (const name of NAMES) {
      const first = many.findIndex(({ id, node }) => id >= from && node === name)
      const before = many.findLastIndex(({ id, node }) => id < from && node === name)
      const event = many[first] as RunEvent
      if (before >= 0) many[first] = { ...event, cause: [before, ...event.cause] }
    }
  }
  const log = renderShiviz(many)
  t.equal(readShiviz(log).length, SHIVIZ_EVENTS_MAX)
  t.notMatch(log, 'peer.ping')
  t.equal(log.match(/^\S+ boot /gm)?.length, many.filter(({ kind }) => kind === 'boot').length, 'no life is left out')
  t.throws(() => readShiviz('a\nn1 {"n1":1}\nb\nn1 {"n1":3}\n'), { message: 'n1 must go up by one' })
  t.throws(() => readShiviz('a\nn1 {"n1":1,"n2":1}\n'), { message: 'n1 saw n2 1 before it happened' })
})

// ---- while it runs

t.test('a run is told as it goes, a line for each transition', async t => {
  const at = (atMs: number, node: string | null, kind: Happening['kind'], what: string, fields: Happening['fields'] = {}): Happening => ({
    atMs,
    node,
    kind,
    what,
    fields,
  })
  const happenings: readonly Happening[] = [
    at(0, 'n1', 'boot', 'boot'),
    at(1, 'n2', 'boot', 'boot'),
    at(2, 'n1', 'send', 'peer.ping', { to: 'n2', bytes: 7 }),
    at(900, 'n1', 'log', 'peer.up', { level: 'info', peer: 'n2' }),
    at(1_000, 'n1', 'commit', 'own records', { own: 2, others: 0 }),
    at(1_001, 'n2', 'commit', 'records of others', { own: 0, others: 2 }),
    at(1_500, 'n1', 'commit', 'own records', { own: 1, others: 0 }),
    at(2_100, null, 'fault', 'partition [[n1],[n2]]'),
    at(2_200, 'n2', 'fault', 'crash n2'),
    at(2_200, 'n2', 'end', 'power'),
    at(2_300, 'n1', 'log', 'process.exit', { level: 'info', pid: 4 }),
    at(2_400, 'n1', 'log', 'chain.conflict', { level: 'error', log: 'ab', seq: 3 }),
    at(61_000, null, 'violation', 'chain', { fact: 'one\n', other: 'two' }),
  ]
  const live = new LiveLog({ nodes: ['n1', 'n2'] })
  t.same(
    happenings.flatMap(event => live.lines(event)),
    [
      '     0.000   ▲      n1 started',
      '     0.001   ·  ▲   n2 started',
      '     0.900   +  ·   n1 peer.up peer=n2',
      '     2.000   ●  ·   n1 wrote 3 records in 2 commits',
      '     2.100   !  !   partition [[n1],[n2]]',
      '     2.200   ·  !   crash n2',
      '     2.200   ·  ×   n2 crashed (power)',
      '     2.400   #      n1 chain.conflict log=ab seq=3',
      '    61.000   ✗  ✗   VIOLATION of chain: one\\u000a; but two',
    ],
  )
  const coloured = new LiveLog({ nodes: ['n1'], paint: (colour, sign) => `<${colour} ${sign}>` })
  t.same(coloured.lines(at(0, 'n1', 'boot', 'boot')), ['     0.000   <green ▲>   n1 started'])
  const many = new LiveLog({ nodes: Array.from({ length: 100 }, (_, i) => `n${i}`) })
  t.same(many.lines(at(5, 'n77', 'boot', 'boot')), ['     0.005   ▲   n77 started'])
  t.equal(liveLine(at(1, 'n1', 'ask', 'memory.recall')), undefined)
})

// ---- in a browser

const CHROMIUM = process.env['WEFT_CHROMIUM'] ?? '/usr/bin/chromium'

const isMissing = existsSync(CHROMIUM) ? false : `no chromium at ${CHROMIUM}: set WEFT_CHROMIUM to have the report tried in a browser`

t.test('the page shows the partition, and the causal past of what is clicked', { skip: isMissing }, async t => {
  const dir = t.testdir({})
  const file = join(dir, 'report.html')
  const story = storyOf(broken)
  writeFileSync(file, renderHtml(story))
  // A container runs as root, where the sandbox cannot; the page is our own.
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  t.teardown(() => browser.close())
  for (const theme of ['light', 'dark'] as const) await t.test(theme, t => tryPage(t, browser, file, theme, story))
  await t.test('and is readable on a telephone', async t => {
    const page = await browser.newPage({ viewport: { width: 400, height: 800 } })
    await page.goto(`file://${file}`)
    await page.waitForSelector('html[data-ready]')
    t.equal(await page.evaluate('document.documentElement.scrollWidth'), 400, 'nothing sticks out')
  })
  await t.test('and without a script', async t => {
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(`file://${file}`)
    t.ok(await page.isVisible('#still svg'), 'the still picture is there')
    t.notOk(await page.isVisible('#timeline'))
    t.ok(await page.isVisible('.broken'), 'and what was broken')
  })
})

/** What a pixel of the picture can be, by the names of the style. */
type Colour = 'past' | 'future' | 'tint0' | 'tint1'

async function tryPage(t: Test, browser: Browser, file: string, theme: 'light' | 'dark', { report, events }: Story): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 }, colorScheme: theme })
  page.setDefaultTimeout(5_000)
  const complaints: string[] = []
  page.on('pageerror', error => complaints.push(error.message))
  page.on('console', message => complaints.push(message.text()))
  page.on('request', request => request.url().startsWith('file:') || complaints.push(request.url()))
  await page.goto(`file://${file}`)
  await page.waitForSelector('html[data-ready]')
  const colours = await page.evaluate<Readonly<Record<Colour, readonly number[]>>>(COLOURS)
  const before = await count(page, TIMELINE, colours)
  t.ok(before.tint0 > 5_000 && before.tint1 > 2_000, `both sides of the partition are shaded: ${before.tint0}, ${before.tint1} pixels`)
  t.equal(before.past, 0, 'nothing is highlighted')
  t.equal(await page.innerText('.verdict'), '✗ INVALID')

  // A click on the lane of n1, at the last thing that was written there before the partition.
  const cut = report.partitions[0]?.fromMs ?? 0
  const write = events.findLast(
    ({ kind, node, atMs, fields }) => kind === 'commit' && node === 'n1' && atMs < cut && fields['own'] !== 0,
  ) as RunEvent
  await page.fill('#from', String((write.atMs - 2) / 1000))
  await page.fill('#to', String((write.atMs + 2) / 1000))
  await page.press('#to', 'Enter')
  const place = await page.locator('#timeline').boundingBox()
  const middle = { x: 88 + ((place?.width ?? 0) - 100) / 2, y: 46 + 29 }
  await page.click('#timeline', { position: middle })
  t.match(await page.innerText('#panel h2'), 'commit: own records')
  const past = pastOf(events, write.id)
  t.match(await page.innerText('.cones'), `${past} events in its causal past, `)
  t.match(await page.innerText('#panel ol li:first-child'), 'n1 answer memory.remember')

  await page.click('#whole')
  await page.waitForTimeout(50)
  const after = await count(page, TIMELINE, colours)
  t.ok(after.past > 500 && after.future > 500, `the past and the future are highlighted: ${after.past}, ${after.future} pixels`)
  const screenshot = await page.screenshot({ path: join(file, '..', `${theme}.png`) })
  const blank = await browser.newPage()
  const image = `fetch('data:image/png;base64,${screenshot.toString('base64')}').then(answer => answer.blob()).then(createImageBitmap)`
  const seen = await count(blank, image, colours)
  t.ok(seen.past > 500 && seen.future > 500, `and can be seen: ${seen.past}, ${seen.future} pixels`)
  t.ok(readFileSync(join(file, '..', `${theme}.png`)).length > 20_000)

  await page.focus('#timeline')
  await page.keyboard.press('ArrowRight')
  t.equal(await page.innerText('#panel dl dd >> nth=1'), 'n1', 'an arrow goes on to the next event of the node')
  await page.keyboard.press('Escape')
  await page.waitForTimeout(50)
  t.equal((await count(page, TIMELINE, colours)).past, 0, 'and Escape lets go')
  await page.fill('#search', 'alert(1)')
  t.match(await page.innerText('#count'), /^[12] of /, 'the hostile text is found, as text')
  await page.fill('#search', '')
  await page.click('.broken [data-jump]')
  t.match(await page.innerText('#panel h2'), 'violation: durability')
  t.same(complaints, [], 'nothing was loaded, nothing was thrown, nothing was against the policy')
  await page.close()
  await blank.close()
}

/** How many events are in the causal past of one, by another way than the page's. */
function pastOf(events: readonly RunEvent[], id: number): number {
  const past = new Set(events[id]?.cause)
  for (let at = id - 1; at >= 0; at--) if (past.has(at)) for (const cause of events[at]?.cause ?? []) past.add(cause)
  return past.size
}

const TIMELINE = `document.getElementById('timeline')`

const COLOURS = `Object.fromEntries(['past', 'future', 'tint0', 'tint1'].map(name => {
  const hex = getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()
  return [name, [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16))]
}))`

/** Pixels of each colour in a picture. @param image an expression that promises something that can be drawn */
async function count(
  page: Page,
  image: string,
  colours: Readonly<Record<Colour, readonly number[]>>,
): Promise<Readonly<Record<Colour, number>>> {
  return page.evaluate<Readonly<Record<Colour, number>>>(`(async () => {
    const image = await (${image})
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height })
    const context = canvas.getContext('2d')
    context.drawImage(image, 0, 0)
    const { data } = context.getImageData(0, 0, image.width, image.height)
    const counts = {}
    for (const [name, [r, g, b]] of Object.entries(${JSON.stringify(colours)})) {
      counts[name] = 0
      for (let i = 0; i < data.length; i += 4) if (data[i] === r && data[i + 1] === g && data[i + 2] === b) counts[name]++
    }
    return counts
  })()`)
}
