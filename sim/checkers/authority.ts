import type { LogId, NodeId } from '../../base/ids.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import { isOfMain, receiptOf } from '../workload/workload.ts'
import { Judge, soundNodes } from './case.ts'
import type { Ending, Testimony } from './checker.ts'
import { nodeText, seconds, short } from './facts.ts'

/** 20 s: a connection that is closed has five to say what it still has to say, and a dead one is noticed after ten. */
const FAREWELL_MS = 20_000

/** Who does not belong is not listened to, and nobody takes back what another wrote. */
export class Authority extends Judge {
  readonly id = 'authority'
  readonly says = 'only members are connected and recorded, and only its author takes a record back'
  /** By node and peer: since when frames come from somebody whom the node knows not to belong. */
  readonly #intruders: Map<string, number> = new Map()

  onEnd(node: string): void {
    for (const key of this.#intruders.keys()) if (key.startsWith(`${node} `)) this.#intruders.delete(key)
  }

  onStep(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void {
    if (!this.setup.isCorrect(node)) return
    switch (event.kind) {
      case 'frame':
        if (!core.cluster.membership.isMember(event.from)) this.#onFrame(node, core, event.from)
        return
      case 'down':
        return void this.#intruders.delete(`${node} ${event.peer}`)
      case 'greeting':
      case 'greeted':
        if (effects.some(effect => effect.kind === 'answer-greeting' && effect.accept) && !core.cluster.membership.isMember(event.from))
          this.#intruded(node, core, event.from, 'has accepted its greeting')
        return
      case 'committed':
        if (event.error === undefined)
          for (const { log, records } of event.staged.groups) if (records.length > 0) this.#isKnown(node, core, log.identity.author)
        return
      default:
    }
  }

  #onFrame(node: string, core: Core, from: NodeId): void {
    const key = `${node} ${from}`
    const sinceMs = this.#intruders.get(key)
    if (sinceMs === undefined) this.#intruders.set(key, this.setup.nowMs())
    else if (this.setup.nowMs() - sinceMs > FAREWELL_MS)
      this.#intruded(node, core, from, `still takes its frames ${seconds(this.setup.nowMs() - sinceMs)} later`)
  }

  #isKnown(node: string, core: Core, author: NodeId): void {
    // After a start, who belongs to the cluster is known once what was stored has been folded.
    if (core.isFolded && core.cluster.membership.member(author) === undefined)
      this.#intruded(node, core, author, 'has stored records of it')
  }

  #intruded(node: string, core: Core, peer: NodeId, what: string): void {
    const status = core.cluster.membership.member(peer)?.status ?? 'no member'
    this.violated([node], `${node} knows that ${nodeText(peer, this.story.nameOf(peer))} is ${status}`, `${node} ${what}`)
  }

  // ---- the end

  atEnd(ending: Ending): void {
    this.#wereRefused()
    const nodes = soundNodes(ending, this.story)
    for (const [name, testimony] of nodes) if (!this.#endsAtCut(name, testimony) || !this.#isUntouched(name, testimony)) return
  }

  /** `memory.forget` is for authors. */
  #wereRefused(): void {
    const authors = new Map<string, string>()
    for (const operation of this.setup.history.operations) {
      const receipt = receiptOf(operation)
      if (receipt !== undefined) authors.set(receipt.id, operation.node)
    }
    for (const { command, input, outcome, node, atMs } of this.setup.history.operations) {
      const { id } = input as { readonly id?: string }
      const author = command === 'memory.forget' && id !== undefined ? authors.get(id) : undefined
      if (outcome === 'ok' && author !== undefined && author !== node && id !== undefined)
        return this.violated(
          [node, author],
          `record ${short(id)} was written by ${author}`,
          `${node} was allowed to forget it at ${seconds(atMs)}`,
        )
    }
  }

  /** Beyond the cut of a revoked author, and of what is void, nothing counts. */
  #endsAtCut(name: string, { memories, conflicts }: Testimony): boolean {
    const voids = new Set(conflicts.voids.map(({ id }) => id))
    const membership = this.ledger.core(name)?.cluster.membership
    for (const { id, author, log, seq, text } of memories) {
      const cut = membership?.cutOf(author)
      const limit = cut === undefined ? Infinity : (cut.find(entry => entry.log === log)?.size ?? 0)
      if (seq < limit && !voids.has(id)) continue
      this.violated(
        [name],
        voids.has(id)
          ? `${name} lists record ${short(id)} as void`
          : `${nodeText(author, this.story.nameOf(author))} was revoked, with ${limit} records of its log ${short(log)}`,
        `${name} remembers record ${seq} of that log in the end: ${JSON.stringify(text)}`,
      )
      return false
    }
    return true
  }

  /** What an honest author never took back is there, whoever else tried. */
  #isUntouched(name: string, { memories, heads }: Testimony): boolean {
    const there = new Set<string>(memories.map(({ id }) => id))
    const sizes = new Map<LogId, number>(heads.map(({ logId, size }) => [logId, size]))
    const asked = new Set<string>()
    for (const { command, input, outcome } of this.setup.history.operations)
      if (command === 'memory.forget' && outcome !== 'fail') asked.add((input as { readonly id: string }).id)
    for (const operation of this.setup.history.operations) {
      const receipt = operation.command === 'memory.remember' ? receiptOf(operation) : undefined
      // One that was lost, written anew, or of an author that is gone, is for others to judge.
      if (
        receipt === undefined ||
        !isOfMain(operation) ||
        there.has(receipt.id) ||
        asked.has(receipt.id) ||
        !this.setup.isCorrect(operation.node)
      )
        continue
      const isHeld = this.ledger.isFed
        ? this.ledger.heldBy(name).get(receipt.log)?.[receipt.seq] === receipt.id
        : (sizes.get(receipt.log) ?? 0) > receipt.seq
      if (!isHeld || this.story.lossesOf(operation.node).length > 0) continue
      this.violated(
        [operation.node, name],
        `nobody has asked ${operation.node} to forget record ${short(receipt.id)}, remembered at ${seconds(operation.atMs)}`,
        `${name} holds it, and does not remember it in the end`,
      )
      return false
    }
    return true
  }
}
