import { z } from 'zod'
import { asWeftError, WeftError } from '../../base/errors.ts'
import { type CausalId, DEFAULT_SPACE, type NodeId, parseCausalId, parseNodeId } from '../../base/ids.ts'
import { CLUSTER_RECALL_NODES_MAX, RECALL_K_MAX } from '../../base/limits.ts'
import { behaviourOf, EDGE_TYPES, type EdgeType } from '../../ecc/edge-types.ts'
import { isoTime } from '../../ecc/import/import-item.ts'
import type { RecallOptions as FoldRecallOptions } from '../../ecc/recall.ts'
import { type Expansion, HOPS_MAX } from '../../ecc/spread.ts'
import type { RecallOptions, Recollection } from '../api.ts'
import type { Core } from '../core.ts'
import { type Answering, recall } from '../memory/answers.ts'
import { asMessage, recallInCluster } from '../memory/cluster-recall.ts'
import type { Outcome } from '../process/process.ts'
import { command, type CommandsOf } from './command.ts'

const frontier = z.string().optional()
const edgeType = z.enum(Object.keys(EDGE_TYPES) as [EdgeType, ...EdgeType[]])
const share = z.number().min(0).max(1)
const label = z.union([z.string(), z.number(), z.boolean()])
const recalled = z.strictObject({
  query: z.string(),
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
      types: z.union([z.array(edgeType).min(1), z.partialRecord(edgeType, z.number().min(-1).max(1))]).optional(),
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
  'memory.recall': command(recalled, (core, { query, cluster, ...options }, to) => {
    const asked = askedOf(core, options)
    const here = (done: Answering<Recollection>): void => recall(core.memory(DEFAULT_SPACE), query, options, asked, done)
    if (cluster !== true) return here(to)
    const { deadlineMs, ...rest } = options
    // A name that is short for somebody here may be short for somebody else there; whom this node trusts is its own matter.
    const same = { ...rest, author: asked.author, trust: Object.fromEntries(asked.trust ?? []), query }
    const question = { k: asked.k, asked: same, includeSuperseded: options.includeSuperseded === true, deadlineMs, here, read: answerIn }
    recallInCluster(core, question, to)
  }),
}

/** What a member asks of all: its question stands on its own, and the settings of this node play no part. */
export function answerRecall(core: Core, argument: unknown, answer: (outcome: Outcome) => void): void {
  const to = {
    ok: (found: Recollection) => answer({ ok: true, value: asMessage(found) }),
    fail: (error: WeftError) => answer({ ok: false, error }),
  }
  const parsed = recalled.safeParse(argument)
  if (!parsed.success) return to.fail(new WeftError('invalid_argument', 'that is no question to recall'))
  try {
    const { query, cluster: _, trust, ...options } = parsed.data
    const asked = { ...askedOf(core, { ...options, trust: false }), trust: new Map(Object.entries(trust || {}) as [NodeId, number][]) }
    recall(core.memory(DEFAULT_SPACE), query, options, asked, to)
  } catch (thrown) {
    to.fail(asWeftError(thrown))
  }
}

/** What this node knows of each of some memories; null of those it does not know. */
export function statesOf(core: Core, argument: unknown): readonly (string | null)[] {
  const ids = z
    .array(z.string())
    .max(RECALL_K_MAX * CLUSTER_RECALL_NODES_MAX)
    .safeParse(argument)
  const { fold } = core.memory(DEFAULT_SPACE)
  return (ids.data ?? []).map(text => {
    const id = parseCausalId(text)
    return (id && fold.node(id)?.state) ?? null
  })
}

const hexId = z.string().regex(/^[0-9a-f]{64}$/) as unknown as z.ZodType<CausalId>
const nodeId = z.string().refine(text => parseNodeId(text) !== undefined) as unknown as z.ZodType<NodeId>
const text = z.string().optional()
const answered = z.object({
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
          trust: z.number().optional(),
          recency: z.number().optional(),
        }),
        path: z.array(z.object({ id: hexId, edge: z.string().max(64) })),
        mark: z.string().max(128),
        copies: z.array(z.object({ id: hexId, author: nodeId })).optional(),
        contradictedBy: z.array(hexId).optional(),
      }),
    )
    .max(RECALL_K_MAX),
  frontier: z.string(),
  foldVersion: z.number(),
  exact: z.boolean(),
  truncated: z.boolean(),
  truncatedBy: z.enum(['edges', 'nodes', 'time', 'message']).optional(),
})

function answerIn(value: unknown): Recollection | undefined {
  return answered.safeParse(value).data as Recollection | undefined
}

/** The question as the fold takes it: members by their ids, times in milliseconds. @throws WeftError `unknown_id`, `ambiguous_id`, `time_invalid` */
function askedOf(core: Core, options: RecallOptions): Omit<FoldRecallOptions, 'at'> {
  const { k = 5, spread, includeSuperseded, author, since, until, validAt, source, halfLifeMs, diversity, budgetNodes, budgetMs } = options
  return {
    k,
    spread,
    includeSuperseded,
    author: author === undefined ? undefined : memberOf(core, author),
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
  const weights = Array.isArray(types) ? types.map((type: EdgeType) => [type, behaviourOf(EDGE_TYPES[type]).spread]) : undefined
  return { ...rest, types: weights === undefined ? (types as Expansion['types']) : Object.fromEntries(weights) }
}

/** Whom the answer trusts less than wholly: what the caller says goes before what the node's settings say. */
function trustOf(core: Core, asked: RecallOptions['trust']): ReadonlyMap<NodeId, number> {
  const said = Object.entries(asked === false || asked === undefined ? {} : asked)
  const trust = new Map([
    ...(asked === false ? [] : core.trust),
    ...said.map(([text, share]): [NodeId, number] => [memberOf(core, text), share]),
  ])
  return new Map([...trust].filter(([, share]) => share < 1).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A member by its id, or by 6 or more of its last characters, which is what people are shown. */
function memberOf(core: Core, text: string): NodeId {
  const found = text.length < 6 ? [] : core.cluster.membership.members.filter(({ id }) => id.endsWith(text))
  if (found.length > 1) throw new WeftError('ambiguous_id', `more than one member has an id that ends with ${text}`)
  if (found[0] === undefined)
    throw new WeftError('unknown_id', `no member has the id ${JSON.stringify(text)}, nor one that ends so`, {
      next: 'weft member list shows who there is',
    })
  return found[0].id
}

/** A point in time. @throws WeftError `time_invalid` */
function momentOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const time = isoTime(text)
  if (time === undefined)
    throw new WeftError(
      'time_invalid',
      `${name} is ISO 8601 with a zone, like 2026-01-31T12:00:00Z, or a date, got ${JSON.stringify(text)}`,
    )
  return Date.parse(time)
}
