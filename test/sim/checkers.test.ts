import t from 'tap'
import { WeftError } from '../../base/errors.ts'
import type { CausalId, LogId, NodeId, Pid, ProcessAddress, Stream } from '../../base/ids.ts'
import { RunIntake } from '../../chain/run-intake.ts'
import { formatFrontier } from '../../base/frontier.ts'
import { MerkleTree } from '../../chain/tree.ts'
import type { Written } from '../../chain/written.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import { TextIndex } from '../../ecc/text-index.ts'
import { Chain } from '../../chain/chain.ts'
import type { MemoryRecord, Receipt } from '../../node/api.ts'
import type { Core } from '../../node/core.ts'
import { Keyring } from '../../node/keyring.ts'
import { SpaceAccess } from '../../node/spaces.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import { INVARIANTS, type InvariantId, type SpaceTestimony, type Testimony } from '../../sim/checkers/checker.ts'
import { Oracle } from '../../sim/checkers/oracle.ts'
import { Peaks } from '../../sim/checkers/peaks.ts'
import type { Fault } from '../../sim/faults/fault.ts'
import type { Judgement } from '../../sim/run.ts'
import { loadShipped } from '../../sim/scenario/catalogue.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { SimDisk } from '../../sim/disk.ts'
import { simulate } from '../../sim/simulate.ts'
import type { MessageRef, Operation } from '../../sim/workload/history.ts'
import { toHex, utf8 } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'
import { type Court, courtOf, NAMES, scenarioOf, trial } from './trial.ts'

// ---- a watched cluster

t.test('judges who watch a storm find nothing when nothing is wrong', t => {
  for (let seed = 1; seed <= 3; seed++) t.same(trial(seed), [], `seed ${seed}`)
  t.end()
})

interface Bug {
  readonly bug: string
  /** @returns what takes it out again */
  readonly plant: () => () => void
  /** Invariants of which one is told first. */
  readonly found: readonly InvariantId[]
}

/** Bugs in one part of every node. */
const BUGS: readonly Bug[] = [
  {
    bug: 'the fold forgets every twentieth record, on one node or another',
    plant: () => {
      const { apply } = MemoryFold.prototype
      let count = 0
      MemoryFold.prototype.apply = function (record) {
        return apply.call(this, ++count % 20 === 0 ? { ...record, body: null } : record)
      }
      return () => void (MemoryFold.prototype.apply = apply)
    },
    found: ['convergence'],
  },
  {
    bug: 'the fold takes no retract for one, the same on all nodes',
    plant: () => {
      const { apply } = MemoryFold.prototype
      MemoryFold.prototype.apply = function (record) {
        return apply.call(this, record.kind === 53 ? { ...record, body: null } : record)
      }
      return () => void (MemoryFold.prototype.apply = apply)
    },
    found: ['fold'],
  },
  {
    bug: 'a node pays no heed to the clocks of others',
    plant: () => {
      const { observe } = Chain.prototype
      Chain.prototype.observe = () => {}
      return () => void (Chain.prototype.observe = observe)
    },
    found: ['causal-order'],
  },
  {
    bug: 'a disk answers one sync in two, and does not make it',
    plant: () => {
      const { sync } = SimDisk.prototype
      let count = 0
      SimDisk.prototype.sync = function (name, done) {
        if (++count % 2 === 0) this.size(name, () => done({ ok: true, value: undefined }))
        else sync.call(this, name, done)
      }
      return () => void (SimDisk.prototype.sync = sync)
    },
    found: ['durability'],
  },
  {
    bug: 'roots are computed wrongly, by all alike',
    plant: () => {
      const { root } = MerkleTree.prototype
      MerkleTree.prototype.root = function (...args) {
        return root.apply(this, args).slice().reverse()
      }
      return () => void (MerkleTree.prototype.root = root)
    },
    found: ['chain'],
  },
  {
    bug: 'what was pulled is blamed on whoever sent it',
    plant: () => {
      const { take } = RunIntake.prototype
      let count = 0
      RunIntake.prototype.take = function (...args) {
        return ++count % 10 === 0 ? { result: 'refused', code: 'bad_record' } : take.apply(this, args)
      }
      return () => void (RunIntake.prototype.take = take)
    },
    found: ['hygiene'],
  },
  {
    bug: 'words count for less the more often a memory has them',
    plant: () => {
      const { search } = TextIndex.prototype
      TextIndex.prototype.search = function (...args) {
        const found = search.apply(this, args)
        for (const node of found.nodes) if (node % 3 === 0) found.scores[node] = (found.scores[node] as number) / 2
        return { ...found, best: Math.max(0, ...[...found.nodes].map(node => found.scores[node] as number)) }
      }
      return () => void (TextIndex.prototype.search = search)
    },
    // Which memories it hits depends on the order of their arrival: nodes may differ before one of them is asked.
    found: ['recall', 'convergence'],
  },
]

t.test('a bug planted in the nodes is found by the judge of what it breaks', t => {
  for (const { bug, plant, found } of BUGS) {
    const undo = plant()
    try {
      const first = firstOf(16)
      t.ok(first !== undefined && found.includes(first.invariant), `${bug}: ${first?.facts.join('; but ')}`, { first })
    } finally {
      undo()
    }
  }
  t.end()
})

/** Bugs that show only where there are private spaces. */
const SPACE_BUGS: readonly Bug[] = [
  {
    bug: 'every log is for every member',
    plant: () => {
      const { isFor } = SpaceAccess.prototype
      SpaceAccess.prototype.isFor = () => true
      return () => void (SpaceAccess.prototype.isFor = isFor)
    },
    found: ['spaces'],
  },
  {
    bug: 'bodies are sealed with any key that is held',
    plant: () => {
      const { seal } = Keyring.prototype
      Keyring.prototype.seal = function (state, _, ...rest) {
        return seal.call(this, { ...state, space: state.space, writingKeys: () => this.names(state.space) }, () => true, ...rest)
      }
      return () => void (Keyring.prototype.seal = seal)
    },
    found: ['spaces'],
  },
  {
    bug: 'an encrypted space is taken for a private one',
    plant: () => {
      const { seal } = Keyring.prototype
      Keyring.prototype.seal = (_state, _mayRead, _log, _kind, body) => body
      return () => void (Keyring.prototype.seal = seal)
    },
    found: ['spaces'],
  },
]

t.test('a bug planted in private spaces is found by their judge', async t => {
  const scenario = await loadShipped('vault-in-a-split')
  for (const { bug, plant, found } of SPACE_BUGS) {
    const undo = plant()
    try {
      let first: Judgement | undefined
      for (let seed = 1; seed <= 4 && first === undefined; seed++)
        first = (await simulate(scenario, seed)).invariants.find(({ held }) => !held)
      t.ok(first !== undefined && found.includes(first.id), `${bug}: ${first?.detail}`, { first })
    } finally {
      undo()
    }
  }
})

function firstOf(seeds: number): Court['violations'][number] | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    const [first] = trial(seed)
    if (first !== undefined) return first
  }
  return undefined
}

// ---- hand-made steps

interface Step {
  readonly what: string
  readonly core?: object
  readonly event?: object
  readonly effects?: readonly object[]
  readonly faults?: readonly Fault[]
  readonly finds: InvariantId | undefined
}

const LOG = id('log') as LogId
const STRANGER = { isMember: () => false, member: () => undefined, cutOf: () => undefined }
const MEMBER = { isMember: () => true, member: () => ({ status: 'member' }), cutOf: () => undefined }

/** As much of a core as judges look at. */
function coreOf(change: object = {}): Core {
  return {
    name: 'n1',
    self: 'n1',
    chain: { logs: new Map(), log: () => undefined, backlogBytes: 0 },
    cluster: { membership: MEMBER, others: ['n2', 'n3', 'n4'] },
    peers: { connected: new Set(), known: () => [] },
    processes: { list: () => [], size: 0 },
    events: { after: () => [] },
    writer: { waiting: 0 },
    guard: { isOpen: true },
    metrics: { get: () => 0 },
    isFolded: false,
    pending: 0,
    memory: () => ({ fold: { sizeOf: () => 0 } }),
    spaces: { created: new Map() },
    ...change,
  } as unknown as Core
}

const N2 = { identity: { id: LOG, author: 'n2' as NodeId, stream: 'audit' as Stream } }

function committed(records: readonly Partial<Written>[], more: object = {}): object {
  return {
    kind: 'committed',
    error: undefined,
    staged: { groups: [{ log: N2, records, notes: [], bytes: 0, ...more }], checkpoints: new Map() },
  }
}

/** A record with a header that is nobody's. */
const FORGED: Partial<Written> = {
  id: id('forged') as CausalId,
  seq: 0,
  parents: [],
  kind: 10,
  record: { header: utf8('header'), salt: new Uint8Array(16), body: utf8('body') },
}

/** A frame of `n2` after which one more answer is counted that does not continue what is held. */
const DOUBT: Pick<Step, 'core' | 'event'> = {
  core: { metrics: { get: (name: string, code: string) => (name === 'weft_verdicts_total' && code === 'bad_proof' ? 1 : 0) } },
  event: { kind: 'frame', protocol: 'sync', from: 'n2' },
}

const STEPS: readonly Step[] = [
  { what: 'nothing happens', event: { kind: 'wake' }, finds: undefined },
  { what: 'a record is stored whose id is not the hash of its header', event: committed([FORGED]), finds: 'chain' },
  {
    what: 'a stranger is greeted as a member',
    core: { cluster: { membership: STRANGER, others: [] } },
    event: { kind: 'greeting', from: 'stranger' },
    effects: [{ kind: 'answer-greeting', accept: true }],
    finds: 'authority',
  },
  {
    what: 'a stranger is refused',
    core: { cluster: { membership: STRANGER, others: [] } },
    event: { kind: 'greeting', from: 'stranger' },
    effects: [{ kind: 'answer-greeting', accept: false }],
    finds: undefined,
  },
  {
    what: 'a frame beyond all bounds is sent',
    event: { kind: 'wake' },
    effects: [{ kind: 'send', protocol: 'sync', to: 'n2', frame: { length: 2 ** 20 + 1 } }],
    finds: 'bounds',
  },
  {
    what: 'a frame as large as one may be is sent',
    event: { kind: 'wake' },
    effects: [{ kind: 'send', protocol: 'sync', to: 'n2', frame: { length: 2 ** 20 } }],
    finds: undefined,
  },
  {
    what: 'one step has effects without end',
    event: { kind: 'wake' },
    effects: Array.from({ length: 16_385 }, () => ({ kind: 'yield' })),
    finds: 'bounds',
  },
  { what: 'more is shown than is stored', event: storedIn({ published: 3, durable: 2, size: 3 }), finds: 'chain' },
  { what: 'more is taken for stored than there is', event: storedIn({ published: 2, durable: 4, size: 3 }), finds: 'chain' },
  { what: 'some is stored, and some of it shown', event: storedIn({ published: 1, durable: 2, size: 3 }), finds: undefined },
  { what: 'what an honest node sends is doubted', ...DOUBT, finds: 'hygiene' },
  {
    what: 'what an honest node sends is doubted, while somebody has two histories',
    ...DOUBT,
    faults: [{ verb: 'twin', node: 'n3', beside: ['n4'] }],
    finds: undefined,
  },
]

/** A commit of nothing new to a log of which so much is shown, stored and held. */
function storedIn(log: { readonly published: number; readonly durable: number; readonly size: number }): object {
  return committed([], { log: { ...N2, ...log } })
}

t.test('a step is judged by what it carries', t => {
  for (const { what, core, event, effects = [], faults = [], finds } of STEPS) {
    const court = courtOf(scenarioOf({ faults: faults.map(fault => ({ atMs: 0, fault })) }))
    const node = coreOf(core)
    for (const checker of court.checkers) checker.onBoot?.('n1', node)
    for (const checker of court.checkers) checker.onStep?.('n1', node, event as CoreEvent, effects as readonly Effect[])
    t.equal(court.violations[0]?.invariant, finds, `${what}${toldBy(court)}`)
  }
  t.end()
})

t.test('a record that its author never wrote is found wherever it is stored', t => {
  const judgedAs = (isWritten: boolean): Court => {
    const court = courtOf(scenarioOf())
    const genuine = court.checkers.find(checker => checker.id === 'genuine')
    const author = coreOf({ self: 'n2' })
    genuine?.onBoot?.('n1', coreOf())
    genuine?.onBoot?.('n2', author)
    const { staged } = committed([FORGED]) as { staged: object }
    if (isWritten) genuine?.onStep?.('n2', author, { kind: 'wake' }, [{ kind: 'commit', staged } as unknown as Effect])
    genuine?.onStep?.('n1', coreOf(), committed([FORGED]) as CoreEvent, [])
    return court
  }
  t.same(judgedAs(true).violations, [])
  t.equal(judgedAs(false).violations[0]?.invariant, 'genuine', toldBy(judgedAs(false)))
  t.end()
})

t.test('frames of a node that was thrown out may come for a while, and not for ever', t => {
  for (const [afterMs, finds] of [
    [5_000, undefined],
    [30_000, 'authority'],
  ] as const) {
    const court = courtOf(scenarioOf())
    const core = coreOf({ cluster: { membership: STRANGER, others: [] } })
    for (const ms of [0, afterMs]) {
      ;(court as { nowMs: number }).nowMs = ms
      for (const checker of court.checkers) checker.onStep?.('n1', core, { kind: 'frame', from: 'n4' } as CoreEvent, [])
    }
    t.equal(court.violations[0]?.invariant, finds, `after ${afterMs} ms${toldBy(court)}`)
  }
  t.end()
})

// ---- hand-made quiet

interface Quiet {
  readonly what: string
  /** Of 5 records that n1 has, how many it has shown, and how many n2 holds; by the second. */
  readonly published: (second: number) => number
  readonly held: (second: number) => number
  readonly isConnected?: boolean
  readonly faults?: readonly Fault[]
  readonly finds: InvariantId | undefined
}

const QUIET: readonly Quiet[] = [
  { what: 'what is shown is held at once', published: () => 5, held: () => 5, finds: undefined },
  { what: 'what is shown comes after 6 s', published: () => 5, held: second => (second < 96 ? 0 : 5), finds: undefined },
  { what: 'what is shown never comes', published: () => 5, held: () => 4, finds: 'liveness' },
  { what: 'what is stored is never shown', published: () => 4, held: () => 4, finds: 'liveness' },
  { what: 'nobody is connected', published: () => 5, held: () => 5, isConnected: false, finds: 'liveness' },
  {
    what: 'what is shown never comes across a partition',
    published: () => 5,
    held: () => 4,
    faults: [{ verb: 'partition', groups: [['n1'], ['n2']] }],
    finds: undefined,
  },
  {
    what: 'what is shown never comes after a partition',
    published: () => 5,
    held: () => 4,
    faults: [{ verb: 'partition', groups: [['n1'], ['n2']] }, { verb: 'heal' }],
    finds: 'liveness',
  },
]

t.test('while nothing is wrong, news arrives without being looked for', t => {
  for (const { what, published, held, isConnected = true, faults = [], finds } of QUIET) {
    const names = ['n1', 'n2']
    const scenario = scenarioOf({
      nodes: scenarioOf().nodes.filter(({ name }) => names.includes(name)),
      faults: faults.map(fault => ({ atMs: 0, fault })),
    })
    const court = courtOf(scenario)
    const shared = { identity: { ...N2.identity, author: 'n1' }, tree: { leaf: () => new Uint8Array(32) } }
    const own = { ...shared, durable: 5, published: 0 }
    const copy = { ...shared, durable: 0, published: 0 }
    const logs = [own, copy]
    const cores = names.map((name, i) =>
      coreOf({
        name,
        self: name,
        chain: { logs: new Map([[LOG, logs[i]]]), log: () => logs[i], backlogBytes: 0 },
        peers: { connected: isConnected ? new Set(names) : new Set(), known: () => [] },
      }),
    )
    for (const checker of court.checkers) {
      for (const [i, core] of cores.entries()) checker.onBoot?.(names[i] as string, core)
      for (const { fault } of scenario.faults) checker.onFault?.(fault)
    }
    for (; court.nowMs < 130_000; court.nowMs += 500) {
      own.published = published(court.nowMs / 1000)
      copy.durable = held(court.nowMs / 1000)
      for (let i = 0; i < 32; i++) {
        const name = names[i % 2] as string
        for (const checker of court.checkers) checker.onStep?.(name, cores[i % 2] as Core, { kind: 'wake' }, [])
      }
    }
    t.equal(court.violations[0]?.invariant, finds, `${what}${toldBy(court)}`)
  }
  t.end()
})

t.test('who is gone is noticed, and not too soon', t => {
  const cases = [
    { what: 'a connection to who has been down for 31 s', afterMs: 31_000, finds: 'membership' },
    { what: 'a connection to who has been down for 20 s', afterMs: 20_000, finds: undefined },
    { what: 'a connection to who is up again', afterMs: 31_000, isBack: true, finds: undefined },
    { what: 'a connection that has ended', afterMs: 31_000, connected: [], finds: undefined },
    { what: 'a connection of who was paused', afterMs: 31_000, faults: [{ verb: 'pause', node: 'n1', forMs: 30_000 }], finds: undefined },
  ] as const
  for (const { what, afterMs, finds, ...rest } of cases) {
    const {
      isBack = false,
      connected = ['n2'],
      faults = [],
    } = rest as { isBack?: boolean; connected?: readonly string[]; faults?: readonly Fault[] }
    const court = courtOf(scenarioOf({ faults: faults.map(fault => ({ atMs: 0, fault })) }))
    const node = coreOf({ peers: { connected: new Set(connected), known: () => [] } })
    const other = coreOf({ name: 'n2', self: 'n2' })
    const each = (tell: (checker: (typeof court.checkers)[number]) => void): void => court.checkers.forEach(tell)
    each(checker => checker.onBoot?.('n1', node))
    each(checker => checker.onBoot?.('n2', other))
    each(checker => checker.onEnd?.('n2', 'power'))
    if (isBack) each(checker => checker.onBoot?.('n2', other))
    court.nowMs = afterMs
    each(checker => checker.onStep?.('n1', node, { kind: 'wake' }, []))
    t.equal(court.violations[0]?.invariant, finds, `${what}${toldBy(court)}`)
  }
  t.end()
})

// ---- hand-made logs

interface Lines {
  readonly what: string
  readonly lines: readonly (readonly [node: string, level: 'debug' | 'info' | 'warn' | 'error', event: string, fields: object])[]
  readonly faults?: readonly Fault[]
  readonly finds: InvariantId | undefined
}

const TIMEOUT = ['n1', 'info', 'peer.down', { peer: 'n2', code: 'timeout' }] as const
const REJECTED = ['n1', 'warn', 'peer.rejected', { peer: 'n2', protocol: 'sync', code: 'bad_proof' }] as const
const FAILED = ['n1', 'error', 'chain.commit-failed', { code: 'disk_full' }] as const
const FORK = ['n1', 'error', 'chain.conflict', { log: LOG, seq: 3 }] as const

const LINES: readonly Lines[] = [
  { what: 'a peer that is well is taken for dead', lines: [TIMEOUT], finds: 'membership' },
  {
    what: 'a peer beyond a partition is taken for dead',
    lines: [TIMEOUT],
    faults: [{ verb: 'partition', groups: [['n1'], ['n2', 'n3']] }],
    finds: undefined,
  },
  {
    what: 'a peer on the same side is taken for dead',
    lines: [TIMEOUT],
    faults: [{ verb: 'partition', groups: [['n1', 'n2'], ['n3']] }],
    finds: 'membership',
  },
  { what: 'a paused peer is taken for dead', lines: [TIMEOUT], faults: [{ verb: 'pause', node: 'n2', forMs: 20_000 }], finds: undefined },
  { what: 'a neighbour in a ring is taken for dead', lines: [TIMEOUT], faults: [{ verb: 'ring', nodes: NAMES }], finds: 'membership' },
  { what: 'a correct node is blamed', lines: [REJECTED], finds: 'hygiene' },
  { what: 'a hostile node is blamed', lines: [REJECTED], faults: [{ verb: 'turn', node: 'n2', behaviours: [] }], finds: undefined },
  { what: 'a disk is full for no reason', lines: [FAILED], finds: 'hygiene' },
  { what: 'a disk is full', lines: [FAILED], faults: [{ verb: 'disk-full', node: 'n1', bytes: 0 }], finds: undefined },
  { what: 'the disk of another node is full', lines: [FAILED], faults: [{ verb: 'disk-full', node: 'n2', bytes: 0 }], finds: 'hygiene' },
  { what: 'a number is none', lines: [['n1', 'info', 'peer.up', { rttMs: Number.NaN }]], finds: 'hygiene' },
  { what: 'a fork of an honest log', lines: [FORK], finds: 'equivocation' },
  { what: 'a fork of a twin', lines: [FORK], faults: [{ verb: 'twin', node: 'n2', beside: ['n3'] }], finds: undefined },
  { what: 'pids count up', lines: [spawned(1), spawned(2)], finds: undefined },
  { what: 'a pid is used again', lines: [spawned(2), spawned(2)], finds: 'process-table' },
  { what: 'a process exits twice', lines: [spawned(1), exited(1), exited(1)], finds: 'process-table' },
]

function spawned(pid: number): Lines['lines'][number] {
  return ['n1', 'info', 'process.spawn', { pid, name: 'a' }]
}

function exited(pid: number): Lines['lines'][number] {
  return ['n1', 'info', 'process.exit', { pid, name: 'a' }]
}

t.test('what nodes log is judged by the faults that explain it', t => {
  for (const { what, lines, faults = [], finds } of LINES) {
    const court = courtOf(scenarioOf({ faults: faults.map(fault => ({ atMs: 0, fault })) }))
    const core = coreOf({ chain: { logs: new Map(), log: () => N2, backlogBytes: 0 } })
    for (const checker of court.checkers) checker.onBoot?.('n1', core)
    ;(court as { nowMs: number }).nowMs = 15_000
    for (const [node, level, event, fields] of lines)
      for (const checker of court.checkers) checker.onLog?.(node, level, event, fields as never)
    t.equal(court.violations[0]?.invariant, finds, `${what}${toldBy(court)}`)
  }
  t.end()
})

// ---- hand-made histories and endings, as runs on real processes have them

type Changing<T> = { -readonly [K in keyof T]: T[K] }

/** Four nodes that agree; a case changes something. */
interface Scene {
  readonly court: Court
  readonly nodes: Map<string, Changing<Testimony>>
  /** An operation on n1 that took from 1 s to 2 s, answered with ok. */
  ask(command: Operation['command'], input: object, result: object | undefined, more?: Partial<Operation>): Operation
  /** A message that n1 sent to n2, and how often n2 handled it. */
  message(mode: MessageRef['mode'], number: number, handled: number, result?: object): void
}

interface Case {
  readonly what: string
  readonly finds: InvariantId | undefined
  readonly scenario?: Partial<Scenario>
  readonly faults?: readonly Fault[]
  readonly change: (scene: Scene) => void
}

const MEMORY: MemoryRecord = {
  id: id('rain') as CausalId,
  text: 'rain on the roof',
  meta: {},
  author: 'n1' as NodeId,
  at: '2026-01-01T00:00:00.000Z',
  state: 'current',
  log: LOG,
  seq: 1,
}
const OTHER: MemoryRecord = { ...MEMORY, id: id('sun') as CausalId, text: 'sun over the roof of the house', seq: 2 }
const RECEIPT: Receipt = { id: MEMORY.id, log: LOG, seq: 1 }
const TOLD = { text: MEMORY.text }

function sceneOf({ scenario = {}, faults = [] }: Case): Scene {
  const court = courtOf(scenarioOf({ ...scenario, faults: faults.map(fault => ({ atMs: 5_000, fault })) }))
  ;(court as { nowMs: number }).nowMs = 100_000
  return {
    court,
    nodes: new Map(NAMES.map(name => [name, testimonyOf(name)])),
    ask: (command, input, result, more = {}) =>
      Object.assign(court.history.begin(1_000, 'n1', command, input as never), { endMs: 2_000, outcome: 'ok', result, ...more }),
    message(mode, number, handled, result) {
      const message: MessageRef = { mode, from: 'n1', to: 'n2', number }
      const operation = court.history.begin(1_000, 'n1', mode === 'send' ? 'process.send' : 'process.call', {}, message)
      Object.assign(operation, { endMs: 2_000, outcome: 'ok', result: result ?? { result: mode === 'send' ? 'ok' : message } })
      for (let i = 0; i < handled; i++) court.history.deliveries.push({ message, atMs: 1_500, life: 1 })
    },
  }
}

function testimonyOf(name: string): Changing<Testimony> {
  const oracle = new Oracle([MEMORY, OTHER])
  const recollection = (about: ReadonlySet<string>) => {
    const hits = [MEMORY, OTHER].map(memory => {
      const bm25 = Math.round((oracle.scores('rain roof').get(memory.id) as number) * 1e9) / 1e9
      const subject = about.has(memory.id) ? bm25 : 0
      const { state: _, ...said } = memory
      return {
        ...said,
        score: bm25 + subject,
        parts: { bm25, vector: 0, spread: 0, subject },
        path: [],
        mark: `weft://memory/${memory.id}`,
      }
    })
    return { hits, frontier: 'f', foldVersion: 1, exact: true, truncated: false, vectors: 'none' as const }
  }
  return {
    nodeId: name as NodeId,
    frontier: 'f',
    frontierAll: 'g',
    foldVersion: 1,
    pending: 0,
    heads: [
      {
        logId: LOG,
        author: 'n1' as NodeId,
        stream: 'memory/main' as Stream,
        size: 3,
        head: OTHER.id,
        root: id('root'),
        published: 3,
        conflict: false,
      },
    ],
    verification: {
      valid: true,
      records: 3,
      logs: [{ logId: LOG, author: 'n1' as NodeId, stream: 'memory/main' as Stream, size: 3, root: id('root'), signed: 3, erased: 0 }],
    },
    memories: [MEMORY, OTHER],
    edges: [{ from: MEMORY.id, type: 'causes', to: OTHER.id, weight: 0.5 }],
    conflicts: { conflicts: [], logs: [], voids: [] },
    recollections: new Map([['rain roof', recollection(oracle.about('rain roof'))]]),
    matches: new Map([['rain roof', recollection(new Set())]]),
    spaces: new Map(),
    members: {
      cluster: id('cluster') as never,
      name: 'sim',
      threshold: 1,
      pending: [],
      members: NAMES.map(node => ({ nodeId: node as NodeId, role: 'member', status: 'member', isAdmin: node === 'n1' })),
    },
    peers: NAMES.filter(peer => peer !== name).map(peer => ({
      nodeId: peer as NodeId,
      role: 'member',
      status: 'member',
      state: 'up',
      addresses: [],
      rttMs: 1,
      clockOffsetMs: 0,
      clockErrorMs: 1,
      version: 'sim',
      capacity: null,
      foldVersion: 1,
    })),
    processes: [processOf(name, 1)],
  }
}

function processOf(name: string, pid: number): Testimony['processes'][number] {
  return {
    address: `${name}/${pid}` as ProcessAddress,
    pid: pid as Pid,
    name: null,
    state: 'running',
    node: name as NodeId,
    program: 'inline',
    inbox: 0,
    handled: 0,
    startedAt: '',
  }
}

function of(scene: Scene, name: string): Changing<Testimony> {
  return scene.nodes.get(name) as Changing<Testimony>
}

function everywhere(scene: Scene, change: (testimony: Changing<Testimony>) => void): void {
  for (const testimony of scene.nodes.values()) change(testimony)
}

function withHits(
  testimony: Changing<Testimony>,
  change: (hit: Changing<Testimony['memories'][number]> & { score: number; parts: { bm25: number; subject: number } }) => void,
  kinds: readonly ('recollections' | 'matches')[] = ['recollections', 'matches'],
): void {
  for (const kind of kinds)
    testimony[kind] = new Map(
      [...(testimony[kind] ?? [])].map(([query, found]) => {
        const hits = found.hits.map(hit => ({ ...hit, parts: { ...hit.parts } }))
        change(hits[0] as never)
        return [query, { ...found, hits }]
      }),
    )
}

/** The private space `vault`, as a reader with all keys tells of it. */
function vault(change: Partial<SpaceTestimony> = {}): Testimony['spaces'] {
  const members = NAMES.map(name => ({ nodeId: name as NodeId, role: 'write' as const }))
  return new Map([['vault', { role: 'write', members, frontier: 'v', sealed: 0, memories: [MEMORY], ...change }]])
}

/** Holds so many records that `n1` wrote in the vault. */
function hold(testimony: Changing<Testimony>, size: number, role: SpaceTestimony['role']): void {
  const [main] = testimony.heads ?? []
  const log = {
    ...(main as Testimony['heads'][number]),
    logId: id('vault') as LogId,
    stream: 'memory/vault' as Stream,
    size,
    published: size,
  }
  testimony.heads = [...(testimony.heads ?? []), { ...log, head: id(`vault ${size}`) }]
  testimony.spaces = vault({ role, memories: null })
}

const fork = (leaves: readonly [string, string]): Testimony['conflicts'] => ({
  conflicts: [],
  voids: [],
  logs: [{ log: id('fork') as LogId, author: 'n4' as NodeId, stream: 'audit' as Stream, seq: 3, leaves }],
})

const CASES: readonly Case[] = [
  { what: 'all is well', finds: undefined, change: scene => void scene.ask('memory.remember', TOLD, RECEIPT) },

  { what: 'a node knows less in the end', finds: 'convergence', change: scene => void (of(scene, 'n3').memories = [MEMORY]) },
  {
    what: 'of those who hold all keys of a space one reads less',
    finds: 'spaces',
    change: scene => {
      everywhere(scene, testimony => void (testimony.spaces = vault()))
      of(scene, 'n3').spaces = vault({ memories: [] })
    },
  },
  {
    what: 'one who lacks keys of a space reads less',
    finds: undefined,
    change: scene => {
      everywhere(scene, testimony => void (testimony.spaces = vault()))
      of(scene, 'n3').spaces = vault({ memories: [], sealed: 1 })
    },
  },
  {
    what: 'nodes know different roles in a space',
    finds: 'convergence',
    change: scene => {
      everywhere(scene, testimony => void (testimony.spaces = vault()))
      of(scene, 'n3').spaces = vault({ members: [] })
    },
  },
  {
    what: 'of those who may hold a space one holds less of it',
    finds: 'convergence',
    change: scene => {
      everywhere(scene, testimony => hold(testimony, testimony.nodeId === 'n3' ? 1 : 2, 'relay'))
    },
  },
  {
    what: 'who may hold a space no more holds less of it',
    finds: undefined,
    change: scene => {
      everywhere(scene, testimony => hold(testimony, testimony.nodeId === 'n3' ? 1 : 2, testimony.nodeId === 'n3' ? 'none' : 'relay'))
    },
  },
  {
    what: 'what was promised in a space is not held by one who may hold it',
    finds: 'durability',
    change: scene => {
      everywhere(scene, testimony => void (testimony.spaces = vault()))
      scene.ask('memory.remember', { ...TOLD, space: 'vault' }, { id: id('gone'), log: id('vault') as LogId, seq: 0 })
    },
  },
  {
    what: 'what was promised in a space is held by nobody who may not',
    finds: undefined,
    change: scene => {
      everywhere(scene, testimony => hold(testimony, 2, 'write'))
      of(scene, 'n3').heads = of(scene, 'n4').heads?.filter(({ stream }) => stream !== 'memory/vault') ?? []
      of(scene, 'n3').spaces = vault({ role: 'none', memories: null })
      scene.ask('memory.remember', { ...TOLD, space: 'vault' }, { id: id('kept'), log: id('vault') as LogId, seq: 0 })
    },
  },
  { what: 'a node ends at another frontier', finds: 'convergence', change: scene => void (of(scene, 'n3').frontierAll = 'h') },
  {
    what: 'a node whose disk rotted says so',
    finds: undefined,
    faults: [{ verb: 'disk-rot', node: 'n3' }],
    change: scene => void Object.assign(of(scene, 'n3'), { frontierAll: 'h', verification: DAMAGED }),
  },

  {
    what: 'a reader does not see what was written before',
    finds: 'causal-order',
    change: scene => (
      scene.ask('memory.remember', TOLD, RECEIPT),
      void scene.ask('memory.recall', { query: 'rain' }, { hits: [], frontier: '' }, { atMs: 3_000 })
    ),
  },
  {
    what: 'a reader asked at the same time does not see it',
    finds: undefined,
    change: scene => (
      scene.ask('memory.remember', TOLD, RECEIPT),
      void scene.ask('memory.recall', { query: 'rain' }, { hits: [], frontier: '' }, { atMs: 1_500 })
    ),
  },

  {
    what: 'a write is gone',
    finds: 'durability',
    change: scene => void scene.ask('memory.remember', { text: 'x' }, { ...RECEIPT, id: id('x'), seq: 17 }),
  },
  {
    what: 'another memory stands in its place',
    finds: 'durability',
    change: scene => void scene.ask('memory.remember', { text: 'x' }, { ...RECEIPT, id: id('x') }),
  },
  {
    what: 'a write that was never answered is gone',
    finds: undefined,
    change: scene => void scene.ask('memory.remember', { text: 'x' }, { ...RECEIPT, id: id('x'), seq: 17 }, { outcome: 'unknown' }),
  },
  {
    what: 'a write is gone with the disk',
    finds: undefined,
    faults: [{ verb: 'reformat', node: 'n1' }],
    change: scene => void scene.ask('memory.remember', { text: 'x' }, { ...RECEIPT, id: id('x'), seq: 17 }),
  },
  {
    what: 'a write after the loss is gone',
    finds: 'durability',
    faults: [{ verb: 'kill', node: 'n2' }],
    change: scene => void scene.ask('memory.remember', { text: 'x' }, { ...RECEIPT, id: id('x'), seq: 17 }, { atMs: 8_000, endMs: 9_000 }),
  },

  { what: 'a journal is damaged for no reason', finds: 'chain', change: scene => void (of(scene, 'n2').verification = DAMAGED) },
  {
    what: 'as many records have two roots',
    finds: 'convergence',
    change: scene => void (of(scene, 'n2').heads = [{ ...(of(scene, 'n2').heads[0] as Testimony['heads'][number]), head: id('another') }]),
  },
  {
    what: 'more is published than held',
    finds: 'chain',
    change: scene =>
      everywhere(scene, testimony => void (testimony.heads = [{ ...(testimony.heads[0] as Testimony['heads'][number]), published: 4 }])),
  },

  { what: 'words are put in a mouth', finds: 'genuine', change: scene => void scene.ask('memory.remember', { text: 'snow' }, RECEIPT) },
  {
    what: "a memory is another author's",
    finds: 'genuine',
    change: scene => void scene.ask('memory.remember', TOLD, RECEIPT, { node: 'n2' }),
  },

  {
    what: 'an honest node is accused',
    finds: 'equivocation',
    change: scene => everywhere(scene, testimony => void (testimony.conflicts = fork([id('a'), id('b')]))),
  },
  {
    what: 'a fork that is none',
    finds: 'equivocation',
    faults: [{ verb: 'turn', node: 'n4', behaviours: [] }],
    change: scene => everywhere(scene, testimony => void (testimony.conflicts = fork([id('a'), id('a')]))),
  },
  {
    what: 'a fork that all know',
    finds: undefined,
    scenario: { expect: { ...scenarioOf().expect, forkedLogs: 1 } },
    faults: [{ verb: 'turn', node: 'n4', behaviours: [] }],
    change: scene => everywhere(scene, testimony => void (testimony.conflicts = fork([id('a'), id('b')]))),
  },
  {
    what: 'a fork that nobody knows',
    finds: 'equivocation',
    scenario: { expect: { ...scenarioOf().expect, forkedLogs: 1 } },
    change: () => {},
  },

  {
    what: 'messages are handled as they should',
    finds: undefined,
    change: scene => (scene.message('send', 1, 1), scene.message('call', 1, 1), scene.message('at-least-once', 1, 2)),
  },
  { what: 'a message is handled twice', finds: 'ipc', change: scene => scene.message('send', 1, 2) },
  { what: 'a call is handled twice', finds: 'ipc', change: scene => scene.message('call', 1, 2) },
  { what: 'a message that was delivered is lost', finds: 'ipc', change: scene => scene.message('send', 1, 0) },
  {
    what: 'a message that was not delivered is lost',
    finds: undefined,
    change: scene => scene.message('send', 1, 0, { result: 'unreachable' }),
  },
  {
    what: 'a message dies with its receiver',
    finds: undefined,
    faults: [{ verb: 'crash', node: 'n2', how: 'power', torn: false }],
    change: scene => scene.message('send', 1, 0),
  },
  { what: 'an answer without handling', finds: 'ipc', change: scene => scene.message('call', 1, 0) },
  {
    what: 'a message out of nowhere',
    finds: 'ipc',
    change: scene =>
      void scene.court.history.deliveries.push({ message: { mode: 'send', from: 'n1', to: 'n2', number: 9 }, atMs: 1, life: 1 }),
  },
  { what: 'messages out of order', finds: 'ipc', change: scene => (scene.message('send', 2, 1), scene.message('send', 1, 1)) },

  {
    what: 'a node forgets what another wrote',
    finds: 'authority',
    change: scene => (
      scene.ask('memory.remember', TOLD, RECEIPT),
      void scene.ask('memory.forget', { id: MEMORY.id }, { ...RECEIPT, seq: 2, id: OTHER.id }, { node: 'n2' })
    ),
  },
  {
    what: 'a node that tries is refused',
    finds: undefined,
    change: scene => (
      scene.ask('memory.remember', TOLD, RECEIPT),
      void scene.ask('memory.forget', { id: MEMORY.id }, undefined, {
        node: 'n2',
        outcome: 'fail',
        error: new WeftError('not_author', 'no'),
      })
    ),
  },
  {
    what: 'a memory vanishes that nobody forgot',
    finds: 'authority',
    change: scene => (scene.ask('memory.remember', { text: 'x' }, { ...RECEIPT, id: id('x'), seq: 0 }), undefined),
  },
  {
    what: 'a void record is remembered',
    finds: 'authority',
    change: scene =>
      everywhere(
        scene,
        testimony =>
          void (testimony.conflicts = { conflicts: [], logs: [], voids: [{ id: MEMORY.id, log: LOG, seq: 1, code: 'revoked' }] }),
      ),
  },

  {
    what: 'a node is not connected',
    finds: 'membership',
    change: scene => void (of(scene, 'n2').peers = of(scene, 'n2').peers.map(peer => ({ ...peer, state: 'down' as const }))),
  },
  {
    what: 'nodes disagree on who belongs',
    finds: 'membership',
    change: scene => void (of(scene, 'n2').members = { ...of(scene, 'n2').members, threshold: 2 }),
  },
  {
    what: 'a revoked node is back',
    finds: 'membership',
    change: scene => void scene.ask('member.revoke', { nodeId: 'n4' }, { operation: 'o', decided: true }),
  },
  { what: 'who was to be retired is still a member', finds: 'membership', change: scene => dismissed(scene, 'n4', 'retire') },
  {
    what: 'the only disk that knew of a dismissal is gone',
    finds: undefined,
    faults: [{ verb: 'reformat', node: 'n1' }],
    change: scene => dismissed(scene, 'n4', 'retire'),
  },
  {
    what: 'who was to be retired is retired',
    finds: undefined,
    change: scene => {
      dismissed(scene, 'n4', 'retire')
      everywhere(scene, testimony => {
        const members = testimony.members.members.map(member =>
          member.nodeId === 'n4' ? { ...member, status: 'retired' as const } : member,
        )
        testimony.members = { ...testimony.members, members }
      })
      scene.nodes.delete('n4')
    },
  },

  {
    what: 'a question is never answered',
    finds: 'liveness',
    change: scene => void scene.ask('memory.status', {}, undefined, { endMs: null, outcome: 'unknown' }),
  },
  {
    what: 'a question dies with the node',
    finds: undefined,
    faults: [{ verb: 'crash', node: 'n1', how: 'power', torn: false }],
    change: scene => void scene.ask('memory.status', {}, undefined, { endMs: null, outcome: 'unknown' }),
  },
  { what: 'records wait for ever', finds: 'liveness', change: scene => void (of(scene, 'n2').pending = 3) },
  {
    what: 'a node never publishes',
    finds: 'liveness',
    change: scene =>
      everywhere(scene, testimony => void (testimony.heads = [{ ...(testimony.heads[0] as Testimony['heads'][number]), published: 2 }])),
  },

  {
    what: 'two processes have one pid',
    finds: 'process-table',
    change: scene => void (of(scene, 'n2').processes = [processOf('n2', 4), processOf('n2', 4)]),
  },
  {
    what: 'a process that has exited is listed',
    finds: 'process-table',
    change: scene => void (of(scene, 'n2').processes = [{ ...processOf('n2', 4), state: 'exited' }]),
  },

  {
    what: 'a score is not a number',
    finds: 'convergence',
    change: scene => withHits(of(scene, 'n2'), hit => void (hit.score = Number.NaN)),
  },
  {
    what: 'all scores are not numbers',
    finds: 'hygiene',
    change: scene => everywhere(scene, testimony => withHits(testimony, hit => void (hit.parts.bm25 = Number.NaN))),
  },

  {
    what: 'a memory is superseded by nobody',
    finds: 'fold',
    change: scene => (
      scene.ask('memory.remember', { text: OTHER.text }, { ...RECEIPT, id: OTHER.id, seq: 2 }),
      everywhere(scene, testimony => {
        testimony.memories = [MEMORY, { ...OTHER, state: 'superseded' }]
        testimony.recollections = new Map()
        testimony.matches = new Map()
      })
    ),
  },
  {
    what: 'a memory is superseded as it was asked',
    finds: undefined,
    change: scene => (
      scene.ask('memory.remember', { text: OTHER.text }, { ...RECEIPT, id: OTHER.id, seq: 2 }),
      scene.ask('memory.supersede', { old: OTHER.id, by: MEMORY.id }, undefined),
      everywhere(scene, testimony => {
        testimony.memories = [MEMORY, { ...OTHER, state: 'superseded' }]
        testimony.recollections = new Map()
        testimony.matches = new Map()
      })
    ),
  },

  {
    what: 'a call is answered with something else',
    finds: 'ipc',
    change: scene => scene.message('call', 1, 1, { result: 'flood' }),
  },
  {
    what: 'a message arrives as another',
    finds: 'ipc',
    change: scene => {
      scene.message('send', 1, 0)
      scene.court.history.deliveries.push({ message: { mode: 'send', from: 'n1', to: 'n2', number: 1, value: 7 }, atMs: 1_500, life: 1 })
    },
  },
  {
    what: 'a call ends long after its deadline',
    finds: 'ipc',
    change: scene => void scene.ask('process.call', { to: 'n2:tally', deadlineMs: 100 }, { result: 1 }),
  },
  {
    what: 'a call waits for a peer that was seen to go',
    finds: 'ipc',
    change: scene => {
      const wait = { endMs: 5_000, outcome: 'unknown' } as const
      scene.ask('process.call', { to: 'n2:tally' }, undefined, wait)
      downAt(scene, 1_500)
    },
  },
  {
    what: 'a call fails when its peer goes',
    finds: undefined,
    change: scene => {
      scene.ask('process.call', { to: 'n2:tally' }, undefined, { outcome: 'unknown' })
      downAt(scene, 1_999)
    },
  },
  {
    what: 'a monitor waits for a peer that was seen to go',
    finds: 'ipc',
    change: scene => {
      scene.ask('process.monitor', { target: 'n2:tally' }, undefined, { endMs: null, outcome: 'unknown' })
      downAt(scene, 1_500)
    },
  },

  {
    what: 'an answer cannot be repeated elsewhere',
    finds: 'recall',
    change: scene => {
      recalled(scene, 'n1', 1_000, 3, [0.5])
      recalled(scene, 'n2', 3_000, 3, [0.4], { asOf: frontierOf(3) })
    },
  },
  {
    what: 'an answer is repeated elsewhere',
    finds: undefined,
    change: scene => {
      recalled(scene, 'n1', 1_000, 3, [0.5])
      recalled(scene, 'n2', 3_000, 3, [0.5], { asOf: frontierOf(3) })
    },
  },
  {
    what: 'a node knows less than it has said',
    finds: 'causal-order',
    change: scene => {
      recalled(scene, 'n1', 1_000, 3, [])
      recalled(scene, 'n1', 3_000, 2, [])
    },
  },
  {
    what: 'a node that was restarted knows less than it has said',
    finds: undefined,
    faults: [{ verb: 'crash', node: 'n1', how: 'power', torn: false }],
    change: scene => {
      recalled(scene, 'n1', 1_000, 3, [])
      recalled(scene, 'n1', 6_000, 2, [])
    },
  },
  {
    what: 'a node does not wait for what it was to wait for',
    finds: 'causal-order',
    change: scene => recalled(scene, 'n1', 1_000, 2, [], { after: frontierOf(3) }),
  },

  {
    what: 'recall gives what was superseded',
    finds: 'recall',
    change: scene => everywhere(scene, testimony => void (testimony.memories = [{ ...MEMORY, state: 'superseded' }, OTHER])),
  },
  {
    what: 'recall scores as it likes',
    finds: 'recall',
    change: scene => everywhere(scene, testimony => withHits(testimony, hit => void (hit.parts.bm25 = 0.5))),
  },
  {
    what: 'recall does not count what the query is about',
    finds: 'recall',
    change: scene =>
      everywhere(scene, testimony =>
        withHits(testimony, hit => Object.assign(hit, { score: 1, parts: { ...hit.parts, subject: 0 } }), ['recollections']),
      ),
  },
  {
    what: 'the parts of a score do not make it',
    finds: 'recall',
    change: scene => everywhere(scene, testimony => withHits(testimony, hit => void (hit.score = 3), ['recollections'])),
  },
  {
    what: 'recall misses a memory',
    finds: 'recall',
    change: scene =>
      everywhere(
        scene,
        testimony =>
          void (testimony.matches = new Map([
            ['rain roof', { hits: [], frontier: 'f', foldVersion: 1, exact: true, truncated: false, vectors: 'none' }],
          ])),
      ),
  },
]

/** `n1` sees its connection to `n2` end. */
function downAt({ court }: Scene, atMs: number): void {
  const { nowMs } = court
  ;(court as { nowMs: number }).nowMs = atMs
  for (const checker of court.checkers) checker.onLog?.('n1', 'info', 'peer.down', { peer: 'n2', code: 'unreachable' })
  ;(court as { nowMs: number }).nowMs = nowMs
}

/** An admin has `node` leave, as a fault of the run. */
function dismissed({ court }: Scene, node: string, how: 'retire' | 'revoke'): void {
  for (const checker of court.checkers) checker.onLog?.(node, 'info', 'sim.dismissed', { how })
}

function frontierOf(size: number): string {
  return formatFrontier([{ log: LOG, size, head: new Uint8Array(32).fill(size) }])
}

/** A recall that took a second, with hits of these scores, at a frontier of so many records. */
function recalled({ court }: Scene, node: string, atMs: number, size: number, scores: readonly number[], options: object = {}): void {
  const hits = scores.map(score => ({ ...MEMORY, score, parts: { bm25: score, vector: 0, spread: 0 }, path: [] }))
  const result = { hits, frontier: frontierOf(size), foldVersion: 1, exact: true, truncated: false }
  const operation = court.history.begin(atMs, node, 'memory.recall', { query: 'rain', k: 5, ...options })
  Object.assign(operation, { endMs: atMs + 1_000, outcome: 'ok', result })
}

const DAMAGED: Testimony['verification'] = { valid: false, log: LOG, seq: 1, reason: 'body damaged', file: 'j.seg', offset: 7 }

t.test('histories and endings are judged without anybody having watched', t => {
  for (const row of CASES) {
    const scene = sceneOf(row)
    row.change(scene)
    for (const checker of scene.court.checkers) checker.atEnd?.({ nodes: scene.nodes, scenario: scenarioOf() })
    t.equal(scene.court.violations[0]?.invariant, row.finds, `${row.what}${toldBy(scene.court)}`)
  }
  t.end()
})

t.test('every invariant has a judge, who can say what it promises', t => {
  const { checkers } = courtOf(scenarioOf())
  t.same(
    checkers.map(({ id }) => id),
    INVARIANTS,
  )
  for (const { id, says } of checkers) t.match(says, /\w+ \w+/, id)
  t.end()
})

t.test('the judges compute roots as the nodes do', t => {
  const tree = new MerkleTree()
  const peaks = new Peaks()
  t.same(peaks.root, tree.root())
  for (let i = 0; i < 70; i++) {
    const leaf = hash('leaf', utf8(String(i)))
    tree.append(leaf)
    peaks.add(toHex(leaf))
    t.same(peaks.root, tree.root(), `${i + 1} leaves`)
  }
  t.end()
})

function id(name: string): string {
  return toHex(hash('content', utf8(name)))
}

function toldBy({ violations: [first] }: Court): string {
  return first === undefined ? '' : `: ${first.facts.join('; but ')}`
}
