import type { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import type { Core } from '../core.ts'
import { faultOf } from './faults.ts'
import type { CommandName, CommandTypes } from './types.ts'

/** Where the answer to a command goes; exactly one of the two is called, once. */
export interface AnswerTo<T> {
  /** Who asks: the actor of what is written. */
  readonly actor: string
  readonly ok: (value: T) => void
  readonly fail: (error: WeftError) => void
}

export interface Command<R> {
  /** Runs within a step. Throws a WeftError, or calls one of `to`'s ends later. */
  readonly run: (core: Core, input: unknown, to: AnswerTo<R>) => void
}

export type CommandsOf<N extends CommandName> = { readonly [K in N]: Command<CommandTypes[K]['result']> }

/** Input is checked here, whoever it comes from: `invalid_argument` names the field, also as `path` in its details. */
export function command<I, R>(schema: z.ZodType<I>, run: (core: Core, input: I, to: AnswerTo<R>) => void): Command<R> {
  return { run: (core, input, to) => run(core, parseWith(schema, input), to) }
}

function parseWith<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input ?? {})
  if (parsed.success) return parsed.data
  const { path, reason } = faultOf(parsed.error.issues, input)
  const field = path.join('.')
  throw new WeftError('invalid_argument', `${field === '' ? 'input' : field}: ${reason}`, { details: { path: field } })
}
