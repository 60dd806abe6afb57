import { SCENARIO_NODES_MAX } from '../../base/limits.ts'
import { asWeftError } from '../../base/errors.ts'
import { resolveConfig } from '../../node/config.ts'
import type { Program } from '../../node/process/behaviour.ts'
import type { Fault, TimedFault, WireQuality } from '../faults/fault.ts'
import { contradictionsOf } from './check.ts'
import { didYouMean } from './closest.ts'
import { isNodeName, read } from './cursor.ts'
import { parseFault, QUALITY } from './fault-text.ts'
import { COUNT, DRIFT, RATE, STEP } from './quantities.ts'
import { Reader } from './reader.ts'
import type { Expectations, NodeSpec, Scenario, Work } from './scenario.ts'
import type { Place, Row, Value } from './value.ts'

/** How long the workload goes on after the last fault, unless the scenario says how long it runs. */
const CALM_MS = 10_000
/** A minute after the last fault ended, every healthy cluster is one again. */
const CONVERGE_MS = 60_000

const DEFAULT_WORK: Work = { work: 'remember', perSecond: 5, keys: 20 }
/** What each kind of work is called in a scenario. */
const WORK = {
  put: 'remember',
  remember: 'remember',
  link: 'link',
  supersede: 'supersede',
  forget: 'forget',
  recall: 'recall',
  roles: 'roles',
  process: 'process',
  ipc: 'message',
  agent: 'agent',
} as const
const MODES = { 'at-most-once': 'send', call: 'call', 'at-least-once': 'at-least-once' } as const

export interface Source {
  readonly root: Value
  /** What errors call it: a file, or a name. */
  readonly origin: string
  /** Its name when it gives none. */
  readonly name: string
  readonly isCode: boolean
  /** The text of a weft.toml that the scenario names. May throw. */
  readonly readConfig?: ((path: string) => string) | undefined
}

/**
 * Reads a scenario, whatever it was written in.
 *
 * @throws WeftError `scenario_invalid` with every mistake of form, or, where there is none, with everything that makes no sense
 */
export function readScenario(source: Source): Scenario {
  return new ScenarioReader(source).read()
}

class ScenarioReader {
  readonly #source: Source
  readonly #reader: Reader
  #name: string
  #about = ''
  #nodes: NodeSpec[] | undefined
  #net: WireQuality = {}
  #workload: readonly Work[] = [DEFAULT_WORK]
  #faults: { readonly timed: TimedFault; readonly place: Place }[] = []
  #durationMs: number | undefined
  #expect: Expectations = { convergeMs: CONVERGE_MS, falsePositives: null, sometimes: [], forkedLogs: null }
  #guard: 'one' | 'majority' | undefined
  /** Of the user's own settings. */
  #configGuard: 'one' | 'majority' = 'one'
  #buggify: readonly string[] = []
  #seed = 1
  #agents: ReadonlyMap<string, Program> = new Map()
  /** By path: where what may turn out to make no sense was written. */
  readonly #places: Map<string, Place> = new Map()

  constructor(source: Source) {
    this.#source = source
    this.#reader = new Reader(source.isCode)
    this.#name = source.name
  }

  read(): Scenario {
    const reader = this.#reader
    const { root, origin, isCode } = this.#source
    let workload: Value | undefined
    let at: Value | undefined
    reader.fields(root, 'a scenario', {
      name: value => (this.#name = this.#reader.text(value, 'a name') ?? this.#name),
      about: value => (this.#about = this.#reader.text(value, 'what happens') ?? ''),
      nodes: value => {
        this.#places.set('nodes', value.place)
        this.#readNodes(value)
      },
      net: value => (this.#net = this.#quality(value)),
      ...(isCode ? { agents: (value: Value) => this.#readAgents(value) } : {}),
      // Agents and the first node may be told after what speaks of them.
      workload: value => (workload = value),
      at: value => (at = value),
      duration: value => (this.#durationMs = reader.duration(value)),
      expect: value => this.#readExpect(value),
      guard: value => (this.#guard = reader.oneOf(value, ['one', 'majority'])),
      buggify: value => (this.#buggify = this.#names(value, 'a list of rare branches')),
      seed: value => (this.#seed = reader.quantity(value, COUNT) ?? 1),
    })
    if (this.#nodes === undefined) this.#readNodes({ kind: 'text', place: root.place, text: '5' })
    if (workload !== undefined) this.#workload = this.#readWorkload(workload)
    if (at !== undefined) this.#readFaults(at)
    reader.settle(origin)
    return this.#whole()
  }

  #whole(): Scenario {
    // Stable: faults of one time stay in the order in which they were written.
    const faults = [...this.#faults].sort((a, b) => a.timed.atMs - b.timed.atMs)
    const endMs = Math.max(0, ...faults.map(({ timed: { atMs, fault } }) => atMs + ('forMs' in fault ? fault.forMs : 0)))
    const scenario: Scenario = {
      name: this.#name,
      about: this.#about,
      nodes: this.#withJoiners(faults.map(({ timed }) => timed.fault)),
      net: this.#net,
      workload: this.#workload,
      faults: faults.map(({ timed }) => timed),
      durationMs: this.#durationMs ?? endMs + CALM_MS,
      expect: this.#expect,
      guard: this.#guard ?? this.#configGuard,
      buggify: this.#buggify,
      seed: this.#seed,
    }
    for (const [i, { place }] of faults.entries()) this.#places.set(`faults[${i}]`, place)
    for (const { path, message } of contradictionsOf(scenario))
      this.#reader.problem(this.#places.get(path) ?? this.#source.root.place, message)
    this.#reader.settle(this.#source.origin)
    return scenario
  }

  /** Whether there are such things is known when all is read. */
  #names(value: Value, what: string): readonly string[] {
    const names = this.#reader.texts(value, what)
    if (value.kind === 'list') for (const { place } of value.items) this.#places.set(place.path, place)
    return names
  }

  /** A node that joins need not be listed. */
  #withJoiners(faults: readonly Fault[]): readonly NodeSpec[] {
    const nodes = [...(this.#nodes ?? [])]
    for (const fault of faults) {
      if (fault.verb === 'join' && !nodes.some(({ name }) => name === fault.node)) nodes.push({ ...plainNode(fault.node), isLate: true })
    }
    return nodes
  }

  // ---- who

  /** `5`, `[ada, bob]`, `[{ count: 3, disk: slow }, { count: 2 }]`, `{ ada: { disk: slow } }`, `{ config: weft.toml, count: 5 }` */
  #readNodes(value: Value): void {
    const reader = this.#reader
    const nodes: NodeSpec[] = []
    const mistakes = reader.problems.length
    this.#nodes = nodes
    if (value.kind === 'text') {
      const count = reader.quantity(value, COUNT)
      if (count !== undefined) this.#add(numbered('n', 1, count), {}, value.place)
    } else if (value.kind === 'list') {
      for (const item of value.items) {
        if (item.kind === 'table') this.#readGroup(item)
        else this.#add(this.#range(item), {}, item.place)
      }
    } else if (value.kind === 'table' && value.rows.some(({ key }) => key === 'count' || key === 'config')) {
      this.#readGroup(value)
    } else if (value.kind === 'table') {
      for (const row of value.rows) this.#readNode(row)
    } else reader.problem(value.place, 'expected a number of nodes, a list, or a table by name')
    if (nodes.length === 0 && reader.problems.length === mistakes) reader.problem(value.place, 'there has to be at least one node')
  }

  #readNode({ key, place, value }: Row): void {
    const settings: Settings = {}
    this.#reader.fields(value, 'a node', this.#settings(settings))
    this.#add([key], settings, place)
  }

  #readGroup(value: Value): void {
    const reader = this.#reader
    const settings: Settings = {}
    let count: number | undefined = 1
    let prefix = 'n'
    reader.fields(value, 'a group of nodes', {
      count: inner => (count = reader.quantity(inner, COUNT)),
      config: inner => (prefix = this.#readConfig(inner) ?? prefix),
      ...this.#settings(settings),
    })
    const known = (this.#nodes ?? []).filter(({ name }) => name.startsWith(prefix)).length
    if (count !== undefined) this.#add(numbered(prefix, known + 1, count), settings, value.place)
  }

  #settings(settings: Settings): Readonly<Record<string, (value: Value) => void>> {
    const reader = this.#reader
    return {
      disk: value => (settings.disk = reader.oneOf(value, ['ssd', 'hdd', 'slow'])),
      version: value => (settings.version = reader.oneOf(value, ['current', 'previous'])),
      late: value => (settings.isLate = reader.oneOf(value, ['true', 'false']) === 'true'),
      clock: value =>
        reader.fields(value, 'a clock', {
          offset: inner => (settings.clockOffsetMs = reader.duration(inner, STEP)),
          drift: inner => (settings.clockDriftPpm = reader.quantity(inner, DRIFT)),
        }),
    }
  }

  #add(names: readonly string[], settings: Settings, place: Place): void {
    const nodes = this.#nodes as NodeSpec[]
    if (nodes.length + names.length > SCENARIO_NODES_MAX)
      return this.#reader.problem(place, `there can be at most ${SCENARIO_NODES_MAX} nodes`)
    const wrong = names.find(name => !isNodeName(name))
    if (wrong !== undefined) {
      return this.#reader.problem(
        place,
        `a node is called by a letter and then letters and digits, with - or _ between them; not ${JSON.stringify(wrong)}`,
      )
    }
    const told = Object.fromEntries(Object.entries(settings).filter(([, setting]) => setting !== undefined))
    nodes.push(...names.map(name => ({ ...plainNode(name), ...told })))
  }

  /**
   * The user's own settings. All of them are checked; `name` and `guard` mean something here, the others concern real sockets.
   *
   * @returns the prefix of the names of these nodes
   */
  #readConfig(value: Value): string | undefined {
    const path = this.#reader.text(value, 'the path of a weft.toml')
    if (path === undefined) return undefined
    if (this.#source.readConfig === undefined) return this.#reader.problem(value.place, 'settings can be named in scenario files only')
    try {
      const { guard, name } = resolveConfig({}, {}, this.#source.readConfig(path))
      this.#configGuard = guard.value
      return name.from === 'default'
        ? undefined
        : name.value
            .replace(/[^A-Za-z0-9]+$/, '')
            .replaceAll(/[^A-Za-z0-9]+/g, '-')
            .replace(/[0-9]$/, '$&-')
    } catch (thrown) {
      return this.#reader.problem(value.place, `${path}: ${asWeftError(thrown).message}`)
    }
  }

  /** The nodes that a text names: `n1`, `n1..n4`. */
  #range(value: Value): readonly string[] {
    const text = this.#reader.text(value, 'the name of a node, like n1, or n1..n4')
    if (text === undefined) return []
    return (
      this.#reader.reading(
        text,
        value.place,
        read(text, cursor => cursor.range()),
      ) ?? []
    )
  }

  // ---- what they do

  #readAgents(value: Value): void {
    if (value.kind !== 'table') return this.#reader.problem(value.place, 'expected programs by name')
    const agents = new Map<string, Program>()
    for (const { key, place, value: inner } of value.rows) {
      if (inner.kind === 'native' && typeof inner.value === 'function') agents.set(key, inner.value as Program)
      else this.#reader.problem(place, 'an agent is a program: a function or a class')
    }
    this.#agents = agents
  }

  #readWorkload(value: Value): readonly Work[] {
    return this.#reader.items(value, 'a list like [ { put: 5/s, keys: 20 }, { ipc: 10/s, mode: call } ]').flatMap(item => {
      this.#places.set(item.place.path, item.place)
      return this.#readWork(item) ?? []
    })
  }

  #readWork(value: Value): Work | undefined {
    const reader = this.#reader
    const words = Object.keys(WORK) as (keyof typeof WORK)[]
    const chosen = value.kind === 'table' ? words.filter(word => value.rows.some(({ key }) => key === word)) : []
    const [word] = chosen
    if (word === undefined || chosen.length > 1) {
      if (value.kind === 'table') for (const { key, place } of value.rows) this.#adviseWork(key, place, words)
      return reader.problem(value.place, `each work is exactly one of ${words.join(', ')}`)
    }
    let perSecond: number | undefined
    const rate = (inner: Value): void => void (perSecond = reader.quantity(inner, RATE))
    const work = WORK[word]
    let space: string | undefined
    const inSpace = (inner: Value): void => void (space = reader.text(inner, 'the name of a space'))
    switch (work) {
      case 'remember': {
        let keys: number | undefined = 0
        reader.fields(value, word, { [word]: rate, keys: inner => (keys = reader.quantity(inner, COUNT)), space: inSpace })
        return perSecond === undefined || keys === undefined
          ? undefined
          : { work, perSecond, keys, ...(space === undefined ? {} : { space }) }
      }
      case 'roles':
        reader.fields(value, word, { [word]: rate, space: inSpace })
        if (space === undefined) return reader.problem(value.place, 'roles are those of a space, like { roles: 10/m, space: vault }')
        return perSecond === undefined ? undefined : { work, perSecond, space }
      case 'process':
        reader.fields(value, word, { [word]: rate })
        return perSecond === undefined ? undefined : { work, perSecond }
      case 'message': {
        let mode: keyof typeof MODES | undefined = 'call'
        const modes = Object.keys(MODES) as (keyof typeof MODES)[]
        reader.fields(value, word, { [word]: rate, mode: inner => (mode = reader.oneOf(inner, modes)) })
        return perSecond === undefined || mode === undefined ? undefined : { work, mode: MODES[mode], perSecond }
      }
      case 'agent': {
        let name: string | undefined
        let on: readonly string[] = (this.#nodes ?? []).map(node => node.name)
        perSecond = 1
        reader.fields(value, 'an agent', {
          agent: inner => (name = reader.text(inner, 'the name of an agent')),
          on: inner => (on = reader.items(inner, 'a list of nodes like [n1, n2]').flatMap(item => this.#range(item))),
          rate,
        })
        const program = this.#agents.get(name ?? '')
        if (program === undefined || name === undefined) {
          const known = [...this.#agents.keys()]
          return reader.problem(
            value.place,
            known.length > 0
              ? `there is no agent ${name ?? ''}${didYouMean(name ?? '', known)} (there are ${known.join(', ')})`
              : this.#source.isCode
                ? `there is no agent ${name ?? ''}: give its program, agents: { ${name ?? 'name'}: program }`
                : 'agents are programs, so they are given in TypeScript: defineScenario({ agents: { name: program } })',
          )
        }
        return perSecond === undefined ? undefined : { work, name, program, on, perSecond }
      }
      default:
        reader.fields(value, word, { [word]: rate, space: inSpace })
        return perSecond === undefined ? undefined : { work, perSecond, ...(space === undefined ? {} : { space }) }
    }
  }

  #adviseWork(key: string, place: Place, words: readonly string[]): void {
    const meant = didYouMean(key, words)
    if (meant !== '') this.#reader.problem(place, `there is no work ${key}${meant}`)
  }

  #quality(value: Value): WireQuality {
    const qualities: WireQuality[] = []
    const keys = Object.entries(QUALITY).map(([key, take]) => [
      key,
      (inner: Value) => {
        const text = this.#reader.text(inner, `${key} like in { delay: exp(2ms,20ms), loss: 1%, bandwidth: 1MiB/s }`)
        if (text !== undefined) qualities.push(this.#reader.reading(text, inner.place, read(text, take)) ?? {})
      },
    ])
    this.#reader.fields(value, 'net', Object.fromEntries(keys))
    return Object.assign({}, ...qualities) as WireQuality
  }

  // ---- what goes wrong, and what must hold

  #readFaults(value: Value): void {
    if (value.kind !== 'table') return this.#reader.problem(value.place, 'expected times and faults, like { 10s: isolate n1, 20s: heal }')
    const seen = new Set<string>()
    for (const { key, place, value: inner } of value.rows) {
      if (seen.has(key)) this.#reader.problem(place, `${key} stands there twice: what happens at one time is a list, [crash n1, crash n2]`)
      seen.add(key)
      const atMs = this.#reader.durationOf(key, place)
      for (const item of inner.kind === 'list' ? inner.items : [inner]) {
        const fault = this.#fault(item)
        if (fault !== undefined && atMs !== undefined) this.#faults.push({ timed: { atMs, fault }, place: item.place })
      }
    }
  }

  #fault(value: Value): Fault | undefined {
    if (value.kind === 'native') return value.value as Fault
    const text = this.#reader.text(value, 'a fault, like crash n2')
    return text === undefined ? undefined : this.#reader.reading(text, value.place, parseFault(text))
  }

  #readExpect(value: Value): void {
    const reader = this.#reader
    this.#reader.fields(value, 'expect', {
      converge: inner => {
        const text = reader.text(inner, 'a duration like 30s after heal')
        const convergeMs = text === undefined ? undefined : reader.durationOf(text.replace(/\s+after\s+heal$/, ''), inner.place)
        if (convergeMs !== undefined) this.#expect = { ...this.#expect, convergeMs }
      },
      fp: inner => (this.#expect = { ...this.#expect, falsePositives: reader.quantity(inner, COUNT) ?? null }),
      lost: inner => {
        if (reader.quantity(inner, COUNT) !== 0) reader.problem(inner.place, 'can only be 0: nothing acknowledged may ever be lost')
      },
      sometimes: inner => (this.#expect = { ...this.#expect, sometimes: this.#names(inner, 'a list of situations') }),
      forks: inner => (this.#expect = { ...this.#expect, forkedLogs: reader.quantity(inner, COUNT) ?? null }),
    })
  }
}

/** Those that were told; undefined is what could not be read. */
interface Settings {
  disk?: NodeSpec['disk'] | undefined
  version?: NodeSpec['version'] | undefined
  isLate?: boolean
  clockOffsetMs?: number | undefined
  clockDriftPpm?: number | undefined
}

export function plainNode(name: string): NodeSpec {
  return { name, disk: 'ssd', clockOffsetMs: 0, clockDriftPpm: 0, version: 'current', isLate: false }
}

function numbered(prefix: string, first: number, count: number): readonly string[] {
  // One too many is as wrong as a billion too many, and told by whoever adds them.
  return Array.from({ length: Math.min(count, SCENARIO_NODES_MAX + 1) }, (_, i) => `${prefix}${first + i}`)
}
