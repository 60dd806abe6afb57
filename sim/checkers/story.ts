import type { NodeId } from '../../base/ids.ts'
import type { Fault, Groups, TimedFault, Way } from '../faults/fault.ts'
import { hostileOf } from '../scenario/cast.ts'
import type { Setup } from './checker.ts'

/**
 * What went wrong, as the judges have to know it to be just: who was dead, slow or cut off when, and whose
 * disk lost what. A simulated run tells each fault as it happens; where nobody tells, the scenario's own times count.
 * When in doubt a trouble is taken to have lasted longer, so that nobody is blamed for it.
 */
export class Story {
  readonly #setup: Setup
  readonly #told: TimedFault[] = []
  readonly #names: Map<NodeId, string> = new Map()
  readonly #honest: ReadonlySet<string>
  /** Of so many faults; made anew when there are more. */
  #cuts: { readonly count: number; readonly spans: readonly CutSpan[] } | undefined

  constructor(setup: Setup) {
    this.#setup = setup
    const hostile = hostileOf(setup.scenario)
    this.#honest = new Set(setup.scenario.nodes.flatMap(({ name }) => (hostile.has(name) ? [] : [name])))
  }

  /** Several judges may tell of the same one. */
  onFault(fault: Fault): void {
    const last = this.#told.at(-1)
    if (last?.fault !== fault || last.atMs !== this.#setup.nowMs()) this.#told.push({ atMs: this.#setup.nowMs(), fault })
  }

  /** In order of time, by the clock of `setup.nowMs`. */
  get faults(): readonly TimedFault[] {
    if (this.#told.length > 0) return this.#told
    const beganMs = this.#setup.beganMs()
    return this.#setup.scenario.faults.map(({ atMs, fault }) => ({ atMs: atMs + beganMs, fault }))
  }

  /** The machine of a node, undefined for a stranger. */
  nameOf(node: NodeId): string | undefined {
    const known = this.#names.get(node)
    if (known !== undefined) return known
    const name = this.#setup.nameOf(node)
    if (name !== undefined) this.#names.set(node, name)
    return name
  }

  /** It has kept to the protocol all along, whether or not it is there in the end. */
  isHonest(name: string): boolean {
    return this.#honest.has(name)
  }

  /** Some fault of these kinds is part of the run, on this node if one is named. */
  has(verbs: readonly Fault['verb'][], name?: string): boolean {
    return this.#setup.scenario.faults.some(
      ({ fault }) => verbs.includes(fault.verb) && (name === undefined || ('node' in fault && fault.node === name)),
    )
  }

  /** What the disk of a node held before `keptMs` is still there after `atMs`; the rest may be gone. */
  lossesOf(name: string): readonly { readonly atMs: number; readonly keptMs: number }[] {
    const losses: { readonly atMs: number; readonly keptMs: number }[] = []
    let backupMs = -Infinity
    for (const { atMs, fault } of this.faults) {
      if (!('node' in fault) || fault.node !== name) continue
      if (fault.verb === 'backup') backupMs = atMs
      else if (fault.verb === 'restore-backup') losses.push({ atMs, keptMs: backupMs })
      else if (fault.verb === 'reformat' || fault.verb === 'kill' || fault.verb === 'disk-rot') losses.push({ atMs, keptMs: -Infinity })
    }
    return losses
  }

  /** What this node synced at some time between these two may be gone from its disk. */
  mayHaveLost(name: string, fromMs: number, toMs: number = fromMs): boolean {
    return this.lossesOf(name).some(({ atMs, keptMs }) => atMs >= fromMs && keptMs < toMs)
  }

  /** A life of the node ended, or may have, between these times. */
  hasEnded(name: string, fromMs: number, toMs: number): boolean {
    return this.faults.some(({ atMs, fault }) => {
      if (!ENDINGS.has(fault.verb) || !('node' in fault) || fault.node !== name) return false
      const lastsMs = fault.verb === 'stop' || fault.verb === 'upgrade' ? STOPPING_MS : 0
      return atMs + lastsMs >= fromMs && atMs <= toMs
    })
  }

  /** Some of this time the node was dead, or not itself: stopped, slow, deaf or mute. */
  wasUnwell(name: string, fromMs: number, toMs: number): boolean {
    let endMs = -Infinity
    for (const { atMs, fault } of this.faults) {
      if (!('node' in fault) || fault.node !== name || atMs > toMs) continue
      if (ENDINGS.has(fault.verb)) endMs = Infinity
      // It takes a while until it is connected again.
      else if (fault.verb === 'restart' || fault.verb === 'join') endMs = atMs + RECOVERY_MS
      else if (GRAY.has(fault.verb) && 'forMs' in fault) endMs = Math.max(endMs, atMs + fault.forMs + RECOVERY_MS)
      if (endMs >= fromMs) return true
    }
    return false
  }

  /** Some of this time nothing went one way or the other between two nodes. */
  wereCut(a: string, b: string, fromMs: number, toMs: number): boolean {
    const { faults } = this
    if (this.#cuts?.count !== faults.length) this.#cuts = { count: faults.length, spans: cutsOf(faults) }
    return this.#cuts.spans.some(span => span.fromMs <= toMs && span.toMs + RECOVERY_MS >= fromMs && span.cuts(a, b))
  }
}

/** 30 s: a stop in good order waits for the disk, which may be slow, and so may the node be. */
const STOPPING_MS = 30_000
const ENDINGS: ReadonlySet<Fault['verb']> = new Set<Fault['verb']>([
  'crash',
  'stop',
  'kill',
  'upgrade',
  'restore-backup',
  'reformat',
  'disk-rot',
  'retire',
  'revoke',
])
const GRAY: ReadonlySet<Fault['verb']> = new Set<Fault['verb']>(['pause', 'slow', 'mute', 'clock-freeze', 'disk-slow'])

/** 30 s: the longest wait for the next dial, after which two nodes that can hear each other are connected. */
const RECOVERY_MS = 30_000

interface CutSpan {
  readonly fromMs: number
  toMs: number
  readonly way: Way | undefined
  readonly cuts: (a: string, b: string) => boolean
}

function cutsOf(faults: readonly TimedFault[]): readonly CutSpan[] {
  const spans: CutSpan[] = []
  const add = (atMs: number, forMs: number, cuts: CutSpan['cuts'], way?: Way): void =>
    void spans.push({ fromMs: atMs, toMs: atMs + forMs, way, cuts })
  for (const { atMs, fault } of faults) {
    switch (fault.verb) {
      case 'partition':
        add(atMs, Infinity, (a, b) => areApart(fault.groups, a, b))
        break
      case 'bridge':
        add(atMs, Infinity, (a, b) => a !== fault.node && b !== fault.node && areApart(fault.groups, a, b))
        break
      case 'isolate':
        add(atMs, Infinity, (a, b) => a === fault.node || b === fault.node)
        break
      case 'ring':
        add(atMs, Infinity, (a, b) => !areNeighbours(fault.nodes, a, b))
        break
      case 'cut':
        add(atMs, Infinity, isAt(fault.way), fault.way)
        break
      case 'restore':
        for (const span of spans)
          if (span.way !== undefined && isAt(span.way)(fault.way.from, fault.way.to)) span.toMs = Math.min(span.toMs, atMs)
        break
      case 'flap':
      case 'clog':
        add(atMs, fault.forMs, isAt(fault.way))
        break
      case 'swizzle':
        add(atMs, fault.forMs, (a, b) => fault.nodes.includes(a) || fault.nodes.includes(b))
        break
      case 'net':
        if ((fault.quality.loss ?? 0) >= UNUSABLE_LOSS) add(atMs, Infinity, fault.way === null ? () => true : isAt(fault.way))
        break
      case 'block':
        add(atMs, Infinity, fault.way === null ? () => true : isAt(fault.way))
        break
      case 'heal':
        for (const span of spans) span.toMs = Math.min(span.toMs, atMs)
        break
      default:
    }
  }
  return spans
}

/** Half of all packets lost: three pings in a row are no surprise. */
const UNUSABLE_LOSS = 0.5

function isAt({ from, to }: Way): CutSpan['cuts'] {
  return (a, b) => (a === from && b === to) || (a === to && b === from)
}

function areApart(groups: Groups, a: string, b: string): boolean {
  const ofA = groups.find(group => group.includes(a))
  const ofB = groups.find(group => group.includes(b))
  return ofA !== undefined && ofB !== undefined && ofA !== ofB
}

function areNeighbours(nodes: readonly string[], a: string, b: string): boolean {
  const apart = Math.abs(nodes.indexOf(a) - nodes.indexOf(b))
  return !nodes.includes(a) || !nodes.includes(b) || apart === 1 || apart === nodes.length - 1
}
