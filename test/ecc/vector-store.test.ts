import { createRequire } from 'node:module'
import t, { type Test } from 'tap'
import { openVectorStore, type VectorStoreOptions } from '../../ecc/hnsw-worker/vector-store.ts'
import type { VectorStore } from '../../ecc/vector-store.ts'
import type { Bench } from '../contract/answer.ts'
import { vectorStoreContract } from '../contract/vector-store.ts'

const hasNative = ((): boolean => {
  try {
    createRequire(import.meta.url)('hnswlib-node')
    return true
  } catch {
    return false
  }
})()
const ENGINES = hasNative ? (['hnswlib', 'typescript'] as const) : (['typescript'] as const)

interface Made extends Bench<VectorStore> {
  readonly directory: string
  readonly events: (readonly [string, object | undefined])[]
}

function made(t: Test, options: Partial<VectorStoreOptions> = {}): Made {
  const events: Made['events'] = []
  const directory = options.directory ?? t.testdir({})
  const port = openVectorStore({ directory, log: (_, event, fields) => events.push([event, fields]), ...options })
  return { port, directory, events, turn: () => {}, close: () => new Promise(resolve => port.close(resolve)) }
}

for (const engine of ENGINES) vectorStoreContract(t, engine, t => made(t, { engine }))
