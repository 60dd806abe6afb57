import { equalBytes } from '../../base/bytes.ts'
import { DEFAULT_SPACE, type NodeId, spaceOf } from '../../base/ids.ts'
import { CLOCK_AHEAD_MAX_MS, INBOX_MAX } from '../../base/limits.ts'
import type { Log } from '../../chain/log.ts'
import type { Core } from '../../node/core.ts'
import { behavioursOf } from '../../sim/byzantine/behaviours.ts'
import { FORGED } from '../../sim/byzantine/forge.ts'
import { World } from '../../sim/world.ts'
import { coreOf, settle, spawnOn, untilConnected } from './helpers.ts'

/**
 * Three correct nodes work while a fourth, a member like them, is hostile. What they promise each other and
 * their callers is held against them, first while it goes on, then when it is over.
 */
export interface Siege {
  readonly hash: string
  /** What a correct node ought not to have done. */
  readonly violations: readonly string[]
  /** Correct nodes that hung up on the hostile one for what it sent. */
  readonly hungUp: number
  /** Records of the hostile node that a correct one keeps as void. */
  readonly voided: number
  /** What correct nodes refused, by code. */
  readonly verdicts: ReadonlyMap<string, number>
}

const CORRECT: readonly string[] = ['a', 'b', 'c']
const HOSTILE = 'h'
/** 10 s: in that time every hole but one is found. The long run takes longer sieges. */
const SECONDS = Number(process.env['WEFT_SIEGE_SECONDS'] ?? 10)
/** Alone it takes longer until it hurts. */
const SLOW: ReadonlyMap<string, number> = new Map([['usurp', 30]])
const ANSWER_MS = 6000

export function besiege(behaviours: readonly string[], seed: number, onLog?: (line: string) => void): Siege {
  return new Besieged(behaviours, seed, onLog).tell()
}

/** What a siege by one behaviour brings to light. */
export function faultsUnder(name: string, seed: number): readonly string[] {
  const { violations, hungUp } = besiege([name], seed)
  const [behaviour] = behavioursOf([name])
  return behaviour?.isPunished === true && hungUp === 0 ? [...violations, 'nobody hung up on it'] : violations
}

class Besieged {
  readonly #world: World
  readonly #behaviours: readonly string[]
  readonly #violations: Set<string> = new Set()
  readonly #said: Map<string, string> = new Map()
  readonly #open: Set<string> = new Set()
  #isBegun = false
  #hungUp = 0

  constructor(behaviours: readonly string[], seed: number, onLog?: (line: string) => void) {
    this.#behaviours = behaviours
    this.#world = new World({
      seed,
      onLog: line => {
        this.#hear(line)
        onLog?.(line)
      },
    })
  }

  tell(): Siege {
    const world = this.#world
    settle(world, CORRECT)
    world.join(HOSTILE, world.ask('a', 'member.invite', {}).token)
    world.start(HOSTILE)
    untilConnected(world, [...CORRECT, HOSTILE])
    for (const name of CORRECT) spawnOn(world, name, () => ({ onCall: { ask: (n: number) => n + 1 } }), 'agent')
    this.#isBegun = true
    try {
      this.#work(2)
      world.turn(HOSTILE, this.#behaviours)
      this.#work(Math.max(SECONDS, this.#behaviours.length === 1 ? (SLOW.get(this.#behaviours[0] as string) ?? 0) : 0))
      world.until('correct nodes to be equal while it goes on', () => this.#areEqual(log => log.identity.author !== world.nodeId(HOSTILE)))
      world.turn(HOSTILE, [])
      world.run(10_000)
      world.crash(HOSTILE)
      world.until('correct nodes to be equal', () => this.#areEqual(() => true))
      this.#judge()
      world.crash('a')
      world.start('a')
      untilConnected(world, CORRECT)
      world.until('all to be equal again', () => this.#areEqual(() => true))
      this.#judge()
    } catch (thrown) {
      this.#violations.add(`thrown: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
    }
    const verdicts = new Map<string, number>()
    const cores = world.running.filter(({ name }) => CORRECT.includes(name)).map(({ name }) => coreOf(world, name))
    for (const { metrics } of cores)
      for (const [metric, label, value] of metrics.samples())
        if (metric === 'weft_verdicts_total') verdicts.set(label, (verdicts.get(label) ?? 0) + value)
    const voided = cores.reduce((sum, core) => sum + core.metrics.get('weft_chain_void_total', 'clock'), 0)
    return { hash: world.trace.hash, violations: [...this.#violations], hungUp: this.#hungUp, voided, verdicts }
  }

  // ---- the work of the correct nodes

  #work(seconds: number): void {
    for (let i = 0; i < seconds; i++) {
      for (const [at, name] of CORRECT.entries()) {
        // While the first of three is on its way to the disk the others wait, and share a checkpoint.
        for (let n = 0; n < 1 + 2 * (i % 2); n++) this.#remember(name, `${name} says ${this.#said.size}`)
        this.#call(name, CORRECT[(at + 1) % CORRECT.length] as string)
      }
      this.#world.run(1000)
      this.#checkBounds()
    }
    this.#world.run(ANSWER_MS)
    for (const what of this.#open) this.#violations.add(`unanswered: ${what}`)
  }

  #remember(name: string, text: string): void {
    this.#said.set(text, name)
    this.#open.add(text)
    this.#world.askSoon(name, 'memory.remember', { text }, error => {
      this.#open.delete(text)
      if (error !== undefined) this.#violations.add(`refused: ${error.code}`)
    })
  }

  #call(name: string, other: string): void {
    const to = `${this.#world.nodeId(other)}:agent`
    const what = `${name} calls ${other}`
    this.#open.add(what)
    this.#world.askSoon(name, 'process.call', { to, method: 'ask', argument: 1, deadlineMs: 5000 }, (error, answer) => {
      this.#open.delete(what)
      if (error !== undefined || answer?.result !== 2) this.#violations.add(`call: ${error?.code ?? JSON.stringify(answer)}`)
    })
  }

  // ---- what must be so

  #hear(line: string): void {
    const [, name = '', , event = '', ...rest] = line.split(' ')
    if (!CORRECT.includes(name) || !this.#isBegun) return
    const isHostile = (peer: NodeId): boolean => peer === this.#world.nodeId(HOSTILE)
    if (event === 'peer.rejected') {
      const { peer, code } = JSON.parse(rest.join(' ')) as { readonly peer: NodeId; readonly code: string }
      if (!isHostile(peer)) this.#violations.add(`blamed: ${code}`)
    } else if (event === 'peer.down') {
      const { peer, code } = JSON.parse(rest.join(' ')) as { readonly peer: NodeId; readonly code: string }
      if (isHostile(peer) && (code === 'rate_limited' || code === 'frame_too_large')) this.#hungUp++
    } else if (event === 'chain.conflict') {
      this.#violations.add('conflict')
    } else if (event === 'chain.commit-failed' || event === 'chain.damaged' || event === 'peer.refused-us') {
      this.#violations.add(event)
    }
  }

  #areEqual(which: (log: Log) => boolean): boolean {
    const cores = CORRECT.map(name => coreOf(this.#world, name))
    const held = (core: Core): string =>
      [...core.chain.logs.values()]
        .filter(log => log.published > 0 && which(log))
        .map(log => `${log.identity.id} ${log.published} ${log.tree.leaf(log.published - 1).join()}`)
        .sort()
        .join()
    const isWhole = cores.every(core => [...core.chain.logs.values()].every(log => !which(log) || log.published === log.size))
    return isWhole && new Set(cores.map(held)).size === 1
  }

  #checkBounds(): void {
    const world = this.#world
    if (world.scheduler.pending > 20_000) this.#violations.add(`bounds: ${world.scheduler.pending} events wait`)
    for (const name of CORRECT) {
      const core = coreOf(world, name)
      if (core.chain.hlc.ms > world.machine(name).clock.wallMs() + CLOCK_AHEAD_MAX_MS)
        this.#violations.add('clock: moved by a hostile node')
      if (core.chain.logs.size > 64) this.#violations.add(`bounds: ${core.chain.logs.size} logs`)
      for (const { inbox } of core.processes.list()) if (inbox > INBOX_MAX) this.#violations.add(`bounds: an inbox of ${inbox}`)
    }
  }

  #judge(): void {
    const world = this.#world
    for (const name of CORRECT) {
      const core = coreOf(world, name)
      for (const log of core.chain.logs.values()) {
        this.#compare(log)
        if (isForged(core, log)) this.#violations.add(`forged: records of ${log.identity.stream.replace(/[0-9-]+$/, '')}`)
      }
      const verification = world.ask(name, 'chain.verify', { all: true })
      if (!verification.valid) this.#violations.add(`damage: ${verification.reason}`)
      const texts = textsIn(world, name)
      if (texts.some(text => text.includes(FORGED))) this.#violations.add('forged: a memory that nobody may have')
      for (const text of this.#said.keys()) if (!texts.includes(text)) this.#violations.add('lost: a memory of a correct node')
      const { members } = world.ask(name, 'member.list', {})
      const admins = members.filter(({ isAdmin, status }) => isAdmin && status === 'member').map(({ nodeId }) => nodeId)
      if (members.length !== 4 || admins.join() !== world.nodeId('a')) this.#violations.add('membership: decided by no admin')
    }
    const folds = CORRECT.map(name => coreOf(world, name).memory(DEFAULT_SPACE))
    const [first, ...others] = folds.map(memory => memory.fold.canonical())
    if (others.some(other => !equalBytes(other, first as Uint8Array))) this.#violations.add('fold: correct nodes disagree')
    if (new Set(folds.map(memory => JSON.stringify(memory.fold.voids))).size !== 1) this.#violations.add('fold: other records are void')
  }

  /** A log of a correct node is everywhere what its author wrote. */
  #compare(log: Log): void {
    const world = this.#world
    const author = CORRECT.find(name => world.nodeId(name) === log.identity.author)
    if (author === undefined) return
    const own = coreOf(world, author).chain.log(log.identity.id)
    for (let seq = 0; seq < log.size; seq++) {
      const isSame = own !== undefined && seq < own.size && equalBytes(own.tree.leaf(seq), log.tree.leaf(seq))
      if (!isSame) return void this.#violations.add(`forged: a record of ${log.identity.stream}`)
    }
  }
}

/** What holds in the space that all nodes share. */
function textsIn(world: World, name: string): readonly string[] {
  const texts: string[] = []
  for (let after: string | undefined; ; ) {
    const { memories, frontier, more } = world.ask(name, 'memory.list', { limit: 500, after })
    texts.push(...memories.filter(({ state }) => state === 'current').map(({ text }) => text))
    if (!more) return texts
    after = frontier
  }
}

/** Spaces in which nothing may be stored, and those in which only the first memory counts. */
function isForged(core: Core, { identity }: Log): boolean {
  const space = spaceOf(identity.stream) ?? ''
  return space.startsWith('misroot-') || (/^(unsigned|late)-/.test(space) && core.memory(space).fold.stats.nodes !== 1)
}
