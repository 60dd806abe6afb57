import { utf8 } from '../../base/bytes.ts'
import type { LogId } from '../../base/ids.ts'
import { COGNITION_SAVE_MS, LOOK_CHANGES, LOOK_ONE_IN } from '../../base/limits.ts'
import type { Coherence } from '../../ecc/cognition/coherence.ts'
import { type Impulse, type ImpulseInput, Impulses } from '../../ecc/cognition/impulses.ts'
import { Pace } from '../../ecc/cognition/pace.ts'
import type { Proposal } from '../../ecc/cognition/proposals.ts'
import type { Cut } from '../../ecc/record-table.ts'
import type { CoreContext } from '../context.ts'
import type { Memory } from '../memory/memory.ts'
import { Waiters } from '../waiters.ts'
import { Calibration, type Capacity } from './calibration.ts'
import { decisionOn, Decisions } from './decisions.ts'
import type { CognitionSettings } from './settings.ts'
import { Thinking } from './thinking.ts'
import { tick, type Ticked } from './tick.ts'

export const COGNITION_FILE = 'cognition.json'

/** What the whole looked like when it was last looked at. */
interface Look {
  readonly parts: number
  readonly largest: number
  readonly connectivity: number
}

/** Smaller graphs come and go. */
const LOOK_LARGEST_MIN = 8
/** Half as well connected is worth a word. */
const WEAKER = 0.5

/**
 * What this node thinks of the shared memory: ticks that look at what is new, impulses that come of them, proposals and
 * what became of these. All of it is this node's own: it is kept in a file of its directory, never replicated, and
 * no record is written by it unless somebody confirms a proposal.
 *
 * A node to which nothing happens does nothing: a tick is due only when records were applied since the last.
 */
export class NodeCognition {
  readonly thinking: Thinking
  readonly impulses: Impulses
  readonly decisions: Decisions
  /** Who waits for an impulse. */
  readonly waiters: Waiters
  readonly pace: Pace
  readonly settings: CognitionSettings
  readonly #context: CoreContext
  readonly #memory: () => Memory
  readonly #onCapacity: (capacity: Capacity) => void
  /** How far the memory was looked at; undefined until it is known where to begin. */
  #sensed: Cut | undefined
  #look: Look | undefined
  /** Changes since the last look at the whole. */
  #changes = 0
  #isLooking = false
  /** Who waits for the tick under way; undefined while none is. */
  #ticking: ((ticked: Ticked | undefined) => void)[] | undefined
  #isAwake = false
  #tickAtMs = Number.POSITIVE_INFINITY
  #saveAtMs = Number.POSITIVE_INFINITY
  #capacity: Capacity | undefined

  constructor(
    context: CoreContext,
    settings: CognitionSettings,
    saved: unknown,
    memory: () => Memory,
    onCapacity: (capacity: Capacity) => void,
  ) {
    this.#context = context
    this.#memory = memory
    this.#onCapacity = onCapacity
    this.settings = settings
    this.pace = new Pace(settings.share)
    this.thinking = new Thinking(context)
    this.waiters = new Waiters(context)
    const { impulses, decisions, sensed, look } = (saved ?? {}) as Record<string, unknown>
    this.impulses = new Impulses(impulses)
    this.decisions = new Decisions(decisions)
    this.#sensed = cutOf(sensed)
    this.#look = isLook(look) ? look : undefined
  }

  get capacity(): Capacity | undefined {
    return this.#capacity
  }

  /** Nothing is under way, and nothing is due. */
  get isIdle(): boolean {
    return this.#ticking === undefined && !this.#isLooking && this.nextWakeMs === Number.POSITIVE_INFINITY
  }

  get nextWakeMs(): number {
    return Math.min(this.#tickAtMs, this.#saveAtMs, this.thinking.nextWakeMs, this.waiters.nextWakeMs)
  }

  /** Everything that was stored has been applied: from here on what comes is new. */
  onFolded(): void {
    this.#isAwake = true
    this.#sensed ??= this.#memory().fold.cut
    if (this.settings.calibrate) {
      new Calibration(this.#context, capacity => {
        this.#capacity = capacity
        this.#context.log('info', 'cognition.calibrated', { p50Us: capacity.p50Us, p95Us: capacity.p95Us })
        this.#onCapacity(capacity)
      }).start()
    }
    this.onApplied()
  }

  /** Records were applied. */
  onApplied(): void {
    if (this.settings.tick === 'on' && this.#isAwake && this.#ticking === undefined && this.#memory().isWhole && this.#hasNews())
      this.#tickAtMs = Math.min(this.#tickAtMs, this.#context.now.monotonicMs + this.pace.intervalMs)
  }

  #hasNews(): boolean {
    return [...this.#memory().fold.cut].some(([log, size]) => size !== (this.#sensed?.get(log) ?? 0))
  }

  onWake(): void {
    const { monotonicMs } = this.#context.now
    this.thinking.onWake()
    this.waiters.onWake()
    if (monotonicMs >= this.#saveAtMs) this.save()
    if (monotonicMs >= this.#tickAtMs) this.tick(() => {})
  }

  /** Looks at what is new, TICK_RECORDS records of it, or waits for the tick under way. @param done undefined when it failed */
  tick(done: (ticked: Ticked | undefined) => void): void {
    this.#tickAtMs = Number.POSITIVE_INFINITY
    // There is nothing new in what is folded anew; when it is whole, this is asked again.
    if (!this.#memory().isWhole) return done(undefined)
    if (this.#ticking !== undefined) return void this.#ticking.push(done)
    this.#ticking = [done]
    tick(this.#memory(), this.thinking, this.#sensed ?? new Map(), ticked => {
      const waiting = this.#ticking ?? []
      this.#ticking = undefined
      if (ticked !== undefined) {
        this.#take(ticked)
        // What failed is tried again when there is more.
        this.onApplied()
      }
      for (const then of waiting) then(ticked)
    })
  }

  /**
   * A tick that somebody asked for: when it leaves nothing new, the whole is looked at as well, however little has changed.
   *
   * @param done with how many impulses came of both
   */
  tickNow(done: (ticked: Ticked | undefined, impulses: number) => void): void {
    this.tick(ticked => {
      const noticed = ticked?.impulses.length ?? 0
      if (ticked === undefined || ticked.more || this.#isLooking) return done(ticked, noticed)
      this.#lookAround(1, more => done(ticked, noticed + more))
    })
  }

  #take({ impulses, changes, next, tookMs }: Ticked): void {
    this.pace.took(tookMs.sense + tookMs.search + tookMs.embed)
    this.#sensed = next
    this.#changes += changes
    for (const impulse of impulses) this.raise(impulse)
    const { metrics } = this.#context
    metrics.add('weft_cognition_ticks_total')
    metrics.set('weft_cognition_interval_seconds', this.pace.intervalMs / 1000)
    this.#saveSoon()
    const { nodes } = this.#memory().fold.stats
    if (this.settings.tick === 'on' && !this.#isLooking && this.#changes >= Math.max(LOOK_CHANGES, nodes / LOOK_ONE_IN))
      this.#lookAround(this.settings.share)
  }

  // ---- the whole

  /** Is it still one, and what does it suggest? @param done with how many impulses came of it */
  #lookAround(share: number, done: (impulses: number) => void = () => {}): void {
    this.#isLooking = true
    this.#changes = 0
    const memory = this.#memory()
    const cognition = memory.fold.cognition()
    let impulses = 0
    this.thinking.think(cognition.coherence('normalised'), share, thought => {
      if (thought.ok && this.#compare(thought.value)) impulses++
      this.thinking.think(
        cognition.proposals(name => this.decisions.of(decisionOn(memory, name)) !== undefined),
        share,
        proposed => {
          this.#isLooking = false
          for (const proposal of proposed.ok ? proposed.value : []) {
            this.#announce(proposal)
            impulses++
          }
          this.#saveSoon()
          done(impulses)
        },
      )
    })
  }

  /** @returns whether it is worth an impulse */
  #compare(coherence: Coherence): boolean {
    const { parts, largest, connectivity, converged } = coherence
    const before = this.#look
    if (!converged) return false
    let isAlert = false
    const alert = (reason: string, text: string): void => {
      isAlert = true
      this.raise({
        kind: 'coherence-alert',
        reason,
        subject: 'graph',
        about: coherence.split?.side ?? [],
        strength: Math.min(1, Math.max(0, 1 - connectivity / (before?.connectivity || 1))),
        text,
      })
    }
    if (before !== undefined && before.largest >= LOOK_LARGEST_MIN) {
      if (parts > before.parts && largest < before.largest)
        alert('split', `the memories fell into ${parts} parts: the largest has ${largest}, it had ${before.largest}`)
      else if (connectivity < WEAKER * before.connectivity)
        alert('weaker', `the memories hang together by ${connectivity.toPrecision(3)}, it was ${before.connectivity.toPrecision(3)}`)
      else if (connectivity < before.connectivity && parts === before.parts) {
        // It fades slowly: it is still compared with what it once was.
        this.#look = { parts, largest, connectivity: before.connectivity }
        return false
      }
    }
    this.#look = { parts, largest, connectivity }
    return isAlert
  }

  #announce({ name, type, cause, effect, from, to, score }: Proposal): void {
    this.decisions.set(decisionOn(this.#memory(), name), 'announced')
    this.raise({
      kind: 'custom',
      reason: 'proposal',
      subject: name,
      about: [from, to],
      strength: Math.min(1, Math.max(0, score)),
      text: `${cause} ${type} ${effect}? see weft mem proposals`,
    })
  }

  // ---- impulses

  raise(input: ImpulseInput): Impulse {
    const impulse = this.impulses.raise(input, this.#context.now.wallMs)
    this.#context.metrics.add('weft_impulses_total', 1, input.kind)
    this.#context.metrics.set('weft_impulses_waiting', this.impulses.size)
    this.waiters.wake()
    this.#saveSoon()
    return impulse
  }

  #saveSoon(): void {
    this.#saveAtMs = Math.min(this.#saveAtMs, this.#context.now.monotonicMs + COGNITION_SAVE_MS)
  }

  /** @param then is called when it is on the disk, or could not be written there */
  save(then?: () => void): void {
    if (then === undefined && this.#saveAtMs === Number.POSITIVE_INFINITY) return
    this.#saveAtMs = Number.POSITIVE_INFINITY
    this.#context.metrics.set('weft_impulses_waiting', this.impulses.size)
    const content = (): Uint8Array =>
      utf8(
        JSON.stringify({
          version: 1,
          impulses: this.impulses,
          decisions: this.decisions,
          sensed: [...(this.#sensed ?? [])],
          look: this.#look,
        }),
      )
    this.#context.emit({ kind: 'save', file: COGNITION_FILE, content, then })
  }
}

function cutOf(saved: unknown): Cut | undefined {
  if (!Array.isArray(saved)) return undefined
  const rows = saved.filter((row): row is [LogId, number] => Array.isArray(row) && typeof row[0] === 'string' && Number.isInteger(row[1]))
  return new Map(rows)
}

function isLook(saved: unknown): saved is Look {
  const { parts, largest, connectivity } = (saved ?? {}) as Partial<Record<keyof Look, unknown>>
  return [parts, largest, connectivity].every(value => typeof value === 'number')
}
