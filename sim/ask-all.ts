import { WeftError } from '../base/errors.ts'
import type { CommandName, CommandTypes } from '../node/commands/types.ts'
import type { Stage } from './stage.ts'

/** Longer than any command takes on a node that is well. */
const ANSWER_MS = 60_000

/** Asks several nodes the same and lets time go by until the last has answered. @throws the first error, or `timeout` */
export async function askAll<K extends CommandName>(
  stage: Stage,
  names: readonly string[],
  command: K,
  input: CommandTypes[K]['input'],
): Promise<readonly CommandTypes[K]['result'][]> {
  const answers = new Map<string, CommandTypes[K]['result']>()
  let refused: WeftError | undefined
  for (const name of names)
    stage.ask(name, command, input, (error, value) => {
      if (error === undefined) answers.set(name, value as CommandTypes[K]['result'])
      else refused ??= error
    })
  const limitMs = stage.nowMs + ANSWER_MS
  while (answers.size < names.length) {
    if (refused !== undefined) throw refused
    if (stage.nowMs > limitMs)
      throw new WeftError(
        'timeout',
        `${names.filter(name => !answers.has(name)).join(', ')} did not answer ${command} within ${ANSWER_MS / 1000} s`,
      )
    const { nowMs } = stage
    await stage.run(1)
    if (stage.nowMs === nowMs) throw new WeftError('timeout', 'time stands still: the story was cut short here')
  }
  return names.map(name => answers.get(name) as CommandTypes[K]['result'])
}
