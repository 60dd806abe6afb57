import { assert } from '../base/assert.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import type { Hlc } from '../base/hlc.ts'
import { type CausalId, digestOf, type LogId, type NodeId } from '../base/ids.ts'
import { isFolded, KIND } from '../base/kinds.ts'
import { CausalPast } from './causal-past.ts'
import { NONE } from './column.ts'
import { EDGE_TYPES } from './edge-types.ts'
import { entitiesOf } from './entities.ts'
import { EntityTable } from './entity-table.ts'
import { LabelTable } from './label-table.ts'
import { NodeTable } from './node-table.ts'
import { OwnMemories } from './own-memories.ts'
import { type LogRow, RecordTable, type Ref, ROLE } from './record-table.ts'
import { decodeLink, decodeRebase, decodeRemember, decodeRetract, decodeSupersede } from './records.ts'
import { currentName, KIND_OF_REFERENCE, type Reference, ReferenceTable } from './reference-table.ts'
import { Retraction } from './retraction.ts'
import { SameTexts } from './same-texts.ts'
import { TextIndex } from './text-index.ts'
import { decodeVector } from './vector-record.ts'
import { VectorTable } from './vector-table.ts'
import { packEdge } from './view.ts'

/** A record as the chain hands it over: verified, and after everything in its causal past. */
export interface FoldRecord {
  readonly log: LogId
  readonly seq: number
  readonly id: CausalId
  readonly author: NodeId
  readonly hlc: Hlc
  readonly kind: number
  /** Of other logs. */
  readonly parents: readonly Ref[]
  /** Null when it was erased, or is void for a reason the chain knows: then it folds to nothing. */
  readonly body: Uint8Array | null
}

/** `void`: malformed, kept and listed. `unknown`: of a kind that says nothing to memory. */
export type Folded = 'folded' | 'void' | 'unknown'

/** All state of a fold; a snapshot restores it. */
export interface FoldState {
  readonly records: RecordTable
  readonly references: ReferenceTable
  readonly nodes: NodeTable
  readonly past: CausalPast
  readonly vectors: VectorTable
  /** Replaced by ones without the erased when a snapshot is taken. */
  text: TextIndex
  entities: EntityTable
  labels: LabelTable
  same: SameTexts
  own: OwnMemories
  /** Live memories, the words in them, live links; erased memories and vectors that are still indexed. */
  readonly totals: { nodes: number; words: number; edges: number; unswept: number }
  /** Malformed records. */
  malformed: number[]
  /** Records whose author had their body erased, each followed by the one that did it, in the order this was learnt. */
  erased: number[]
}

export function emptyState(self: NodeId): FoldState {
  const records = new RecordTable()
  return {
    records,
    references: new ReferenceTable(records),
    nodes: new NodeTable(),
    past: new CausalPast(),
    own: new OwnMemories(self),
    vectors: new VectorTable(),
    text: new TextIndex(),
    entities: new EntityTable(),
    labels: new LabelTable(),
    same: new SameTexts(),
    totals: { nodes: 0, words: 0, edges: 0, unswept: 0 },
    malformed: [],
    erased: [],
  }
}

/**
 * How records become state: what each kind does. Nothing here depends on the order of arrival
 * beyond its being causal; what can be worked out when somebody asks is left until then.
 */
export class Folding {
  readonly state: FoldState
  readonly retraction: Retraction
  readonly #version: number

  /** @param version of the fold: what came with a later one says nothing */
  constructor(state: FoldState, version: number) {
    this.state = state
    this.#version = version
    this.retraction = new Retraction(state.records, state.references, (record, live) => {
      this.#count(record, live ? 1 : -1)
      this.#touch(record)
    })
  }

  apply(record: FoldRecord): Folded {
    const { records, references, past } = this.state
    const id = digestOf(record.id)
    const size = records.sizeOf(record.log)
    if (record.seq < size) {
      assert(equalBytes(records.ids.digest(records.at(record)), id), `record ${record.seq} of log ${record.log} is the one applied before`)
      return 'folded'
    }
    assert(record.seq === size, `log ${record.log}: expected record ${size}, got ${record.seq}`)
    for (const parent of record.parents) assert(parent.seq < records.sizeOf(parent.log), `record ${record.id} comes after its parents`)
    const log = records.openLog(record.log, record.author)
    const number = records.add(log, id, record.hlc)
    past.add(
      log,
      record.seq,
      record.parents.map(parent => [records.logNumber(parent.log) as number, parent.seq]),
    )
    references.arrive(number)
    const folded = this.#fold(record.kind, number, log, record.body)
    if (folded === 'void') this.state.malformed.push(number)
    return folded
  }

  #fold(kind: number, record: number, log: number, body: Uint8Array | null): Folded {
    if (!isFolded(kind, this.#version)) return 'unknown'
    switch (kind) {
      case KIND['memory.remember']:
        return body === null ? 'folded' : this.#remember(record, log, body)
      case KIND['memory.link']:
        return body === null ? 'folded' : this.#link(record, body)
      case KIND['memory.supersede']:
        return body === null ? 'folded' : this.#supersede(record, body)
      case KIND['memory.retract']:
        return body === null ? 'folded' : this.#retract(record, body)
      case KIND['memory.vector']:
        return body === null ? 'folded' : this.#vector(record, log, body)
      case KIND['log.rebase']:
        return body === null ? 'folded' : this.#rebase(log, body)
      default:
        return 'unknown'
    }
  }

  #remember(record: number, log: number, body: Uint8Array): Folded {
    const remember = decodeRemember(body)
    if (remember === undefined) return 'void'
    const { nodes, text, entities, own, records, labels, same } = this.state
    const found = remember.meta.map(([, value]) => value)
    if (remember.key !== null) found.push(remember.key)
    const words = text.add(nodes.size, remember.text, found)
    entities.add(entitiesOf(remember.text))
    labels.add(nodes.size, remember)
    same.add(remember.text)
    const node = nodes.add(record, log, remember, words)
    if (records.authorOf(record) === own.author) own.add(node, body)
    this.#become(record, ROLE.node, node)
    return 'folded'
  }

  #vector(record: number, log: number, body: Uint8Array): Folded {
    const said = decodeVector(body)
    if (said === undefined) return 'void'
    const { vectors, records, own } = this.state
    const index = vectors.open(log, said.embedder, said.vector.length)
    if (index === undefined) return 'void'
    const folded = this.#refer(record, ROLE.vector, [{ kind: KIND_OF_REFERENCE.vector, id: said.node, value: index }])
    if (records.role.at(record) !== ROLE.vector) return folded
    vectors.add(index, record)
    vectors.last = { label: record, vector: said.vector }
    if (records.authorOf(record) === own.author) own.addVector(record, body)
    return folded
  }

  #link(record: number, body: Uint8Array): Folded {
    const link = decodeLink(body)
    if (link === undefined) return 'void'
    const value = packEdge(EDGE_TYPES[link.type], link.weight)
    return this.#refer(record, ROLE.link, [
      { kind: KIND_OF_REFERENCE.from, id: link.from, value },
      { kind: KIND_OF_REFERENCE.to, id: link.to, value },
    ])
  }

  #supersede(record: number, body: Uint8Array): Folded {
    const supersede = decodeSupersede(body)
    if (supersede === undefined) return 'void'
    const targets = supersede.targets.map(id => ({ kind: KIND_OF_REFERENCE.target, id, value: 0 }))
    return this.#refer(record, ROLE.supersede, [{ kind: KIND_OF_REFERENCE.by, id: supersede.by, value: 0 }, ...targets])
  }

  #retract(record: number, body: Uint8Array): Folded {
    const retract = decodeRetract(body)
    if (retract === undefined) return 'void'
    const { references, records } = this.state
    const folded = this.#refer(record, retract.erase ? ROLE.erase : ROLE.retract, [
      { kind: KIND_OF_REFERENCE.retract, id: retract.target, value: 0 },
    ])
    const reference = records.detail.at(record)
    if (reference === NONE) return folded
    if (this.retraction.isTooDeep(references.target.at(reference))) {
      this.#vanish(record)
      return 'void'
    }
    this.#enforce(reference)
    return folded
  }

  /** Old ids of the author's own records mean the new ones, also where they were named before. */
  #rebase(log: number, body: Uint8Array): Folded {
    const pairs = decodeRebase(body)
    if (pairs === undefined) return 'void'
    const { records, references } = this.state
    const row = records.logs[log] as LogRow
    for (const [before, now] of pairs) {
      const old = toHex(before)
      const current = toHex(now)
      // The first word stands, and a name never comes round to itself.
      if (row.aliases.has(old) || currentName(row, current) === old) continue
      row.aliases.set(old, current)
      for (const reference of references.fromLog(log, old)) {
        const isRetract = references.kind.at(reference) === KIND_OF_REFERENCE.retract
        if (isRetract) this.#relent(reference)
        this.#leave(references.owner.at(reference))
        references.detach(reference)
        references.reattach(reference, old)
        this.#touch(references.owner.at(reference))
        if (isRetract) this.#enforce(reference)
      }
    }
    return 'folded'
  }

  #refer(record: number, role: number, references: readonly Reference[]): Folded {
    const first = this.state.references.add(record, references)
    if (first !== NONE) this.#become(record, role, first)
    return 'folded'
  }

  #become(record: number, role: number, detail: number): void {
    this.state.records.role.set(record, role)
    this.state.records.detail.set(record, detail)
    this.#count(record, 1)
    this.#touch(record)
  }

  /** Which vectors of a memory count may be otherwise now. */
  #touch(record: number): void {
    const { records, vectors } = this.state
    const role = records.role.at(record)
    if (role === ROLE.vector || (role === ROLE.node && records.vectors.at(record) !== NONE)) vectors.touched.add(record)
  }

  /** A vector is about to be of its memory no more. */
  #leave(record: number): void {
    const { records, references, vectors } = this.state
    this.#touch(record)
    if (records.role.at(record) !== ROLE.vector) return
    const target = references.target.at(records.detail.at(record))
    if (target !== NONE) vectors.left.push([target, record])
  }

  /** A live retract takes effect. */
  #enforce(reference: number): void {
    const { references, records } = this.state
    const owner = references.owner.at(reference)
    if (records.retracts.at(owner) > 0) return
    this.retraction.add(reference)
    if (records.role.at(owner) === ROLE.erase && this.retraction.counts(reference)) this.#erase(references.target.at(reference), owner)
  }

  #relent(reference: number): void {
    if (this.state.records.retracts.at(this.state.references.owner.at(reference)) === 0) this.retraction.withdraw(reference)
  }

  /** From now on as if the body had never been here. */
  #erase(record: number, owner: number): void {
    const { records, references, nodes, erased, totals } = this.state
    // Also of what says nothing here: its body is in the journal all the same.
    erased.push(record, owner)
    this.state.malformed = this.state.malformed.filter(malformed => malformed !== record)
    if (records.role.at(record) === ROLE.none) return
    this.#leave(record)
    if (records.role.at(record) === ROLE.node) {
      nodes.dropKey(records.detail.at(record))
      totals.unswept++
    } else {
      if (records.role.at(record) === ROLE.vector) totals.unswept++
      references.remove(record, records.detail.at(record))
    }
    records.role.set(record, ROLE.none)
  }

  #vanish(record: number): void {
    const { records, references } = this.state
    references.remove(record, records.detail.at(record))
    records.role.set(record, ROLE.none)
  }

  /** Totals of what is live. */
  #count(record: number, change: 1 | -1): void {
    const { records, nodes, totals } = this.state
    const role = records.role.at(record)
    if (role === ROLE.link) totals.edges += change
    if (role !== ROLE.node) return
    totals.nodes += change
    totals.words += change * nodes.words.at(records.detail.at(record))
  }
}
