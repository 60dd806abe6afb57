import { equalBytes } from '../../base/bytes.ts'
import { isoOf } from '../../base/hlc.ts'
import { type CausalId, causalIdOf, digestOf } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import type { LogIdentity, RecordHeader } from '../../chain/record.ts'
import { behaviourOf, EDGE_TYPES } from '../../ecc/edge-types.ts'
import { decodeLink, decodeRemember, decodeSupersede, type Remember, WEIGHT_ONE } from '../../ecc/records.ts'
import type { Proof, ProvenMemory, ProvenStep } from './proof.ts'

/** A record whose place in its log, and whose body, are as its author signed. */
export interface ProvenRecord {
  readonly log: LogIdentity
  readonly header: RecordHeader
  readonly body: Uint8Array
}

/** A way back, as ids alone. */
export type Way = readonly Pick<ProvenStep, 'id' | 'edge' | 'link'>[]

export type Claimed =
  | { readonly ok: true; readonly claim: Pick<Proof, 'id' | 'memory' | 'paths'> }
  | { readonly ok: false; readonly fault: string }

/** What records say along the ways: the texts, and that each edge is there and weighs what it does. All of them are needed for it. */
export function claimOf(id: CausalId, ways: readonly Way[], records: ReadonlyMap<CausalId, ProvenRecord>): Claimed {
  const reading = new Reading(records)
  try {
    const memory = reading.memory(id)
    const paths = ways.map(way => reading.path(id, way))
    if (paths.some(({ weight }, i) => weight > (paths[i - 1]?.weight ?? 1)))
      throw new Unfounded('its ways are not in the order of their weights')
    const idle = [...records.keys()].find(key => !reading.read.has(key))
    if (idle !== undefined) throw new Unfounded(`record ${idle} is of no use in it`)
    return { ok: true, claim: { id, memory, paths } }
  } catch (thrown) {
    if (thrown instanceof Unfounded) return { ok: false, fault: thrown.message }
    throw thrown
  }
}

/** What is claimed does not follow from the records. */
class Unfounded extends Error {}

class Reading {
  readonly #records: ReadonlyMap<CausalId, ProvenRecord>
  readonly read: Set<CausalId> = new Set()

  constructor(records: ReadonlyMap<CausalId, ProvenRecord>) {
    this.#records = records
  }

  memory(id: CausalId): ProvenMemory {
    const { log, header } = this.#record(id)
    return { text: this.#said(id).text, author: log.author, at: isoOf(header.hlc) }
  }

  path(id: CausalId, way: Way): Proof['paths'][number] {
    let weight = 1
    const steps = way.map(({ id: at, edge, link }, i): ProvenStep => {
      const before = way[i - 1]
      if (before === undefined) {
        if (at !== id || edge !== '' || link !== undefined) throw new Unfounded(`a way begins at ${at}, not at ${id}`)
        return { id: at, edge, ...this.memory(at) }
      }
      weight *= this.#weightOf(before.id, { id: at, edge, link })
      return { id: at, edge, ...(link === undefined ? {} : { link }), ...this.memory(at) }
    })
    return { weight: Math.round(weight * 1e9) / 1e9, steps }
  }

  /** How far a reason is trusted: as `why` weighs it. */
  #weightOf(before: CausalId, { id, edge, link }: Way[number]): number {
    if (edge === '') throw new Unfounded(`nothing leads from ${before} to ${id}`)
    const { reason, trust } = behaviourOf(EDGE_TYPES[edge])
    if (link === undefined) {
      if (edge !== 'supersedes' || !this.#hasTakenItsKey(before, id)) throw new Unfounded(`no record says that ${before} ${edge} ${id}`)
      return trust
    }
    const { header, body } = this.#record(link)
    const [from, to] = reason === 'from' ? [id, before] : [before, id]
    if (header.kind === KIND['memory.link']) {
      const said = decodeLink(body)
      const isSo =
        said !== undefined &&
        reason !== 'neither' &&
        said.type === edge &&
        equalBytes(said.from, digestOf(from)) &&
        equalBytes(said.to, digestOf(to))
      if (isSo) return (trust * said.weight) / WEIGHT_ONE
    } else if (header.kind === KIND['memory.supersede'] && edge === 'supersedes') {
      const said = decodeSupersede(body)
      if (said !== undefined && causalIdOf(said.by) === before && said.targets.some(target => causalIdOf(target) === id)) return trust
    }
    throw new Unfounded(`record ${link} does not say that ${from} ${edge} ${to}`)
  }

  /** One author wrote both under one key, and `id` first. */
  #hasTakenItsKey(by: CausalId, id: CausalId): boolean {
    const [later, earlier] = [this.#record(by), this.#record(id)]
    const { key } = this.#said(by)
    return later.log.id === earlier.log.id && earlier.header.seq < later.header.seq && key !== null && key === this.#said(id).key
  }

  #said(id: CausalId): Remember {
    const { header, body } = this.#record(id)
    const said = header.kind === KIND['memory.remember'] ? decodeRemember(body) : undefined
    if (said === undefined) throw new Unfounded(`record ${id} is no memory`)
    return said
  }

  #record(id: CausalId): ProvenRecord {
    const record = this.#records.get(id)
    if (record === undefined) throw new Unfounded(`record ${id} is not in it`)
    this.read.add(id)
    return record
  }
}
