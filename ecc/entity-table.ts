import { Column } from './column.ts'
import { type Entity, entityKey, entityOfKey } from './entities.ts'
import { Postings } from './postings.ts'

/** What memories name, both ways: which memories name a thing, and which things a memory names. 8 bytes each, and the names. */
export class EntityTable {
  /** By number of the entity: its kind and name in one. */
  readonly keys: string[] = []
  /** By entity: the memories that name it, in the order in which they arrived. */
  readonly nodes: Postings = new Postings()
  /** By node: where its entities begin. */
  readonly starts: Column<Uint32Array> = new Column(Uint32Array)
  readonly named: Column<Uint32Array> = new Column(Uint32Array)
  readonly #numbers: Map<string, number> = new Map()

  /** What a snapshot keeps besides `keys`. */
  get columns(): readonly Column<Uint32Array>[] {
    return [...this.nodes.columns, this.starts, this.named]
  }

  /** The keys of a snapshot; its columns are there. */
  load(keys: readonly string[]): void {
    for (const key of keys) this.#numbers.set(key, this.keys.push(key) - 1)
  }

  /** The next memory. @param entities each once */
  add(entities: readonly Entity[]): void {
    const node = this.starts.push(this.named.length)
    for (const entity of entities) {
      const number = this.#open(entityKey(entity))
      this.named.push(number)
      this.nodes.push(number, node)
    }
  }

  find(entity: Entity): number | undefined {
    return this.#numbers.get(entityKey(entity))
  }

  entity(number: number): Entity {
    return entityOfKey(this.keys[number] as string)
  }

  /** What a memory names, in the order of its text. A view, good until the next memory. */
  of(node: number): Uint32Array {
    const end = node + 1 < this.starts.length ? this.starts.at(node + 1) : this.named.length
    return this.named.data.subarray(this.starts.at(node), end)
  }

  /** Rebuilt without erased memories, and without what only they named. */
  without(erased: (node: number) => boolean): EntityTable {
    const rebuilt = new EntityTable()
    for (let node = 0; node < this.starts.length; node++)
      rebuilt.add(erased(node) ? [] : Array.from(this.of(node), number => this.entity(number)))
    return rebuilt
  }

  #open(key: string): number {
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    this.#numbers.set(key, this.keys.push(key) - 1)
    return this.nodes.open()
  }
}
