import type { VectorIndexName, VectorIndexStatus, VectorRow, VectorSearch, VectorsFound, VectorStore } from '../../ecc/vector-store.ts'

/** What the core asks of the vector store. What comes back is handed to `then` in a later step. */
export type VectorEffect =
  | {
      readonly kind: 'vector-open'
      readonly index: VectorIndexName
      readonly labels: Uint32Array
      readonly ids: Uint8Array
      readonly then: (missing: Uint32Array) => void
    }
  | { readonly kind: 'vector-add'; readonly index: VectorIndexName; readonly rows: readonly VectorRow[]; readonly then: () => void }
  | { readonly kind: 'vector-retire' | 'vector-revive' | 'vector-erase'; readonly index: VectorIndexName; readonly labels: Uint32Array }
  | {
      readonly kind: 'vector-search'
      readonly index: VectorIndexName
      readonly request: VectorSearch
      readonly then: (found: VectorsFound) => void
    }
  | { readonly kind: 'vector-status'; readonly then: (rows: readonly VectorIndexStatus[]) => void }

/** @param resume runs something in a step of its own */
export function performVector(store: VectorStore, effect: VectorEffect, resume: (run: () => void) => void): void {
  switch (effect.kind) {
    case 'vector-open':
      return store.open(effect.index, effect.labels, effect.ids, missing => resume(() => effect.then(missing)))
    case 'vector-add':
      return store.add(effect.index, effect.rows, () => resume(effect.then))
    case 'vector-retire':
      return store.retire(effect.index, effect.labels)
    case 'vector-revive':
      return store.revive(effect.index, effect.labels)
    case 'vector-erase':
      return store.erase(effect.index, effect.labels)
    case 'vector-search':
      return store.search(effect.index, effect.request, found => resume(() => effect.then(found)))
    case 'vector-status':
      return store.status(rows => resume(() => effect.then(rows)))
  }
}
