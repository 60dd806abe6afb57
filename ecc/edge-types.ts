/**
 * The types of edges. Numbers travel in records: append only, never reused.
 *
 * An edge reads as a sentence, from subject to object: `rain causes flood`,
 * `reading evidence-for rain`, `report derived-from reading`.
 */
export const EDGE_TYPES = {
  causes: 1,
  inhibits: 2,
  correlates: 3,
  enables: 4,
  follows: 5,
  contradicts: 6,
  'triggered-by': 7,
  'evidence-for': 8,
  'derived-from': 9,
  supersedes: 10,
} as const

export type EdgeType = keyof typeof EDGE_TYPES

/** What people and agents are offered. A link of type `supersedes` only says so: a supersede record does it. */
export const LINK_TYPES: readonly EdgeType[] = (Object.keys(EDGE_TYPES) as EdgeType[]).filter(type => type !== 'supersedes')

/** What leads from one memory to another: a link, or that both name the same, which nobody wrote. */
export type PathEdge = EdgeType | 'shares'

export interface EdgeBehaviour {
  /**
   * How well activation passes, either way; below zero it is taken away. 1 for `follows` is
   * measured together with SPREAD_DECAY, the others are judgement: beside it, never above.
   */
  readonly spread: number
  /** Which end of the edge is the reason for the other one: what `why` walks to. */
  readonly reason: 'from' | 'to' | 'neither'
  /** How far `why` trusts such a step, 0 to 1. */
  readonly trust: number
}

const BEHAVIOUR: Readonly<Record<EdgeType, EdgeBehaviour>> = {
  causes: { spread: 1, reason: 'from', trust: 1 },
  inhibits: { spread: -0.5, reason: 'from', trust: 1 },
  correlates: { spread: 0.4, reason: 'neither', trust: 0 },
  enables: { spread: 1, reason: 'from', trust: 1 },
  follows: { spread: 1, reason: 'to', trust: 0.5 },
  contradicts: { spread: -0.5, reason: 'neither', trust: 0 },
  'triggered-by': { spread: 1, reason: 'to', trust: 1 },
  'evidence-for': { spread: 1, reason: 'from', trust: 1 },
  'derived-from': { spread: 0.8, reason: 'to', trust: 1 },
  supersedes: { spread: 0.5, reason: 'to', trust: 0.5 },
}

const names: readonly (EdgeType | undefined)[] = Object.entries(EDGE_TYPES).reduce<(EdgeType | undefined)[]>((list, [name, number]) => {
  list[number] = name as EdgeType
  return list
}, [])
const behaviours: readonly (EdgeBehaviour | undefined)[] = names.map(name => (name === undefined ? undefined : BEHAVIOUR[name]))

export function isEdgeType(text: string): text is EdgeType {
  return Object.hasOwn(EDGE_TYPES, text)
}

/** The name of a number, undefined for one this version does not know. */
export function edgeTypeOf(number: number): EdgeType | undefined {
  return names[number]
}

/** @param number a known one */
export function behaviourOf(number: number): EdgeBehaviour {
  return behaviours[number] as EdgeBehaviour
}
