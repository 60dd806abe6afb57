import { z } from 'zod'
import { parseCausalId } from '../../base/ids.ts'
import type { SavedPolicies } from '../memory/policies.ts'
import { AFTER, type Policy } from '../memory/policy.ts'
import { spaceName } from './in-space.ts'

const after = z.string().regex(AFTER, 'a time like 90d, 12h, 30m or 45s')
const label = z.string().regex(/^[^=]+=.*$/s, 'a label like topic=draft')
const common = {
  space: spaceName.optional(),
  action: z.enum(['retract', 'erase']).default('retract'),
  evenIfNeeded: z.boolean().default(false),
}

export const policyName: z.ZodType<string> = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'a name of 1 to 40 small letters, digits or -')

export const policyShape: z.ZodType<Policy> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('decay'), after, label: label.optional(), ...common }),
  z.strictObject({ kind: z.literal('label'), after, label, ...common }),
  z
    .strictObject({
      kind: z.literal('quota'),
      memories: z.number().int().min(0).optional(),
      bytes: z.number().int().min(0).optional(),
      per: z.string().min(1).optional(),
      label: label.optional(),
      ...common,
    })
    .refine(({ memories, bytes }) => memories !== undefined || bytes !== undefined, 'a quota has memories, or bytes, or both'),
])

const savedShape = z.object({
  policies: z.record(policyName, policyShape).catch({}),
  recalled: z.array(z.tuple([z.string(), z.number()])).catch([]),
})

/** What was saved, as far as it can be understood. */
export function parsePolicies(saved: unknown): SavedPolicies {
  const parsed = savedShape.safeParse(saved)
  if (!parsed.success) return { policies: {}, recalled: [] }
  const recalled = parsed.data.recalled.flatMap(([text, atMs]) => {
    const id = parseCausalId(text)
    return id === undefined ? [] : [[id, atMs] as const]
  })
  return { policies: parsed.data.policies, recalled }
}
