import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import { type CausalId, DEFAULT_SPACE, type NodeId, parseCausalId, parseNodeId } from '../../base/ids.ts'
import { RECALL_K_MAX, RIVAL_TEXT_MAX, RIVALS_SHOWN } from '../../base/limits.ts'
import { reaches } from '../../discovery/spaces.ts'
import { behaviourOf, EDGE_TYPES, type PathEdge } from '../../ecc/edge-types.ts'
import { RUN_MAX_CHARS } from '../../ecc/entities.ts'
import { isoTime, timeFault } from '../../ecc/import/import-item.ts'
import { type Expansion, HOPS_MAX } from '../../ecc/spread.ts'
import type { RecallOptions, Recollection } from '../api.ts'
import type { Core } from '../core.ts'
import { type Answering, atCut } from '../memory/answers.ts'
import { asMessage, recallInCluster, STATES_MAX } from '../memory/cluster-recall.ts'
import type { Memory } from '../memory/memory.ts'
import type { Asking } from '../memory/recall.ts'
import { patiently } from '../memory/whole.ts'
import type { Outcome } from '../process/process.ts'
import { command, type CommandsOf } from './command.ts'
import { recallByBoth } from './embedding.ts'
import { memoryToRead, space } from './in-space.ts'
import { memberNamed } from './member-named.ts'
import { vectorQuery } from './vectors.ts'

const frontier = z.string().optional()
const pathEdge = z.enum(['shares', ...Object.keys(EDGE_TYPES)] as [PathEdge, ...PathEdge[]])
const share = z.number().min(0).max(1)
const label = z.union([z.string(), z.number(), z.boolean()])
const recalled = z.strictObject({
  space,
  query: z.string().optional(),
  ...vectorQuery,
  k: z.number().int().min(1).max(RECALL_K_MAX).optional(),
  after: frontier,
  asOf: frontier,
  includeSuperseded: z.boolean().optional(),
  spread: z.boolean().optional(),
  author: z.string().optional(),
  since: z.string().optional(),
  until: z.string().optional(),
  validAt: z.string().optional(),
  meta: z.record(z.string().min(1), z.union([label, z.array(label).min(1), z.null()])).optional(),
  source: z.string().optional(),
  expand: z
    .strictObject({
      types: z.union([z.array(pathEdge).min(1), z.partialRecord(pathEdge, z.number().min(-1).max(1))]).optional(),
      hops: z.number().int().min(0).max(HOPS_MAX).optional(),
      direction: z.enum(['in', 'out', 'both']).optional(),
    })
    .optional(),
  halfLifeMs: z.number().positive().optional(),
  trust: z.union([z.record(z.string(), share), z.literal(false)]).optional(),
  diversity: share.optional(),
  budgetNodes: z.number().int().min(1).optional(),
  budgetMs: z.number().positive().optional(),
  cluster: z.boolean().optional(),
  deadlineMs: z.number().min(0).optional(),
})

export const recallCommands: CommandsOf<'memory.recall'> = {
  'memory.recall': command(recalled, (core, { space: name, query, cluster, ...options }, to) => {
    if (query === undefined && options.vector === undefined) throw new WeftError('invalid_argument', 'query: text, or a vector, is needed')
    const memory = memoryToRead(core, { space: name })
    const asked = askedOf(core, options)
    const here = (done: Answering<Recollection>): void => {
      const ok = (found: Recollection): void => {
        core.policies.onRecalled(found.hits.flatMap(hit => (hit.author === core.self ? [hit.id] : [])))
        done.ok(found)
      }
      recallByBoth(core, memory, query, options, asked, { ok, fail: done.fail })
    }
    if (cluster !== true) return here(to)
    const { deadlineMs, vector, ...rest } = options
    // A name that is short for somebody here may be short for somebody else there; whom this node trusts is its own matter.
    const mine = { author: asked.author, trust: Object.fromEntries(asked.trust ?? []), vector: vector && Array.from(vector) }
    const question = { ...rest, ...mine, space: name, query }
    const includeSuperseded = options.includeSuperseded === true
    recallInCluster(core, { k: asked.k, asked: question, includeSuperseded, deadlineMs, here, read: answerIn }, to)
  }),
}

/** What a member asks of all: its question stands on its own, and the settings of this node play no part. */
export function answerRecall(core: Core, argument: unknown, from: NodeId, answer: (outcome: Outcome) => void): void {
  answered(answer, fail => {
    const { space: name, query, cluster: _, trust, ...options } = parsed(recalled, argument)
    const asked = { ...askedOf(core, { ...options, trust: false }), trust: new Map(Object.entries(trust || {}) as [NodeId, number][]) }
    recallByBoth(core, memoryFor(core, from, name), query, options, asked, {
      ok: found => answer({ ok: true, value: asMessage(found) }),
      fail,
    })
  })
}

const someIds = z.strictObject({ space, asOf: frontier, ids: z.array(z.string()).max(STATES_MAX) })

/** What this node knows of each of some memories; null of those it does not know. */
export function answerStates(core: Core, argument: unknown, from: NodeId, answer: (outcome: Outcome) => void): void {
  answered(answer, fail => {
    const { space: name, ids, asOf } = parsed(someIds, argument)
    const memory = memoryFor(core, from, name)
    atCut(memory, asOf, undefined, { fail }, at => {
      const stateOf = (text: string): string | null => {
        const id = parseCausalId(text)
        return (id && memory.fold.node(id, at)?.state) ?? null
      }
      answer({ ok: true, value: ids.map(stateOf) })
    })
  })
}

/** The memory that a member asks about: it may read it, and so may this node. @throws WeftError `unknown_space`, `not_granted` */
function memoryFor(core: Core, from: NodeId, name: string = DEFAULT_SPACE): Memory {
  if (!reaches(core.spaces.roleOf(name, from), 'read')) throw new WeftError('not_granted', `${from} may not read space ${name}`)
  return memoryToRead(core, { space: name })
}

function parsed<T>(schema: z.ZodType<T>, argument: unknown): T {
  const { data } = schema.safeParse(argument)
  if (data === undefined) throw new WeftError('invalid_argument', 'that is no such question')
  return data
}

function answered(answer: (outcome: Outcome) => void, work: (fail: (error: WeftError) => void) => void): void {
  const fail = (error: WeftError): void => answer({ ok: false, error })
  patiently({ fail }, work)
}

const hexId = z.string().regex(/^[0-9a-f]{64}$/) as unknown as z.ZodType<CausalId>
const nodeId = z.string().refine(text => parseNodeId(text) !== undefined) as unknown as z.ZodType<NodeId>
const text = z.string().optional()
const answerShape = z.object({
  hits: z
    .array(
      z.object({
        id: hexId,
        key: text,
        text: z.string(),
        meta: z.record(z.string(), z.string()),
        author: nodeId,
        at: z.string().max(64),
        validFrom: text,
        validTo: text,
        source: text,
        log: hexId,
        seq: z.number().int().min(0),
        score: z.number(),
        parts: z.object({
          bm25: z.number(),
          vector: z.number(),
          spread: z.number(),
          subject: z.number().optional(),
          shared: z.number().optional(),
          trust: z.number().optional(),
          recency: z.number().optional(),
        }),
        path: z.array(z.object({ id: hexId, edge: z.string().max(64), entity: z.string().max(RUN_MAX_CHARS).optional() })),
        mark: z.string().max(128),
        copies: z.array(z.object({ id: hexId, author: nodeId })).optional(),
        contradictedBy: z.array(hexId).optional(),
        rivals: z
          .array(z.object({ id: hexId, author: nodeId, text: z.string().max(RIVAL_TEXT_MAX) }))
          .max(RIVALS_SHOWN)
          .optional(),
        rivalsInAll: z.number().int().min(0).optional(),
        state: z.literal('superseded').optional(),
        supersededBy: z.array(hexId).max(RIVALS_SHOWN).optional(),
      }),
    )
    .max(RECALL_K_MAX),
  frontier: z.string(),
  foldVersion: z.number(),
  exact: z.boolean(),
  truncated: z.boolean(),
  vectors: z.enum(['none', 'used', 'late', 'down']),
  truncatedBy: z.enum(['edges', 'nodes', 'time', 'message']).optional(),
  nearest: z
    .object({ embedder: z.string(), dims: z.number(), exact: z.boolean(), missing: z.number(), agreement: z.number().optional() })
    .optional(),
})

function answerIn(value: unknown): Recollection | undefined {
  return answerShape.safeParse(value).data as Recollection | undefined
}

/** The question as the fold takes it: members by their ids, times in milliseconds. @throws WeftError `unknown_id`, `ambiguous_id`, `time_invalid` */
function askedOf(core: Core, options: RecallOptions): Asking {
  const { k = 5, spread, includeSuperseded, author, since, until, validAt, source, halfLifeMs, diversity, budgetNodes, budgetMs } = options
  return {
    k,
    spread,
    includeSuperseded,
    author: author === undefined ? undefined : memberNamed(core, author),
    sinceMs: momentOf('since', since),
    untilMs: momentOf('until', until),
    validAtMs: momentOf('validAt', validAt),
    meta:
      options.meta === undefined
        ? undefined
        : Object.fromEntries(Object.entries(options.meta).map(([name, value]) => [name, textsOf(value)])),
    source,
    expand: expansionOf(options.expand),
    halfLifeMs,
    diversity,
    budgetNodes,
    budgetMs,
    trust: trustOf(core, options.trust),
  }
}

type Label = z.infer<typeof label>

function textsOf(value: Label | readonly Label[] | null): readonly string[] | null {
  return value === null ? null : [value].flat().map(String)
}

function expansionOf(expand: RecallOptions['expand']): Expansion | undefined {
  if (expand === undefined) return undefined
  const { types, ...rest } = expand
  const weights = Array.isArray(types)
    ? types.map((type: PathEdge) => [type, type === 'shares' ? 1 : behaviourOf(EDGE_TYPES[type]).spread])
    : undefined
  return { ...rest, types: weights === undefined ? (types as Expansion['types']) : Object.fromEntries(weights) }
}

/** Whom the answer trusts less than wholly: what the caller says goes before what the node's settings say. */
function trustOf(core: Core, asked: RecallOptions['trust']): ReadonlyMap<NodeId, number> {
  const said = Object.entries(asked === false || asked === undefined ? {} : asked)
  const trust = new Map([
    ...(asked === false ? [] : core.trust),
    ...said.map(([text, share]): [NodeId, number] => [memberNamed(core, text), share]),
  ])
  return new Map([...trust].filter(([, share]) => share < 1).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A point in time. @throws WeftError `time_invalid` */
function momentOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const time = isoTime(text)
  if (time === undefined) throw timeFault(name, text)
  return Date.parse(time)
}
