import type { WeftError } from '../../base/errors.ts'
import type { CommandName, CommandTypes } from '../../node/commands/types.ts'
import type { Stage } from '../stage.ts'
import type { History, MessageRef, Operation } from './history.ts'

/** How the workload asks nodes: everything that is asked, and what came of it, is in the history. */
export class Asking {
  readonly stage: Stage
  readonly history: History

  constructor(stage: Stage, history: History) {
    this.stage = stage
    this.history = history
  }

  ask<K extends CommandName>(
    node: string,
    command: K,
    input: CommandTypes[K]['input'],
    then: (result: CommandTypes[K]['result']) => void = () => {},
    message?: MessageRef,
  ): Operation {
    const operation = this.history.begin(this.stage.nowMs, node, command, input, message)
    this.stage.ask(node, command, input, (error, result) => {
      this.end(operation, error, result)
      if (error === undefined) then(result as CommandTypes[K]['result'])
    })
    return operation
  }

  end(operation: Operation, error: WeftError | undefined, result: Operation['result']): void {
    this.history.end(operation, this.stage.nowMs, error, result)
  }
}
