import t from 'tap'
import { hashedFeatures, hashEmbedder768 } from '../../ecc/hash-embedder.ts'
import type { Purpose } from '../../ecc/embedder.ts'
import { HnswIndex } from '../../ecc/hnsw/hnsw-index.ts'
import { ExactVectorIndex, vectorFault } from '../../ecc/vector-index.ts'
import { vectorIndexContract } from '../contract/vector-index.ts'

vectorIndexContract(t, 'exact', dims => new ExactVectorIndex(dims), true)
vectorIndexContract(t, 'graph', dims => new HnswIndex(dims), false)

function embedded(texts: readonly string[], purpose: Purpose = 'document'): readonly Float32Array[] {
  let vectors: readonly Float32Array[] = []
  hashEmbedder768.embed(texts, purpose, result => {
    if (result.ok) vectors = result.vectors
  })
  return vectors
}

t.test('hashed text: a vector for every text, of unit length, the same each time', async t => {
  t.match(hashEmbedder768, { id: 'builtin:hash-768', dims: 768, kind: 'lexical', deterministic: true })
  const texts = ['The pool is exhausted', '', '...', 'プール', 'x'.repeat(10_000)]
  const vectors = embedded(texts)
  t.equal(vectors.length, texts.length)
  for (const vector of vectors) {
    t.equal(vectorFault(vector, 768), undefined)
    t.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-6)
  }
  t.strictSame(embedded(texts), vectors)
  t.strictSame(embedded(texts, 'query'), vectors)
})

t.test('hashed text: the same words are near, so are slips of them; the sparse form is the same vector', async t => {
  const index = new ExactVectorIndex(768)
  const texts = ['the connection pool is exhausted', 'checkout timed out on Friday', 'the cache was cold after the deploy']
  for (const [label, text] of texts.entries()) index.add(label, hashedFeatures(text))
  for (const [query, label] of [
    ['pool connections exhausted', 0],
    ['chekout timeout', 1],
    ['cold caches', 2],
  ] as const) {
    t.equal(index.search(hashedFeatures(query), 1)[0]?.label, label, query)
    t.equal(index.search(embedded([query], 'query')[0] as Float32Array, 1)[0]?.label, label, query)
  }
})

t.test('hashed text: a query may weigh its words', async t => {
  const index = new ExactVectorIndex(768)
  index.add(1, hashedFeatures('pool'))
  index.add(2, hashedFeatures('friday'))
  const nearest = (rare: string): number | undefined =>
    index.search(
      hashedFeatures('pool friday', term => (rare.startsWith(term) ? 5 : 1)),
      1,
    )[0]?.label
  t.equal(nearest('pool'), 1)
  t.equal(nearest('friday'), 2)
})
