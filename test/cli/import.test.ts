import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { newCommits } from '../../cli/import/git-history.ts'
import type { ImportSummary } from '../../cli/import/import-items.ts'
import type { PrunedSummary } from '../../cli/import/prune.ts'
import type { Request } from '../../node/commands/types.ts'
import { readControlFile } from '../../node/host/directory.ts'
import type { Explanation, MemoryDetail, MemoryPage, MemoryStatus, Recollection } from '../../node/index.ts'
import { ask, ended, environment, failure, lines, nodeAt, starts, temporary, until, weft } from './weft.ts'

interface Exported {
  readonly id: string
  readonly key?: string
  readonly text: string
  readonly meta?: Readonly<Record<string, string>>
  readonly validFrom?: string
  readonly edges?: readonly { readonly type: string; readonly to: string; readonly weight: number }[]
  readonly author: string
  readonly at: string
}

/** A repository of its own: no setting of whoever runs the tests reaches it. */
class Repository {
  readonly path: string
  #minute = 0

  constructor(path: string) {
    this.path = path
    mkdirSync(path)
    this.git('init', '--quiet', '--initial-branch=main')
  }

  git(...args: readonly string[]): string {
    const at = `2026-01-05T10:${String(this.#minute).padStart(2, '0')}:00Z`
    const who = {
      GIT_AUTHOR_NAME: 'Ada',
      GIT_AUTHOR_EMAIL: 'ada@example.org',
      GIT_COMMITTER_NAME: 'Ada',
      GIT_COMMITTER_EMAIL: 'ada@example.org',
      GIT_AUTHOR_DATE: at,
      GIT_COMMITTER_DATE: at,
    }
    return execFileSync('git', ['-C', this.path, ...args], {
      encoding: 'utf8',
      env: environment({ ...who, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }),
    }).trim()
  }

  /** @returns its hash */
  commit(message: string, files: Readonly<Record<string, string>> = {}): string {
    this.#minute++
    for (const [name, content] of Object.entries(files)) writeFileSync(join(this.path, name), content)
    this.git('add', '--all')
    this.git('commit', '--quiet', '--allow-empty', '--no-gpg-sign', '-m', message)
    return this.git('rev-parse', 'HEAD')
  }
}

function counts({ imported, skipped, failed }: ImportSummary): readonly number[] {
  return [imported, skipped, failed.length]
}

t.test('a git history is imported once, and then what is new of it', { timeout: 60_000 }, async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const importGit = (path: string): Promise<ImportSummary> => ask(['mem', 'import', 'git', path, '--dir', dir])
  const repository = new Repository(join(root, 'repository'))
  t.same(counts(await importGit(repository.path)), [0, 0, 0], 'nothing has been committed yet')

  const pool = repository.commit('Limit the pool to 200 connections\n\nThe database refuses more.', { 'pool.ts': '200' })
  repository.commit('Write a README', { 'README.md': '# Ledger' })
  repository.git('checkout', '--quiet', '-b', 'side')
  const wider = repository.commit('Allow 400 connections', { 'pool.ts': '400' })
  repository.git('checkout', '--quiet', 'main')
  repository.commit('Say what the ledger is for', { 'README.md': '# Ledger of debts' })
  repository.git('merge', '--quiet', '--no-ff', '--no-edit', 'side')
  const revert = repository.commit(`Revert "Allow 400 connections"\n\nThis reverts commit ${wider}.`, { 'pool.ts': '200' })
  t.same(counts(await importGit(repository.path)), [6, 0, 0])

  const { hits } = await ask<Recollection>(['mem', 'recall', 'limit connections of the pool', '-k', '1', '--no-spread', '--dir', dir])
  t.match(hits, [
    {
      key: `git:${pool}`,
      text: /^Limit the pool to 200 connections\n\nThe database refuses more\./,
      validFrom: '2026-01-05T10:01:00.000Z',
    },
  ])
  const idOf = async (hash: string): Promise<string> => (await exported(dir)).find(row => row.key === `git:${hash}`)?.id as string
  const detail = await ask<MemoryDetail>(['mem', 'show', await idOf(revert), '--dir', dir])
  const reverted = await idOf(wider)
  t.same(
    detail.edges.filter(({ from, to }) => from === detail.id && to === reverted).map(({ type }) => type),
    ['contradicts'],
    'it is linked to what it reverts',
  )
  const { paths } = await ask<Explanation>(['mem', 'why', detail.id, '--dir', dir])
  t.ok(paths.length > 0, 'and that can be asked for')

  t.same(counts(await importGit(repository.path)), [0, 6, 0], 'again: nothing is read')
  repository.commit('Close connections that are idle', { 'pool.ts': '200, idle 30 s' })
  t.same(counts(await importGit(repository.path)), [1, 6, 0], 'only what is new')
  t.same(counts(await importGit(join(repository.path, '.git'))), [0, 7, 0], 'the same repository, named otherwise')

  const shallow = join(root, 'shallow')
  execFileSync('git', ['clone', '--quiet', '--depth', '2', `file://${repository.path}`, shallow], { env: environment() })
  const fresh = join(root, 'fresh')
  await nodeAt(fresh)
  const summary = await ask<ImportSummary>(['mem', 'import', 'git', shallow, '--dir', fresh])
  t.same(counts(summary), [2, 0, 0], 'a shallow clone has what it has')
  t.equal((await ask<MemoryStatus>(['mem', 'status', '--dir', fresh])).nodes, 2)
  t.same(counts(await ask<ImportSummary>(['mem', 'import', 'git', repository.path, '--dir', fresh])), [5, 2, 0], 'and the rest comes later')
})

t.test('a history that is imported as it grows is linked as one that is imported at once', { timeout: 60_000 }, async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const repository = new Repository(join(root, 'repository'))
  const importGit = (into: string): Promise<ImportSummary> => ask(['mem', 'import', 'git', repository.path, '--dir', into])
  const pool = repository.commit('Add the pool', { 'pool.ts': '1' })
  repository.git('checkout', '--quiet', '-b', 'side')
  repository.commit('Name the pool on a branch', { 'pool.ts': 'named', 'name.ts': '1' })
  repository.git('checkout', '--quiet', 'main')
  const cache = repository.commit('Add the cache', { 'cache.ts': '1' })
  const queue = repository.commit('Add the queue', { 'queue.ts': '1' })
  repository.commit('Widen the pool', { 'pool.ts': '2' })
  t.same(counts(await importGit(dir)), [4, 0, 0])

  repository.commit(`Close the pool\n\nFixes: ${pool}`, { 'pool.ts': '3', 'queue.ts': 'closed' })
  repository.commit(`Revert "Add the cache"\n\nThis reverts commit ${cache}.`, { 'cache.ts': '' })
  repository.commit(`Drain the queue\n\nFixes: ${queue.slice(0, 10)}`, { 'queue.ts': '2', 'pool.ts': '4' })
  t.same(counts(await importGit(dir)), [3, 4, 0])
  const links = await linksOf(dir)
  for (const link of [
    'Close the pool triggered-by Add the pool',
    'Close the pool correlates Add the queue',
    'Revert "Add the cache" contradicts Add the cache',
    'Drain the queue triggered-by Add the queue',
    'Drain the queue correlates Close the pool',
  ])
    t.ok(links.includes(link), link)

  repository.git('checkout', '--quiet', 'side')
  repository.git('merge', '--quiet', '-X', 'ours', '-m', 'Catch up with main', 'main')
  repository.git('checkout', '--quiet', 'main')
  repository.git('merge', '--quiet', '--no-ff', '-m', 'Merge the branch', 'side')
  repository.commit('Rename the pool', { 'name.ts': '2' })
  t.same(counts(await importGit(dir)), [4, 7, 0], 'a branch that is older than what is known')

  const fresh = join(root, 'fresh')
  await nodeAt(fresh)
  t.same(counts(await importGit(fresh)), [11, 0, 0])
  t.same(await linksOf(dir), await linksOf(fresh))
  t.same(shapeOf(await exported(dir)), shapeOf(await exported(fresh)))
})

t.test('of the newest commits, links beyond them are left out unless they lead to what is remembered', async t => {
  const repository = new Repository(join(temporary(t), 'repository'))
  const hashes = ['One', 'Two', 'Three', 'Four', 'Five'].map(message => repository.commit(message, { 'same.ts': message }))
  const newest = async (known: readonly number[]): Promise<readonly unknown[]> => {
    const keys = new Set(known.map(n => `git:${hashes[n - 1]}`))
    const has = async (_: string, asked: { readonly keys: readonly string[] }): Promise<unknown> => ({
      known: asked.keys.filter(key => keys.has(key)),
    })
    const commits = await newCommits(repository.path, has as unknown as Request, 3)
    const found: unknown[] = [commits.total, commits.known]
    for await (const entries of commits.entries) {
      for (const entry of entries) {
        if (!('item' in entry)) throw new Error(entry.message)
        const to = (entry.item.edges ?? []).map(edge => `${edge.type} ${hashes.indexOf(edge.to.slice(4)) + 1}`)
        found.push([entry.place, entry.item.text, ...to])
      }
    }
    return found
  }
  t.same(await newest([]), [3, 0, [1, 'Three'], [2, 'Four', 'follows 3'], [3, 'Five', 'follows 4']])
  t.same(await newest([1, 2]), [3, 0, [1, 'Three', 'follows 2'], [2, 'Four', 'follows 3'], [3, 'Five', 'follows 4']])
  t.same(await newest([2, 3, 4]), [3, 2, [3, 'Five', 'follows 4']])
  t.same(await newest([3, 4, 5]), [3, 3])
})

/** Every link, by the first lines of what it links. */
async function linksOf(dir: string): Promise<readonly string[]> {
  const rows = await exported(dir)
  const subjects = new Map(rows.map(({ id, text }) => [id, text.split('\n', 1)[0]]))
  return rows.flatMap(({ id, edges }) => (edges ?? []).map(({ type, to }) => `${subjects.get(id)} ${type} ${subjects.get(to)}`)).sort()
}

async function exported(dir: string): Promise<readonly Exported[]> {
  return lines<Exported>((await weft(['mem', 'export', '--dir', dir])).stdout)
}

t.test('lines are imported with links to lines further down, and what is exported can be imported', { timeout: 60_000 }, async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const file = join(root, 'history.jsonl')
  const rows = [
    { key: 'outage', text: 'Checkout was down for an hour', meta: { service: 'checkout', minutes: 60 }, validFrom: '2026-01-02' },
    {
      key: 'cause',
      text: 'A deploy removed an index',
      edges: [
        { type: 'causes', to: 'outage' },
        { type: 'triggered-by', to: 'deploy', weight: 0.8 },
      ],
    },
    { key: 'deploy', text: 'Version 41 was deployed', source: 'the pipeline' },
    { text: 'Nobody was on call' },
  ]
  writeFileSync(file, `${rows.map(row => JSON.stringify(row)).join('\n')}\n`)
  const importFile = (into: string, name: string = file): Promise<ImportSummary> => ask(['mem', 'import', 'jsonl', name, '--dir', into])
  t.same(counts(await importFile(dir)), [4, 0, 0])
  t.same(counts(await importFile(dir)), [0, 4, 0], 'once')
  const status = await ask<MemoryStatus>(['mem', 'status', '--dir', dir])
  t.same([status.nodes, status.edges, status.dangling], [4, 2, 0])

  const stdin = await weft(['mem', 'import', 'jsonl', '-', '--json', '--progress', '--dir', dir], {
    input:
      '{"key":"more","text":"And one more","edges":[{"type":"follows","to":"outage"},{"type":"follows","to":"nowhere"}]}\n{"key":"broken"\n',
  })
  t.equal(stdin.code, 1)
  t.match(stdin.stderr, /imported/)
  const { imported, failed } = JSON.parse(stdin.stdout) as ImportSummary
  t.equal(imported, 1, 'a link that leads nowhere does not cost the memory')
  t.match(failed, [
    { line: 1, key: 'more', code: 'unknown_id', message: /"nowhere".*; the memory itself is in$/ },
    { line: 2, code: 'import_invalid' },
  ])

  const row = {
    key: 'bill',
    text: 'The bill was late',
    edges: [
      { type: 'follows', to: 'outage' },
      { type: 'follows', to: 'later' },
    ],
  }
  const billing = await weft(['mem', 'import', 'jsonl', '-', '--space', 'billing', '--json', '--dir', dir], {
    input: `${JSON.stringify(row)}\n{"key":"later","text":"It was paid"}\n`,
  })
  t.equal(billing.code, 1)
  t.match(JSON.parse(billing.stdout), {
    imported: 2,
    failed: [{ line: 1, key: 'bill', code: 'other_space', message: /"outage", which is in space main/ }],
  })
  t.match(await ask(['mem', 'status', '--space', 'billing', '--dir', dir]), { nodes: 2, edges: 1, dangling: 0 })

  const out = join(root, 'export.jsonl')
  t.same(await ask(['mem', 'export', '--out', out, '--dir', dir]), { exported: 5, file: out })
  const written = lines<Exported>(readFileSync(out, 'utf8'))
  t.equal((await weft(['mem', 'export', '--dir', dir])).stdout, readFileSync(out, 'utf8'), 'the same on stdout')
  t.match(written[0], {
    id: /^[0-9a-f]{64}$/,
    key: 'outage',
    text: rows[0]?.text,
    meta: { service: 'checkout', minutes: '60' },
    validFrom: '2026-01-02T00:00:00.000Z',
    author: /^12D3KooW/,
    at: /Z$/,
  })
  t.same(counts(await importFile(dir, out)), [0, 5, 0], 'where it comes from, nothing is new')

  const other = join(root, 'other')
  await nodeAt(other)
  t.same(counts(await importFile(other, out)), [5, 0, 0])
  t.same(counts(await importFile(other, out)), [0, 5, 0])
  const graph = (await weft(['mem', 'export', '--format', 'graphml', '--dir', dir])).stdout
  t.equal(graph.match(/<node id="[0-9a-f]{64}">/g)?.length, 5)
  t.equal(
    graph.match(/<edge /g)?.length,
    written.reduce((sum, row) => sum + (row.edges?.length ?? 0), 0),
    'every link between what is there',
  )
  t.match(graph, /^<\?xml version="1.0" encoding="UTF-8"\?>\n<graphml [\s\S]*<\/graphml>\n$/)
  const there = await exported(other)
  t.equal(new Set([...there, ...written].map(({ author }) => author)).size, 2)
  t.ok(
    there.every(({ author }) => author === there[0]?.author),
    'by the node that imports',
  )
  for (const [command, says] of [
    [['import', 'jsonl'], /as this node's own, written now/],
    [['import', 'cbor'], /labels that say who wrote what, and when/],
    [['export'], /import jsonl reads again is by the node that imports it[^]*import cbor keeps authors and times/],
  ] as const)
    t.match((await weft(['mem', ...command, '--help'])).stdout, says, command.join(' '))
  t.same(shapeOf(there), shapeOf(written), 'elsewhere it is the same, with links to the ids it has there')
})

/** What is said and linked, whoever wrote it: ids as the keys or texts that they stand for. */
function shapeOf(rows: readonly Exported[]): readonly unknown[] {
  const names = new Map(rows.map(row => [row.id, row.key ?? row.text]))
  return rows.map(({ id: _id, author: _author, at: _at, edges, ...said }) => ({
    ...said,
    edges: edges?.map(edge => ({ ...edge, to: names.get(edge.to) })).sort((a, b) => ((a.to ?? '') < (b.to ?? '') ? -1 : 1)),
  }))
}

t.test('notes are imported by their sections', async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const notes = join(root, 'notes')
  mkdirSync(join(notes, 'deep', 'node_modules'), { recursive: true })
  writeFileSync(join(notes, 'pool.md'), '# The pool\n\nIt holds 200 connections.\n\n## Why 200\n\nSee [the outage](deep/outage.md).\n')
  writeFileSync(join(notes, 'deep', 'outage.md'), '# The outage\n\nCheckout was down for an hour.\n')
  writeFileSync(join(notes, 'deep', 'node_modules', 'other.md'), '# Not ours\n\nOf somebody else.\n')
  mkdirSync(join(notes, '.trash'))
  writeFileSync(join(notes, '.trash', 'old.md'), '# Thrown away\n\nLong ago.\n')
  writeFileSync(join(notes, 'latin.md'), Buffer.from('# Caf\xe9\n', 'latin1'))
  const first = await weft(['mem', 'import', 'markdown', notes, '--json', '--dir', dir])
  const summary = JSON.parse(first.stdout) as ImportSummary
  t.equal(first.code, 1)
  t.same(counts(summary), [3, 0, 1])
  t.same(summary.failed, [{ key: 'md:latin.md', code: 'text_invalid', message: 'cannot read latin.md: it is not UTF-8' }])
  t.match(
    (await weft(['mem', 'import', 'markdown', notes, '--dir', dir])).stdout,
    /\n  md:latin\.md: cannot read latin\.md: it is not UTF-8 \(text_invalid\)\n$/,
    'a file is named by its path, not by the line of a list that nobody sees',
  )
  const rows = await exported(dir)
  t.same(rows.map(row => row.key).sort(), ['md:deep/outage.md#the-outage', 'md:pool.md#the-pool', 'md:pool.md#why-200'])
  writeFileSync(join(notes, 'latin.md'), '# Café\n\nOpen until ten.\n')
  t.same(counts(await ask<ImportSummary>(['mem', 'import', 'markdown', notes, '--dir', dir])), [1, 3, 0])
  writeFileSync(join(notes, 'deep', 'outage.md'), '# The outage\n\nCheckout was down for two hours.\n')
  t.same(
    counts(await ask<ImportSummary>(['mem', 'import', 'markdown', notes, '--dir', dir])),
    [1, 3, 0],
    'what changed replaces what it was',
  )
  writeFileSync(join(notes, 'UP.MD'), '# Upper case\n\nSee [[pool]].\n')
  t.same(counts(await ask<ImportSummary>(['mem', 'import', 'markdown', notes, '--dir', dir])), [1, 4, 0])
  t.match((await exported(dir)).find(({ key }) => key === 'md:UP.MD#upper-case')?.edges, [{ type: 'derived-from' }])
  const { hits } = await ask<Recollection>(['mem', 'recall', 'how long was checkout down', '-k', '1', '--dir', dir])
  t.match(hits, [{ key: 'md:deep/outage.md#the-outage', text: /two hours/ }])
})

t.test('with --prune what a folder has no more is taken back, and what was moved is replaced by itself', { timeout: 60_000 }, async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const [notes, others] = [join(root, 'notes'), join(root, 'others')]
  for (const folder of [notes, others]) mkdirSync(folder)
  writeFileSync(join(notes, 'pool.md'), '# The pool\n\nIt holds 200 connections.\n\n## Why 200\n\nNobody knows.\n')
  writeFileSync(join(notes, 'outage.md'), '# The outage\n\nSee [the pool](pool.md).\n')
  writeFileSync(join(notes, 'draft.md'), '# A draft\n\nNot done.\n')
  for (const name of ['a', 'b', 'c', 'd', 'e']) writeFileSync(join(others, `${name}.md`), `# Of others\n\n${name}\n`)
  const run = (folder: string, ...args: readonly string[]): Promise<PrunedSummary> =>
    ask(['mem', 'import', 'markdown', folder, ...args, '--dir', dir])
  const keys = async (): Promise<readonly (string | undefined)[]> => (await exported(dir)).map(({ key }) => key).sort()
  await ask(['mem', 'remember', 'not imported', '--key', 'mine', '--dir', dir])
  t.match(await run(notes, '--prune'), { imported: 4, skipped: 0, moved: 0, pruned: 0 })
  t.same(counts(await run(others, '--as', 'others')), [5, 0, 0])

  renameSync(join(notes, 'outage.md'), join(notes, 'the-outage.md'))
  writeFileSync(join(notes, 'pool.md'), '# The pool\n\nIt holds 200 connections.\n')
  writeFileSync(join(notes, 'draft.md'), Buffer.from('# A draft\n\nN\xf6t done.\n', 'latin1'))
  t.equal((await weft(['mem', 'import', 'markdown', notes, '--dir', dir])).code, 1, 'a file cannot be read')
  t.equal((await keys()).includes('md:outage.md#the-outage'), true, 'nothing is taken back without being asked to')
  const pruned = await weft(['mem', 'import', 'markdown', notes, '--prune', '--json', '--dir', dir])
  t.equal(pruned.code, 1)
  t.match(JSON.parse(pruned.stdout), { imported: 0, skipped: 2, moved: 1, pruned: 1, failed: [{ key: 'md:draft.md' }] })
  t.same(
    await keys(),
    [
      ...['a', 'b', 'c', 'd', 'e'].map(name => `md@others:${name}.md#of-others`),
      'md:draft.md#a-draft',
      'md:pool.md#the-pool',
      'md:the-outage.md#the-outage',
      'mine',
    ].sort(),
    'neither what could not be read nor what is from elsewhere is taken back',
  )
  const { memories } = await ask<MemoryPage>(['mem', 'list', '--dir', dir])
  const old = memories.find(({ key }) => key === 'md:outage.md#the-outage')
  const detail = await ask<MemoryDetail>(['mem', 'show', old?.id as string, '--dir', dir])
  t.match(detail, { state: 'superseded', supersededBy: [memories.find(({ key }) => key === 'md:the-outage.md#the-outage')?.id] })
  writeFileSync(join(notes, 'draft.md'), '# A draft\n\nNot done.\n')
  t.match(await run(notes, '--prune'), { imported: 0, skipped: 3, moved: 0, pruned: 0 }, 'once')
  renameSync(join(notes, 'the-outage.md'), join(notes, 'outage.md'))
  t.match(await run(notes, '--prune'), { imported: 1, skipped: 2, gone: 0, moved: 1, pruned: 0 }, 'what was moved can be moved back')

  t.match(await failure(['mem', 'import', 'markdown', join(root, 'empty'), '--prune', '--dir', dir]), { code: 'import_invalid' })
  mkdirSync(join(root, 'empty'))
  const empty = ['mem', 'import', 'markdown', join(root, 'empty'), '--prune', '--dir', dir] as const
  t.match(await failure(empty), { code: 'invalid_argument', message: /3 would be taken back/, next: /--as NAME/ })
  t.equal((await keys()).length, 9, 'nothing was done')
  t.match(await failure(['mem', 'import', 'markdown', notes, '--force', '--dir', dir]), { code: 'invalid_argument' })
  t.match(await failure(['mem', 'import', 'markdown', notes, '--as', 'A B', '--dir', dir]), { code: 'usage' })
  t.match((await weft([...empty, '--force'])).stdout, /^0 memories imported, 0 known already, 0 moved, 3 taken back, 0 failed/)
  t.equal((await keys()).length, 6)
})

t.test('conversations and the files of memory servers are imported once, and then what is new of them', async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const chat = join(root, 'session.jsonl')
  const message = (role: string, content: string, uuid: string): string =>
    `${JSON.stringify({ sessionId: 's', uuid, message: { role, content } })}\n`
  writeFileSync(chat, message('user', 'why is checkout slow?', '1') + message('assistant', 'its pool of connections is full', '2'))
  const from = (...words: readonly string[]): Promise<ImportSummary> => ask(['mem', 'import', ...words, '--dir', dir])
  t.same(counts(await from('chat', chat)), [2, 0, 0])
  appendFileSync(chat, `${message('user', 'then widen it', '3')}{"broken`)
  const again = await weft(['mem', 'import', 'chat', chat, '--json', '--dir', dir])
  t.equal(again.code, 1, 'a broken line is told, and the rest is imported')
  t.match(JSON.parse(again.stdout), { imported: 1, skipped: 2, failed: [{ line: 4, code: 'import_invalid' }] })

  const twins = ['one', 'two'].map(name => {
    mkdirSync(join(root, name))
    const file = join(root, name, 'conv.json')
    writeFileSync(
      file,
      JSON.stringify([
        { role: 'user', content: `about ${name}` },
        { role: 'assistant', content: `said of ${name}` },
      ]),
    )
    return file
  })
  for (const wanted of [
    [2, 0, 0],
    [0, 2, 0],
  ])
    for (const twin of twins) t.same(counts(await from('chat', twin)), wanted)
  const stated = (await exported(dir)).filter(({ text }) => /of (one|two)$/.test(text))
  t.equal(stated.length, 2, 'of two files of one name neither replaces the other')

  const memory = join(root, 'memory.json')
  writeFileSync(
    memory,
    `${JSON.stringify({ type: 'entity', name: 'Ann', entityType: 'person', observations: ['owns the pool of connections'] })}\n`,
  )
  t.same(counts(await from('mcp', memory)), [2, 0, 0])
  t.same(counts(await from('mcp', memory)), [0, 2, 0])
  const { hits } = await ask<Recollection>(['mem', 'recall', 'who owns the pool', '--dir', dir])
  t.match(hits[0], { text: 'Ann: owns the pool of connections', meta: { entity: 'Ann', kind: 'person' } })
  t.ok(
    hits.some(({ key }) => key === 'chat:s/2'),
    'and what was said of it',
  )

  writeFileSync(memory, JSON.stringify({ entities: [{ name: 'Ann' }, { entityType: 'person' }], relations: [{ from: 'Ann' }] }))
  for (const [kind, file, text, says] of [
    ['chat', chat, '[1,2]', /item 1: neither a message nor a conversation .*\n  item 2: /],
    ['chat', chat, '1\n\n2\n', /line 1: .*\n  line 3: /],
    ['mcp', memory, readFileSync(memory, 'utf8'), /2 failed\n  item 2: .*\n  item 3: /],
  ] as const) {
    writeFileSync(file, text)
    t.match((await weft(['mem', 'import', kind, file, '--dir', dir])).stdout, says, 'what is wrong is where a person would count to')
  }

  for (const [file, says] of [
    [join(root, 'none'), /cannot read/],
    [root, /cannot read/],
  ] as const) {
    const { code, stderr } = await weft(['mem', 'import', 'chat', file, '--json', '--dir', dir])
    t.match({ code, stderr }, { code: 1, stderr: says })
  }
  writeFileSync(chat, Uint8Array.of(0xff, 0xfe))
  t.match((await weft(['mem', 'import', 'chat', chat, '--dir', dir])).stderr, /not UTF-8/)
})

t.test('a key on several lines has the last text of them, and a second import writes nothing', { timeout: 60_000 }, async t => {
  const dir = join(temporary(t), 'node')
  await nodeAt(dir)
  const run = async (...texts: readonly string[]): Promise<readonly number[]> => {
    const rows = texts.map(text => (/^v\d$/.test(text) ? { text, key: 'k' } : { text, key: text, edges: [{ type: 'follows', to: 'k' }] }))
    const input = rows.map(row => `${JSON.stringify(row)}\n`).join('')
    const { code, stdout } = await weft(['mem', 'import', 'jsonl', '-', '--json', '--dir', dir], { input })
    t.equal(code, 0)
    return counts(JSON.parse(stdout) as ImportSummary)
  }
  const now = async (): Promise<Exported | undefined> => (await exported(dir)).find(({ key }) => key === 'k')
  for (const [texts, first, last] of [
    [['v1', 'v2'], [2, 0, 0], 'v2'],
    [['v1', 'v2', 'v1'], [1, 2, 0], 'v1'],
    [['v2'], [1, 0, 0], 'v2'],
    [['v1', 'v1', 'v2', 'v3'], [1, 3, 0], 'v3'],
    [['v3', 'v1', 'after'], [2, 1, 0], 'v1'],
  ] as const) {
    t.same(await run(...texts), first, texts.join(' '))
    t.same(await run(...texts), [0, texts.length, 0], `${texts.join(' ')}, again`)
    t.equal((await now())?.text, last)
  }
  const last = await now()
  const links = (await exported(dir)).find(({ key }) => key === 'after')?.edges ?? []
  t.ok(
    links.some(({ to }) => to === last?.id),
    'a link leads to what its key has in the end',
  )
})

t.test('an import whose node goes away says how much is in, and that it can be run again', { timeout: 60_000 }, async t => {
  const dir = join(temporary(t), 'node')
  await nodeAt(dir)
  const rows = Array.from({ length: 700 }, (_, i) => `${JSON.stringify({ text: `line ${i}` })}\n`)
  const child = starts(['mem', 'import', 'jsonl', '-', '--json', '--dir', dir])
  const importing = ended(child)
  child.stdin?.on('error', () => {})
  child.stdin?.write(rows.slice(0, 600).join(''))
  await until('a batch is in', async () => (await ask<MemoryStatus>(['mem', 'status', '--dir', dir])).nodes >= 500)
  process.kill((readControlFile(dir) as { osPid: number }).osPid, 'SIGKILL')
  child.stdin?.end(rows.slice(600).join(''))
  const { code, stdout } = await importing
  t.equal(code, 2)
  t.match(JSON.parse(stdout), {
    error: {
      code: 'not_running',
      message: /does not answer; at least 500 memories are in$/,
      next: 'start it with weft start, and run the same import again: what is in already is skipped',
    },
  })
  await ask(['start', '-d', '--dir', dir])
  const again = await weft(['mem', 'import', 'jsonl', '-', '--json', '--dir', dir], { input: rows.join('') })
  t.match(JSON.parse(again.stdout), { imported: 200, skipped: 500 })
})

t.test('what is too long is cut, and the answer says so', async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const notes = join(root, 'notes')
  mkdirSync(notes)
  writeFileSync(join(notes, 'long.md'), `# Long\n\n${'ä'.repeat(20_000)}\n\n# Short\n\nOf few words.\n`)
  const { stdout } = await weft(['mem', 'import', 'markdown', notes, '--dir', dir])
  t.equal(stdout, '2 memories imported, 0 known already, 0 failed, 1 cut at 31,232 bytes (label cut)\n')
  t.match(
    (await exported(dir)).find(({ key }) => key === 'md:long.md#long'),
    { meta: { cut: '8774 bytes' } },
  )
  t.match(await ask(['mem', 'import', 'markdown', notes, '--dir', dir]), { imported: 0, skipped: 2, cut: 0 })
  const lines = join(root, 'lines.jsonl')
  writeFileSync(lines, `${JSON.stringify({ text: 'a branch', meta: { cut: 'by the storm' } })}\n`)
  t.match(await ask(['mem', 'import', 'jsonl', lines, '--dir', dir]), { imported: 1, cut: 0 }, 'a label of that name is a label')
})

t.test('what was taken back or replaced here stays so, however often it is imported', { timeout: 60_000 }, async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const repository = new Repository(join(root, 'repository'))
  const [first = '', second = ''] = ['One', 'Two', 'Three'].map(message => repository.commit(message))
  const file = join(root, 'notes.jsonl')
  const follows = (to: string): object => ({ edges: [{ type: 'follows', to }] })
  const rows = [
    { key: 'a', text: 'is forgotten' },
    { key: 'b', text: 'is replaced', ...follows('a') },
    { key: 'c', text: 'stays', ...follows('b') },
  ]
  const write = (...more: readonly object[]): void =>
    writeFileSync(file, [...rows, ...more].map(row => `${JSON.stringify(row)}\n`).join(''))
  write()
  const sources = [
    ['jsonl', file],
    ['git', repository.path],
  ] as const
  const run = (source: readonly string[], ...args: readonly string[]): Promise<ImportSummary> =>
    ask(['mem', 'import', ...source, ...args, '--dir', dir])
  for (const source of sources) t.match(await run(source), { imported: 3, gone: 0 })
  const idOf = async (key: string): Promise<string> => (await exported(dir)).find(row => row.key === key)?.id as string
  const by = (await ask<{ id: string }>(['mem', 'remember', 'is better', '--dir', dir])).id
  const replaced = await idOf('b')
  for (const key of ['a', `git:${first}`]) await ask(['mem', 'forget', await idOf(key), '--dir', dir])
  for (const key of ['b', `git:${second}`]) await ask(['mem', 'supersede', await idOf(key), '--by', by, '--dir', dir])

  write({
    key: 'd',
    text: 'is new',
    edges: [
      { type: 'follows', to: 'a' },
      { type: 'follows', to: 'b' },
    ],
  })
  repository.commit('Four')
  for (const source of sources) t.match(await run(source), { imported: 1, skipped: 1, gone: 2, failed: [] }, source[0])
  const detail = await ask<MemoryDetail>(['mem', 'show', await idOf('d'), '--dir', dir])
  t.same(
    detail.edges.map(({ to }) => to),
    [replaced],
    'a link leads to what was replaced, and none to what was taken back',
  )
  const { stdout } = await weft(['mem', 'import', 'jsonl', file, '--dir', dir])
  t.match(stdout, /^0 memories imported, 2 known already, 0 failed\n {2}2 taken back or replaced here .*: --again imports them\n$/)
  t.same(
    (await exported(dir)).map(({ key }) => key).filter(key => key === 'a' || key === 'b'),
    [],
  )
  for (const source of sources) t.match(await run(source, '--again'), { imported: 2, skipped: 2, gone: 0, failed: [] }, source[0])
  for (const source of sources) t.match(await run(source), { imported: 0, skipped: 4, gone: 0 }, source[0])
})

t.test('the bundled history is imported whole and answers questions', async t => {
  const dir = join(temporary(t), 'node')
  await nodeAt(dir)
  const sample = fileURLToPath(new URL('../../../examples/sample-history.jsonl', import.meta.url))
  const count = readFileSync(sample, 'utf8').trimEnd().split('\n').length
  t.ok(count >= 200, `${count} records`)
  t.same(counts(await ask<ImportSummary>(['mem', 'import', 'jsonl', sample, '--dir', dir])), [count, 0, 0])
  const status = await ask<MemoryStatus>(['mem', 'status', '--dir', dir])
  t.same([status.nodes, status.dangling, status.voids], [count, 0, 0])
  const { hits } = await ask<Recollection>(['mem', 'recall', 'why did checkout fail', '--dir', dir])
  t.equal(hits.length, 5)
  const whys = await Promise.all(hits.map(hit => ask<Explanation>(['mem', 'why', hit.id, '--dir', dir])))
  t.ok(
    whys.some(why => why.paths.some(path => path.steps.length > 2)),
    'with a chain of reasons',
  )
  const missing = await failure(['mem', 'import', 'jsonl', `${sample}.gone`, '--dir', dir])
  t.equal(missing.code, 'import_invalid')
})
