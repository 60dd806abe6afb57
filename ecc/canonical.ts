import { type Cbor, encode } from '../base/codec.ts'
import { digestOf } from '../base/ids.ts'
import { option } from '../base/shape.ts'
import { EDGE_TYPES } from './edge-types.ts'
import { WEIGHT_ONE } from './records.ts'
import { type Ref, ROLE } from './record-table.ts'
import { edgeOf, nodeOf } from './show.ts'
import { successions } from './supersession.ts'
import { NewestVectors } from './vector-standing.ts'
import { vectorOf } from './vectors.ts'
import type { View } from './view.ts'

/**
 * Everything the fold says, in one order: memories, links, who supersedes whom, who retracted
 * what, which vectors there are and count. Equal bytes on every node that applied the same records, however they arrived.
 */
export function canonical(view: View): Uint8Array {
  const { records, references } = view.tables
  const nodes: Cbor[] = []
  const edges: Cbor[] = []
  const superseded: Cbor[] = []
  const retracted: Cbor[] = []
  const placed: Cbor[] = []
  const newest = new NewestVectors(view)
  const inOrder = Array.from({ length: records.size }, (_, record) => record)
    .filter(record => view.sees(record))
    .sort((a, b) => records.compareOldest(a, b))
  for (const record of inOrder) {
    const role = records.role.at(record)
    const id = records.ids.digest(record)
    if (role === ROLE.retract || role === ROLE.erase) {
      const reference = records.detail.at(record)
      if (!view.isLive(record) || !view.retraction.counts(reference)) continue
      const target = references.target.at(reference)
      const isGone = records.role.at(target) === ROLE.none
      if (role === ROLE.erase || !isGone) retracted.push([id, records.ids.digest(target), role === ROLE.erase ? 1 : 0])
    }
    if (!view.isLive(record)) continue
    if (role === ROLE.node) {
      const { ref, hlc, key, validFromMs, validToMs, state } = nodeOf(view, record)
      nodes.push([id, ...place(ref), hlc.ms, hlc.counter, option(key), option(isoOf(validFromMs)), option(isoOf(validToMs)), state])
      const says = successions(view, record).map(succession => succession.record)
      for (const by of says.sort((a, b) => records.compareOldest(a, b))) superseded.push([id, records.ids.digest(by)])
    } else if (role === ROLE.vector) {
      const { node, embedder, dims } = vectorOf(view, record)
      placed.push([id, ...place(records.refOf(record)), digestOf(node), embedder, dims, newest.counts(record) ? 1 : 0])
    } else if (role === ROLE.link) {
      const { ref, from, to, type, weight } = edgeOf(view, record)
      edges.push([id, ...place(ref), digestOf(from), digestOf(to), EDGE_TYPES[type], Math.round(weight * WEIGHT_ONE)])
    }
  }
  return encode([nodes, edges, superseded, retracted, placed])
}

function place(ref: Ref): [Uint8Array, number] {
  return [digestOf(ref.log), ref.seq]
}

function isoOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString()
}
