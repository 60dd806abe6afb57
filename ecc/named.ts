import { entitiesMeant, type Entity } from './entities.ts'
import { First } from './first.ts'
import { type CausalNode, nodeOf } from './show.ts'
import type { View } from './view.ts'

export interface Named extends Entity {
  /** How many memories name it, replaced ones too. */
  readonly inAll: number
  /** The newest of them but the one that was asked for, newest first. */
  readonly nodes: readonly CausalNode[]
}

export interface NamedPage {
  /** What most memories name first, then by name and kind. */
  readonly entities: readonly Named[]
  readonly truncated: boolean
}

/** Which things are asked for, and how much of each is shown. */
export interface NamedOptions {
  /** Those that this memory names, a record; else those of this name; else all that two memories or more name. */
  readonly of?: number | undefined
  readonly name?: string | undefined
  /** Things at most, and memories of each. */
  readonly limit: number
  readonly nodesMax: number
}

/** What memories name, and which memories name it. */
export function named(view: View, options: NamedOptions): NamedPage {
  const first = new First<Counted>(options.limit, mostNamedFirst)
  let truncated = false
  // Most things are named once: of those nothing is looked at, nor of what comes after all that are shown.
  const least = (): number => Math.max(isOne(options) ? 1 : 2, truncated ? (first.last?.inAll ?? 0) : 0)
  for (const one of countedIn(view, options, least)) {
    truncated ||= first.isFull
    first.offer(one)
  }
  const entities = first.list().map(({ number, entity, inAll }): Named => {
    const newest = newestOf(view, number, options)
    return { ...entity, inAll, nodes: newest.map(record => nodeOf(view, record)) }
  })
  return { entities, truncated }
}

function isOne({ of, name }: NamedOptions): boolean {
  return of !== undefined || name !== undefined
}

interface Counted {
  readonly number: number
  readonly entity: Entity
  readonly inAll: number
}

/** @param least how many memories name it, for it to count */
function* countedIn(view: View, { of, name }: NamedOptions, least: () => number): Generator<Counted> {
  const { entities, records } = view.tables
  const numbers = of !== undefined ? entities.of(records.detail.at(of)) : name !== undefined ? numbersOf(view, name) : entities.keys.keys()
  for (const number of numbers) {
    if (entities.nodes.lengthOf(number) < least()) continue
    const inAll = inAllOf(view, number)
    if (inAll >= least()) yield { number, entity: entities.entity(number), inAll }
  }
}

/** Things of this name, however it is written: `31 January 2026`, `ENOSPC`, `/var/lib/pg`. */
function numbersOf(view: View, name: string): Set<number> {
  return new Set(entitiesMeant(name).flatMap(entity => view.tables.entities.find(entity) ?? []))
}

function mostNamedFirst(a: Counted, b: Counted): number {
  if (a.inAll !== b.inAll) return b.inAll - a.inAll
  if (a.entity.name !== b.entity.name) return a.entity.name < b.entity.name ? -1 : 1
  return a.entity.kind < b.entity.kind ? -1 : 1
}

function newestOf(view: View, number: number, { of, nodesMax }: NamedOptions): readonly number[] {
  if (nodesMax === 0) return []
  const newest = new First<number>(nodesMax, (a, b) => view.tables.records.compareNewest(a, b))
  visitHolders(view, number, record => {
    if (record !== of) newest.offer(record)
  })
  return newest.list()
}

function inAllOf(view: View, number: number): number {
  let inAll = 0
  visitHolders(view, number, () => inAll++)
  return inAll
}

function visitHolders(view: View, number: number, visit: (record: number) => void): void {
  const { entities, nodes } = view.tables
  entities.nodes.visit(number, node => {
    const record = nodes.record.at(node)
    if (view.isNode(record)) visit(record)
    return true
  })
}
