import type { LogFields, LogLevel } from '../../base/ports.ts'
import type { NodeId } from '../../base/ids.ts'
import { PEER_SILENT_MS } from '../../base/limits.ts'
import type { MemberList } from '../../node/api.ts'
import type { Core } from '../../node/core.ts'
import type { Fault } from '../faults/fault.ts'
import { Judge } from './case.ts'
import type { Ending } from './checker.ts'
import { difference, seconds } from './facts.ts'

/** 30 s before a node was taken for dead nothing was wrong with it, if it was taken so for no reason. */
const BEFORE_MS = 30_000

/** 30 s: a silent peer is noticed after 10 s, by whoever had a turn meanwhile. */
const NOTICED_MS: number = 3 * PEER_SILENT_MS

/** All agree on who belongs, see each other, notice who is gone, and take nobody for dead who is well. */
export class MembershipChecker extends Judge {
  readonly id = 'membership'
  readonly says = 'all agree on the members, are connected in the end, notice whoever is gone, and take no healthy peer for dead'
  #falsePositives = 0
  readonly #dismissed: Dismissed[] = []
  /** Since when nodes are down. */
  readonly #down: Map<string, number> = new Map()

  override onBoot(node: string, core: Core): void {
    super.onBoot(node, core)
    this.#down.delete(node)
  }

  onEnd(node: string): void {
    this.#down.set(node, this.setup.nowMs())
  }

  onStep(node: string, core: Core): void {
    if (this.#down.size === 0 || this.#isRestless || !this.setup.isCorrect(node)) return
    const nowMs = this.setup.nowMs()
    for (const [other, sinceMs] of this.#down) {
      if (other === node || nowMs - sinceMs < NOTICED_MS) continue
      if (!core.peers.connected.has(this.setup.nodeIdOf(other)) || this.story.wasUnwell(node, nowMs - NOTICED_MS, nowMs)) continue
      this.violated(
        [node, other],
        `${other} has been down since ${seconds(sinceMs)}`,
        `${node} takes it for connected at ${seconds(nowMs)}`,
      )
    }
  }

  onLog(node: string, _: LogLevel, event: string, { peer, code, how }: LogFields): void {
    if (event === 'sim.dismissed') this.#dismissed.push({ node, how: how as Dismissed['how'], atMs: this.setup.nowMs() })
    if (event !== 'peer.down' || code !== 'timeout' || !this.setup.isCorrect(node)) return
    const other = this.story.nameOf(peer as NodeId)
    const now = this.setup.nowMs()
    if (other === undefined || !this.setup.isCorrect(other)) return
    const isExplained =
      this.story.wasUnwell(node, now - BEFORE_MS, now) ||
      this.story.wasUnwell(other, now - BEFORE_MS, now) ||
      this.story.wereCut(node, other, now - BEFORE_MS, now)
    const limit = this.setup.scenario.expect.falsePositives
    if (isExplained || limit === null || ++this.#falsePositives <= limit) return
    this.violated(
      [node, other],
      `${node} took ${other} for dead at ${seconds(now)}${limit === 0 ? '' : `, the ${this.#falsePositives}th time that this happened to somebody`}`,
      `nothing was wrong with either, or between them, in the ${BEFORE_MS / 1000} s before`,
    )
  }

  /** With these on, connections come and go for no reason: none can be asked for at a given moment. */
  get #isRestless(): boolean {
    return this.setup.scenario.buggify.some(site => site === 'peers.close-early' || site === 'heartbeat.no-ping')
  }

  atEnd(ending: Ending): void {
    const [first, ...others] = ending.nodes
    if (first === undefined) return
    for (const [name, { members }] of others) {
      const [mine, theirs] = [rowsOf(first[1].members), rowsOf(members)]
      if (JSON.stringify(mine) === JSON.stringify(theirs)) continue
      const [left, right] = difference(mine, theirs)
      return this.violated([first[0], name], `members as ${first[0]} knows them in the end: ${left}`, `as ${name} does: ${right}`)
    }
    for (const [name, { peers, members, nodeId }] of ending.nodes) {
      for (const [other, { nodeId: id }] of ending.nodes) {
        if (id === nodeId) continue
        const status = members.members.find(member => member.nodeId === id)?.status
        const state = peers.find(peer => peer.nodeId === id)?.state
        if (status === 'member' && (state === 'up' || this.#isRestless)) continue
        return this.violated(
          [name, other],
          `${other} is up in the end, and was never asked to leave`,
          status === 'member' ? `${name} is not connected to it` : `${name} knows it as ${status ?? 'no member'}`,
        )
      }
    }
    this.#areGone(ending)
  }

  /** What an admin was told is decided has happened, and stays so. */
  #areGone(ending: Ending): void {
    // Like anything that was acknowledged, a decision is lost with the only disk that held it.
    if (this.story.has(LOSSES)) return
    for (const { node, how, atMs } of [...this.#dismissed, ...this.#toldSo()]) {
      for (const [name, { members }] of ending.nodes) {
        const status = members.members.find(({ nodeId }) => this.story.nameOf(nodeId) === node)?.status
        if (status === 'revoked' || (status === 'retired' && how === 'retire')) continue
        return this.violated(
          [name],
          `it was decided at ${seconds(atMs)} to ${how} ${node}`,
          `${name} knows it as ${status ?? 'no member'} in the end`,
        )
      }
    }
  }

  /** The same where somebody asked for it as one of the operations of the run. */
  #toldSo(): readonly Dismissed[] {
    return this.setup.history.operations.flatMap(({ command, input, outcome, result, endMs }) => {
      const how = HOW.get(command)
      if (how === undefined || outcome !== 'ok' || !(result as { readonly decided: boolean }).decided) return []
      const node = this.story.nameOf((input as { readonly nodeId: NodeId }).nodeId)
      return node === undefined ? [] : [{ node, how, atMs: endMs ?? 0 }]
    })
  }
}

interface Dismissed {
  readonly node: string
  readonly how: 'retire' | 'revoke'
  readonly atMs: number
}

const LOSSES: readonly Fault['verb'][] = ['reformat', 'restore-backup', 'disk-rot']
const HOW: ReadonlyMap<string, Dismissed['how']> = new Map([
  ['member.retire', 'retire'],
  ['member.revoke', 'revoke'],
])

function rowsOf({ members, threshold }: MemberList): readonly unknown[] {
  return [{ threshold }, ...members.map(({ nodeId, role, status, isAdmin }) => ({ nodeId, role, status, isAdmin }))]
}
