import type { LogFields, LogLevel } from '../../base/ports.ts'
import type { NodeId } from '../../base/ids.ts'
import type { MemberList } from '../../node/api.ts'
import { Judge } from './case.ts'
import type { Ending } from './checker.ts'
import { difference, seconds } from './facts.ts'

/** 30 s before a node was taken for dead nothing was wrong with it, if it was taken so for no reason. */
const BEFORE_MS = 30_000

/** All agree on who belongs, see each other, and take nobody for dead who is well. */
export class MembershipChecker extends Judge {
  readonly id = 'membership'
  readonly says = 'all agree on the members, are connected in the end, and take no healthy peer for dead'
  #falsePositives = 0

  onLog(node: string, _: LogLevel, event: string, { peer, code }: LogFields): void {
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

  /** What the admins were told is decided has happened, and stays so. */
  #areGone(ending: Ending): void {
    for (const { command, input, outcome, result, endMs } of this.setup.history.operations) {
      if (
        (command !== 'member.revoke' && command !== 'member.retire') ||
        outcome !== 'ok' ||
        !(result as { readonly decided: boolean }).decided
      )
        continue
      const { nodeId } = input as { readonly nodeId: string }
      for (const [name, { members }] of ending.nodes) {
        const status = members.members.find(member => member.nodeId === nodeId)?.status
        if (status === 'revoked' || (status === 'retired' && command === 'member.retire')) continue
        return this.violated(
          [name],
          `it was decided at ${seconds(endMs ?? 0)} to ${command.slice(7)} ${this.story.nameOf(nodeId as NodeId) ?? nodeId}`,
          `${name} knows it as ${status ?? 'no member'} in the end`,
        )
      }
    }
  }
}

function rowsOf({ members, threshold }: MemberList): readonly unknown[] {
  return [{ threshold }, ...members.map(({ nodeId, role, status, isAdmin }) => ({ nodeId, role, status, isAdmin }))]
}
