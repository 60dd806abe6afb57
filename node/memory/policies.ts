import { utf8 } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import { isoOf } from '../../base/hlc.ts'
import { type CausalId, DEFAULT_SPACE, type LogId } from '../../base/ids.ts'
import {
  POLICIES_MAX,
  POLICY_AT_ONCE,
  POLICY_INTERVAL_MS,
  POLICY_SLICE,
  POLICY_SOON_MS,
  POLICY_VICTIMS_MAX,
  RECALLED_MAX,
} from '../../base/limits.ts'
import type { PolicyInfo, PolicyRun } from '../api.ts'
import type { CoreContext } from '../context.ts'
import type { Memory } from './memory.ts'
import { type Candidate, choose, type Policy, type Victim } from './policy.ts'
import { patiently, requireWhole } from './whole.ts'

export const POLICIES_FILE = 'policies.json'

export interface PoliciesInit {
  /** Of the configuration: they cannot be changed here. */
  readonly configured: Readonly<Record<string, Policy>>
  readonly saved: SavedPolicies
  /** Undefined for a space that this node does not know, or may not read or write. */
  readonly memory: (space: string) => Memory | undefined
  /** The own log of that memory. */
  readonly log: (space: string) => LogId
  /** Takes a memory back, or erases it. */
  readonly forget: (memory: Memory, id: CausalId, erase: boolean, actor: string, done: (error: WeftError | undefined) => void) => void
}

/** What is kept of them in the node's directory. */
export interface SavedPolicies {
  readonly policies: Readonly<Record<string, Policy>>
  readonly recalled: readonly (readonly [CausalId, number])[]
}

/**
 * Forgets by policy what this node wrote, in the background: a minute after the start and every hour, in slices, with the
 * policy as the actor of what is written. Others are never touched: each node forgets its own.
 */
export class Policies {
  readonly #context: CoreContext
  readonly #init: PoliciesInit
  readonly #policies: Map<string, Policy>
  /** When a memory was last recalled here; the least recent first. Kept while something decays. */
  readonly #recalled: Map<CausalId, number>
  readonly #queue: (() => void)[] = []
  #isRunning = false
  /** The next slice of a run. */
  #slice: (() => void) | undefined
  #nextRunMs = Infinity

  constructor(context: CoreContext, init: PoliciesInit) {
    this.#context = context
    this.#init = init
    this.#policies = new Map(Object.entries(init.saved.policies))
    this.#recalled = new Map(init.saved.recalled)
  }

  get nextWakeMs(): number {
    return this.#slice === undefined ? this.#nextRunMs : this.#context.now.monotonicMs
  }

  start(): void {
    this.#plan(POLICY_SOON_MS)
  }

  onWake(): void {
    const slice = this.#slice
    this.#slice = undefined
    slice?.()
    if (this.#context.now.monotonicMs < this.#nextRunMs) return
    this.#nextRunMs = Infinity
    this.run(undefined, false, () => {})
  }

  list(): readonly PolicyInfo[] {
    const rows = [
      ...Object.entries(this.#init.configured).map(([name, policy]): PolicyInfo => ({ name, from: 'weft.toml', ...policy })),
      ...[...this.#policies].map(([name, policy]): PolicyInfo => ({ name, from: 'weft mem policy', ...policy })),
    ]
    return rows.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** @throws WeftError `invalid_argument`, `full` */
  set(name: string, policy: Policy): void {
    this.#refuseConfigured(name)
    if (!this.#policies.has(name) && this.#policies.size >= POLICIES_MAX) throw new WeftError('full', `${POLICIES_MAX} policies are set`)
    this.#policies.set(name, policy)
    this.save()
    this.#plan(POLICY_SOON_MS)
  }

  /** @throws WeftError `unknown_id`, `invalid_argument` */
  remove(name: string): void {
    this.#refuseConfigured(name)
    if (!this.#policies.delete(name)) throw this.#unknown(name)
    this.save()
  }

  #refuseConfigured(name: string): void {
    if (Object.hasOwn(this.#init.configured, name))
      throw new WeftError('invalid_argument', `${name} is a policy of weft.toml`, { next: 'change it there' })
  }

  #unknown(name: string): WeftError {
    return new WeftError('unknown_id', `no policy ${name}`, { next: 'weft mem policy list' })
  }

  /** Memories were shown to somebody. */
  onRecalled(ids: readonly CausalId[]): void {
    if (!this.list().some(({ kind }) => kind === 'decay')) return
    for (const id of ids) {
      this.#recalled.delete(id)
      this.#recalled.set(id, this.#context.now.wallMs)
    }
    for (const id of this.#recalled.keys()) {
      if (this.#recalled.size <= RECALLED_MAX) break
      this.#recalled.delete(id)
    }
  }

  save(): void {
    const wasSaved = Object.keys(this.#init.saved.policies).length > 0
    if (this.list().length === 0 && this.#recalled.size === 0 && !wasSaved) return
    const content = (): Uint8Array => utf8(JSON.stringify({ policies: Object.fromEntries(this.#policies), recalled: [...this.#recalled] }))
    this.#context.emit({ kind: 'save', file: POLICIES_FILE, content })
  }

  #plan(delayMs: number): void {
    if (this.list().length > 0) this.#nextRunMs = Math.min(this.#nextRunMs, this.#context.now.monotonicMs + delayMs)
  }

  // ---- running

  /**
   * Runs a policy, or all of them, one after the other.
   *
   * @param dryRun nothing is written: the answer says what would go
   * @throws WeftError `unknown_id`
   */
  run(name: string | undefined, dryRun: boolean, done: (runs: readonly PolicyRun[]) => void): void {
    const rows = this.list().filter(row => name === undefined || row.name === name)
    if (name !== undefined && rows.length === 0) throw this.#unknown(name)
    this.#queue.push(() => this.#runAll(rows, dryRun, [], done))
    this.#next()
  }

  #next(): void {
    if (this.#isRunning) return
    const begin = this.#queue.shift()
    if (begin === undefined) return
    this.#isRunning = true
    begin()
  }

  #runAll(rows: readonly PolicyInfo[], dryRun: boolean, runs: readonly PolicyRun[], done: (runs: readonly PolicyRun[]) => void): void {
    const [info, ...rest] = rows
    if (info === undefined) {
      if (!dryRun) this.#plan(runs.some(run => run.more) ? POLICY_SOON_MS : POLICY_INTERVAL_MS)
      if (!dryRun) this.save()
      this.#isRunning = false
      done(runs)
      return this.#next()
    }
    this.#sweep(info, 0, [], candidates => {
      const { victims, needed } = choose(info, candidates, this.#context.now.wallMs)
      const going = victims.slice(0, POLICY_VICTIMS_MAX)
      const finish = (forgotten: number): void => {
        const run: PolicyRun = {
          policy: info.name,
          action: info.action,
          looked: candidates.length,
          victims: going.map(({ candidate: { id, text, hlc }, because }) => ({ id, text, at: isoOf(hlc), because })),
          needed,
          forgotten,
          more: victims.length > going.length,
        }
        if (forgotten > 0) this.#context.log('info', 'memory.policy', { policy: info.name, action: info.action, forgotten })
        this.#runAll(rest, dryRun, [...runs, run], done)
      }
      if (dryRun) finish(0)
      else this.#forget(info, going, 0, finish)
    })
  }

  /** Looks at all own memories, a slice in each step. */
  #sweep(policy: PolicyInfo, from: number, found: readonly Candidate[], then: (candidates: readonly Candidate[]) => void): void {
    const memory = this.#memoryOf(policy)
    if (memory === undefined) return then(found)
    if (!memory.isWhole)
      return patiently({ fail: () => then(found) }, () => {
        requireWhole(memory)
        this.#sweep(policy, from, found, then)
      })
    const { worths, next } = memory.fold.worths(this.#init.log(memory.space), from, POLICY_SLICE)
    memory.texts.read(
      worths.map(({ ref }) => ref),
      said => {
        const all = found.concat(
          worths.map((worth, i): Candidate => {
            const { text, meta } = said[i] as (typeof said)[number]
            const labels = Object.fromEntries(meta)
            const bytes = utf8(text).length + meta.reduce((sum, pair) => sum + utf8(pair.join('')).length, 0)
            return { ...worth, text, meta: labels, bytes, recalledMs: this.#recalled.get(worth.id) ?? 0 }
          }),
        )
        if (next === undefined) return then(all)
        this.#later(() => this.#sweep(policy, next, all, then))
      },
      // The fold was made anew meanwhile, or a record cannot be read: what cannot be looked at is not forgotten.
      () => (next === undefined ? then(found) : this.#later(() => this.#sweep(policy, next, found, then))),
    )
  }

  #forget(policy: PolicyInfo, victims: readonly Victim[], forgotten: number, done: (forgotten: number) => void): void {
    const batch = victims.slice(0, POLICY_AT_ONCE)
    let left = batch.length
    let count = forgotten
    const memory = this.#memoryOf(policy)
    if (left === 0 || memory === undefined) return done(count)
    const one = (error: WeftError | undefined): void => {
      if (error === undefined) count++
      if (--left === 0) this.#later(() => this.#forget(policy, victims.slice(POLICY_AT_ONCE), count, done))
    }
    if (!memory.isWhole)
      return patiently({ fail: () => done(count) }, () => {
        requireWhole(memory)
        this.#forget(policy, victims, forgotten, done)
      })
    for (const { candidate } of batch) this.#init.forget(memory, candidate.id, policy.action === 'erase', `policy:${policy.name}`, one)
  }

  #memoryOf({ space = DEFAULT_SPACE }: PolicyInfo): Memory | undefined {
    return this.#init.memory(space)
  }

  /** Goes on when whatever else is due has had its turn. */
  #later(slice: () => void): void {
    this.#slice = slice
  }
}
