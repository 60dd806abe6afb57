import type { WeftError } from '../../base/errors.ts'
import type { CommandName, CommandTypes } from '../../node/commands/types.ts'

/**
 * What was asked of the nodes and what came of it, kept outside of them: what callers were promised.
 * `unknown` is an answer that never came, so that what was asked may or may not have happened.
 */
export class History {
  /** Told of everything that is asked and answered: a recorder. */
  onBegin: ((operation: Operation) => void) | undefined
  onEnd: ((operation: Operation) => void) | undefined
  readonly operations: Operation[] = []
  /** Messages between processes that were handled, in the order of each handler. */
  readonly deliveries: Delivery[] = []

  begin(atMs: number, node: string, command: CommandName, input: CommandTypes[CommandName]['input'], message?: MessageRef): Operation {
    const operation: Operation = {
      id: this.operations.length,
      node,
      command,
      input,
      message,
      atMs,
      endMs: null,
      outcome: 'unknown',
      result: undefined,
      error: undefined,
    }
    this.operations.push(operation)
    this.onBegin?.(operation)
    return operation
  }

  end(operation: Operation, atMs: number, error: WeftError | undefined, result: Operation['result']): void {
    operation.endMs = atMs
    operation.error = error
    operation.result = result
    operation.outcome = error === undefined ? 'ok' : isUndecided(error) ? 'unknown' : 'fail'
    this.onEnd?.(operation)
  }
}

export interface Operation {
  readonly id: number
  readonly node: string
  readonly command: CommandName
  readonly input: CommandTypes[CommandName]['input']
  /** For a message between processes: which. */
  readonly message: MessageRef | undefined
  readonly atMs: number
  endMs: number | null
  outcome: 'ok' | 'fail' | 'unknown'
  result: CommandTypes[CommandName]['result'] | undefined
  error: WeftError | undefined
}

export interface MessageRef {
  readonly mode: 'send' | 'call' | 'at-least-once'
  readonly from: string
  readonly to: string
  /** Counts up per (from, to, mode); an at-least-once message keeps its number when it is sent again. */
  readonly number: number
  /** What else it says: it must arrive, and come back, as it was. */
  readonly value?: unknown
  /** A third process, which is asked first what to answer. */
  readonly via?: string
}

export interface Delivery {
  readonly message: MessageRef
  readonly atMs: number
  /** Which life of the receiving node: 1 is the first. */
  readonly life: number
}

/** What was asked may have happened all the same. */
function isUndecided({ code }: WeftError): boolean {
  return code === 'timeout' || code === 'stopping' || code === 'unreachable'
}
