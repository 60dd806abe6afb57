import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import { isoOf } from '../../base/hlc.ts'
import { type CausalId, DEFAULT_SPACE, type NodeId } from '../../base/ids.ts'
import { IMPULSE_ABOUT_MAX, IMPULSE_REASON_MAX, IMPULSE_TEXT_MAX, IMPULSES_MAX, LIST_MAX } from '../../base/limits.ts'
import { withoutMark } from '../../ecc/bare-text.ts'
import type { Impulse } from '../../ecc/cognition/impulses.ts'
import { askFastest } from '../cognition/anywhere.ts'
import type { CoherenceReport, CommunityList, ImpulseRecord } from '../cognition/api.ts'
import { confirm, reject } from '../cognition/deciding.ts'
import { coherence, communities, proposals } from '../cognition/questions.ts'
import { locate } from '../memory/locate.ts'
import { patiently, requireWhole } from '../memory/whole.ts'
import { memoryOf } from './by-id.ts'
import { command, type CommandsOf } from './command.ts'
import { memoryToRead, memoryToWrite, space } from './in-space.ts'

const whole = { space, asOf: z.string().optional(), anywhere: z.boolean().optional() }
const count = z.number().int().min(0)
const proposal = z.string().regex(/^[0-9a-f]{4,16}$/, 'a proposal is 16 hex digits, or 4 or more of their beginning')
/** Any of the names that `locate` takes. */
const recordName = z
  .string()
  .transform(withoutMark)
  .refine(
    text => /^[0-9a-f]{8,64}(\/\d+)?$/.test(text),
    'an id, or LOG/SEQ like 1a2b3c4d/7; an id or a log is 64 hex digits, or 8 or more of their beginning',
  )

export const cognitionCommands: CommandsOf<
  | 'memory.coherence'
  | 'memory.communities'
  | 'memory.proposals'
  | 'memory.confirm'
  | 'memory.reject'
  | 'memory.impulses'
  | 'memory.acknowledge'
  | 'memory.raise'
  | 'memory.tick'
  | 'memory.locate'
> = {
  'memory.coherence': command(
    z.strictObject({ ...whole, plain: z.boolean().optional() }),
    (core, { anywhere, space: name, ...options }, to) => {
      const memory = memoryToRead(core, { space: name })
      const here = (): void => patiently(to, fail => coherence(requireWhole(memory), core.cognition, options, core.self, { ...to, fail }))
      if (anywhere !== true) return here()
      askFastest(core, 'coherence', { space: memory.space, asOf: memory.frontier(), ...given(options) }, isCoherence, to.ok, here)
    },
  ),

  'memory.communities': command(z.strictObject(whole), (core, { anywhere, space: name, ...options }, to) => {
    const memory = memoryToRead(core, { space: name })
    const here = (): void => patiently(to, fail => communities(requireWhole(memory), core.cognition, options, core.self, { ...to, fail }))
    if (anywhere !== true) return here()
    askFastest(core, 'communities', { space: memory.space, asOf: memory.frontier(), ...given(options) }, isCommunities, to.ok, here)
  }),

  'memory.proposals': command(z.strictObject({ space }), (core, input, to) => proposals(memoryToRead(core, input), core.cognition, to)),
  'memory.confirm': command(z.strictObject({ space, proposal }), (core, input, to) =>
    confirm(memoryToWrite(core, input), core.cognition, input.proposal, to.actor, to),
  ),
  'memory.reject': command(z.strictObject({ space, proposal }), (core, input, to) =>
    reject(memoryToRead(core, input), core.cognition, input.proposal, to),
  ),

  'memory.impulses': command(
    z.strictObject({
      space,
      after: count.optional(),
      limit: z.number().int().min(1).max(LIST_MAX).optional(),
      waitMs: z.number().min(0).max(60_000).optional(),
    }),
    (core, { space: name, after = 0, limit = 100, waitMs = 0 }, to) => {
      ofTheNode(name)
      const { impulses, waiters } = core.cognition
      const untilMs = core.now.monotonicMs + waitMs
      const look = (): void => {
        const found = impulses.after(after, limit)
        if (found.length > 0 || !waiters.add(untilMs, look))
          to.ok({ impulses: found.map(recordOf), newest: impulses.newest, waiting: impulses.size })
      }
      look()
    },
  ),

  'memory.acknowledge': command(
    z.strictObject({
      space,
      upTo: count.optional(),
      numbers: z
        .array(count)
        .max(2 * IMPULSES_MAX)
        .optional(),
    }),
    (core, { space: name, upTo = 0, numbers = [] }, to) => {
      ofTheNode(name)
      const { cognition } = core
      const known = new Set(numbers)
      const acknowledged = cognition.impulses.acknowledge(({ number }) => number <= upTo || known.has(number))
      // Whoever was told that it is gone is not shown it again after a crash.
      cognition.save(() => to.ok({ acknowledged }))
    },
  ),

  'memory.raise': command(
    z.strictObject({
      space,
      reason: z.string().min(1).max(IMPULSE_REASON_MAX),
      kind: z.enum(['custom', 'embedding-refined']).optional(),
      about: z.array(z.string().max(128)).max(IMPULSE_ABOUT_MAX).optional(),
      strength: z.number().min(0).max(1).optional(),
      text: z.string().max(IMPULSE_TEXT_MAX).optional(),
    }),
    (core, { space: name, reason, kind = 'custom', about = [], strength = 0.5, text = '' }, to) => {
      ofTheNode(name)
      to.ok(recordOf(core.cognition.raise({ kind, reason, subject: about[0] ?? to.actor, about, strength, text })))
    },
  ),

  'memory.tick': command(z.strictObject({ space }), (core, input, to) => {
    ofTheNode(input.space)
    requireWhole(core.memory(DEFAULT_SPACE))
    const { cognition } = core
    cognition.tickNow((ticked, impulses) =>
      to.ok({
        sensed: ticked?.sensed ?? 0,
        impulses,
        more: ticked?.more ?? false,
        tookMs: ticked?.tookMs ?? { sense: 0, search: 0, embed: 0 },
        intervalMs: Math.round(cognition.pace.intervalMs),
        ticking: cognition.settings.tick,
        waiting: cognition.impulses.size,
        capacity: cognition.capacity ?? null,
      }),
    )
  }),

  'memory.locate': command(z.strictObject({ space, name: recordName }), (core, input, to) => {
    if (input.name.includes('/')) return locate(core, memoryToRead(core, input), input.name, to)
    memoryOf(core, input, [input.name], to, (memory, [found]) => locate(core, memory, found as CausalId, to))
  }),
}

/** What a node notices is what is new in the space that every node has. @throws WeftError `invalid_argument` */
function ofTheNode(name: string | undefined): void {
  if (name !== undefined && name !== DEFAULT_SPACE)
    throw new WeftError('invalid_argument', `space: a node notices what is new in ${DEFAULT_SPACE} only, got ${name}`)
}

function recordOf({ hlc, ...impulse }: Impulse): ImpulseRecord {
  return { ...impulse, at: isoOf(hlc) }
}

/** Without what was left out: it is not to stand in a message. */
function given(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

const hexId = z.string().regex(/^[0-9a-f]{64}$/)
const edge = z.looseObject({ id: hexId, from: hexId, to: hexId, type: z.string(), weight: z.number(), author: z.string() })
const common = { frontier: z.string(), foldVersion: count, node: z.string(), tookMs: z.number() }
const coherenceShape = z.looseObject({
  ...common,
  laplacian: z.enum(['plain', 'normalised']),
  memories: count,
  links: count,
  parts: count,
  alone: count,
  largest: count,
  connectivity: z.number(),
  converged: z.boolean(),
  split: z
    .looseObject({
      size: count,
      side: z.array(hexId).max(LIST_MAX),
      held: count,
      edges: z.array(edge).max(LIST_MAX),
      conductance: z.number(),
    })
    .nullable(),
})
const communitiesShape = z.looseObject({
  ...common,
  modularity: z.number(),
  count,
  alone: count,
  communities: z
    .array(
      z.looseObject({
        size: count,
        words: z.array(z.string()).max(64),
        central: z.array(z.looseObject({ id: hexId, text: z.string() })).max(64),
      }),
    )
    .max(LIST_MAX),
})

/** What a peer says is an answer has at least what people are shown of one, and is its own. */
function isCoherence(value: unknown, node: NodeId): value is CoherenceReport {
  const parsed = coherenceShape.safeParse(value)
  return parsed.success && parsed.data.node === node
}

function isCommunities(value: unknown, node: NodeId): value is CommunityList {
  const parsed = communitiesShape.safeParse(value)
  return parsed.success && parsed.data.node === node
}
