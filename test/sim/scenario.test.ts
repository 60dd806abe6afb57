import { deepEqual } from 'node:assert'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { BUGGIFY_SITES } from '../../base/buggify.ts'
import { WeftError } from '../../base/errors.ts'
import { loadScenario } from '../../cli/sim/load-scenario.ts'
import { HOSTILE_BEHAVIOURS } from '../../sim/byzantine/behaviours.ts'
import type { Fault, Way, WireQuality } from '../../sim/faults/fault.ts'
import { catalogue, loadShipped, shippedNames } from '../../sim/scenario/catalogue.ts'
import { contradictionsOf } from '../../sim/scenario/check.ts'
import { defineScenario } from '../../sim/scenario/define.ts'
import { FAULT_WORDS, formatFault, nodesOf, parseFault } from '../../sim/scenario/fault-text.ts'
import { BANDWIDTH, DRIFT, DURATION, type Quantity, RATE, SHARE, SIZE, STEP } from '../../sim/scenario/quantities.ts'
import type { NodeSpec, Scenario, Work } from '../../sim/scenario/scenario.ts'
import { formatScenario, parseScenario } from '../../sim/scenario/yaml.ts'
import { SOMETIMES } from '../../sim/sometimes.ts'
import { projectRoot } from '../fixtures.ts'
import fc from '../properties.ts'

// ---- arbitrary parts of scenarios

const ms: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 7_200_000_000 }).map(us => us / 1000),
  fc.constantFrom(0, 0.5, 1, 250, 1_000, 1_500, 60_000, 90_000, 3_600_000),
)
const share: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 0.01, 0.05, 0.07, 0.2, 1),
  fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs),
)
const bytes: fc.Arbitrary<number> = fc.oneof(fc.constantFrom(0, 512, 1024, 65_536, 1_048_576), fc.nat(2 ** 31))
const rate: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(5, 0.5, 1 / 3, 1 / 60, 1 / 3600, 0.1, 12.5),
  fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
)
const node: fc.Arbitrary<string> = fc.oneof(
  fc.integer({ min: 1, max: 9 }).map(i => `n${i}`),
  fc.constantFrom('ada', 'web-1', 'db_2', 'net', 'heal', 'n-1'),
)
const nodes: fc.Arbitrary<string[]> = fc.uniqueArray(node, { maxLength: 4 })
const groups: fc.Arbitrary<string[][]> = fc.array(nodes, { maxLength: 3 })
const way: fc.Arbitrary<Way> = fc.record({ from: node, to: node, both: fc.boolean() })
const quality: fc.Arbitrary<WireQuality> = fc.record(
  {
    delayMinMs: ms,
    delayMeanMs: ms,
    loss: share,
    duplicates: share,
    bytesPerSecond: bytes.filter(count => count > 0),
    queueBytes: bytes,
  },
  { requiredKeys: [] },
)
const behaviours: fc.Arbitrary<string[]> = fc.subarray(HOSTILE_BEHAVIOURS.map(({ name }) => name))

const of = <V extends Fault['verb'], T>(verb: V, parts: { readonly [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<{ verb: V } & T> =>
  fc.record({ verb: fc.constant(verb), ...parts }) as fc.Arbitrary<{ verb: V } & T>

/** One arbitrary for each verb: a verb without one is a compile error. */
const FAULTS: { readonly [V in Fault['verb']]: fc.Arbitrary<Extract<Fault, { verb: V }>> } = {
  partition: of('partition', { groups }),
  cut: of('cut', { way }),
  restore: of('restore', { way }),
  isolate: of('isolate', { node }),
  bridge: of('bridge', { node, groups }),
  ring: of('ring', { nodes }),
  flap: of('flap', { way, everyMs: ms, forMs: ms }),
  clog: of('clog', { way, forMs: ms }),
  swizzle: of('swizzle', { nodes, forMs: ms }),
  net: of('net', { way: fc.option(way), quality }),
  block: of('block', { message: fc.constantFrom('sync.run', 'sync', 'ipc.call'), way: fc.option(way) }),
  heal: fc.constant({ verb: 'heal' }),
  crash: of('crash', { node, how: fc.constantFrom('power', 'process'), torn: fc.boolean() }),
  restart: of('restart', { node }),
  stop: of('stop', { node }),
  kill: of('kill', { node }),
  pause: of('pause', { node, forMs: ms }),
  slow: of('slow', { node, factor: fc.double({ min: 1e-3, max: 1000, noNaN: true }), forMs: ms }),
  mute: of('mute', { node, forMs: ms }),
  join: of('join', { node, by: node }),
  retire: of('retire', { node }),
  revoke: of('revoke', { node }),
  upgrade: of('upgrade', { node }),
  'disk-sync-fails': of('disk-sync-fails', { node }),
  'disk-full': of('disk-full', { node, bytes }),
  'disk-slow': of('disk-slow', { node, latencyMs: ms, forMs: ms }),
  'disk-rot': of('disk-rot', { node }),
  'disk-ok': of('disk-ok', { node }),
  backup: of('backup', { node }),
  'restore-backup': of('restore-backup', { node }),
  reformat: of('reformat', { node }),
  'clock-step': of('clock-step', { node, stepMs: fc.tuple(ms, fc.boolean()).map(([step, isBack]) => (isBack ? 0 - step : step)) }),
  'clock-drift': of('clock-drift', { node, driftPpm: fc.double({ min: -1e6, max: 1e6, noNaN: true }).map(ppm => ppm + 0) }),
  'clock-freeze': of('clock-freeze', { node, forMs: ms }),
  turn: of('turn', { node, behaviours }),
  twin: of('twin', { node, beside: nodes }),
}
const fault: fc.Arbitrary<Fault> = fc.oneof(...(Object.values(FAULTS) as fc.Arbitrary<Fault>[]))

const spec = (name: string): fc.Arbitrary<NodeSpec> =>
  fc.record({
    name: fc.constant(name),
    disk: fc.constantFrom('ssd', 'hdd', 'slow'),
    clockOffsetMs: fc.oneof(
      fc.constant(0),
      ms,
      ms.map(step => 0 - step),
    ),
    clockDriftPpm: fc.constantFrom(0, 500, -200, 0.5),
    version: fc.constantFrom('current', 'previous'),
    isLate: fc.constant(false),
  })
const space: fc.Arbitrary<string> = fc.constantFrom('vault', 'true', '007', 'a.b_c-d')
const work: fc.Arbitrary<Work> = fc.oneof(
  fc.record(
    { work: fc.constant('remember' as const), perSecond: rate, keys: fc.nat(100), space },
    { requiredKeys: ['work', 'perSecond', 'keys'] },
  ),
  fc.record(
    { work: fc.constantFrom('link', 'supersede', 'forget', 'recall'), perSecond: rate, space },
    { requiredKeys: ['work', 'perSecond'] },
  ),
  fc.record({ work: fc.constant('roles' as const), perSecond: rate, space }),
  fc.record({ work: fc.constant('process' as const), perSecond: rate }),
  fc.record({ work: fc.constant('message' as const), mode: fc.constantFrom('send', 'call', 'at-least-once'), perSecond: rate }),
)
const scenario: fc.Arbitrary<Scenario> = fc
  .record({
    name: fc.string(),
    about: fc.string({ unit: 'grapheme' }),
    nodes: fc.oneof(
      fc.integer({ min: 1, max: 9 }).map(count => Array.from({ length: count }, (_, i) => plain(`n${i + 1}`))),
      fc.uniqueArray(node, { minLength: 1, maxLength: 6 }).chain(names => fc.tuple(...names.map(spec))),
    ),
    net: quality,
    workload: fc.array(work, { maxLength: 4 }),
    times: fc.array(fc.record({ atMs: fc.oneof(fc.constantFrom(5_000, 10_000), ms), fault }), { maxLength: 8 }),
    afterMs: ms,
    expect: fc.record({
      convergeMs: ms,
      falsePositives: fc.option(fc.nat(9)),
      sometimes: fc.subarray(Object.keys(SOMETIMES)),
      forkedLogs: fc.option(fc.nat(3)),
    }),
    guard: fc.constantFrom('one', 'majority'),
    buggify: fc.subarray(Object.keys(BUGGIFY_SITES)),
    seed: fc.nat(),
  })
  .map(({ times, afterMs, ...rest }) => ({
    ...rest,
    faults: times.sort((a, b) => a.atMs - b.atMs),
    durationMs: Math.round((Math.max(0, ...times.map(({ atMs }) => atMs)) + afterMs) * 1000) / 1000,
  }))
  .filter(made => contradictionsOf(made).length === 0)

function plain(name: string): NodeSpec {
  return { name, disk: 'ssd', clockOffsetMs: 0, clockDriftPpm: 0, version: 'current', isLate: false }
}

// ---- quantities and faults

t.test('quantities mean what they say, and what is none is refused', async t => {
  const rows: readonly (readonly [Quantity, string, number | undefined])[] = [
    [DURATION, '20ms', 20],
    [DURATION, '500us', 0.5],
    [DURATION, '1.5s', 1_500],
    [DURATION, '1m30s', 90_000],
    [DURATION, '2h', 7_200_000],
    [DURATION, '10', undefined],
    [DURATION, '-1s', undefined],
    [DURATION, '1d', undefined],
    [DURATION, '', undefined],
    [STEP, '+1h', 3_600_000],
    [STEP, '-200ms', -200],
    [STEP, '+-1h', undefined],
    [RATE, '5/s', 5],
    [RATE, '30/m', 0.5],
    [RATE, '36/h', 0.01],
    [RATE, '0/s', undefined],
    [RATE, '5', undefined],
    [SHARE, '5%', 0.05],
    [SHARE, '0.05', 0.05],
    [SHARE, '100%', 1],
    [SHARE, '101%', undefined],
    [SHARE, '5', undefined],
    [SIZE, '512B', 512],
    [SIZE, '64KiB', 65_536],
    [SIZE, '1.5MiB', 1_572_864],
    [SIZE, '64kb', undefined],
    [BANDWIDTH, '64KiB/s', 65_536],
    [BANDWIDTH, '0B/s', undefined],
    [DRIFT, '500ppm', 500],
    [DRIFT, '-0.5ppm', -0.5],
    [DRIFT, '500', undefined],
  ]
  for (const [quantity, text, value] of rows) t.equal(quantity.parse(text), value, text)
})

t.test('every fault is written as a text that reads back as the same fault', async t => {
  for (const [verb, arbitrary] of Object.entries(FAULTS)) {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<Fault>, fault => {
        const reading = parseFault(formatFault(fault))
        t.same(reading, { ok: true, value: fault }, `${verb}: ${formatFault(fault)}`)
        return reading.ok
      }),
      { numRuns: 60 },
    )
  }
})

t.test('faults are written tersely, with sensible defaults', async t => {
  const rows: readonly (readonly [text: string, fault: Fault, written?: string])[] = [
    [
      'partition [[n1,n2,n3],[n4,n5]]',
      {
        verb: 'partition',
        groups: [
          ['n1', 'n2', 'n3'],
          ['n4', 'n5'],
        ],
      },
    ],
    [
      'partition [ [n1..n3], [n4, n5] ]',
      {
        verb: 'partition',
        groups: [
          ['n1', 'n2', 'n3'],
          ['n4', 'n5'],
        ],
      },
      'partition [[n1,n2,n3],[n4,n5]]',
    ],
    ['cut n4 -> n5', { verb: 'cut', way: { from: 'n4', to: 'n5', both: false } }],
    ['cut n4--n5', { verb: 'cut', way: { from: 'n4', to: 'n5', both: true } }, 'cut n4 -- n5'],
    ['restore n4 -> n5', { verb: 'restore', way: { from: 'n4', to: 'n5', both: false } }],
    ['restore n2 { from: backup }', { verb: 'restore-backup', node: 'n2' }],
    ['isolate n3', { verb: 'isolate', node: 'n3' }],
    [
      'bridge n3 [[n1,n2],[n4,n5]]',
      {
        verb: 'bridge',
        node: 'n3',
        groups: [
          ['n1', 'n2'],
          ['n4', 'n5'],
        ],
      },
    ],
    ['ring [n1,n2,n3]', { verb: 'ring', nodes: ['n1', 'n2', 'n3'] }],
    ['flap n1 -- n2 { every: 2s, for: 20s }', { verb: 'flap', way: { from: 'n1', to: 'n2', both: true }, everyMs: 2_000, forMs: 20_000 }],
    ['net { delay: exp(2ms,20ms), loss: 5% }', { verb: 'net', way: null, quality: { delayMinMs: 2, delayMeanMs: 20, loss: 0.05 } }],
    [
      'net n1 -> n2 { delay: 7ms, bandwidth: 64KiB/s }',
      { verb: 'net', way: { from: 'n1', to: 'n2', both: false }, quality: { delayMinMs: 7, delayMeanMs: 0, bytesPerSecond: 65_536 } },
    ],
    ['block sync.run n1 -> n2', { verb: 'block', message: 'sync.run', way: { from: 'n1', to: 'n2', both: false } }],
    ['block sync', { verb: 'block', message: 'sync', way: null }],
    ['crash n2', { verb: 'crash', node: 'n2', how: 'power', torn: false }],
    ['crash n2 { how: process }', { verb: 'crash', node: 'n2', how: 'process', torn: false }],
    ['crash n2 { torn: true }', { verb: 'crash', node: 'n2', how: 'power', torn: true }],
    ['slow n3 { factor: 20, for: 10s }', { verb: 'slow', node: 'n3', factor: 20, forMs: 10_000 }],
    ['join n6', { verb: 'join', node: 'n6', by: 'n1' }, 'join n6 { by: n1 }'],
    ['disk n2 { full: 64KiB }', { verb: 'disk-full', node: 'n2', bytes: 65_536 }],
    ['disk n2 { latency: 50ms, for: 10s }', { verb: 'disk-slow', node: 'n2', latencyMs: 50, forMs: 10_000 }],
    ['disk n2 { sync: fails }', { verb: 'disk-sync-fails', node: 'n2' }],
    ['clock n2 { step: -1h }', { verb: 'clock-step', node: 'n2', stepMs: -3_600_000 }],
    ['clock n2 { freeze: 10s }', { verb: 'clock-freeze', node: 'n2', forMs: 10_000 }],
    [
      'turn n5 { do: [forge, slow-loris] }',
      { verb: 'turn', node: 'n5', behaviours: ['forge', 'slow-loris'] },
      'turn n5 { do: [forge,slow-loris] }',
    ],
    ['twin n3 { beside: [n4..n5] }', { verb: 'twin', node: 'n3', beside: ['n4', 'n5'] }, 'twin n3 { beside: [n4,n5] }'],
    ['  heal  ', { verb: 'heal' }, 'heal'],
  ]
  for (const [text, fault, written] of rows) {
    t.same(parseFault(text), { ok: true, value: fault }, text)
    t.equal(formatFault(fault), written ?? text)
  }
})

t.test('a fault that cannot be read says what is wrong, where, and what is allowed', async t => {
  const rows: readonly (readonly [text: string, at: number, message: string | RegExp])[] = [
    ['', 0, /^expected a fault: partition, cut, .*twin, got the end$/],
    ['crsh n2', 0, /^a fault is one of .*, not crsh; did you mean crash\?$/],
    ['crash', 5, 'expected the name of a node, got the end'],
    ['crash n2 { tron: true }', 11, 'an option of crash is one of how, torn, not tron; did you mean torn?'],
    ['crash n2 { torn: true, torn: true }', 23, 'torn stands there twice'],
    ['crash n2 { torn: yes }', 17, 'yes or no is one of true, false, not yes'],
    ['crash n2 now', 9, 'nothing more was expected, but there is "now"'],
    ['pause n2', 8, 'pause needs for: pause ... { for: ... }'],
    ['pause n2 { for: 5 }', 16, 'expected a duration like 20ms, 10s, 1m30s or 1h, got 5'],
    ['partition [[n1],[n2]', 20, 'expected , or ], got the end'],
    ['partition n1', 10, 'expected groups of nodes like [[n1,n2],[n3]], got "n1"'],
    ['cut n1 n2', 7, 'expected -> (one way) or -- (both ways), got "n2"'],
    ['ring [n4..n1]', 6, 'a range is like n1..n4, not n4..n1'],
    ['ring [n1..n5000]', 6, '5000 nodes are more than the 1000 that there can be'],
    ['net { loss: 120% }', 12, 'expected a share like 5% or 0.05, from 0 to 1, got 120%'],
    ['disk n2 { full: 1KiB, rot: true }', 8, /^a disk fault is one of /],
    ['disk n2 { latency: 50ms }', 8, /^latency and for belong together/],
    ['clock n2', 8, /^a clock fault is one of /],
    ['restore n2 { from: bakcup }', 19, 'what to restore from is one of backup, not bakcup; did you mean backup?'],
  ]
  for (const [text, at, message] of rows) {
    const reading = parseFault(text)
    const error = reading.ok ? { at: -1, message: 'it was read' } : reading.error
    t.equal(error.at, at, text)
    if (typeof message === 'string') t.equal(error.message, message)
    else t.match(error.message, message)
  }
  fc.assert(fc.property(fc.string(), text => typeof parseFault(text).ok === 'boolean'))
  fc.assert(
    fc.property(
      fc.constantFrom(...FAULT_WORDS),
      fc.string({ unit: fc.constantFrom(...'n12 ->[]{},:.fors') }),
      (word, rest) => typeof parseFault(`${word} ${rest}`).ok === 'boolean',
    ),
  )
})

t.test('a fault names the nodes it is about', async t => {
  const named = (text: string): readonly string[] => {
    const reading = parseFault(text)
    return reading.ok ? nodesOf(reading.value) : []
  }
  t.same(named('bridge n3 [[n1,n2],[n4]]'), ['n3', 'n1', 'n2', 'n4'])
  t.same(named('net n1 -> n2 { loss: 1% }'), ['n1', 'n2'])
  t.same(named('join n6 { by: n2 }'), ['n6', 'n2'])
  t.same(named('twin n3 { beside: [n4] }'), ['n3', 'n4'])
  t.same(named('heal'), [])
})

// ---- YAML

const EXAMPLE = `nodes: 7            # or groups with versions/clock/disk profiles
net: { delay: exp(2ms,20ms), loss: 1% }
workload: [ { put: 5/s, keys: 20 }, { ipc: 10/s, mode: at-least-once } ]
at:
  10s: partition [[n1,n2,n3],[n4,n5,n6,n7]]
  25s: cut n4 -> n5            # one direction
  30s: crash n2 { torn: true }
  40s: heal
  42s: restart n2
expect: { converge: 30s after heal, fp: 0, lost: 0 }
`

t.test('the scenario of the manual is read as it stands', async t => {
  t.same(parseScenario(EXAMPLE, 'scenarios/split.yaml'), {
    name: 'split',
    about: '',
    nodes: [1, 2, 3, 4, 5, 6, 7].map(i => plain(`n${i}`)),
    net: { delayMinMs: 2, delayMeanMs: 20, loss: 0.01 },
    workload: [
      { work: 'remember', perSecond: 5, keys: 20 },
      { work: 'message', mode: 'at-least-once', perSecond: 10 },
    ],
    faults: [
      {
        atMs: 10_000,
        fault: {
          verb: 'partition',
          groups: [
            ['n1', 'n2', 'n3'],
            ['n4', 'n5', 'n6', 'n7'],
          ],
        },
      },
      { atMs: 25_000, fault: { verb: 'cut', way: { from: 'n4', to: 'n5', both: false } } },
      { atMs: 30_000, fault: { verb: 'crash', node: 'n2', how: 'power', torn: true } },
      { atMs: 40_000, fault: { verb: 'heal' } },
      { atMs: 42_000, fault: { verb: 'restart', node: 'n2' } },
    ],
    durationMs: 52_000,
    expect: { convergeMs: 30_000, falsePositives: 0, sometimes: [], forkedLogs: null },
    guard: 'one',
    buggify: [],
    seed: 1,
  })
})

t.test('faults may stand in any order, several at a time, over several lines, quoted or not', async t => {
  const { faults, about, durationMs } = parseScenario(
    `about: |
  heal: not a fault, and neither is
  - crash n2 { torn: true }   # nor this
nodes: 4
at:
  # late things first
  20s: heal
  5s:
    - crash n2 { torn: true }   # no power
    - 'pause n3 { for: 2s }'
    - "mute n4 { for: 12s }"
    - restart n2
  1s: partition [[n1,n2],
                 [n3,n4]]
  3s: [ cut n1 -> n2, crash n4 { how: process }, heal ]
`,
    'x.yml',
  )
  t.equal(about, 'heal: not a fault, and neither is\n- crash n2 { torn: true }   # nor this\n')
  t.same(
    faults.map(({ atMs, fault }) => `${atMs} ${formatFault(fault)}`),
    [
      '1000 partition [[n1,n2],[n3,n4]]',
      '3000 cut n1 -> n2',
      '3000 crash n4 { how: process }',
      '3000 heal',
      '5000 crash n2 { torn: true }',
      '5000 pause n3 { for: 2s }',
      '5000 mute n4 { for: 12s }',
      '5000 restart n2',
      '20000 heal',
    ],
  )
  t.equal(durationMs, 30_000, 'until 10 s after the last fault ended')
  const flow = parseScenario('nodes: 2\nat: { 1s: crash n2 { torn: true }, 2s: [restart n2, isolate n1], 3s: heal }\n', 'x.yaml')
  t.same(
    flow.faults.map(({ fault }) => fault.verb),
    ['crash', 'restart', 'isolate', 'heal'],
  )
})

t.test('nodes are a number, names, groups, or settings by name', async t => {
  const of = (text: string): readonly NodeSpec[] => parseScenario(`nodes: ${text}\n`, 'x.yaml').nodes
  t.same(
    of('3').map(({ name }) => name),
    ['n1', 'n2', 'n3'],
  )
  t.same(
    of('[ada, bob, n1..n3]').map(({ name }) => name),
    ['ada', 'bob', 'n1', 'n2', 'n3'],
  )
  t.same(of('[{ count: 2, disk: slow, clock: { offset: 200ms, drift: 100ppm }, version: previous }, { count: 1 }]'), [
    { ...plain('n1'), disk: 'slow', clockOffsetMs: 200, clockDriftPpm: 100, version: 'previous' },
    { ...plain('n2'), disk: 'slow', clockOffsetMs: 200, clockDriftPpm: 100, version: 'previous' },
    plain('n3'),
  ])
  t.same(of('{ ada: { clock: { offset: -1h } }, bob: {} }'), [{ ...plain('ada'), clockOffsetMs: -3_600_000 }, plain('bob')])
  const { nodes } = parseScenario('nodes: 1\nat:\n  5s: join n2\n', 'x.yaml')
  t.same(nodes, [plain('n1'), { ...plain('n2'), isLate: true }], 'a node that joins need not be listed')
  t.same(parseScenario('nodes: { n1: {}, n7: { late: true, disk: hdd } }\nat:\n  5s: join n7\n', 'x.yaml').nodes[1], {
    ...plain('n7'),
    disk: 'hdd',
    isLate: true,
  })
})

t.test('a cluster takes the name and the guard of a weft.toml, and its other settings are let be', async t => {
  const toml = 'name = "billing.eu"\nguard = "majority"\nlisten = ["/ip4/0.0.0.0/tcp/4001"]\n'
  const seen: string[] = []
  const readConfig = (path: string): string => {
    seen.push(path)
    return toml
  }
  const text = 'nodes: { config: prod/weft.toml, count: 3, disk: hdd }\n'
  const scenario = parseScenario(text, 'x.yaml', { readConfig })
  t.same(seen, ['prod/weft.toml'])
  t.equal(scenario.guard, 'majority')
  t.same(
    scenario.nodes.map(({ name, disk }) => `${name} ${disk}`),
    ['billing-eu1 hdd', 'billing-eu2 hdd', 'billing-eu3 hdd'],
  )
  t.equal(parseScenario(`${text}guard: one\n`, 'x.yaml', { readConfig }).guard, 'one', 'the scenario has the last word')
  t.throws(() => parseScenario(text, 'x.yaml', { readConfig: () => 'guard = "some"' }), {
    code: 'scenario_invalid',
    message: /^x\.yaml:1: nodes\.config: prod\/weft\.toml: guard/,
  })
  t.throws(() => parseScenario(text, 'x.yaml'), { code: 'scenario_invalid' })
})

t.test('a scenario that is wrong says every mistake, with its line, its key and what is allowed', async t => {
  const text = `name: wrong
nodes: [{ count: 3, disk: slo }, { count: 2, version: previus }]
net: { delay: exp(2ms;20ms), los: 1% }
workload:
  - { putt: 5/s }
  - { ipc: 10/s, mode: at-lest-once }
  - { put: 5 }
  - { agent: scribe }
  - { roles: 6/m }
at:
  10s: [ crash n2 { tron: true }, heal ]
  10: heal
  20s: heal
  20s: crash n1
expect: { converge: soon, lost: 1 }
expct: {}
seed: -1
nodes: 5
`
  t.same(problems(text), [
    '2 nodes[0].disk expected one of ssd, hdd, slow, got slo; did you mean slow?',
    '2 nodes[1].version expected one of current, previous, got previus; did you mean previous?',
    '3 net.delay in "exp(2ms;20ms)", at "2ms;20ms)": expected a duration like 20ms, 10s, 1m30s or 1h, got 2ms;20ms',
    '3 net.los net has no key los; did you mean loss? (there are delay, delayMin, delayMean, loss, duplicates, bandwidth, queue)',
    '15 expect.converge expected a duration like 20ms, 10s, 1m30s or 1h, got "soon"',
    '15 expect.lost can only be 0: nothing acknowledged may ever be lost',
    '16 expct a scenario has no key expct; did you mean expect? (there are name, about, nodes, net, workload, at, duration, expect, guard, buggify, seed)',
    '17 seed expected a whole number like 3, got "-1"',
    '18 nodes nodes stands there twice',
    '5 workload[0].putt there is no work putt; did you mean put?',
    '5 workload[0] each work is exactly one of put, remember, link, supersede, forget, recall, roles, process, ipc, agent',
    '6 workload[1].mode expected one of at-most-once, call, at-least-once, got at-lest-once; did you mean at-least-once?',
    '7 workload[2].put expected a rate like 5/s or 30/m, got "5"',
    '8 workload[3] agents are programs, so they are given in TypeScript: defineScenario({ agents: { name: program } })',
    '9 workload[4] roles are those of a space, like { roles: 10/m, space: vault }',
    '11 at.10s[0] in "crash n2 { tron: true }", at "tron: true }": an option of crash is one of how, torn, not tron; did you mean torn?',
    '12 at.10 expected a duration like 20ms, 10s, 1m30s or 1h, got "10"',
    '14 at.20s 20s stands there twice: what happens at one time is a list, [crash n1, crash n2]',
  ])
  for (const nothing of ['', '\n\n', '# only a comment\n'])
    t.match(problems(nothing), [/^1  there is nothing in it; a whole scenario is for example: nodes: 5$/])
  t.throws(
    () => parseScenario('nodes: [1\n', 'dir/x.yaml'),
    { code: 'scenario_invalid', message: /^dir\/x\.yaml:/ },
    'and so does YAML that is none',
  )
})

t.test('faults that contradict the story are mistakes', async t => {
  const rows: readonly (readonly [story: string, problem: string])[] = [
    ['  5s: crash n9', '3 at.5s there is no node n9; did you mean n1? (there are n1, n2, n3)'],
    ['  5s: partition [[n1,n2],[n2,n3]]', '3 at.5s n2 is in two groups; bridge n2 connects it to several'],
    ['  5s: cut n1 -> n1', '3 at.5s n1 has no way to itself'],
    ['  5s: join n2', '3 at.5s n2 is there already'],
    ['  5s: pause n4 { for: 1s }\n  9s: join n4', '3 at.5s n4 has not joined yet at 5s'],
    ['  5s: join n4 { by: n5 }', '3 at.5s there is no node n5; did you mean n1? (there are n1, n2, n3, n4)'],
    ['  5s: kill n2\n  9s: restart n2', '4 at.9s n2 was killed, and nobody comes back from that; crash it instead'],
    ['  5s: block sync.runs', `3 at.5s there is no kind of message sync.runs; did you mean sync.run?`],
    ['  5s: turn n2 { do: [frge] }', '3 at.5s there is no hostile behaviour frge; did you mean forge?'],
    ['  5s: twin n2 { beside: [n2] }', '3 at.5s n2 cannot be beside its own twin'],
    ['  5s: heal\nduration: 4s', '3 at.5s it comes at 5s, but the story is over at 4s (duration)'],
    [
      '  5s: heal\nbuggify:\n  - journal.new-segment\n  - journal.new-segmnt',
      '6 buggify[1] there is no rare branch journal.new-segmnt; did you mean journal.new-segment?',
    ],
    ['  5s: heal\nexpect: { sometimes: [fork-sen] }', '4 expect.sometimes[0] there is no situation fork-sen; did you mean fork-seen?'],
  ]
  for (const [story, problem] of rows) {
    const found = problems(`nodes: 3\nat:\n${story}\n`)
    t.equal(found.length, 1, found.join('\n'))
    t.ok(found[0]?.startsWith(problem), `${found[0]}`)
  }
  t.same(problems('nodes: { n1: { late: true }, n2: {} }\n'), ['1 nodes n1 is late, and no fault lets it join'])
  t.same(problems('nodes: 3\nat:\n  5s: restart n2\n  6s: crash n2\n'), [], 'a restart without a crash is allowed')
})

function problems(text: string): readonly string[] {
  try {
    parseScenario(text, 'x.yaml')
    return []
  } catch (thrown) {
    if (!(thrown instanceof WeftError)) throw thrown
    const found = thrown.details?.['problems'] as readonly { readonly line: number; readonly key: string; readonly message: string }[]
    return found.map(({ line, key, message }) => `${line} ${key} ${message}`)
  }
}

t.test('a scenario is written as YAML that reads back as the same scenario', async t => {
  fc.assert(
    fc.property(scenario, made => {
      const text = formatScenario(made, ['how it came about', 'two\nlines: here'])
      // Not an assertion of tap: names drawn from all of Unicode do not survive as descriptions of results.
      deepEqual(parseScenario(text, 'x.yaml'), made)
    }),
    { numRuns: 300 },
  )
  t.pass('300 scenarios read back as they were')
})

t.test('what is written is what a person would write', async t => {
  const text = formatScenario(parseScenario(EXAMPLE, 'split.yaml'), ['broken: durability at 31.2 s'])
  t.equal(
    text,
    `# broken: durability at 31.2 s
name: "split"
nodes: 7
net: { delay: exp(2ms,20ms), loss: 1% }
workload:
  - { remember: 5/s, keys: 20 }
  - { ipc: 10/s, mode: at-least-once }
at:
  10s: partition [[n1,n2,n3],[n4,n5,n6,n7]]
  25s: cut n4 -> n5
  30s: crash n2 { torn: true }
  40s: heal
  42s: restart n2
duration: 52s
expect: { converge: 30s after heal, fp: 0, lost: 0 }
seed: 1
`,
  )
})

// ---- TypeScript

t.test('a scenario in TypeScript says the same in the same words, and more', async t => {
  const { nodes, net, workload, faults, durationMs, expect } = parseScenario(EXAMPLE, 'split.yaml')
  const program = (): void => {}
  const made = defineScenario({
    name: 'split',
    nodes: 7,
    net: { delay: 'exp(2ms,20ms)', loss: 0.01 },
    agents: { scribe: program },
    workload: [
      { put: '5/s', keys: 20 },
      { ipc: '10/s', mode: 'at-least-once' },
      { agent: 'scribe', on: ['n1..n2', 'n7'], rate: '30/m' },
    ],
    at: {
      '40s': 'heal',
      '10s': {
        verb: 'partition',
        groups: [
          ['n1', 'n2', 'n3'],
          ['n4', 'n5', 'n6', 'n7'],
        ],
      },
      25000: 'cut n4 -> n5',
      '30s': ['crash n2 { torn: true }'],
      '42s': 'restart n2',
    },
    expect: { converge: 30_000, fp: 0, lost: 0 },
  })
  t.same(made.faults, faults)
  t.same({ nodes: made.nodes, net: made.net, durationMs: made.durationMs, expect: made.expect }, { nodes, net, durationMs, expect })
  t.same(made.workload.slice(0, 2), workload)
  t.same(made.workload[2], { work: 'agent', name: 'scribe', program, on: ['n1', 'n2', 'n7'], perSecond: 0.5 })
  t.match(formatScenario(made), /^ {2}# the agent scribe is a program, which YAML cannot hold$/m)
})

t.test('a definition that is wrong says where', async t => {
  t.throws(() => defineScenario({ name: 'x', nodes: 2, at: { '5s': ['heal', 'crsh n1'] }, workload: [{ agent: 'nobody' }] }), {
    code: 'scenario_invalid',
    message:
      /^scenario x: workload\[0\]: there is no agent nobody: give its program, agents: \{ nobody: program \}\nscenario x: at\.5s\[1\]: in "crsh n1": .*did you mean crash\?$/,
  })
})

// ---- files

t.test('a scenario is loaded by name or from YAML, TypeScript and JavaScript, wherever it lies', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-scenario-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string, text: string): string => {
    mkdirSync(join(folder, 'parts'), { recursive: true })
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  file('weft.toml', 'name = "shop"\n')
  file(
    'parts/agent.ts',
    "import type { ProcessContext } from 'weftmesh'\nexport function scribe(context: ProcessContext): void { context.exit() }\n",
  )

  t.equal((await loadScenario('split-and-heal')).name, 'split-and-heal')
  t.same(
    (await loadScenario(file('mine.yaml', 'nodes: { config: weft.toml, count: 2 }\n'))).nodes.map(({ name }) => name),
    ['shop1', 'shop2'],
  )

  const typed = await loadScenario(
    file(
      'mine.ts',
      `import { defineScenario, type ScenarioDefinition } from 'weftmesh/sim'
import { scribe } from './parts/agent.ts'
const definition: ScenarioDefinition = { name: 'typed', nodes: 2, agents: { scribe }, workload: [{ agent: 'scribe' }] }
export default defineScenario(definition)
`,
    ),
  )
  t.equal(typed.name, 'typed')
  t.equal(typed.workload[0]?.work, 'agent')
  t.equal(
    (
      await loadScenario(
        file('plain.mjs', "import { defineScenario } from 'weftmesh/sim'\nexport default defineScenario({ name: 'plain' })\n"),
      )
    ).name,
    'plain',
  )
  t.equal(
    (
      await loadScenario(
        file('nameless.ts', "import { defineScenario } from 'weftmesh/sim'\nexport default defineScenario({ nodes: 2 })\n"),
      )
    ).name,
    'nameless',
    'the name of the file, where it gives none',
  )

  const rows: readonly (readonly [path: string, message: RegExp])[] = [
    ['split-and-hael', /^there is no scenario split-and-hael; did you mean split-and-heal\?$/],
    [join(folder, 'none.yaml'), /^there is no file .*none\.yaml$/],
    [file('scenario.json', '{}'), /scenario\.json: a scenario is a \.yaml, \.ts or \.js file$/],
    [file('wrong.yaml', 'nodes: 0\n'), /wrong\.yaml:1: nodes: there has to be at least one node$/],
    [file('empty.ts', 'export {}\n'), /empty\.ts has no default export$/],
    [file('other.ts', 'export default 5\n'), /other\.ts exports something else by default$/],
    [file('syntax.ts', 'const a: number = 1\nconst b: = 2\n'), /syntax\.ts:2: Unexpected token/],
    [file('enum.ts', '\nenum Colour { Red }\nexport default Colour\n'), /enum\.ts:2: TypeScript enum is not supported/],
    [file('syntax.mjs', 'export default 1\nconst = 5\n'), /syntax\.mjs:2: Unexpected token/],
    [file('throws.ts', "\n\nthrow new Error('on purpose')\n"), /throws\.ts:3: on purpose$/],
    [
      file('invalid.ts', "import { defineScenario } from 'weftmesh/sim'\nexport default defineScenario({ name: 'i', nodes: 'many' })\n"),
      /invalid\.ts: scenario i: nodes: expected a whole number like 3, got "many"$/,
    ],
    [
      file('nameless-invalid.ts', "import { defineScenario } from 'weftmesh/sim'\nexport default defineScenario({ nodes: 'many' })\n"),
      /nameless-invalid\.ts: scenario: nodes: expected a whole number like 3, got "many"$/,
    ],
  ]
  for (const [path, message] of rows) await t.rejects(loadScenario(path), { code: 'scenario_invalid', message }, path)
})

t.test('every scenario that is shipped can be read, tells its story, and stays within a minute and a half', async t => {
  const names = shippedNames()
  const entries = await catalogue()
  t.same(
    entries.map(({ name }) => name),
    names,
  )
  t.ok(names.length >= 28, `${names.length} scenarios`)
  const verbs = new Set<string>()
  for (const { name, about, file } of entries) {
    t.match(readFileSync(file, 'utf8'), name)
    const scenario = await loadShipped(name)
    t.equal(scenario.name, name)
    t.ok(scenario.about.split(/[.!?](?:\s|$)/).filter(Boolean).length >= 3, `${name} says what happens, why it is hard, what must hold`)
    t.ok(about.length > 20 && /[.]$/.test(about), about)
    t.ok(scenario.durationMs <= 90_000 && scenario.nodes.length <= 7, name)
    t.ok(scenario.net.delayMeanMs !== undefined && scenario.net.delayMeanMs > 0, `${name} draws its delays`)
    t.ok(scenario.faults.length > 0 && scenario.workload.length > 0, name)
    for (const { fault } of scenario.faults) verbs.add(fault.verb)
    if (file.endsWith('.yaml')) t.same(parseScenario(formatScenario(scenario), name), scenario, name)
  }
  const unseen = Object.keys(FAULTS).filter(verb => !verbs.has(verb))
  t.same(unseen, ['restore', 'clog'], 'all but what others contain')
})

t.test('scenarios are part of the package', async t => {
  const { exports, files } = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, unknown>>
    readonly files: readonly string[]
  }
  t.same(exports['./sim'], { types: './build/sim/public.d.ts', default: './build/sim/public.js' })
  t.ok(files.includes('sim/scenarios/*.yaml'))
})
