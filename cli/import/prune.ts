import { WeftError } from '../../base/errors.ts'
import { DEFAULT_SPACE } from '../../base/ids.ts'
import type { CommandTypes, Request } from '../../node/commands/types.ts'
import { plural } from '../text.ts'
import type { Entry, ImportSummary, Placed } from './import-items.ts'

/** What was taken back by an import: it is in what was imported before, and not any more. */
export interface Pruned {
  /** Replaced by the same text under another key. */
  readonly moved: number
  /** Forgotten. */
  readonly pruned: number
}

export type PrunedSummary = ImportSummary & Partial<Pruned>

type Keyed = CommandTypes['memory.keyed']['result']['memories'][number]

/** 16 requests at a time: they share syncs of the disk. */
const AT_ONCE = 16

/**
 * Takes back what earlier imports made under keys that begin alike, and this one did not find again. Only memories of this node can be
 * under its keys; what could not be read is left as it is. A memory whose text stands under a new key now is replaced by that one.
 */
export class Pruning {
  readonly #request: Request
  readonly #space: string | undefined
  readonly #before: readonly Keyed[]
  readonly #kept: ReadonlySet<string>

  private constructor(request: Request, space: string | undefined, before: readonly Keyed[], kept: ReadonlySet<string>) {
    this.#request = request
    this.#space = space
    this.#before = before
    this.#kept = kept
  }

  /**
   * To be called before anything is imported: it looks at what there is.
   *
   * @param space that the import names, if any
   * @throws WeftError `invalid_argument` when more would go than stay, unless `force`: another folder was imported before
   */
  static async begin(
    request: Request,
    space: string | undefined,
    prefix: string,
    entries: readonly Entry[],
    { force, next }: { readonly force: boolean; readonly next: string },
  ): Promise<Pruning> {
    const keys = new Set(entries.flatMap(entry => ('item' in entry ? (entry.key ?? []) : [])))
    const unread = entries.flatMap(entry => ('item' in entry ? [] : (entry.key ?? [])))
    const before = await keyed(request, prefix)
    const isKept = ({ key }: Keyed): boolean => keys.has(key) || unread.some(one => key === one || key.startsWith(`${one}#`))
    const kept = new Set(before.filter(isKept).map(({ key }) => key))
    const going = before.filter(({ key }) => !kept.has(key)).length
    if (!force && going > keys.size)
      throw new WeftError(
        'invalid_argument',
        `of ${plural(before.length, 'memory', 'memories')} imported before, ${going} would be taken back, with ${keys.size} to import: is it another folder?`,
        { next },
      )
    return new Pruning(request, space, before, kept)
  }

  /** To be called when all is imported. @param placed by key, what came of each item */
  async finish(placed: ReadonlyMap<string, Placed>): Promise<Pruned> {
    const texts = new Map<string, Placed>()
    for (const one of placed.values()) if (!texts.has(one.text)) texts.set(one.text, one)
    const gone = this.#before.filter(row => !this.#kept.has(row.key) || this.#isElsewhere(row, placed.get(row.key)))
    let moved = 0
    for (let at = 0; at < gone.length; at += AT_ONCE) {
      await Promise.all(
        gone.slice(at, at + AT_ONCE).map(async ({ id, text, space }) => {
          const by = texts.get(text)
          const isMoved = by !== undefined && this.#spaceOf(by) === space
          if (isMoved) moved++
          if (isMoved) await this.#request('memory.supersede', { space, old: id, by: by.id, reason: `moved to ${by.key}` })
          else await this.#request('memory.forget', { space, id })
        }),
      )
    }
    return { moved, pruned: gone.length - moved }
  }

  /** Its key is imported, into another space than before: a key names what is in its space. */
  #isElsewhere({ space }: Keyed, now: Placed | undefined): boolean {
    return now !== undefined && this.#spaceOf(now) !== space
  }

  #spaceOf({ space }: Placed): string {
    return space ?? this.#space ?? DEFAULT_SPACE
  }
}

async function keyed(request: Request, prefix: string): Promise<readonly Keyed[]> {
  const rows: Keyed[] = []
  for (let from: CommandTypes['memory.keyed']['input']['from']; ; ) {
    const { memories, next } = await request('memory.keyed', { prefix, from })
    rows.push(...memories)
    if (next === undefined) return rows
    from = next
  }
}
