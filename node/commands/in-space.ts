import { z } from 'zod'
import { DEFAULT_SPACE, isSpace } from '../../base/ids.ts'
import { WeftError } from '../../base/errors.ts'
import { SPACES_PER_AUTHOR_MAX } from '../../base/limits.ts'
import { withoutMark } from '../../ecc/bare-text.ts'
import type { Core } from '../core.ts'
import type { Memory } from '../memory/memory.ts'
import { requireWhole } from '../memory/whole.ts'
import type { InSpace } from './types.ts'

/** What names a record, also as the mark that goes with recalled text (`weft://memory/1a2b3c4d`). */
export const id: z.ZodType<string> = z
  .string()
  .transform(withoutMark)
  .refine(text => /^[0-9a-f]{8,64}$/.test(text), 'an id is 64 hex digits, or 8 or more of their beginning')

/** The name of a space. */
export const spaceName: z.ZodType<string> = z
  .string()
  .refine(isSpace, 'a space is 1 to 64 of a-z 0-9 . _ -, and begins with a letter or digit')
/** Which space a command is about, where it may leave that out. */
export const space: z.ZodType<string | undefined> = spaceName.optional()

/** @throws WeftError `unknown_space` when nobody has created it or written to it, as far as is known here */
export function spaceIn(core: Core, name: string): void {
  if (!core.memories.has(name) && !core.spaces.created.has(name)) throw new WeftError('unknown_space', `there is no space ${name} here`)
}

/** The memory that a question is about. @throws WeftError `unknown_space`, `not_granted`; NotWhole */
export function memoryToRead(core: Core, { space: name = DEFAULT_SPACE }: InSpace): Memory {
  spaceIn(core, name)
  core.spaces.require(name, 'read')
  return requireWhole(core.memory(name))
}

/** The memory that something is written to. A space that nobody has created begins with its first record. @throws WeftError `table_full`, `not_granted`; NotWhole */
export function memoryToWrite(core: Core, { space: name = DEFAULT_SPACE }: InSpace): Memory {
  core.spaces.require(name, 'write')
  if (!core.memories.has(name) && !core.spaces.created.has(name) && core.cluster.logs.isFull)
    throw new WeftError('table_full', `this node writes to ${SPACES_PER_AUTHOR_MAX} spaces that nobody has created; others take in no more`)
  return requireWhole(core.memory(name))
}
