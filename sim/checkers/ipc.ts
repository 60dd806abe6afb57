import type { CommandTypes } from '../../node/commands/types.ts'
import type { Delivery, MessageRef, Operation } from '../workload/history.ts'
import { Judge } from './case.ts'
import { seconds } from './facts.ts'

/**
 * Messages between processes: `send` at most once and in order, `call` exactly once when it is answered, at least
 * once where the sender asks again until it is told. Judged from what was asked and what was handled.
 */
export class IpcChecker extends Judge {
  readonly id = 'ipc'
  readonly says = 'messages are handled as often as promised, in order, and nobody handles what nobody sent'

  atEnd(): void {
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
    if (operation !== undefined && !isTooOften) return true
    const what = textOf(first.message)
    if (operation === undefined)
      this.violated([first.message.to], `nobody sent ${what}`, `${first.message.to} handled it at ${seconds(first.atMs)}`)
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
