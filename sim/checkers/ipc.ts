import type { NodeId } from '../../base/ids.ts'
import { CALL_DEADLINE_MS } from '../../base/limits.ts'
import type { LogFields, LogLevel } from '../../base/ports.ts'
import type { CommandName, CommandTypes } from '../../node/commands/types.ts'
import type { Delivery, MessageRef, Operation } from '../workload/history.ts'
import { Judge } from './case.ts'
import { clipped, seconds } from './facts.ts'

/** A deadline is looked at in steps of 10 ms; a slow disk or wire has no part in it. */
const LATE_MS = 500

/**
 * Messages between processes: `send` at most once and in order, `call` exactly once when it is answered, at least
 * once where the sender asks again until it is told. Who waits hears of it when the other side goes, and what is
 * said arrives as it was. Judged from what was asked and what was handled.
 */
export class IpcChecker extends Judge {
  readonly id = 'ipc'
  readonly says = 'messages are handled as often as promised, as they were and in order, and whoever waits for a peer that goes hears of it'
  /** By node and peer: when the node saw the connection end, and begin. */
  readonly #downs: Map<string, number[]> = new Map()
  readonly #ups: Map<string, number[]> = new Map()

  onLog(node: string, _: LogLevel, event: string, { peer }: LogFields): void {
    const seen = event === 'peer.down' ? this.#downs : event === 'peer.up' ? this.#ups : undefined
    if (seen === undefined) return
    const way = `${node} ${peer as NodeId}`
    const known = seen.get(way)
    if (known === undefined) seen.set(way, [this.setup.nowMs()])
    else known.push(this.setup.nowMs())
  }

  atEnd(): void {
    for (const operation of this.setup.history.operations) if (!this.#isInTime(operation)) return
    const { operations, deliveries } = this.setup.history
    const sent = new Map<string, Operation>()
    for (const operation of operations) if (operation.message !== undefined) sent.set(nameOf(operation.message), operation)
    const handled = new Map<string, Delivery[]>()
    for (const delivery of deliveries) {
      const name = nameOf(delivery.message)
      const known = handled.get(name)
      if (known === undefined) handled.set(name, [delivery])
      else known.push(delivery)
    }
    for (const [name, times] of handled) if (!this.#isWanted(sent.get(name), times)) return
    for (const [name, operation] of sent) if (!this.#isHandled(operation, handled.get(name) ?? [])) return
    this.#areInOrder(deliveries)
  }

  #isWanted(operation: Operation | undefined, times: readonly Delivery[]): boolean {
    const [first, second] = times as [Delivery, Delivery | undefined]
    // A hostile node may say anything, as often as it likes.
    if (!this.story.isHonest(first.message.from)) return true
    const isTooOften = second !== undefined && first.message.mode !== 'at-least-once'
    const what = textOf(first.message)
    const changed = times.find(({ message }) => JSON.stringify(message) !== JSON.stringify(operation?.message))
    if (operation !== undefined && !isTooOften && changed === undefined) return true
    if (operation === undefined)
      this.violated([first.message.to], `nobody sent ${what}`, `${first.message.to} handled it at ${seconds(first.atMs)}`)
    else if (changed !== undefined)
      this.violated(
        [first.message.from, first.message.to],
        `${what} was sent as ${clipped(operation.message)}`,
        `${first.message.to} handled it at ${seconds(changed.atMs)} as ${clipped(changed.message)}`,
      )
    else
      this.violated(
        [first.message.from, first.message.to],
        `${what} was sent once, at ${seconds(operation.atMs)}`,
        `${first.message.to} handled it ${times.length} times: ${times.map(({ atMs, life }) => `at ${seconds(atMs)} in life ${life}`).join(', ')}`,
      )
    return false
  }

  #isHandled(operation: Operation, times: readonly Delivery[]): boolean {
    const message = operation.message as MessageRef
    if (times.length > 0 || !isPromised(operation) || !this.setup.isCorrect(message.to) || !this.story.isHonest(message.from)) return true
    // What waits in an inbox dies with the process; and on real nodes its notes of what it handled do.
    const mayDie = message.mode === 'send' || !this.ledger.isFed
    if (mayDie && this.story.hasEnded(message.to, operation.atMs, Infinity)) return true
    this.violated(
      [message.from, message.to],
      `${message.from} was told at ${seconds(operation.endMs ?? operation.atMs)} that ${textOf(message)} is ${message.mode === 'send' ? 'with its receiver' : 'done'}`,
      `${message.to} has never handled it`,
    )
    return false
  }

  /** An answer is what was asked, in time; and none is waited for from a peer that was seen to go. */
  #isInTime(operation: Operation): boolean {
    const { node, command, input, message, atMs, endMs, outcome, result } = operation
    if (message?.mode === 'at-least-once' || !WAITING.has(command) || !this.setup.isCorrect(node)) return true
    const {
      to,
      target,
      deadlineMs = CALL_DEADLINE_MS,
    } = input as {
      readonly to?: string
      readonly target?: string
      readonly deadlineMs?: number
    }
    const peer = (to ?? target ?? '').split(/[:/]/)[0] ?? ''
    const untilMs = endMs ?? this.setup.nowMs()
    if (this.story.wasUnwell(node, atMs, untilMs) || (endMs === null && this.story.hasEnded(node, atMs, untilMs))) return true
    const way = `${node} ${peer}`
    const downs = this.#downs.get(way) ?? []
    const downMs = downs.find(down => down > atMs && down + LATE_MS < untilMs)
    const lastDownMs = downs.findLast(down => down < atMs) ?? -Infinity
    const isCutOff = lastDownMs > (this.#ups.get(way)?.findLast(up => up <= atMs) ?? -Infinity)
    const asked = `${node} asked \`${command}\` of ${this.story.nameOf(peer as NodeId) ?? 'a stranger'} at ${seconds(atMs)}`
    const answered = endMs === null ? 'it has not been answered since' : `it was answered at ${seconds(endMs)}`
    if (isCutOff && untilMs - atMs > LATE_MS) {
      this.violated([node], `${asked}, though it had seen the connection end at ${seconds(lastDownMs)}`, answered)
      return false
    }
    if (downMs !== undefined) {
      this.violated([node], `${asked}, and saw the connection end at ${seconds(downMs)}`, answered)
      return false
    }
    if (command !== 'process.monitor' && untilMs - atMs > deadlineMs + LATE_MS) {
      this.violated([node], `${asked}, with a deadline of ${deadlineMs} ms`, answered)
      return false
    }
    if (message?.mode !== 'call' || outcome !== 'ok' || !this.story.isHonest(message.to)) return true
    const echo = (result as CommandTypes['process.call']['result']).result
    if (JSON.stringify(echo) === JSON.stringify(message)) return true
    this.violated(
      [node, message.to],
      `${message.to} answers a call with what it was given: ${clipped(message)}`,
      `${node} got ${clipped(echo)}`,
    )
    return false
  }

  #areInOrder(deliveries: readonly Delivery[]): void {
    const newest = new Map<string, Delivery>()
    for (const delivery of deliveries) {
      const { message, life, atMs } = delivery
      if (message.mode !== 'send' || !this.story.isHonest(message.from)) continue
      const way = `${message.from} ${message.to} ${life}`
      const before = newest.get(way)
      if (before !== undefined && before.message.number > message.number)
        return this.violated(
          [message.from, message.to],
          `${message.to} handled ${textOf(before.message)} at ${seconds(before.atMs)}`,
          `it handled ${textOf(message)}, which was sent before, after that, at ${seconds(atMs)}`,
        )
      newest.set(way, delivery)
    }
  }
}

const WAITING: ReadonlySet<CommandName> = new Set<CommandName>(['process.send', 'process.call', 'process.monitor'])

/** The sender was told that it is, or will be, handled. */
function isPromised({ outcome, message, result }: Operation): boolean {
  if (outcome !== 'ok') return false
  return message?.mode !== 'send' || (result as CommandTypes['process.send']['result']).result === 'ok'
}

function nameOf({ mode, from, to, number }: MessageRef): string {
  return `${mode} ${from} ${to} ${number}`
}

function textOf({ mode, from, to, number }: MessageRef): string {
  return `message ${number} from ${from} to ${to} (${mode})`
}
