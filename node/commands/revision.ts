import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import type { CausalId } from '../../base/ids.ts'
import { LIST_MAX } from '../../base/limits.ts'
import type { Settled } from '../api.ts'
import { type Verdict, resolve } from '../memory/resolve.ts'
import { timeline } from '../memory/timeline.ts'
import { elsewhere, memoryOf, memoryToChange } from './by-id.ts'
import { command, type CommandsOf } from './command.ts'
import { id, memoryToRead, space } from './in-space.ts'
import { requireWords } from './said.ts'

/** How what is thought changes: what was thought before, and what shall hold of what is disputed. */
export const revisionCommands: CommandsOf<'memory.timeline' | 'memory.resolve'> = {
  'memory.timeline': command(
    z.strictObject({
      space,
      id: id.optional(),
      query: z.string().optional(),
      order: z.enum(['written', 'valid']).optional(),
      limit: z.number().int().min(1).max(LIST_MAX).optional(),
      asOf: z.string().optional(),
    }),
    (core, input, to) => {
      if (input.id !== undefined && input.query !== undefined) throw new WeftError('invalid_argument', 'either an id or a query')
      if (input.id === undefined) return timeline(memoryToRead(core, input), input, to)
      memoryOf(core, input, [input.id], to, (memory, [found]) => timeline(memory, { ...input, id: found }, to))
    },
  ),

  'memory.resolve': command(
    z.strictObject({
      space,
      about: id,
      keep: id.optional(),
      text: z.string().optional(),
      key: z.string().optional(),
      reason: z.string().optional(),
    }),
    (core, { space: name, about, keep, text, key, reason }, to) => {
      if ((keep === undefined) === (text === undefined)) throw new WeftError('invalid_argument', 'either keep, one of the rivals, or text')
      if (text !== undefined) requireWords(text)
      memoryToChange(core, { space: name }, keep === undefined ? [about] : [about, keep], to, (memory, [target, kept]) => {
        const verdict: Verdict = kept === undefined ? { say: { text: text as string, key } } : { keep: kept }
        const ok = (settled: Settled): void => to.ok({ ...settled, ...elsewhere({ space: name }, memory) })
        resolve(memory, target as CausalId, verdict, reason, to.actor, { ...to, ok })
      })
    },
  ),
}
