import type { LogFields, LogLevel } from '../../base/ports.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent } from '../../node/step.ts'
import type { Fault } from '../faults/fault.ts'
import { Judge } from './case.ts'
import type { Ending } from './checker.ts'
import { seconds, short } from './facts.ts'

const DISK: readonly Fault['verb'][] = ['disk-sync-fails', 'disk-full', 'disk-rot', 'disk-ok', 'restore-backup', 'reformat']
const FORK: readonly Fault['verb'][] = ['turn', 'twin', 'restore-backup', 'reformat', 'disk-rot']

/** Errors that a node may speak of, and the faults that explain them: of its own disk, or of anybody in the cluster. */
const EXPLAINED: Readonly<Record<string, { readonly own: readonly Fault['verb'][]; readonly anyones: readonly Fault['verb'][] }>> = {
  'chain.commit-failed': { own: DISK, anyones: [] },
  'chain.damaged': { own: DISK, anyones: [] },
  'chain.read-failed': { own: DISK, anyones: [] },
  'chain.recovery-failed': { own: [...DISK, 'twin'], anyones: FORK },
  'audit.failed': { own: [...DISK, 'twin'], anyones: FORK },
  'chain.conflict': { own: FORK, anyones: FORK },
}

/** Programs of users may throw: it is their failure. */
const NOT_OURS: ReadonlySet<string> = new Set(['process.failed'])

/** Nobody complains without a reason, no correct node blames or doubts another, and numbers are numbers. */
export class Hygiene extends Judge {
  readonly id = 'hygiene'
  readonly says = 'no node throws, complains without a reason, blames or doubts another correct one, and numbers are numbers'
  /** By life: how often somebody's records were found not to fit. */
  readonly #doubted: WeakMap<Core, number> = new WeakMap()

  onLog(node: string, level: LogLevel, event: string, fields: LogFields): void {
    if (!this.setup.isCorrect(node)) return
    if (event === 'peer.rejected') return this.#onBlame(node, fields)
    const nan = Object.entries(fields).find(([, value]) => typeof value === 'number' && Number.isNaN(value))
    if (nan !== undefined)
      return this.violated([node], `${node} logged ${event} at ${seconds(this.setup.nowMs())}`, `${nan[0]} is not a number`)
    if ((level === 'error' && !this.#isExplained(node, event)) || event.includes('unhandled'))
      this.violated(
        [node],
        `${node} logged an error at ${seconds(this.setup.nowMs())}: ${event} ${JSON.stringify(fields)}`,
        'no fault in this run explains it',
      )
  }

  #isExplained(node: string, event: string): boolean {
    if (NOT_OURS.has(event)) return true
    const faults = EXPLAINED[event]
    return faults !== undefined && (this.story.has(faults.own, node) || this.story.has(faults.anyones))
  }

  /** Between versions a message may be refused that the other side took for good. */
  #onBlame(node: string, { peer, protocol, code, detail }: LogFields): void {
    const other = this.story.nameOf(peer as NodeId)
    if (other === undefined || !this.setup.isCorrect(other)) return
    if (this.#versionOf(node) !== this.#versionOf(other)) return
    this.violated(
      [node, other],
      `${node} rejected a ${String(protocol)} message of ${other} at ${seconds(this.setup.nowMs())}: ${String(code)}${detail === undefined ? '' : ` (${String(detail)})`}`,
      `${other} is correct, and of the same version`,
    )
  }

  #versionOf(name: string): string {
    const version = this.setup.scenario.nodes.find(spec => spec.name === name)?.version ?? 'unknown'
    return this.story.has(['upgrade'], name) ? `${version}, later upgraded` : version
  }

  onStep(node: string, core: Core, event: CoreEvent): void {
    if (event.kind !== 'frame' || event.protocol !== 'sync' || !this.setup.isCorrect(node)) return
    const doubted = core.metrics.get('weft_verdicts_total', 'bad_proof')
    const before = this.#doubted.get(core) ?? 0
    if (doubted === before) return
    this.#doubted.set(core, doubted)
    const other = this.story.nameOf(event.from)
    if (other === undefined || this.story.has(FORK) || this.#versionOf(node) !== this.#versionOf(other)) return
    this.violated(
      [node, other],
      `${node} found at ${seconds(this.setup.nowMs())} that what ${other} sent does not continue what it holds of that log`,
      'nobody in this run has two histories',
    )
  }

  atEnd(ending: Ending): void {
    for (const [name, { recollections, matches, edges, peers }] of ending.nodes) {
      for (const [query, { hits }] of [...recollections, ...matches])
        for (const { id, score, parts } of hits)
          for (const [what, value] of Object.entries({ score, ...parts }))
            if (!Number.isFinite(value))
              return this.violated([name], `${name} recalls ${short(id)} for ${JSON.stringify(query)}`, `its ${what} is ${String(value)}`)
      for (const { from, to, weight } of edges)
        if (!(weight > 0 && weight <= 1))
          return this.violated([name], `${name} shows an edge from ${short(from)} to ${short(to)}`, `its weight is ${weight}`)
      for (const { nodeId, rttMs, clockOffsetMs } of peers)
        if (Number.isNaN(rttMs) || Number.isNaN(clockOffsetMs))
          return this.violated(
            [name],
            `${name} lists peer ${this.story.nameOf(nodeId) ?? nodeId}`,
            'its round trip or clock is not a number',
          )
    }
  }
}
