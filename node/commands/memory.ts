import { z } from 'zod'
import { toHex } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import { type CausalId, parseCausalId } from '../../base/ids.ts'
import { LINKS_PAGE, LIST_MAX } from '../../base/limits.ts'
import { EDGE_TYPES, type EdgeType } from '../../ecc/edge-types.ts'
import { isoTime } from '../../ecc/import/import-item.ts'
import type { CausalEdge } from '../../ecc/show.ts'
import type { Core } from '../core.ts'
import type { ImportedItem, ImportItem, Receipt, RememberOptions } from '../api.ts'
import { conflicts, diff, get, list, reasons, status, whatIf, why } from '../memory/answers.ts'
import { cutOf, type Memory } from '../memory/memory.ts'
import type { OutgoingEdge, ReceiptDone } from '../memory/memory-writer.ts'
import { remember } from '../memory/remember.ts'
import { patiently, requireWhole } from '../memory/whole.ts'
import { prove } from '../proof/prove.ts'
import { rememberWith, vectorOptions } from './vectors.ts'
import { elsewhere, memoryOf, memoryToChange, otherHolder, otherWithKey, requireHere, resolveAll } from './by-id.ts'
import { type AnswerTo, command, type CommandsOf } from './command.ts'
import { id, memoryToRead, memoryToWrite, space } from './in-space.ts'
import { requireWords } from './said.ts'

const edgeType = z.enum(Object.keys(EDGE_TYPES) as [EdgeType, ...EdgeType[]])
const meta = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional()
const remembered = {
  text: z.string(),
  meta,
  key: z.string().optional(),
  validFrom: z.string().optional(),
  validTo: z.string().optional(),
  source: z.string().optional(),
  ...vectorOptions,
}
const edges = z
  .array(z.strictObject({ type: edgeType, to: id, weight: z.number().optional() }))
  .max(256)
  .optional()
const limit = z.number().int().min(1).max(LIST_MAX).optional()
const frontier = z.string().optional()
const page = { space, after: frontier, asOf: frontier, limit }
/** 1,000 items in one request: some 500 KB of commit messages. */
const ITEMS_MAX = 1000
/** 10,000 keys or ids in one question: some 700 KB. */
const HAS_MAX = 10_000
const item = z.strictObject({
  ...remembered,
  edges: z
    .array(z.strictObject({ type: edgeType, to: z.string(), weight: z.number().optional() }))
    .max(256)
    .optional(),
})

export const memoryCommands: CommandsOf<
  | 'memory.remember'
  | 'memory.link'
  | 'memory.supersede'
  | 'memory.get'
  | 'memory.why'
  | 'memory.prove'
  | 'memory.list'
  | 'memory.changes'
  | 'memory.diff'
  | 'memory.whatif'
  | 'memory.conflicts'
  | 'memory.status'
  | 'memory.import'
  | 'memory.has'
  | 'memory.edges'
> = {
  'memory.remember': command(z.strictObject({ space, ...remembered, edges, again: z.boolean().optional() }), (core, input, to) => {
    const memory = memoryToWrite(core, { space: input.space ?? core.spaces.routeOf(input.meta) })
    resolveAll(
      memory,
      (input.edges ?? []).map(edge => edge.to),
      to,
      ids => {
        requireHere(core, requireWhole(memory), ids)
        const outgoing = (input.edges ?? []).map(
          (edge, i): OutgoingEdge => ({ type: edge.type, weight: edge.weight, to: ids[i] as CausalId }),
        )
        const write = (some: readonly OutgoingEdge[], done: ReceiptDone): boolean =>
          rememberWith(memory, contentOf(input), some, input, to.actor, done)
        const ok = (written: Receipt): void => to.ok({ ...written, ...elsewhere(input, memory) })
        const { again, vector, embedder } = input
        remember(memory, contentOf(input), { edges: outgoing, again, vector, embedder, write }, { actor: to.actor, ok, fail: to.fail })
      },
    )
  }),

  'memory.link': command(z.strictObject({ space, from: id, type: edgeType, to: id, weight: z.number().optional() }), (core, input, to) => {
    memoryToChange(core, input, [input.from, input.to], to, (memory, [from, target]) => {
      requireNoOther(memory, from as CausalId)
      requireNoOther(memory, target as CausalId)
      memory.writer.link(
        { from: from as CausalId, to: target as CausalId, type: input.type, weight: input.weight },
        to.actor,
        receipt(to, elsewhere(input, memory)),
      )
    })
  }),

  'memory.supersede': command(
    z.strictObject({ space, old: z.union([id, z.array(id).min(1)]), by: id, reason: z.string().optional() }),
    (core, input, to) => {
      const olds = typeof input.old === 'string' ? [input.old] : input.old
      memoryToChange(core, input, [...olds, input.by], to, (memory, ids) => {
        const [targets, by] = [ids.slice(0, -1), ids.at(-1) as CausalId]
        for (const one of ids) {
          const node = memory.fold.node(one)
          if (node === undefined) throw memory.fold.missing(one)
          if (one === by && node.state === 'retracted')
            throw new WeftError('invalid_argument', `memory ${by} was taken back: nothing would hold in the place of the others`)
        }
        memory.writer.supersede({ targets, by, reason: input.reason }, to.actor, (error, written) => {
          if (error !== undefined) return to.fail(error)
          const alsoCurrent = memory.fold.othersInPlace(targets, by)
          to.ok({ ...written, ...(alsoCurrent.length === 0 ? {} : { alsoCurrent }), ...elsewhere(input, memory) })
        })
      })
    },
  ),

  'memory.get': command(z.strictObject({ space, id }), (core, input, to) =>
    memoryOf(core, input, [input.id], to, (memory, [found]) =>
      get(memory, found as CausalId, { ...to, ok: detail => to.ok({ ...detail, ...elsewhere(input, memory) }) }),
    ),
  ),
  'memory.why': command(z.strictObject({ space, id, asOf: frontier }), (core, input, to) =>
    memoryOf(core, input, [input.id], to, (memory, [found]) =>
      why(memory, found as CausalId, input.asOf, { ...to, ok: reached => to.ok({ ...reached, ...elsewhere(input, memory) }) }),
    ),
  ),
  'memory.prove': command(z.strictObject({ space, id, asOf: frontier }), (core, input, to) =>
    memoryOf(core, input, [input.id], to, (memory, [about]) =>
      reasons(memory, about as CausalId, input.asOf, to.fail, explained => prove(core, memory, about as CausalId, explained, to)),
    ),
  ),
  'memory.list': command(z.strictObject(page), (core, input, to) => list(memoryToRead(core, input), input, to)),

  'memory.whatif': command(z.strictObject({ space, id, asOf: frontier }), (core, input, to) =>
    memoryOf(core, input, [input.id], to, (memory, [found]) => whatIf(memory, found as CausalId, input.asOf, to)),
  ),

  'memory.diff': command(z.strictObject({ space, from: z.string(), to: frontier, limit }), (core, { space: name, from, ...options }, to) =>
    diff(memoryToRead(core, { space: name }), from, options, to),
  ),

  'memory.changes': command(
    z.strictObject({ ...page, waitMs: z.number().min(0).max(60_000).optional() }),
    (core, { waitMs = 0, ...options }, to) => {
      const memory = memoryToRead(core, options)
      const untilMs = core.now.monotonicMs + waitMs
      const after = options.after ?? memory.frontier()
      // Looked up once, and only when no memory is news: as of an earlier cut everything has to be looked at.
      let before: string | undefined
      const look = (): void =>
        patiently(to, fail =>
          list(
            requireWhole(memory),
            { ...options, after },
            {
              fail,
              ok: found => {
                const now = memory.fold.conflicts()
                const isNews =
                  found.memories.length > 0 || JSON.stringify(now) !== (before ??= JSON.stringify(memory.fold.conflicts(cutOf(after)?.cut)))
                if (isNews || !memory.changes.add(untilMs, look)) to.ok({ ...found, conflicts: now })
              },
            },
          ),
        )
      look()
    },
  ),

  'memory.conflicts': command(z.strictObject({ space }), (core, input, to) => {
    const memory = memoryToRead(core, input)
    const logs = [...core.chain.logs.values()].flatMap(({ conflict, identity }) =>
      conflict === undefined
        ? []
        : [
            {
              log: identity.id,
              author: identity.author,
              stream: identity.stream,
              seq: conflict.seq,
              leaves: [toHex(conflict.mine.leaf), toHex(conflict.theirs.leaf)] as const,
            },
          ],
    )
    to.ok({ ...conflicts(memory), logs })
  }),

  'memory.status': command(z.strictObject({ space }), (core, input, to) =>
    status(memoryToRead(core, input), core.pending, row => to.ok({ ...row, embedder: core.embedding?.status ?? null })),
  ),

  'memory.import': command(
    z.strictObject({ space, items: z.array(item).max(ITEMS_MAX), again: z.boolean().optional() }),
    (core, input, to) => {
      const results: ImportedItem[] = []
      let left = input.items.length
      if (left === 0) return to.ok({ items: [] })
      // All that may have to wait comes before the first of them is written.
      const places = input.items.map(one =>
        placeOf(core, one, memoryToWrite(core, { space: input.space ?? core.spaces.routeOf(one.meta) })),
      )
      input.items.forEach((one, i) => {
        const { memory, others } = places[i] as ImportPlace
        const otherOf = (name: string): Memory | undefined => others.get(name) ?? otherWithKey(core, memory, name)
        importItem(memory, one, input.again, otherOf, to.actor, result => {
          results[i] = result.status === 'failed' ? result : { ...result, ...elsewhere(input, memory) }
          if (--left === 0) to.ok({ items: results })
        })
      })
    },
  ),

  'memory.has': command(
    z.strictObject({ space, keys: z.array(z.string()).max(HAS_MAX).optional(), ids: z.array(z.string()).max(HAS_MAX).optional() }),
    (core, input, to) => {
      const { fold } = memoryToRead(core, input)
      const isMemory = (text: string): boolean => {
        const found = parseCausalId(text)
        return found !== undefined && fold.node(found) !== undefined
      }
      to.ok({
        known: [...(input.keys ?? []).filter(key => fold.findByKey(core.self, key) !== undefined), ...(input.ids ?? []).filter(isMemory)],
      })
    },
  ),

  'memory.edges': command(
    z.strictObject({ space, ids: z.array(z.string()).max(LIST_MAX), place: z.number().int().min(0).optional() }),
    (core, input, to) => {
      const { fold } = memoryToRead(core, input)
      const rows: CausalEdge[] = []
      for (const [i, text] of input.ids.entries()) {
        const id = parseCausalId(text)
        if (id === undefined) continue
        const { edges: found, next: place } = fold.outgoing(id, LINKS_PAGE - rows.length, i === 0 ? input.place : undefined)
        rows.push(...found)
        if (place !== undefined) return to.ok({ edges: rows.map(edgeRow), next: { id, place } })
      }
      to.ok({ edges: rows.map(edgeRow) })
    },
  ),
}

function edgeRow({ from, type, to, weight }: CausalEdge): Pick<CausalEdge, 'from' | 'type' | 'to' | 'weight'> {
  return { from, type, to, weight }
}

/** A link may name what has not arrived, but nothing that is known to be no memory. @throws WeftError `unknown_id`, `erased` */
function requireNoOther({ fold }: Memory, id: CausalId): void {
  if (fold.node(id) === undefined && (fold.refOf(id) !== undefined || fold.eraserOf(id) !== undefined)) throw fold.missing(id)
}

function receipt(to: AnswerTo<Receipt>, where: Pick<Receipt, 'space'>): ReceiptDone {
  return (error, value) => (error === undefined ? to.ok({ ...value, ...where }) : to.fail(error))
}

function contentOf(input: RememberOptions & { readonly text: string }): {
  text: string
  meta: Record<string, string>
  key: string | undefined
  validFrom: string | undefined
  validTo: string | undefined
  source: string | undefined
} {
  requireWords(input.text)
  const labels = Object.entries(input.meta ?? {}).map(([name, value]) => [name, String(value)])
  return {
    text: input.text,
    meta: Object.fromEntries(labels) as Record<string, string>,
    key: input.key,
    validFrom: timeOf(input.validFrom),
    validTo: timeOf(input.validTo),
    source: input.source,
  }
}

/** Records hold times in one form. What is no time stays as it is, and is refused where the record is made. */
function timeOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : (isoTime(text) ?? text)
}

/** Where an item goes, and which ids that it links to are known to be of other memories. */
interface ImportPlace {
  readonly memory: Memory
  readonly others: ReadonlyMap<string, Memory>
}

function placeOf(core: Core, one: ImportItem, memory: Memory): ImportPlace {
  const others = new Map<string, Memory>()
  for (const { to } of one.edges ?? []) {
    const target = parseCausalId(to)
    const other = target && otherHolder(core, memory, target)
    if (other !== undefined) others.set(to, other)
  }
  return { memory, others }
}

/** One item with those of its edges whose targets are known, or may come; the others are named, to be tried again later. */
function importItem(
  memory: Memory,
  one: ImportItem,
  again: boolean | undefined,
  otherOf: (name: string) => Memory | undefined,
  actor: string,
  done: (result: ImportedItem) => void,
): void {
  const unresolved: string[] = []
  const foreign: { readonly to: string; readonly space: string }[] = []
  const outgoing: OutgoingEdge[] = []
  for (const { type, to, weight } of one.edges ?? []) {
    const target = parseCausalId(to) ?? memory.writer.idOfKey(to)
    const other = target === undefined || target === to ? otherOf(to) : undefined
    if (other !== undefined) foreign.push({ to, space: other.space })
    else if (target === undefined) unresolved.push(to)
    else outgoing.push({ type, to: target, weight })
  }
  try {
    const content = contentOf(one)
    const ended = again === true ? undefined : memory.writer.endedOf(content)
    if (ended !== undefined && (again === false || ended.how !== 'changed')) return done({ status: 'gone', ...ended, unresolved: [] })
    // What was known already is answered before `remember` returns.
    let isNew = false
    isNew = rememberWith(memory, content, outgoing, one, actor, (error, { id: made }) => {
      done(
        error === undefined
          ? { status: isNew ? 'imported' : 'skipped', id: made, unresolved, ...(foreign.length === 0 ? {} : { elsewhere: foreign }) }
          : { status: 'failed', code: error.code, message: error.message },
      )
    })
  } catch (thrown) {
    if (!(thrown instanceof WeftError)) throw thrown
    done({ status: 'failed', code: thrown.code, message: thrown.message })
  }
}
