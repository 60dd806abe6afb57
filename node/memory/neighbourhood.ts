import type { WeftError } from '../../base/errors.ts'
import { isoOf } from '../../base/hlc.ts'
import type { CausalId } from '../../base/ids.ts'
import { GRAPH_LINKS_MAX } from '../../base/limits.ts'
import { behaviourOf, EDGE_TYPES } from '../../ecc/edge-types.ts'
import type { NodeHistory } from '../../ecc/show.ts'
import type { GraphEdge, MemoryGraph } from '../api.ts'
import type { Memory } from './memory.ts'

/**
 * What stands around some memories, along links and replacements, nearest first, at most `max` memories. The same on every node
 * that knows the same.
 */
export function neighbourhood(
  memory: Memory,
  roots: readonly CausalId[],
  max: number,
  to: { readonly ok: (graph: MemoryGraph) => void; readonly fail: (error: WeftError) => void },
): void {
  const { fold } = memory
  const nodes = new Map<CausalId, { readonly node: NodeHistory; readonly distance: number }>()
  /** By record and ends: one supersede may replace several. */
  const edges = new Map<string, GraphEdge>()
  let truncated = false
  let ring = [...roots]
  for (let distance = 0; ring.length > 0; distance++) {
    const next = new Set<CausalId>()
    for (const id of ring) {
      const node = nodes.has(id) ? undefined : fold.node(id)
      if (node === undefined || node.state === 'retracted') continue
      if (nodes.size >= max) {
        truncated = true
        continue
      }
      nodes.set(node.id, { node, distance })
      for (const edge of around(memory, node)) {
        edges.set(`${edge.record} ${edge.from} ${edge.to}`, edge)
        next.add(edge.from === node.id ? edge.to : edge.from)
      }
    }
    ring = [...next].filter(id => !nodes.has(id)).sort()
  }
  const shown = [...edges]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, edge]) => (nodes.has(edge.from) && nodes.has(edge.to) ? [edge] : []))
  const disputed = new Set(fold.conflicts().flatMap(({ current }) => current))
  for (const { type, from, to: end } of shown) if (type === 'contradicts') for (const id of [from, end]) disputed.add(id)
  const rows = [...nodes.values()]
  const frontier = memory.frontier()
  memory.texts.read(
    rows.map(({ node }) => node.ref),
    said =>
      to.ok({
        roots: roots.filter(id => nodes.has(id)),
        nodes: rows.map(({ node, distance }, i) => ({
          id: node.id,
          text: said[i]?.text ?? '',
          meta: Object.fromEntries(said[i]?.meta ?? []),
          author: node.author,
          at: isoOf(node.hlc),
          state: node.state === 'superseded' ? ('superseded' as const) : ('current' as const),
          isDisputed: disputed.has(node.id),
          distance,
          log: node.ref.log,
          seq: node.ref.seq,
        })),
        edges: shown,
        frontier,
        truncated,
      }),
    to.fail,
  )
}

/** Live links at a memory, and what replaced it or was replaced by it. */
function around({ fold }: Memory, node: NodeHistory): readonly GraphEdge[] {
  const links = fold
    .linksOf(node.id, GRAPH_LINKS_MAX)
    .edges.filter(edge => edge.live && !edge.dangling && edge.from !== edge.to)
    .map(
      ({ id, from, to, type, weight }): GraphEdge => ({ record: id, from, to, type, weight, reason: behaviourOf(EDGE_TYPES[type]).reason }),
    )
  const replaced = [
    ...node.supersededBy.map(({ id, record }) => ({ record, from: id, to: node.id })),
    ...node.supersedes.map(({ id, record }) => ({ record, from: node.id, to: id })),
  ].map((row): GraphEdge => ({ ...row, type: 'supersedes', weight: 1, reason: 'to' }))
  return [...links, ...replaced]
}
