import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { VECTOR_DIMS_MAX } from '../../base/limits.ts'
import type { ImportSummary } from '../../cli/import/import-items.ts'
import type { MemoryDetail, MemoryStatus, Receipt, Recollection } from '../../node/index.ts'
import { ask, failure, fourAtATime, lines, nodeAt, temporary, weft } from './weft.ts'

const M = 'external:compass:2'

/** Where so many degrees point to. */
function at(degrees: number): readonly number[] {
  return [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
}

t.test('memories are written with vectors and found by one, also after a restart', { timeout: 120_000 }, async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const mem = <T>(...args: readonly string[]): Promise<T> => ask<T>(['mem', ...args, '--dir', dir])
  const recall = async (degrees: number, ...more: readonly string[]): Promise<Recollection> => {
    const file = join(root, `${degrees}.json`)
    writeFileSync(file, JSON.stringify(at(degrees), null, 1))
    return mem<Recollection>('recall', '--vector', file, '--embedder', M, '--no-spread', ...more)
  }
  const texts = ({ hits }: Recollection): readonly string[] => hits.map(({ text }) => text)

  const input = [
    { text: 'north', vector: at(90) },
    { text: 'no vector' },
    { text: 'bad', vector: [1, null] },
    { text: 'three', vector: [1, 2, 3] },
    { text: 'east', vector: at(0) },
    { text: 'other', vector: [1, 2, 3], embedder: 'another-model' },
  ]
  const written = await weft(['mem', 'remember', '--jsonl', '-', '--embedder', M, '--dir', dir], {
    input: input.map(line => JSON.stringify(line)).join('\n'),
  })
  t.equal(written.code, 1, 'some lines failed')
  const answers = lines<Partial<Receipt> & { line?: number; error?: { code: string } }>(written.stdout)
  t.same(
    answers.map(({ line, error, vector }) => (error === undefined ? vector !== undefined : [line, error.code])),
    [true, false, [3, 'vector_invalid'], [4, 'vector_invalid'], true, true],
  )

  const file = join(root, 'more.jsonl')
  const more = [
    { text: 'west', vector: at(180) },
    { text: 'broken', vector: [0, 0] },
    { text: 'south', vector: at(270) },
  ]
  writeFileSync(file, more.map(line => JSON.stringify(line)).join('\n'))
  const imported = await weft(['mem', 'import', 'jsonl', file, '--embedder', M, '--json', '--dir', dir])
  t.equal(imported.code, 1)
  t.match(JSON.parse(imported.stdout) as ImportSummary, { imported: 2, failed: [{ line: 2, code: 'vector_invalid' }] })

  const found = await recall(10, '-k', '2')
  t.same(texts(found), ['east', 'north'])
  t.match(found, { exact: true, nearest: { embedder: M, dims: 2, missing: 0 } })
  t.same(texts(await recall(200, '-k', '1', '--exact')), ['west'])
  t.equal((await recall(10, '--truth', '--ef', '32')).nearest?.agreement, 1)
  const stdin = await weft(['mem', 'recall', '--vector', '-', '--embedder', M, '-k', '1', '--no-spread', '--dir', dir], {
    input: '[0.1, -1]',
  })
  t.match(stdin.stdout, /south/)
  t.match(stdin.stdout, /all vectors of external:compass:2 were looked at/)
  const asked = await weft(['mem', 'recall', '--jsonl', '-', '--embedder', M, '--no-spread', '-k', '1', '--dir', dir], {
    input: `${JSON.stringify({ vector: at(91) })}\n{"query":"no vector"}\n{"vector":[1]}\n`,
  })
  t.same(
    lines<Recollection & { line?: number; error?: { code: string } }>(asked.stdout).map(answer => answer.error?.code ?? texts(answer)[0]),
    ['north', 'no vector', 'vector_invalid'],
  )

  const { indexes } = await mem<MemoryStatus>('status')
  t.match(indexes, [
    { embedder: 'another-model', dims: 3, vectors: 1 },
    { embedder: M, dims: 2, vectors: 4, missing: 0, state: 'ready' },
  ])
  t.match((await weft(['mem', 'status', '--dir', dir])).stdout, /vectors +external:compass:2: 4 vectors of 2 dimensions/)
  const id = found.hits[0]?.id as string
  t.same((await mem<MemoryDetail>('show', id)).embedders, [{ embedder: M, dims: 2 }])
  t.match((await weft(['mem', 'show', id, '--dir', dir])).stdout, /vectors of +external:compass:2/)
  const vector = join(root, 'vector.json')
  writeFileSync(vector, JSON.stringify(at(45)))
  const again = await mem<Receipt>('remember', 'east', '--vector', vector, '--embedder', M)
  t.equal(again.id, id, 'the same memory, elsewhere')
  t.same(texts(await recall(46, '-k', '1')), ['east'])

  await weft(['stop', '--dir', dir])
  await nodeAt(dir)
  let back = await recall(46, '-k', '1')
  for (let i = 0; i < 50 && (back.nearest?.missing ?? 1) > 0; i++) back = await recall(46, '-k', '1')
  t.same(back.hits, (await recall(46, '-k', '1')).hits)
  t.same(texts(back), ['east'])

  const wrong = await weft(['mem', 'remember', '--jsonl', '-', '--embedder', M, '--dir', dir], {
    input: '{"text":"beyond","vector":[1e999,0]}\n{"text":"as text","vector":["1",0]}\n{"text":"no list","vector":"1"}\n',
  })
  t.match(
    lines<{ error: { code: string; message: string } }>(wrong.stdout).map(({ error: { code, message } }) => `${code}: ${message}`),
    [/^vector_invalid: number 0 of the vector is Infinity$/, /^vector_invalid: number 0 of the vector is "1"$/, /^invalid_argument/],
    'as the line has it, not as JSON would send it',
  )
  writeFileSync(join(root, 'beyond.json'), '[0, -1e999]')
  await fourAtATime(
    [
      { args: ['recall', '--vector', join(root, 'beyond.json'), '--embedder', M], code: 'vector_invalid' },
      { args: ['recall', '--vector', join(root, 'none.json'), '--embedder', M], code: 'import_invalid' },
      { args: ['recall', '--vector', file, '--embedder', M], code: 'vector_invalid' },
      { args: ['recall', '--vector', vector], code: 'invalid_argument' },
      { args: ['recall', '--vector', vector, '--embedder', 'external:nobody:2'], code: 'embedder_unknown' },
      { args: ['recall', '--vector', vector, '--embedder', 'another-model'], code: 'vector_invalid' },
      { args: ['recall', 'x', '--exact'], code: 'invalid_argument' },
      { args: ['remember', 'x', '--embedder', M], code: 'invalid_argument' },
      { args: ['recall'], code: 'usage' },
    ],
    async ({ args, code }) => {
      t.equal((await failure(['mem', ...args, '--dir', dir])).code, code, args.join(' '))
    },
  )
})

t.test('an export has the vectors that callers gave, and an import of it finds by them', { timeout: 120_000 }, async t => {
  const root = temporary(t)
  const [dir, other] = [join(root, 'node'), join(root, 'other')]
  await Promise.all([nodeAt(dir), nodeAt(other)])
  const N = 'external:needle:3'
  const input = [
    { text: 'north', key: 'n', vector: at(90), embedder: M },
    { text: 'north', key: 'n', vector: [1, 1, 1], embedder: N },
    { text: 'east', vector: at(1), embedder: M },
    { text: 'of a model', vector: [1, 2], embedder: 'a-model' },
    { text: 'nowhere' },
  ]
  await weft(['mem', 'remember', '--jsonl', '-', '--dir', dir], { input: input.map(line => JSON.stringify(line)).join('\n') })
  const [north, east] = (await ask<Recollection>(['mem', 'recall', 'north east', '--dir', dir, '--no-spread'])).hits.map(({ id }) => id)
  await ask(['mem', 'link', north as string, 'correlates', east as string, '--dir', dir])

  const out = join(root, 'out.jsonl')
  t.same(await ask(['mem', 'export', '--out', out, '--dir', dir]), { exported: 4, file: out })
  const rows = lines<{ text: string; vector?: readonly number[]; embedder?: string; edges?: unknown }>(readFileSync(out, 'utf8'))
  t.same(
    rows.map(({ text, embedder }) => [text, embedder]),
    [
      ['north', M],
      ['north', N],
      ['east', M],
      ['of a model', undefined],
      ['nowhere', undefined],
    ],
    'a memory once for each vector of it',
  )
  t.equal(rows.filter(({ edges }) => edges !== undefined).length, 1, 'and its links once')
  const graph = (await weft(['mem', 'export', '--format', 'graphml', '--dir', dir])).stdout
  t.equal(graph.match(/<node /g)?.length, 4)

  // Elsewhere the words are known already, as from an export that had no vectors.
  const bare = join(root, 'bare.jsonl')
  writeFileSync(bare, rows.map(({ vector: _, embedder: __, edges: ___, ...row }) => JSON.stringify(row)).join('\n'))
  t.match(await ask(['mem', 'import', 'jsonl', bare, '--dir', other]), { imported: 4, skipped: 1, failed: [] })
  const status = (): Promise<MemoryStatus> => ask<MemoryStatus>(['mem', 'status', '--dir', other])
  t.same((await status()).indexes, [])
  t.match(await ask(['mem', 'import', 'jsonl', out, '--dir', other]), { imported: 0, skipped: 5, failed: [] })
  const { indexes, frontier } = await status()
  t.match(indexes, [
    { embedder: M, vectors: 2 },
    { embedder: N, vectors: 1 },
  ])
  t.match(await ask(['mem', 'import', 'jsonl', out, '--dir', other]), { imported: 0, skipped: 5, failed: [] })
  t.equal((await status()).frontier, frontier, 'nothing is written twice')

  const question = join(root, 'question.json')
  for (const [vector, embedder, text] of [
    [at(80), M, 'north'],
    [at(10), M, 'east'],
    [[1, 1, 2], N, 'north'],
  ] as const) {
    writeFileSync(question, JSON.stringify(vector))
    const found = await ask<Recollection>(['mem', 'recall', '--vector', question, '--embedder', embedder, '--no-spread', '--dir', other])
    t.equal(found.hits[0]?.text, text)
  }
  const back = join(root, 'back.jsonl')
  await ask(['mem', 'export', '--out', back, '--dir', other])
  const vectorsOf = (text: string): readonly unknown[] =>
    lines<{ vector?: unknown }>(text).flatMap(({ vector }) => (vector === undefined ? [] : [vector]))
  t.same(vectorsOf(readFileSync(back, 'utf8')), vectorsOf(readFileSync(out, 'utf8')), 'the same numbers')

  // 64 vectors of the longest fill an answer: it ends between two of one memory.
  const long = Array.from({ length: 79 }, (_, i) => {
    const vector = Array.from({ length: VECTOR_DIMS_MAX }, (_, n) => (n + i) % 10)
    return { text: `long ${(i + 1) >> 1}`, vector, embedder: `external:long-${i % 2}:${VECTOR_DIMS_MAX}` }
  })
  await weft(['mem', 'remember', '--jsonl', '-', '--dir', other], { input: long.map(line => JSON.stringify(line)).join('\n') })
  t.same(await ask(['mem', 'export', '--out', back, '--dir', other]), { exported: 44, file: back })
  const named = ({ text, embedder }: { readonly text: string; readonly embedder?: string }): string => `${text} ${embedder}`
  t.same(
    lines<{ text: string; embedder: string }>(readFileSync(back, 'utf8'))
      .filter(({ text }) => text.startsWith('long'))
      .map(named)
      .sort(),
    long.map(named).sort(),
    'each vector once, however many answers it takes',
  )
})
