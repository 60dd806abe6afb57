import { Heap } from '../heap.ts'
import { behaviourOf, EDGE_TYPES } from '../edge-types.ts'
import { NONE } from '../column.ts'
import { WEIGHT_ONE } from '../records.ts'
import { ROLE } from '../record-table.ts'
import { successions } from '../supersession.ts'
import type { View } from '../view.ts'
import { type Net, type NetEdge, netOf } from './net.ts'
import { PAUSE_STEPS, type Work } from './work.ts'

/** The memories that nobody took back, oldest first, and what links them, whichever way it points. */
export interface CausalNet {
  /** Edges weigh what their type and their author give them, as a fraction of a certain cause. */
  readonly net: Net
  /** The record of each node. */
  readonly records: Uint32Array
}

/** Hundredths: sums of integers are the same in whatever order the links arrived. */
const TYPE_ONE = 100

/**
 * A link counts as much as activation passes along it (`EdgeBehaviour.spread`), times its weight. What contradicts or
 * inhibits belongs together as well: it is about the same thing. What took the place of a memory is linked to it.
 */
export function* causalNetOf(view: View): Work<CausalNet> {
  const { tables } = view
  const records = yield* memoriesOf(view)
  const place = new Uint32Array(tables.records.size).fill(NONE)
  records.forEach((record, i) => (place[record] = i))
  const edges: NetEdge[] = []
  let steps = 0
  for (const [a, record] of records.entries()) {
    for (const { other, type, weight, outgoing } of view.edges(record)) {
      steps += 10
      if (outgoing) edges.push({ a, b: place[other] as number, weight: strengthOf(type, weight) })
    }
    for (const { by } of successions(view, record)) {
      const b = by === NONE ? NONE : (place[by] as number)
      if (b !== NONE) edges.push({ a, b, weight: strengthOf(EDGE_TYPES.supersedes, WEIGHT_ONE) })
    }
    steps += 20
    if (steps < PAUSE_STEPS) continue
    yield steps
    steps = 0
  }
  const net = yield* netOf(records.length, edges)
  return { net: { ...net, weights: net.weights.map(weight => weight / (TYPE_ONE * WEIGHT_ONE)) }, records }
}

function strengthOf(type: number, weight: number): number {
  return Math.round(Math.abs(behaviourOf(type).spread) * TYPE_ONE) * weight
}

/** Records of memories that were not taken back, oldest first: logs are in order, so they are merged. */
export function* memoriesOf(view: View): Work<Uint32Array> {
  const { records } = view.tables
  const out: number[] = []
  const heads = new Heap<number>((a, b) => records.compareOldest(a, b))
  const push = (log: number, seq: number): void => {
    const row = records.logs[log]?.records
    if (row !== undefined && seq < row.length && view.sees(row.at(seq))) heads.push(row.at(seq))
  }
  for (let log = 0; log < records.logs.length; log++) push(log, 0)
  let steps = 0
  for (let record = heads.pop(); record !== undefined; record = heads.pop()) {
    if (records.role.at(record) === ROLE.node && view.isLive(record)) out.push(record)
    push(records.log.at(record), records.seq.at(record) + 1)
    steps += 16
    if (steps < PAUSE_STEPS) continue
    yield steps
    steps = 0
  }
  return Uint32Array.from(out)
}
