import { ENTITY_HOLDERS_MAX } from '../base/limits.ts'
import { entitiesMeant, type Entity, ENTITY_KINDS } from './entities.ts'
import type { View } from './view.ts'
import { termsOfQuery } from './words.ts'

/** So many things are named by a memory that is about them; of one that names more, each says less (the fan effect, as in Spread). */
const FAN = 8

/** What two memories have in common that the question does not name. */
export interface Sharing {
  /** The other memory, a record. */
  readonly other: number
  /** 0 to 1: 1 when nobody else names the same, and the memory little else; of several things they share it is the sum. */
  readonly strength: number
  /** The number of what they share that the fewest name. */
  readonly entity: number
}

/**
 * The edges between memories that name the same path, identifier, number, date or name: nobody wrote them, they
 * follow from the texts. So a question that finds `deploy 4f3a1c failed: ENOSPC on /var/lib/pg` leads to the one about /var/lib/pg.
 *
 * Of n memories that name a thing each leads to the others, with (n - 1)^-1.5, up to ENTITY_HOLDERS_MAX of them. What the
 * question names itself is left out: by that its words have found all of them.
 */
export class SharedEntities {
  readonly #view: View
  readonly #asked: ReadonlySet<number>
  /** By entity: the memories that name it, nothing where they are too many. */
  readonly #holders: Map<number, readonly number[]> = new Map()

  constructor(view: View, query: string) {
    this.#view = view
    const { entities } = view.tables
    const parts = termsOfQuery(query).flatMap(name => ENTITY_KINDS.map((kind): Entity => ({ kind, name })))
    this.#asked = new Set([...parts, ...entitiesMeant(query)].flatMap(entity => entities.find(entity) ?? []))
  }

  /** In no particular order, each memory once. */
  of(record: number): readonly Sharing[] {
    const { entities, records } = this.#view.tables
    const found = new Map<number, Sharing>()
    const named = entities.of(records.detail.at(record))
    const fan = Math.sqrt(Math.min(1, FAN / named.length))
    for (const entity of named) {
      if (this.#asked.has(entity)) continue
      const holders = this.#holdersOf(entity)
      const strength = fan * (holders.length - 1) ** -1.5
      for (const other of holders) {
        if (other === record) continue
        const before = found.get(other)
        // Of several the one that the fewest name is told; of equals the first in the text.
        const isRarest = before === undefined || holders.length < this.#holdersOf(before.entity).length
        const sum = Math.min(1, (before?.strength ?? 0) + strength)
        found.set(other, { other, strength: sum, entity: isRarest ? entity : before.entity })
      }
    }
    return [...found.values()]
  }

  #holdersOf(entity: number): readonly number[] {
    const known = this.#holders.get(entity)
    if (known !== undefined) return known
    const { entities, nodes } = this.#view.tables
    const all: number[] = []
    entities.nodes.visit(entity, node => {
      const record = nodes.record.at(node)
      if (this.#view.isNode(record)) all.push(record)
      return all.length <= ENTITY_HOLDERS_MAX
    })
    const holders = all.length > ENTITY_HOLDERS_MAX ? [] : all
    this.#holders.set(entity, holders)
    return holders
  }
}
