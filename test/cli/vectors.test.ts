import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
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
