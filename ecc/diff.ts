import type { CausalId } from '../base/ids.ts'
import { NONE } from './column.ts'
import { type Conflict, conflicts } from './conflicts.ts'
import { type Cut, ROLE } from './record-table.ts'
import { type CausalEdge, type CausalNode, edgeOf, nodeOf } from './show.ts'
import { successions } from './supersession.ts'
import type { View } from './view.ts'

/** What one cut of the memory says otherwise than another. */
export interface Difference {
  /** Oldest first. */
  readonly nodes: readonly NodeChange[]
  /** Oldest first. */
  readonly edges: readonly EdgeChange[]
  readonly conflicts: { readonly appeared: readonly Conflict[]; readonly settled: readonly Conflict[] }
  /** There are more changed memories, or links, than were asked for. */
  readonly truncated: boolean
}

/** A memory before and after; undefined where it was not known. */
export interface NodeChange {
  readonly node: CausalNode
  readonly before: CausalNode['state'] | undefined
  readonly after: CausalNode['state'] | undefined
  /** What stands in its place after. */
  readonly by: readonly CausalId[]
}

export interface EdgeChange {
  readonly edge: CausalEdge
  /** It is live after, and was not before; or the other way round. */
  readonly isNew: boolean
}

/**
 * What is different between two cuts, neither of which needs to be within the other: what was learnt, replaced, taken back, linked, and which
 * conflicts came and went. It costs as much as there are records between the two, and a look for conflicts in each.
 *
 * @param max memories, and links
 */
export function difference(before: View, after: View, between: readonly (readonly [Cut, Cut])[], max: number): Difference {
  const { records } = after.tables
  const touched = touchedIn(after, between)
  const oldest = (found: ReadonlySet<number>): number[] => [...found].sort((a, b) => records.compareOldest(a, b))
  const nodes = oldest(touched.nodes).flatMap(record => nodeChange(before, after, record))
  const edges = oldest(touched.links).flatMap(record => edgeChange(before, after, record))
  const [were, are] = [conflicts(before), conflicts(after)]
  return {
    nodes: nodes.slice(0, max),
    edges: edges.slice(0, max),
    conflicts: { appeared: without(are, were), settled: without(were, are) },
    truncated: nodes.length > max || edges.length > max,
  }
}

/** The memories and links that the records of some stretches of the logs can have changed. */
function touchedIn(view: View, stretches: readonly (readonly [Cut, Cut])[]): { readonly nodes: Set<number>; readonly links: Set<number> } {
  const { records, references, nodes } = view.tables
  const found = { nodes: new Set<number>(), links: new Set<number>() }
  /** Records that are there or not, or count or not: so may whatever they name. Chains of retracts can be as long as a log. */
  const open: number[] = []
  for (const [from, to] of stretches)
    for (const [log, size] of to) for (let seq = from.get(log) ?? 0; seq < size; seq++) open.push(records.at({ log, seq }))
  const seen = new Set<number>()
  const walked = new Set<number>()
  const touchNamed = (owner: number): void => {
    const isRetract = records.role.at(owner) === ROLE.retract || records.role.at(owner) === ROLE.erase
    for (let at = records.detail.at(owner); at < references.owner.length && references.owner.at(at) === owner; at++) {
      const target = references.target.at(at)
      if (target === NONE) continue
      // What is taken back is as if it had not been written; what is replaced is there all the same.
      if (isRetract) open.push(target)
      else if (records.role.at(target) === ROLE.node) found.nodes.add(target)
    }
  }
  for (let record = open.pop(); record !== undefined; record = open.pop()) {
    if (seen.has(record)) continue
    seen.add(record)
    const role = records.role.at(record)
    if (role === ROLE.link) found.links.add(record)
    else if (role === ROLE.node) {
      found.nodes.add(record)
      // Under its key it takes the place of all before it; those before one that was walked from already are known.
      for (let row = nodes.previous.at(records.detail.at(record)); row !== NONE && !walked.has(row); row = nodes.previous.at(row)) {
        walked.add(row)
        found.nodes.add(nodes.record.at(row))
      }
      // What was said to be replaced by it is so only while it is there.
      for (let at = records.claims.at(record); at !== NONE; at = references.next.at(at)) touchNamed(references.owner.at(at))
    } else touchNamed(record)
  }
  return found
}

function nodeChange(before: View, after: View, record: number): readonly NodeChange[] {
  const [was, is] = [stateIn(before, record), stateIn(after, record)]
  const by = successions(after, record).flatMap(({ by: successor }) => (successor === NONE ? [] : [after.tables.records.idOf(successor)]))
  if (was === is) return []
  return [{ node: nodeOf(after.sees(record) ? after : before, record), before: was, after: is, by: [...new Set(by)].sort() }]
}

function stateIn(view: View, record: number): CausalNode['state'] | undefined {
  return view.sees(record) ? nodeOf(view, record).state : undefined
}

function edgeChange(before: View, after: View, record: number): readonly EdgeChange[] {
  const [was, is] = [before.isLive(record), after.isLive(record)]
  return was === is ? [] : [{ edge: edgeOf(is ? after : before, record), isNew: is }]
}

function without(list: readonly Conflict[], others: readonly Conflict[]): readonly Conflict[] {
  const names = new Set(others.map(nameOf))
  return list.filter(conflict => !names.has(nameOf(conflict)))
}

function nameOf({ target, current }: Conflict): string {
  return `${target} ${current.join()}`
}
