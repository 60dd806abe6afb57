import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { TEXT_MAX_BYTES } from '../../base/limits.ts'
import type { ImportSummary } from '../../cli/import/import-items.ts'
import type { MemoryPage, NodeStatus } from '../../node/api.ts'
import { ask, failure, nodeAt, temporary, weft } from './weft.ts'

t.setTimeout(120_000)

t.test('a text that fills a record is quoted as well: what leaves room for it goes', async t => {
  const dir = temporary(t)
  const [here, there, file] = [join(dir, 'here'), join(dir, 'there'), join(dir, 'all.cbor')] as const
  await nodeAt(here)
  await nodeAt(there)
  const texts = [TEXT_MAX_BYTES, TEXT_MAX_BYTES - 100, TEXT_MAX_BYTES - 1000].map((length, i) => String(i).repeat(length))
  const ids: string[] = []
  for (const text of texts) {
    const { stdout } = await weft(['mem', 'remember', '-', '--json', '--dir', here], { input: text })
    ids.push((JSON.parse(stdout) as { id: string }).id)
  }
  await ask(['mem', 'link', ids[0] as string, 'causes', ids[1] as string, '--dir', here])
  const { cluster } = await ask<NodeStatus>(['status', '--dir', here])
  await ask(['mem', 'export', '--format', 'cbor', '--proofs', file, '--dir', here])
  const quote = (): Promise<ImportSummary> => ask(['mem', 'import', 'cbor', file, '--genesis', cluster, '--dir', there])
  t.match(await quote(), { imported: 3, skipped: 0, failed: [] })
  t.match(await quote(), { imported: 0, skipped: 3, failed: [] }, 'once')
  const { memories } = await ask<MemoryPage>(['mem', 'list', '--dir', there])
  t.strictSame(
    memories.map(({ text, source, meta }) => [text, source, Object.keys(meta)]),
    [
      [texts[0], undefined, []],
      [texts[1], ids[1], []],
      [texts[2], ids[2], ['quoted-at', 'quoted-author']],
    ],
  )
  t.match(await ask(['mem', 'status', '--dir', there]), { nodes: 3, edges: 1, dangling: 0 })
})

t.test('a memory is exported with its proofs, checked without a node, and quoted in another cluster, once', async t => {
  const dir = temporary(t)
  const [here, there, file] = [join(dir, 'here'), join(dir, 'there'), join(dir, 'all.cbor')] as const
  await nodeAt(here)
  await nodeAt(there)
  const cause = await ask<{ id: string }>(['mem', 'remember', 'the pool is small', '--source', 'a book', '--dir', here])
  const effect = await ask<{ id: string }>(['mem', 'remember', 'checkout failed', '--dir', here])
  await ask(['mem', 'link', cause.id, 'causes', effect.id, '--dir', here])
  const { cluster } = await ask<NodeStatus>(['status', '--dir', here])
  t.match(await ask(['mem', 'export', '--format', 'cbor', '--proofs', file, '--dir', here]), { file, records: 4, logs: 1, forked: [] })

  t.match(await ask(['verify', file, '--genesis', cluster]), { verdict: 'valid', records: 4 })
  const people = await weft(['verify', file, '--genesis', cluster])
  t.equal(people.code, 0)
  t.match(people.stdout, /proven: 4 records/)
  const bytes = readFileSync(file)
  const at = Math.floor(bytes.length / 2)
  const altered = join(dir, 'altered.cbor')
  writeFileSync(altered, bytes.with(at, (bytes[at] as number) ^ 1))
  t.equal((await weft(['verify', altered, '--genesis', cluster])).code, 1)
  t.equal((await weft(['verify', join(dir, 'nothing.cbor'), '--genesis', cluster])).code, 2)

  const other = join(dir, 'other')
  for (const [what, content] of Object.entries({
    list: '[]',
    object: '{}',
    words: 'hello',
    nothing: '',
    noise: Uint8Array.from({ length: 200 }, (_, i) => 0xff - i),
    'the bytes of an archive without its name': bytes.subarray(32),
  })) {
    writeFileSync(other, content)
    const { code, stdout } = await weft(['verify', other, '--genesis', cluster])
    t.same([code, stdout], [1, 'refused: it is neither a proof nor an export with proofs\n'], what)
  }
  for (const [content, says] of [
    ['{"format":"weft-proof/1"}', /^refused: it is no proof: cluster/],
    ['{"format":"weft-proof/1"', /^refused: it is not JSON/],
  ] as const) {
    writeFileSync(other, content)
    t.match(await weft(['verify', other, '--genesis', cluster]), { code: 1, stdout: says })
  }
  const named = bytes.indexOf('weft-archive/1')
  const version = named + 'weft-archive/'.length
  for (const [at, code] of [
    [0, 1],
    [1, 1],
    [named, 1],
    [version, 2],
    [version + 1, 1],
  ] as const) {
    writeFileSync(other, bytes.with(at, (bytes[at] as number) ^ 1))
    const judged = await weft(['verify', other, '--genesis', cluster])
    t.equal(judged.code, code, `byte ${at}: ${judged.stdout}`)
  }

  const quote = (): Promise<ImportSummary> => ask(['mem', 'import', 'cbor', file, '--genesis', cluster, '--dir', there])
  t.match(await quote(), { imported: 2, skipped: 0, failed: [] })
  t.match(await quote(), { imported: 0, skipped: 2, failed: [] })
  const { memories } = await ask<MemoryPage>(['mem', 'list', '--dir', there])
  t.strictSame(
    memories.map(({ text, source, meta }) => [text, source, meta['quoted-source']]),
    [
      ['the pool is small', cause.id, 'a book'],
      ['checkout failed', effect.id, undefined],
    ],
  )
  const { memories: originals } = await ask<MemoryPage>(['mem', 'list', '--dir', here])
  t.same(
    memories.map(({ meta }) => [meta['quoted-author'], meta['quoted-at']]),
    originals.map(({ author, at }) => [author, at]),
    'with who said it, and when',
  )
  const why = await ask<{ paths: { steps: { text: string }[] }[] }>(['mem', 'why', memories[1]?.id as string, '--dir', there])
  t.strictSame(
    why.paths[0]?.steps.map(({ text }) => text),
    ['checkout failed', 'the pool is small'],
    'links lead between quotes',
  )
  t.match(
    await ask(['mem', 'import', 'cbor', file, '--genesis', cluster, '--dir', here]),
    { imported: 0, skipped: 2 },
    'here they are themselves',
  )

  t.match(await failure(['mem', 'import', 'cbor', altered, '--genesis', cluster, '--dir', there]), { exit: 1, code: 'import_invalid' })
  t.match(await failure(['mem', 'export', '--format', 'cbor', '--dir', here]), { code: 'invalid_argument' })
  t.match(await failure(['mem', 'export', '--proofs', file, '--dir', here]), { code: 'invalid_argument' })
})
