import type { ErrorCode } from '../../base/errors.ts'
import type { CausalId } from '../../base/ids.ts'
import { isCut } from '../../ecc/import/import-item.ts'
import type { ImportedItem, ImportItem } from '../../node/api.ts'
import type { Request } from '../../node/commands/types.ts'
import { LINE_MAX_BYTES } from '../lines.ts'

/** Where something stands in what was read. */
interface Place {
  /** From 1: the order of what is told. */
  readonly place: number
  /** What `place` counts, if a person would find it by that; without it only the key or the id does. */
  readonly unit?: 'line' | 'item'
}

/** One thing to import as it was read, or why it cannot be. */
export type Entry = Place & { readonly key?: string | undefined } & (
    | { readonly item: ImportItem /** The id it had where it was exported: other lines may name it so. */; readonly oldId?: string }
    | { readonly code: ErrorCode; readonly message: string }
  )

export interface ImportFailure {
  /** Of a file of lines, from 1. */
  readonly line?: number
  /** Of a list, from 1. */
  readonly item?: number
  readonly key?: string
  /** What it is called where it was exported, if nothing else says which it is. */
  readonly id?: string
  readonly code: ErrorCode
  readonly message: string
}

export interface ImportSummary {
  readonly imported: number
  /** Known before. */
  readonly skipped: number
  /** Known before, and taken back or replaced here since: left out. */
  readonly gone: number
  /** Of those imported: longer than what is kept of a text, whose label `cut` says by how much. */
  readonly cut: number
  readonly failed: readonly ImportFailure[]
}

/** What came of an item with a key. */
export interface Placed {
  readonly key: string
  readonly id: CausalId
  readonly text: string
  /** Where the node put it; undefined where the import is into one space, or it is in `main`. */
  readonly space: string | undefined
}

type ItemEntry = Extract<Entry, { readonly item: ImportItem }>
type Edges = NonNullable<ImportItem['edges']>

/** 500 items share a request, and a sync of the disk. */
const BATCH_MAX = 500
/** 256 links of one item share a request. */
const EDGES_MAX = 256

/**
 * Remembers items in their order, each once however often it is imported. A link to what stands
 * further down waits for a second pass; one to what is nowhere, or in another space, is a failure of its line, whose memory is kept.
 *
 * A key that stands on several lines has the text of the last of them. A text that had its key before, and has it no more, may be one of
 * those, or be what its key was changed back to: which of them, only the end tells. So it waits, and what comes again is not written again.
 *
 * What was taken back or replaced here since an earlier import is left out, and links to it go with it: to what was replaced they are
 * made, to what was taken back there are none.
 */
export class ItemImport {
  readonly #request: Request
  readonly #onProgress: (done: number) => void
  readonly #failed: { readonly place: number; readonly failure: ImportFailure }[] = []
  /** Items with links that could not be made yet. */
  readonly #unlinked: ItemEntry[] = []
  /** Ids of an export, and what they are here. */
  readonly #renamed: Map<string, string> = new Map()
  readonly #placed: Map<string, Placed> = new Map()
  /** Keys and exported ids of what is left out, and what links to it lead to: nothing, where it was taken back. */
  readonly #gone: Map<string, CausalId | undefined> = new Map()
  /** By key: the last item whose text has its key no more, as long as that key has not come again further down. */
  readonly #changed: Map<string, ItemEntry> = new Map()
  readonly #again: boolean
  #imported = 0
  #skipped: number
  #left = 0
  #cut = 0

  /**
   * @param skipped items that were not even read, because they are known
   * @param again to import also what was taken back or replaced here since
   */
  constructor(request: Request, skipped: number, onProgress: (done: number) => void, again: boolean = false) {
    this.#request = request
    this.#skipped = skipped
    this.#onProgress = onProgress
    this.#again = again
  }

  /** Items that are in, by now. */
  get done(): number {
    return this.#imported + this.#skipped
  }

  /** By key: what was imported, or known. */
  get placed(): ReadonlyMap<string, Placed> {
    return this.#placed
  }

  async run(entries: AsyncIterable<readonly Entry[]>): Promise<ImportSummary> {
    await this.#inBatches(entries, batch => this.#firstPass(batch, false))
    const changedBack = [...this.#changed.values()]
    this.#changed.clear()
    await this.#inBatches([changedBack], batch => this.#firstPass(batch, undefined))
    await this.#inBatches([this.#unlinked.flatMap(inParts)], batch => this.#secondPass(batch))
    return {
      imported: this.#imported,
      skipped: this.#skipped,
      gone: this.#left,
      cut: this.#cut,
      failed: this.#failed.sort((a, b) => a.place - b.place).map(({ failure }) => failure),
    }
  }

  async #inBatches(
    entries: AsyncIterable<readonly Entry[]> | Iterable<readonly Entry[]>,
    send: (batch: readonly ItemEntry[]) => Promise<void>,
  ): Promise<void> {
    let batch: ItemEntry[] = []
    let bytes = 0
    for await (const some of entries) {
      for (const entry of some) {
        if (!('item' in entry)) {
          this.#fail(entry, entry.code, entry.message)
          continue
        }
        const size = Buffer.byteLength(JSON.stringify(entry.item))
        if (batch.length === BATCH_MAX || bytes + size > LINE_MAX_BYTES) {
          await send(batch)
          batch = []
          bytes = 0
        }
        batch.push(entry)
        bytes += size
      }
    }
    if (batch.length > 0) await send(batch)
  }

  /** @param again what of texts that do not hold any more is written: nothing (false), or those that have changed back (undefined) */
  async #firstPass(entries: readonly ItemEntry[], again: false | undefined): Promise<void> {
    const batch = await this.#withoutKnown(entries)
    const early = batch.map(entry => this.#early(entry))
    const { items } = await this.#request('memory.import', {
      items: batch.map((entry, i) => this.#withLinks(entry.item, early[i] as Edges)),
      again: this.#again ? true : again,
    })
    items.forEach((result, i) => {
      const entry = batch[i] as ItemEntry
      if (result.status === 'failed') return this.#fail(entry, result.code, result.message)
      const { key, text } = entry.item
      if (key !== undefined && this.#changed.delete(key)) this.#skipped++
      if (result.status === 'gone' && result.how === 'changed') return void this.#changed.set(key as string, entry)
      if (result.status === 'gone') return this.#leave(entry, result)
      if (result.status === 'imported') this.#imported++
      else this.#skipped++
      if (result.status === 'imported' && isCut(entry.item)) this.#cut++
      if (key !== undefined) this.#placed.set(key, { key, id: result.id, text, space: result.space })
      if (entry.oldId !== undefined) this.#renamed.set(entry.oldId, result.id)
      const edges = entry.item.edges ?? []
      const isLinked = result.unresolved.length === 0 && result.elsewhere === undefined && (early[i] as Edges).length === edges.length
      if (!isLinked || edges.some(({ to }) => this.#changed.has(to))) this.#unlinked.push(entry)
    })
    this.#onProgress(this.done + this.#left)
  }

  /** Only links are made now: what does not hold any more, as its key has come again since, is not remembered anew. */
  async #secondPass(batch: readonly ItemEntry[]): Promise<void> {
    const items = batch.map(({ item }) => this.#withLinks(item, this.#held(item.edges ?? [])))
    const answer = await this.#request('memory.import', { items, again: false })
    answer.items.forEach((result, i) => {
      const entry = batch[i] as ItemEntry
      if (result.status === 'failed') return this.#fail(entry, result.code, result.message)
      if (result.status === 'gone') return
      for (const key of result.unresolved)
        this.#fail(
          entry,
          'unknown_id',
          `a link leads to ${JSON.stringify(key)}, which is no key of any memory here; the memory itself is in`,
        )
      for (const { to, space } of result.elsewhere ?? [])
        this.#fail(
          entry,
          'other_space',
          `a link leads to ${JSON.stringify(to)}, which is in space ${space}: links lead on within one space; the memory itself is in`,
        )
    })
  }

  #leave({ key, oldId }: ItemEntry, { id, how }: Extract<ImportedItem, { readonly status: 'gone' }>): void {
    this.#left++
    for (const name of [key, oldId]) if (name !== undefined) this.#gone.set(name, how === 'retracted' ? undefined : id)
  }

  /** The links without those to what was taken back; others to what is left out lead to what it was. */
  #held(edges: Edges): Edges {
    return edges.flatMap(edge => {
      if (!this.#gone.has(edge.to) || this.#placed.has(edge.to)) return [edge]
      const to = this.#gone.get(edge.to)
      return to === undefined ? [] : [{ ...edge, to }]
    })
  }

  /** An exported memory that is here already, whoever wrote it, is not written again in our name. */
  async #withoutKnown(batch: readonly ItemEntry[]): Promise<readonly ItemEntry[]> {
    const ids = batch.flatMap(entry => entry.oldId ?? [])
    if (ids.length === 0) return batch
    const known = new Set((await this.#request('memory.has', { ids })).known)
    for (const id of known) this.#renamed.set(id, id)
    this.#skipped += known.size
    return batch.filter(entry => entry.oldId === undefined || !known.has(entry.oldId))
  }

  /**
   * The links that can be made while the rest is still being read: as many as a request takes, not those to exported memories
   * further down, nor those to what is left out, whose key may come again.
   */
  #early({ item, oldId }: ItemEntry): Edges {
    const isEarly = ({ to }: Edges[number]): boolean => !this.#gone.has(to) && (oldId === undefined || !isId(to) || this.#renamed.has(to))
    return (item.edges ?? []).filter(isEarly).slice(0, EDGES_MAX)
  }

  /** The item with these links, to ids as they are here. */
  #withLinks(item: ImportItem, edges: Edges): ImportItem {
    return { ...item, edges: edges.map(edge => ({ ...edge, to: this.#renamed.get(edge.to) ?? edge.to })) }
  }

  #fail(entry: Entry, code: ErrorCode, message: string): void {
    const { place, unit, key } = entry
    const id = 'item' in entry && unit === undefined && key === undefined ? entry.oldId : undefined
    const where = { ...(unit && { [unit]: place }), ...(key !== undefined && { key }), ...(id !== undefined && { id }) }
    this.#failed.push({ place, failure: { ...where, code, message } })
  }
}

/** An item with more links than a request takes, several times with some of them. */
function inParts(entry: ItemEntry): readonly ItemEntry[] {
  const edges = entry.item.edges ?? []
  const parts = Math.ceil(edges.length / EDGES_MAX)
  return Array.from({ length: parts }, (_, i) => ({
    ...entry,
    item: { ...entry.item, edges: edges.slice(i * EDGES_MAX, (i + 1) * EDGES_MAX) },
  }))
}

function isId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}
