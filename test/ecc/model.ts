import { toHex } from '../../base/bytes.ts'
import type { CausalId } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import type { FoldRecord } from '../../ecc/folding.ts'
import { decodeRemember, decodeRetract, decodeSupersede } from '../../ecc/records.ts'
import { decodeVector } from '../../ecc/vector-record.ts'

/** What the rules say, worked out from all records at once and without any cleverness: what the fold is compared with. */
export class Model {
  readonly #records: readonly FoldRecord[]
  readonly #byId: ReadonlyMap<string, FoldRecord>
  readonly #past: Map<string, Set<string>> = new Map()

  /** @param records parents first */
  constructor(records: readonly FoldRecord[]) {
    this.#records = records
    this.#byId = new Map(records.map(record => [record.id, record]))
    const at = (log: string, seq: number): FoldRecord => records.find(record => record.log === log && record.seq === seq) as FoldRecord
    for (const record of records) {
      const past = new Set<string>()
      const before = record.seq === 0 ? [] : [at(record.log, record.seq - 1)]
      for (const parent of [...before, ...record.parents.map(({ log, seq }) => at(log, seq))]) {
        past.add(parent.id)
        for (const id of this.#past.get(parent.id) as Set<string>) past.add(id)
      }
      this.#past.set(record.id, past)
    }
  }

  isBefore(a: CausalId, b: CausalId): boolean {
    return this.#past.get(b)?.has(a) === true
  }

  isLive(id: CausalId): boolean {
    const target = this.#byId.get(id) as FoldRecord
    return !this.#records.some(record => {
      const retract = record.kind === KIND['memory.retract'] && record.body !== null ? decodeRetract(record.body) : undefined
      return retract !== undefined && toHex(retract.target) === id && record.log === target.log && this.isLive(record.id)
    })
  }

  /** Live memories. */
  memories(): CausalId[] {
    return this.#records.filter(record => this.#isMemory(record) && this.isLive(record.id)).map(record => record.id)
  }

  /** The records because of which a memory does not hold. */
  replacements(id: CausalId): CausalId[] {
    const live = this.#records.flatMap(record => {
      const supersede =
        record.kind === KIND['memory.supersede'] && this.isLive(record.id) ? decodeSupersede(record.body as Uint8Array) : undefined
      return supersede === undefined ? [] : [{ id: record.id, by: toHex(supersede.by), targets: supersede.targets.map(toHex) }]
    })
    const counts = (record: CausalId): boolean => live.every(other => other.by !== id || this.isBefore(other.id, record))
    const named = live.filter(supersede => supersede.targets.includes(id)).map(supersede => supersede.id)
    return [...named, ...this.#laterOfKey(id)].filter(counts)
  }

  /** Vectors by which memories are found. */
  vectors(): CausalId[] {
    const memories = this.memories()
    const live = this.#records.flatMap(record => {
      const said = record.kind === KIND['memory.vector'] && this.isLive(record.id) ? decodeVector(record.body as Uint8Array) : undefined
      if (said === undefined || !memories.includes(toHex(said.node) as CausalId)) return []
      return [{ record, key: `${record.log} ${toHex(said.node)} ${said.embedder} ${said.vector.length}` }]
    })
    return live
      .filter(({ record, key }) => !live.some(other => other.key === key && other.record.seq > record.seq))
      .map(({ record }) => record.id)
  }

  #laterOfKey(id: CausalId): CausalId[] {
    const record = this.#byId.get(id) as FoldRecord
    const key = this.#keyOf(record)
    const later = this.#records.filter(other => other.log === record.log && other.seq > record.seq && this.#isMemory(other))
    return key === null ? [] : later.filter(other => this.#keyOf(other) === key && this.isLive(other.id)).map(other => other.id)
  }

  #isMemory(record: FoldRecord): boolean {
    return record.kind === KIND['memory.remember'] && record.body !== null && decodeRemember(record.body) !== undefined
  }

  #keyOf(record: FoldRecord): string | null {
    return decodeRemember(record.body as Uint8Array)?.key ?? null
  }
}
