import { hash } from '../base/crypto/hash.ts'
import type { NodeId } from '../base/ids.ts'
import { Column, NONE, type Numbers } from './column.ts'
import { DigestTable } from './digest-table.ts'

/** What makes two memories the same: text, meta, key, source and valid times, which are all there is in a body. */
export function contentHash(body: Uint8Array): Uint8Array {
  return hash('content', body)
}

/** What this node has remembered itself, by content, so that saying a thing twice records it once. */
export class OwnMemories {
  readonly author: NodeId
  readonly contents: DigestTable = new DigestTable()
  /** By row of `contents`: the newest node with it. */
  readonly newest: Column<Uint32Array> = new Column(Uint32Array)
  /** The one before, for the few that were remembered again. */
  readonly before: Map<number, number> = new Map()
  /** Bodies of its vectors, and the newest record of each. */
  readonly vectors: DigestTable = new DigestTable()
  readonly newestVector: Column<Uint32Array> = new Column(Uint32Array)

  constructor(author: NodeId) {
    this.author = author
  }

  /** What a snapshot keeps, besides `before`. */
  get columns(): readonly Column<Numbers>[] {
    return [this.contents.digests, this.newest, this.vectors.digests, this.newestVector]
  }

  add(node: number, body: Uint8Array): void {
    const digest = contentHash(body)
    const row = this.contents.find(digest)
    if (row === NONE) {
      this.contents.add(digest)
      this.newest.push(node)
    } else {
      this.before.set(node, this.newest.at(row))
      this.newest.set(row, node)
    }
  }

  /** Rebuilt without what was erased: whoever can guess a text, or has it embedded, would know its hash again. */
  without(isErased: (node: number) => boolean, isErasedVector: (record: number) => boolean): OwnMemories {
    const rebuilt = new OwnMemories(this.author)
    for (let row = 0; row < this.contents.size; row++) {
      const digest = this.contents.digest(row)
      const left = [...this.find(digest)].filter(node => !isErased(node))
      const [newest] = left
      if (newest === undefined) continue
      rebuilt.contents.add(digest)
      rebuilt.newest.push(newest)
      for (const [i, node] of left.slice(1).entries()) rebuilt.before.set(left[i] as number, node)
    }
    for (let row = 0; row < this.vectors.size; row++) {
      const record = this.newestVector.at(row)
      if (isErasedVector(record)) continue
      rebuilt.vectors.add(this.vectors.digest(row))
      rebuilt.newestVector.push(record)
    }
    return rebuilt
  }

  addVector(record: number, body: Uint8Array): void {
    const digest = contentHash(body)
    const row = this.vectors.find(digest)
    if (row !== NONE) return this.newestVector.set(row, record)
    this.vectors.add(digest)
    this.newestVector.push(record)
  }

  /** The newest record that says just this of a memory, NONE when there is none. */
  findVector(content: Uint8Array): number {
    const row = this.vectors.find(content)
    return row === NONE ? NONE : this.newestVector.at(row)
  }

  /** Nodes with this content, newest first. */
  *find(content: Uint8Array): Generator<number> {
    const row = this.contents.find(content)
    for (let node = row === NONE ? undefined : this.newest.at(row); node !== undefined; node = this.before.get(node)) yield node
  }
}
