import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import type { RememberInput } from '../../ecc/records.ts'
import type { VectorOptions } from '../api.ts'
import type { Memory } from '../memory/memory.ts'
import type { OutgoingEdge, ReceiptDone } from '../memory/memory-writer.ts'

/** Its numbers are looked at one by one where it is used: `vector_invalid` says which is wrong. */
const numbers: z.ZodType<ArrayLike<number>> = z.custom<ArrayLike<number>>(
  value => Array.isArray(value) || value instanceof Float32Array || value instanceof Float64Array,
  'expected a list of numbers',
)

/** Of what is remembered. */
export const vectorOptions: {
  readonly vector: z.ZodOptional<z.ZodType<ArrayLike<number>>>
  readonly embedder: z.ZodOptional<z.ZodString>
} = { vector: numbers.optional(), embedder: z.string().optional() }

/** Of what is looked for. */
export const vectorQuery: typeof vectorOptions & {
  readonly exact: z.ZodOptional<z.ZodBoolean>
  readonly ef: z.ZodOptional<z.ZodNumber>
  readonly truth: z.ZodOptional<z.ZodBoolean>
} = { ...vectorOptions, exact: z.boolean().optional(), ef: z.number().optional(), truth: z.boolean().optional() }

/** Remembers something, with its vector where there is one. @returns true when it was not known before */
export function rememberWith(
  memory: Memory,
  input: RememberInput,
  edges: readonly OutgoingEdge[],
  { vector, embedder }: VectorOptions,
  actor: string,
  done: ReceiptDone,
): boolean {
  if (vector === undefined) {
    if (embedder !== undefined) throw new WeftError('invalid_argument', 'embedder: goes with a vector')
    return memory.writer.remember(input, edges, actor, done)
  }
  if (embedder === undefined) throw new WeftError('invalid_argument', 'embedder: a vector is of one, like external:NAME:DIMENSIONS')
  return memory.writer.rememberAt(input, edges, { vector, embedder }, actor, done)
}
