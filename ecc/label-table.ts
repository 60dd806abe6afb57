import { hash } from '../base/crypto/hash.ts'
import { toHex, utf8 } from '../base/bytes.ts'
import { KEY_MAX_BYTES } from '../base/limits.ts'
import { Postings } from './postings.ts'
import type { Remember } from './records.ts'

/** Which memories are meant by their labels: all of these names, each with one of its values; null is any value. */
export type MetaFilter = Readonly<Record<string, string | readonly string[] | null>>

/** The name under which sources are kept: no label has an empty one. */
const SOURCE = ''

/**
 * Memories by label: for each name and value a list, so that a filter that few fit costs as much as
 * those few, and no text needs to be read for it. What a memory names as its source is kept beside the labels.
 */
export class LabelTable {
  /** Name and value of each list, in turn: what a snapshot keeps, besides the lists. */
  readonly texts: string[] = []
  readonly nodes: Postings
  readonly #lists: Map<string, Map<string, number>> = new Map()

  constructor(texts: readonly string[] = [], nodes: Postings = new Postings()) {
    this.nodes = nodes
    for (let i = 0; i < texts.length; i += 2) this.#name(texts[i] as string, texts[i + 1] as string, i / 2)
  }

  /** @param node greater than all before */
  add(node: number, { meta, source }: Pick<Remember, 'meta' | 'source'>): void {
    for (const [name, value] of meta) this.nodes.push(this.#open(name, kept(value)), node)
    if (source !== null) this.nodes.push(this.#open(SOURCE, source), node)
  }

  /** How many parts of a filter each memory fits, by number; a memory is meant when it fits all of them. */
  fits(size: number, meta: MetaFilter, sourcePrefix: string | undefined): { readonly counts: Uint8Array; readonly all: number } {
    const counts = new Uint8Array(size)
    const parts = Object.entries(meta).map(([name, value]) => this.#listsOf(name, value))
    if (sourcePrefix !== undefined) parts.push(this.#sources(sourcePrefix))
    // A memory has one value under a name, and one source: no part counts it twice.
    for (const lists of parts) {
      for (const list of lists) {
        const found = new Uint32Array(this.nodes.lengthOf(list))
        this.nodes.read(list, found)
        for (const node of found) counts[node] = (counts[node] as number) + 1
      }
    }
    return { counts, all: parts.length }
  }

  /** Rebuilt without erased memories, and without the labels that only they had. */
  without(erased: (node: number) => boolean): LabelTable {
    const rebuilt = new LabelTable()
    for (let list = 0; list < this.nodes.size; list++) {
      const found = new Uint32Array(this.nodes.lengthOf(list))
      this.nodes.read(list, found)
      const kept = found.filter(node => !erased(node))
      if (kept.length === 0) continue
      const to = rebuilt.#open(this.texts[2 * list] as string, this.texts[2 * list + 1] as string)
      for (const node of kept) rebuilt.nodes.push(to, node)
    }
    return rebuilt
  }

  #listsOf(name: string, value: string | readonly string[] | null): readonly number[] {
    const lists = this.#lists.get(name)
    if (name === SOURCE || lists === undefined) return []
    if (value === null) return [...lists.values()]
    return [...new Set([value].flat())].flatMap(one => lists.get(kept(one)) ?? [])
  }

  #sources(prefix: string): readonly number[] {
    return [...(this.#lists.get(SOURCE) ?? [])].flatMap(([source, list]) => (source.startsWith(prefix) ? list : []))
  }

  #open(name: string, value: string): number {
    const known = this.#lists.get(name)?.get(value)
    if (known !== undefined) return known
    this.#name(name, value, this.nodes.size)
    return this.nodes.open()
  }

  #name(name: string, value: string, list: number): void {
    this.texts.push(name, value)
    const lists = this.#lists.get(name)
    if (lists === undefined) this.#lists.set(name, new Map([[value, list]]))
    else lists.set(value, list)
  }
}

/** Long values are data, and are told apart by their hash: longer than any value that is kept as it is. */
function kept(value: string): string {
  return value.length <= KEY_MAX_BYTES ? value : `${'#'.repeat(KEY_MAX_BYTES)}${toHex(hash('content', utf8(value)))}`
}
