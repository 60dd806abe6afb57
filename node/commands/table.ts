import { CALL_DEADLINE_MS } from '../../base/limits.ts'
import type { Core } from '../core.ts'
import { archiveCommands } from './archive.ts'
import { chainCommands } from './chain.ts'
import { cognitionCommands } from './cognition.ts'
import type { AnswerTo, Command, CommandsOf } from './command.ts'
import { entityCommands } from './entities.ts'
import { forgetCommands } from './forget.ts'
import { graphCommands } from './graph.ts'
import { embeddingCommands } from './embedding.ts'
import { keyedCommands } from './keyed.ts'
import { memberCommands } from './member.ts'
import { memoryCommands } from './memory.ts'
import { nodeCommands } from './node.ts'
import { policyCommands } from './policy.ts'
import { processCommands } from './process.ts'
import { recallCommands } from './recall.ts'
import { revisionCommands } from './revision.ts'
import { spaceCommands } from './space.ts'
import { patiently } from '../memory/whole.ts'
import type { CommandName, CommandTypes } from './types.ts'

/** EVERYTHING A CALLER CAN ASK OF A NODE, from the SDK, over HTTP or from the command line. */
export const COMMANDS: CommandsOf<CommandName> = {
  ...nodeCommands,
  ...memberCommands,
  ...processCommands,
  ...memoryCommands,
  ...forgetCommands,
  ...archiveCommands,
  ...policyCommands,
  ...graphCommands,
  ...keyedCommands,
  ...embeddingCommands,
  ...recallCommands,
  ...revisionCommands,
  ...entityCommands,
  ...spaceCommands,
  ...cognitionCommands,
  ...chainCommands,
}

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name)
}

/** Performs a command within a step, or once what it is about is whole again; whatever it throws is its answer. */
export function perform<K extends CommandName>(core: Core, name: K, input: unknown, to: AnswerTo<CommandTypes[K]['result']>): void {
  const { run } = COMMANDS[name] as Command<CommandTypes[K]['result']>
  const untilMs = core.now.monotonicMs + CALL_DEADLINE_MS
  patiently(to, fail => run(core, input, { actor: to.actor, ok: to.ok, fail }), untilMs)
}
