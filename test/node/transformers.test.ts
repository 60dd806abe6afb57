import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { EMBED_LOCAL_BATCH_TEXTS } from '../../base/limits.ts'
import type { Embedded, Purpose } from '../../ecc/embedder.ts'
import type { HostEmbedder } from '../../node/host/embedder/host-embedder.ts'
import { transformersEmbedder, type TransformersOptions } from '../../node/host/embedder/transformers-embedder.ts'
import { installStandIn, transformersStandIn } from './transformers-stand-in.ts'

function bench(t: Test, options: Partial<TransformersOptions> = {}): { readonly embedder: HostEmbedder; readonly logged: string[] } {
  const logged: string[] = []
  const { near, path } = options.near === undefined ? transformersStandIn(t) : { near: options.near, path: join(options.near, 'models') }
  const embedder = transformersEmbedder({
    path,
    near,
    model: 'letters',
    dims: 16,
    pooling: 'mean',
    dtype: '',
    timeoutMs: 10_000,
    prefixes: { document: '', query: '' },
    log: (_, event) => logged.push(event),
    ...options,
  })
  t.teardown(() => embedder.close())
  return { embedder, logged }
}

function embedded(embedder: HostEmbedder, texts: readonly string[], purpose: Purpose = 'document'): Promise<Embedded> {
  return new Promise(resolve => embedder.embed(texts, purpose, resolve))
}

function codeOf(result: Embedded): string {
  return result.ok ? 'ok' : result.error.code
}

/** How often 'a' is in a text, as the stand-in says it: the share of one of 16 numbers. */
function shareOfA(result: Embedded, i: number): number {
  return result.ok ? ((result.vectors[i] as Float32Array)[1] as number) : Number.NaN
}

t.test('texts become vectors in another process, in order, in several requests', async t => {
  const { embedder } = bench(t)
  const texts = Array.from({ length: 2 * EMBED_LOCAL_BATCH_TEXTS + 1 }, (_, i) => `${'a'.repeat(i)}b`)
  const result = await embedded(embedder, texts)
  t.equal(result.ok && result.vectors.length, texts.length)
  for (let i = 1; i < texts.length; i++) t.ok(shareOfA(result, i) > shareOfA(result, i - 1), `text ${i}`)
  t.match(embedder, { id: 'transformers:letters:16', dims: 16, kind: 'semantic', deterministic: false })
  t.strictSame(await embedded(embedder, []), { ok: true, vectors: [] })
})

t.test('what changes the numbers changes the name', async t => {
  const { embedder: plain } = bench(t)
  const { embedder: first } = bench(t, { pooling: 'cls' })
  t.match(first.id, /^transformers:letters:16\+[0-9a-f]{8}$/)
  t.notSame(await embedded(first, ['a']), await embedded(plain, ['a']))
  t.not(bench(t, { dtype: 'q8' }).embedder.id, first.id)
})

t.test('queries go before the documents that wait', async t => {
  const { embedder } = bench(t)
  const ends: string[] = []
  const ask = async (text: string, purpose: Purpose): Promise<void> => {
    await embedded(embedder, [text], purpose)
    ends.push(text)
  }
  await Promise.all([ask('under way', 'document'), ask('waits', 'document'), ask('query', 'query')])
  t.same(ends, ['under way', 'query', 'waits'])
})

const BAD: readonly (readonly [text: string, code: string, logged: readonly string[]])[] = [
  ['crash', 'embedder_unavailable', ['embedder.child-lost']],
  ['hang', 'embedder_unavailable', ['embedder.child-lost']],
  ['throw', 'embedder_failed', []],
]

for (const [text, code, lines] of BAD) {
  t.test(`a model that does '${text}' fails one request and the next is served`, async t => {
    const { embedder, logged } = bench(t, text === 'hang' ? { timeoutMs: 300 } : {})
    const results = await Promise.all([embedded(embedder, [text]), embedded(embedder, ['fine'])])
    t.same(results.map(codeOf), [code, 'ok'])
    t.same(logged, lines)
  })
}

t.test('vectors of another length end it for good', async t => {
  const { embedder, logged } = bench(t)
  const results = await Promise.all([embedded(embedder, ['short']), embedded(embedder, ['waits'])])
  t.same(results.map(codeOf), ['embedder_changed', 'embedder_changed'])
  t.match(results[0], { error: { message: 'the model gives 15 numbers, not 16' } })
  t.equal(codeOf(await embedded(embedder, ['fine'])), 'embedder_changed')
  t.same(logged, ['embedder.stopped'])
})

t.test('an absent package or model is named with what to do; once it is there, it is used', async t => {
  const near = mkdtempSync(join(tmpdir(), 'weft-transformers-'))
  t.teardown(() => rmSync(near, { recursive: true, force: true }))
  const { embedder } = bench(t, { near })
  t.match(await embedded(embedder, ['a']), {
    ok: false,
    error: {
      code: 'embedder_missing',
      message: /@huggingface\/transformers is not installed/,
      next: /^npm install @huggingface\/transformers/,
    },
  })
  installStandIn(near)
  t.match(await embedded(embedder, ['a']), {
    ok: false,
    error: { code: 'embedder_missing', message: /there is no model .*letters/, next: /onnx\/model.onnx/ },
  })
  mkdirSync(join(near, 'models', 'letters', 'onnx'), { recursive: true })
  t.match(await embedded(embedder, ['a']), {
    ok: false,
    error: { code: 'embedder_missing', message: /cannot be loaded: file was not found locally/ },
  })
  writeFileSync(join(near, 'models', 'letters', 'onnx', 'model.onnx'), '')
  t.equal(codeOf(await embedded(embedder, ['a'])), 'ok')
})

t.test('a close ends what is under way and what waits', async t => {
  const { embedder } = bench(t)
  const results = [embedded(embedder, ['hang']), embedded(embedder, ['waits'])]
  embedder.close()
  t.same((await Promise.all(results)).map(codeOf), ['stopping', 'stopping'])
  t.equal(codeOf(await embedded(embedder, ['late'])), 'stopping')
})
