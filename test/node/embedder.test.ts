import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { EMBED_BATCH_TEXTS, EMBED_QUEUE_MAX, EMBED_TEXT_MAX_BYTES } from '../../base/limits.ts'
import type { Clock, LogFields } from '../../base/ports.ts'
import type { Embedded, Embedder, Purpose } from '../../ecc/embedder.ts'
import { VectorCache } from '../../ecc/vector-cache.ts'
import { hostClock } from '../../node/host/clock.ts'
import type { HostEmbedder } from '../../node/host/embedder/host-embedder.ts'
import { SERVED_FILE, servedModel, type ServedModel } from '../../node/host/embedder/served-model.ts'
import { openAiEmbedder, type OpenAiOptions } from '../../node/host/embedder/openai-embedder.ts'
import { hostRandom } from '../../node/host/random.ts'
import { answerOf, drop, embed, type EmbeddingServer, embeddingServer, hang, refuse, say, vectorOf, type Way } from './embedding-server.ts'

interface Bench {
  readonly server: EmbeddingServer
  readonly embedder: HostEmbedder
  /** How long it paused between tries; no time goes by. */
  readonly pauses: number[]
  readonly logged: (readonly [event: string, fields: LogFields])[]
}

/** Pauses end at once, and time goes on by as much. */
function hurriedClock(pauses: number[]): Clock {
  let nowMs = 0
  return {
    wallMs: () => Date.UTC(2026, 0, 1) + nowMs,
    monotonicMs: () => nowMs,
    after: (delayMs, task) => {
      pauses.push(delayMs)
      return hostClock.after(0, () => {
        nowMs += delayMs
        task()
      })
    },
    soon: hostClock.soon,
  }
}

async function bench(t: Test, options: Partial<OpenAiOptions> = {}): Promise<Bench> {
  const server = await embeddingServer(t)
  const pauses: number[] = []
  const logged: (readonly [string, LogFields])[] = []
  const embedder = openAiEmbedder({
    url: server.url,
    model: 'words',
    dims: 768,
    sendDims: false,
    key: undefined,
    timeoutMs: 5_000,
    prefixes: { document: '', query: '' },
    clock: hurriedClock(pauses),
    random: hostRandom,
    log: (_, event, fields = {}) => logged.push([event, fields]),
    ...options,
  })
  t.teardown(() => embedder.close())
  return { server, embedder, pauses, logged }
}

function embedded(embedder: Embedder, texts: readonly string[], purpose: Purpose = 'document'): Promise<Embedded> {
  return new Promise(resolve => embedder.embed(texts, purpose, resolve))
}

/** Lets the loop turn until `holds`. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>(resolve => hostClock.soon(resolve))
}

function codeOf(result: Embedded): string {
  return result.ok ? 'ok' : result.error.code
}

t.test('texts become vectors, in order, whatever the order of the answer', async t => {
  const { server, embedder } = await bench(t)
  const texts = ['the pool is exhausted', 'checkout timed out', 'プール']
  server.next.push((response, asked) => {
    const { data, model } = answerOf(asked)
    say({ data: data.reverse(), model })(response, asked)
  })
  t.strictSame(await embedded(embedder, texts), { ok: true, vectors: texts.map(text => Float32Array.from(vectorOf(text))) })
  t.match(server.asked, [{ path: '/v1/embeddings', model: 'words', input: texts, dimensions: undefined, authorization: undefined }])
  t.match(embedder, { id: 'openai:words:768', dims: 768, kind: 'semantic', deterministic: false })
  t.strictSame(await embedded(embedder, []), { ok: true, vectors: [] })
})

t.test('what is configured is sent: key, number of dimensions, what stands in front of a text', async t => {
  const { server, embedder } = await bench(t, {
    key: 'secret-key',
    sendDims: true,
    dims: 256,
    prefixes: { document: 'passage: ', query: 'query: ' },
  })
  server.usually = embed({ dims: 256 })
  await embedded(embedder, ['a'])
  await embedded(embedder, ['b'], 'query')
  t.match(server.asked, [
    { authorization: 'Bearer secret-key', dimensions: 256, input: ['passage: a'] },
    { authorization: 'Bearer secret-key', dimensions: 256, input: ['query: b'] },
  ])
  t.match(embedder.id, /^openai:words:256\+[0-9a-f]{8}$/, 'prefixes change the numbers, so they change the name')
})

t.test('many texts go in several requests; a long one is cut at a whole character; an empty one is sent as something', async t => {
  const { server, embedder } = await bench(t)
  const texts = [...Array.from({ length: EMBED_BATCH_TEXTS + 1 }, (_, i) => `text ${i}`), `a${'é'.repeat(EMBED_TEXT_MAX_BYTES)}`, '']
  const result = await embedded(embedder, texts)
  t.equal(result.ok && result.vectors.length, texts.length)
  t.strictSame(result.ok && result.vectors[EMBED_BATCH_TEXTS], Float32Array.from(vectorOf(`text ${EMBED_BATCH_TEXTS}`)))
  t.ok(server.asked.length >= 2 && server.asked.every(({ input }) => input.length <= EMBED_BATCH_TEXTS))
  const sent = server.asked.flatMap(({ input }) => input)
  const [long] = sent.filter(text => text.length > 1000) as [string]
  t.equal(Buffer.byteLength(long), EMBED_TEXT_MAX_BYTES - 1)
  t.notMatch(long, '\uFFFD')
  t.notOk(sent.includes(''))
})

t.test('of long vectors fewer are asked for at a time', async t => {
  const { server, embedder } = await bench(t, { dims: 4096 })
  const one = Array.from({ length: 4096 }, (_, i) => 1 / (i + 1))
  server.usually = (response, asked) => say({ data: asked.input.map((_, index) => ({ index, embedding: one })) })(response, asked)
  t.equal(
    codeOf(
      await embedded(
        embedder,
        Array.from({ length: 20 }, (_, i) => `text ${i}`),
      ),
    ),
    'ok',
  )
  t.same(server.asked.map(({ input }) => input.length).sort(), [4, 8, 8])
})

/** What passes is tried again, and comes to a good end. */
const PASSING: readonly (readonly [what: string, ways: readonly Way[]])[] = [
  ['a server error', [refuse(500), refuse(503)]],
  ['too many requests', [refuse(429)]],
  ['a dropped connection', [drop, drop]],
  ['an answer that breaks off', [say('{"data":[{"index":0,"embed')]],
  ['an answer that is no JSON', [say('<html>one moment</html>'), say('null'), say('{"data":7}')]],
  ['half of the vectors', [(response, asked) => say({ data: answerOf(asked).data.slice(1) })(response, asked)]],
  [
    'one vector twice',
    [(response, asked) => say({ data: answerOf(asked).data.map(({ embedding }) => ({ index: 0, embedding })) })(response, asked)],
  ],
  [
    'vectors without places',
    [(response, asked) => say({ data: answerOf(asked).data.map(({ embedding }) => ({ embedding })) })(response, asked)],
  ],
  [
    'one vector of another size',
    [
      (response, asked) =>
        say({ data: answerOf(asked).data.map((row, i) => ({ ...row, embedding: row.embedding.slice(i) })) })(response, asked),
    ],
  ],
  [
    'numbers that are none',
    [
      (response, asked) =>
        say({ data: answerOf(asked).data.map(row => ({ ...row, embedding: row.embedding.map(String) })) })(response, asked),
    ],
  ],
  [
    'numbers beyond all bounds',
    [
      (response, asked) =>
        say({ data: answerOf(asked).data.map(row => ({ ...row, embedding: row.embedding.map(() => 1e300) })) })(response, asked),
    ],
  ],
  [
    'zeros',
    [
      (response, asked) =>
        say({ data: answerOf(asked).data.map(row => ({ ...row, embedding: row.embedding.map(() => 0) })) })(response, asked),
    ],
  ],
  ['an answer without end', [(response, _) => flood(response)]],
]

function flood(response: Parameters<Way>[0]): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  const more = (): void => {
    while (!response.destroyed && response.write('1'.repeat(65_536)));
    if (!response.destroyed) response.once('drain', more)
  }
  more()
}

for (const [what, ways] of PASSING) {
  t.test(`tried again: ${what}`, async t => {
    const { server, embedder, pauses, logged } = await bench(t)
    server.next.push(...ways)
    const texts = ['pool', 'checkout']
    t.strictSame(await embedded(embedder, texts), { ok: true, vectors: texts.map(text => Float32Array.from(vectorOf(text))) })
    t.equal(server.asked.length, ways.length + 1)
    t.equal(pauses.length, ways.length)
    t.ok(
      pauses.every((ms, i) => ms >= 125 * 2 ** i && ms <= 250 * 2 ** i),
      `longer each time: ${pauses.join(', ')}`,
    )
    t.strictSame(logged, [])
  })
}

/** What does not pass ends at once, or after some tries, with a code. */
const LASTING: readonly (readonly [what: string, way: Way, code: string, asked: number])[] = [
  ['a wrong key', refuse(401, {}, 'wrong key: secret-key'), 'embedder_refused', 1],
  ['an unknown model', refuse(404, {}, '{"error":{"message":"model \\"words\\" not found, secret-key"}}'), 'embedder_refused', 1],
  ['a redirect', refuse(302, { location: 'http://127.0.0.1:1/' }), 'embedder_refused', 1],
  ['a server that stays down', refuse(503), 'embedder_unavailable', 4],
  ['a server that stays broken', say('{'), 'embedder_failed', 4],
  ['vectors of another size', embed({ dims: 767 }), 'embedder_changed', 1],
]

for (const [what, way, code, asked] of LASTING) {
  t.test(`given up: ${what}`, async t => {
    const { server, embedder, logged } = await bench(t, { key: 'secret-key' })
    server.usually = way
    const result = await embedded(embedder, ['pool'])
    t.equal(codeOf(result), code)
    t.equal(server.asked.length, asked)
    t.notMatch(JSON.stringify([result.ok || result.error.toJSON(), logged]), /secret-key/, 'the key is told to nobody')
    t.same(logged.length, code === 'embedder_changed' ? 1 : 0)
  })
}

t.test('a server that is down is asked again later and found when it is back', async t => {
  const { server, embedder } = await bench(t)
  t.equal(codeOf(await embedded(embedder, ['pool'])), 'ok')
  await server.close()
  const failed = await embedded(embedder, ['checkout'])
  t.equal(codeOf(failed), 'embedder_unavailable')
  t.match(!failed.ok && failed.error.message, /ECONNREFUSED/)
  await embeddingServer(t, server.port)
  t.equal(codeOf(await embedded(embedder, ['checkout'])), 'ok')
})

t.test('a server that hangs, or is slow within an answer, is left after the time for a request', async t => {
  const { server, embedder } = await bench(t, { timeoutMs: 40 })
  const slow: Way = response => void response.writeHead(200).write('{"data":[')
  server.next.push(hang, slow)
  t.equal(codeOf(await embedded(embedder, ['pool'])), 'ok')
  server.next.push(hang, hang)
  const failed = await embedded(embedder, ['pool'], 'query')
  t.equal(codeOf(failed), 'embedder_unavailable')
  t.match(!failed.ok && failed.error.message, /no answer within 40 ms/)
})

t.test('a server is not asked before it wants to be', async t => {
  const { server, embedder, pauses } = await bench(t)
  server.next.push(
    refuse(429, { 'retry-after': '7' }),
    refuse(503, { 'retry-after': new Date(Date.UTC(2026, 0, 1) + 20_000).toUTCString() }),
  )
  t.equal(codeOf(await embedded(embedder, ['pool'])), 'ok')
  t.same(pauses, [7_000, 13_000], 'in seconds, and as a date')
  server.next.push(refuse(429, { 'retry-after': '3600' }))
  t.equal(codeOf(await embedded(embedder, ['pool'])), 'embedder_unavailable', 'an hour is not waited for')
  t.equal(codeOf(await embedded(embedder, ['pool'], 'query')), 'embedder_unavailable', 'nor asked into')
  t.equal(server.asked.length, 4)
})

t.test('a model that changes ends the embedder, also for what is under way: vectors of two models do not meet', async t => {
  const { server, embedder, logged } = await bench(t)
  server.usually = embed({ model: 'words:1' })
  t.equal(codeOf(await embedded(embedder, ['pool'])), 'ok', 'a server may have its own name for it')
  const held: (() => void)[] = []
  server.next.push((response, asked) => held.push(() => embed({ model: 'words:1' })(response, asked)))
  const underWay = embedded(embedder, ['held'])
  server.usually = (response, asked) => {
    embed({ model: 'words:2' })(response, asked)
  }
  await until(() => held.length > 0)
  t.equal(codeOf(await embedded(embedder, ['checkout'])), 'embedder_changed')
  for (const answer of held) answer()
  t.equal(codeOf(await underWay), 'embedder_changed')
  t.equal(codeOf(await embedded(embedder, ['pool'], 'query')), 'embedder_changed', 'for good')
  t.equal(server.asked.length, 3)
  t.match(logged, [['embedder.stopped', { embedder: 'openai:words:768', code: 'embedder_changed' }]])
})

t.test('a model that changed while the node was away is noticed too; another embedder begins anew', async t => {
  const dir = t.testdir({})
  const served = (id: string): ServedModel => servedModel(dir, id)
  const first = await bench(t, { served })
  first.server.usually = embed({ model: 'words:1' })
  t.equal(codeOf(await embedded(first.embedder, ['pool'])), 'ok')
  const again = await bench(t, { served })
  again.server.usually = embed({ model: 'words:1' })
  t.equal(codeOf(await embedded(again.embedder, ['pool'])), 'ok')
  const changed = await bench(t, { served })
  changed.server.usually = embed({ model: 'words:2' })
  t.equal(codeOf(await embedded(changed.embedder, ['pool'])), 'embedder_changed')
  const another = await bench(t, { served, model: 'other' })
  another.server.usually = embed({ model: 'words:2' })
  t.equal(codeOf(await embedded(another.embedder, ['pool'])), 'ok')
  writeFileSync(join(dir, SERVED_FILE), '{"embedder":')
  const torn = await bench(t, { served, model: 'other' })
  torn.server.usually = embed({ model: 'words:3' })
  t.equal(codeOf(await embedded(torn.embedder, ['pool'])), 'ok', 'a torn file says nothing')
})

t.test('queries do not wait behind documents; what waits is bounded', async t => {
  const { server, embedder } = await bench(t)
  server.usually = (response, asked) => (asked.input[0] === 'query' ? embed()(response, asked) : undefined)
  const results: string[] = []
  for (let i = 0; i < EMBED_QUEUE_MAX + 3; i++) embedder.embed([`document ${i}`], 'document', result => results.push(codeOf(result)))
  t.same(results, ['full'], 'two are under way, as many as the queue holds wait, and one is too many')
  t.equal(codeOf(await embedded(embedder, ['query'], 'query')), 'ok')
  embedder.close()
  await until(() => results.length === EMBED_QUEUE_MAX + 3)
  t.same(new Set(results.slice(1)), new Set(['stopping']), 'a close ends them')
  t.equal(codeOf(await embedded(embedder, ['pool'])), 'stopping')
})

t.test('a close ends what pauses and what travels', async t => {
  const { server, embedder } = await bench(t, { clock: hostClock })
  server.next.push(refuse(429, { 'retry-after': '50' }), hang)
  const results = [embedded(embedder, ['pauses']), embedded(embedder, ['travels'], 'query')]
  await until(() => server.asked.length === 2)
  embedder.close()
  t.same((await Promise.all(results)).map(codeOf), ['stopping', 'stopping'])
})

for (const url of ['file:///etc/passwd', 'ftp://example.org/v1', 'http://me:secret@example.org/v1', 'example.org', ''])
  t.test(`nothing is sent to ${JSON.stringify(url)}`, async t => {
    await t.rejects(bench(t, { url }), { code: 'config_invalid' })
  })

t.test('a cache of vectors forgets the least used', async t => {
  const cache = new VectorCache(2, 3 * (4 * 2 + 256))
  const vectorOf = (n: number): Float32Array => Float32Array.of(n, n)
  for (const [i, text] of ['a', 'b', 'c'].entries()) cache.set(text, vectorOf(i))
  t.same(cache.get('a'), vectorOf(0))
  cache.set('d', vectorOf(3))
  t.same(
    ['a', 'b', 'c', 'd'].map(text => cache.get(text)?.[0]),
    [0, undefined, 2, 3],
  )
  cache.set('a', vectorOf(9))
  t.same(cache.get('a'), vectorOf(9))
  t.equal(cache.get(''), undefined)
})
