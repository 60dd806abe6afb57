import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import t from 'tap'
import { ENTITY_HOLDERS_MAX, JSONL_IN_FLIGHT } from '../../base/limits.ts'
import { isAlive } from '../../cli/background.ts'
import { type Route, ROUTES } from '../../cli/routes.ts'
import { ROW_MAX_CHARS } from '../../cli/text.ts'
import { wordsIn } from '../../cli/words.ts'
import type {
  ChainHeads,
  ChainPage,
  ConflictList,
  Explanation,
  InviteResult,
  MemberList,
  MemoryDetail,
  ChangedMemory,
  MemoryDifference,
  MemoryPage,
  MemoryStatus,
  NodeStatus,
  ProcessList,
  EntityList,
  MemoryTimeline,
  Receipt,
  Recollection,
  WhatIf,
} from '../../node/index.ts'
import { type ConfigValues, resolveConfig, settingsOf } from '../../node/config.ts'
import { type LastAddresses, lastAddresses, missingAddresses } from '../../node/last-addresses.ts'
import { ask, type Ended, ended, environment, lines, nodeAt, starts, temporary, until, WEFT, weft } from './weft.ts'

const HEX: RegExp = /^[0-9a-f]{64}$/
const NODE_ID: RegExp = /^12D3KooW[A-Za-z0-9]{44}$/
const ISO: RegExp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const COUNTER: string = fileURLToPath(new URL('../../examples/counter.js', import.meta.url))

t.test('help and version load commander and the table of commands, nothing else', async t => {
  const version = (JSON.parse(readFileSync(join(dirname(WEFT), '..', '..', 'package.json'), 'utf8')) as { version: string }).version
  t.same(await weft(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
  t.same(await ask(['--version']), { version })
  const startMs = performance.now()
  const help = await weft(['--help'])
  t.comment(`weft --help took ${(performance.now() - startMs).toFixed(0)} ms`)
  t.equal(help.code, 0)
  for (const { name, about } of ROUTES) t.match(help.stdout, new RegExp(`\\n  ${name} .*${about.slice(0, 20)}`), name)
  t.same(packagesOf(WEFT), ['commander'])
  t.equal((await weft(['help', 'mem', 'recall'])).stdout, (await weft(['mem', 'recall', '--help'])).stdout)
})

t.test('a line of the shell has the words that any shell would see', t => {
  const rows: readonly (readonly [line: string, words: readonly string[] | undefined])[] = [
    ['', []],
    ['  \t ', []],
    ['recall pool', ['recall', 'pool']],
    [' recall   "why did it fail"  -k 3 ', ['recall', 'why did it fail', '-k', '3']],
    [`say 'it is "so"' ""`, ['say', 'it is "so"', '']],
    [String.raw`a\ b "c\"d" 'e\f' "g\h" \\`, ['a b', 'c"d', String.raw`e\f`, String.raw`g\h`, '\\']],
    [`a"b c"d'e f'`, ['ab cde f']],
    ['remember naïve \u{1f9f5} $HOME *', ['remember', 'naïve', '\u{1f9f5}', '$HOME', '*']],
    ['"open', undefined],
    ["it's", undefined],
  ]
  for (const [line, words] of rows) t.same(wordsIn(line), words, JSON.stringify(line))
  t.end()
})

/** What a module and those it imports at once take from elsewhere; `import()` is what comes later. */
function packagesOf(file: string, seen: Set<string> = new Set()): readonly string[] {
  if (seen.has(file)) return []
  seen.add(file)
  const imports = [...readFileSync(file, 'utf8').matchAll(/^(?:import|export) [^;]*?from '([^']+)'|^import '([^']+)'/gm)].map(
    found => (found[1] ?? found[2]) as string,
  )
  const packages = imports.flatMap(name =>
    name.startsWith('.') ? packagesOf(join(dirname(file), name), seen) : name.startsWith('node:') ? [] : [name],
  )
  return [...new Set(packages)].sort()
}

t.test('every command says what it is for, and its file defines it', async t => {
  let count = 0
  const visit = async (routes: readonly Route[], above: string): Promise<void> => {
    for (const { name, about, load, commands } of routes) {
      const path = `${above}${name}`
      count++
      t.match(about, /^[a-z].*[^.]$/, `${path}: what it is for`)
      t.ok((load === undefined) !== (commands === undefined), `${path} is a command or a group`)
      const define = await load?.()
      t.doesNotThrow(() => void define?.(new Command(name)), `${path} is defined`)
      await visit(commands ?? [], `${path} `)
    }
  }
  await visit(ROUTES, '')
  t.ok(count > 45, `${count} commands`)
})

t.test('a node from its first command to its last', { timeout: 60_000 }, async t => {
  const root = temporary(t)
  const at = { cwd: root }
  const dir = join(root, '.weft')
  const made = await ask<{ nodeId: string; cluster: string; dir: string }>(['init', '--name', 'Ledger'], at)
  t.match(made, { nodeId: NODE_ID, cluster: HEX, dir })
  const { nodeId, cluster } = made
  const identity = await ask<{ fingerprint: string }>(['id'], at)
  t.match(identity, { nodeId, cluster, fingerprint: /^[0-9a-f]{32}$/ })
  t.same(await ask(['id'], { env: { WEFT_DIR: dir } }), identity, 'WEFT_DIR')
  t.same(await ask(['id', '--dir', dir], { env: { WEFT_DIR: root } }), identity, '--dir before WEFT_DIR')

  const before = filesOf(dir)
  const asleep = await ask<{ healthy: boolean; checks: readonly { check: string; result: string; next?: string }[] }>(['doctor'], at)
  t.equal(asleep.healthy, true)
  t.match(
    asleep.checks.find(row => row.check === 'running'),
    { result: 'warn', next: 'weft start' },
  )
  t.same(await ask(['chain', 'verify', '--all'], at), { valid: true, logs: [], records: 0 })
  t.same(filesOf(dir), before, 'to examine is not to write')

  const started = await ask<{ osPid: number; http: string }>(['start', '-d', '--name', 'ada'], at)
  t.match(started, { nodeId, cluster, http: /^http:\/\/127\.0\.0\.1:\d+$/, addresses: [/^\/ip4\/127\.0\.0\.1\/tcp\/\d+/], osPid: Number })
  t.match(await ask<NodeStatus>(['status'], at), {
    nodeId,
    cluster,
    name: 'ada',
    state: 'running',
    publishing: true,
    peers: [],
    frontier: String,
    frontierAll: String,
  })
  t.same(await ask(['peers'], at), { peers: [] })
  t.same(await ask(['id'], at), identity)
  const awake = await ask<{ healthy: boolean; checks: readonly { check: string; result: string; detail: string }[] }>(['doctor'], at)
  t.equal(awake.healthy, true)
  for (const { check, result } of awake.checks) t.equal(result, 'ok', check)
  t.match(
    awake.checks.find(row => row.check === 'setting name')?.detail,
    /^ada \(--name\)$/,
    'what the node was started with, and where that came from',
  )

  const { members, ...clusterOf } = await ask<MemberList>(['member', 'list'], at)
  t.match(clusterOf, { cluster, name: 'Ledger', threshold: 1, pending: [] })
  t.same(members, [{ nodeId, role: 'admin', status: 'member', isAdmin: true }])
  const invite = await ask<InviteResult>(['invite', '--expires', '10m', '--role', 'member'], at)
  t.match(invite, { token: String, addresses: [String], expires: ISO })
  t.ok(Math.abs(Date.parse(invite.expires) - Date.now() - 600_000) < 30_000)

  const spawned = await ask<{ pid: number; address: string }>(['spawn', `${COUNTER}#default`, '--name', 'counter'], at)
  t.same(spawned, { pid: 1, address: `${nodeId}/1` })
  t.same(await ask(['call', 'counter', 'add', '2'], at), { result: 2 })
  t.same(await ask(['call', `${nodeId}:counter`, 'add', '40', '--deadline', '2s'], at), { result: 42 })
  t.same(await ask(['call', '1', 'total'], at), { result: 42 }, 'without an argument')
  t.same(await ask(['send', 'counter', '{"good":"morning"}'], at), { result: 'ok' })
  const { processes, silent } = await ask<ProcessList>(['ps', '--cluster'], at)
  t.same(silent, [])
  t.match(processes, [{ address: spawned.address, pid: 1, name: 'counter', state: 'running', node: nodeId }])
  t.same(await ask(['kill', 'counter'], at), { killed: spawned.address })
  t.same((await ask<ProcessList>(['ps'], at)).processes, [])
  const events = lines<{ event: string; at: string; fields: Record<string, unknown> }>(
    (await weft(['logs', '-n', '200', '--json'], at)).stdout,
  )
  t.ok(events.some(({ event }) => event === 'process.spawn'))
  for (const { at } of events) t.match(at, ISO)

  const head = await ask<ChainHeads>(['chain', 'head'], at)
  t.same(head.logs.map(log => log.stream).sort(), ['audit', 'cluster'])
  const page = await ask<ChainPage>(['chain', 'log', '--from', '1', '--limit', '2'], at)
  t.match(page, {
    logId: HEX,
    records: [
      { seq: 1, id: HEX, kind: 'audit.boot', actor: 'kernel', at: ISO },
      { seq: 2, kind: 'audit.spawn' },
    ],
  })
  t.match(await ask(['chain', 'verify'], at), {
    valid: true,
    logs: [{ logId: HEX, author: nodeId, stream: String, size: Number, root: HEX }, { author: nodeId }],
  })

  t.same(await ask(['stop'], at), { stopped: true, osPid: started.osPid })
  t.notOk(isAlive(started.osPid), 'it is gone when stop returns')
  t.same((await ask<{ logs: readonly unknown[] }>(['chain', 'verify'], at)).logs.length, 2, 'the same without the node')

  const child = starts(['start', '--json', '--log-level', 'info'], at)
  const end = ended(child)
  let shown = ''
  child.stdout?.on('data', text => (shown += text))
  await until('the document', () => shown.includes('\n'))
  t.match(JSON.parse(shown), { nodeId, cluster, http: started.http, osPid: child.pid }, 'the port it had is kept')
  child.kill('SIGTERM')
  const { code, stdout, stderr } = await end
  t.equal(code, 0)
  t.equal(lines(stdout).length, 1)
  for (const line of lines<{ level: string; event: string; time: string }>(stderr))
    t.match(line, { level: String, event: String, time: ISO })
})

t.test('a node that could be reached, and is started without the flags that made it so, says that', { timeout: 60_000 }, async t => {
  const beyond = { listen: ['/ip4/0.0.0.0/tcp/4001'] }
  const both = { ...beyond, announce: ['/ip4/192.0.2.1/tcp/4001'] }
  const onlyHere = { listen: ['/ip4/127.0.0.1/tcp/0'] }
  const rows: readonly (readonly [
    what: string,
    before: LastAddresses,
    flags: ConfigValues,
    kept: LastAddresses,
    says: RegExp | undefined,
  ])[] = [
    ['the first start', {}, {}, {}, undefined],
    ['it listens beyond this machine', {}, beyond, beyond, undefined],
    ['it is announced elsewhere', {}, { announce: both.announce }, { announce: both.announce }, undefined],
    ['it is told both', {}, both, both, undefined],
    ['it is told none of both', both, {}, both, /^it listened on .*4001 and announced .*4001 before.*--listen and --announce again/],
    [
      'it is not told where to listen',
      beyond,
      {},
      beyond,
      /^it listened on \/ip4\/0\.0\.0\.0\/tcp\/4001 before.* --listen again, or put it in weft.toml$/,
    ],
    ['only what it announces stands in weft.toml', both, { announce: both.announce }, both, /^it listened on \S+ before/],
    ['it announces nothing any more', both, beyond, beyond, undefined],
    ['it is told to stay here', both, onlyHere, {}, undefined],
  ]
  for (const [what, before, flags, kept, says] of rows) {
    const config = resolveConfig(flags, {}, undefined)
    t.same(lastAddresses(config, before), kept, what)
    const said = missingAddresses(settingsOf(config), lastAddresses(config, before))
    if (says === undefined) t.equal(said, undefined, what)
    else t.match(said, says, what)
  }

  const dir = join(temporary(t), 'node')
  await ask(['init', '--dir', dir])
  const start = async (...flags: readonly string[]): Promise<Ended> => {
    const started = await weft(['start', '-d', '--dir', dir, ...flags])
    t.equal(started.code, 0, started.stderr)
    await ask(['stop', '--dir', dir])
    return started
  }
  t.equal((await start('--announce', '/ip4/127.0.0.2/tcp/4701')).stderr, '')
  t.match(await start(), { stdout: /^node /, stderr: /^weft: it announced \/ip4\/127\.0\.0\.2\/tcp\/4701 before, and does not now/ })
  t.match(readFileSync(join(dir, 'node.log'), 'utf8'), /"node\.addresses-missing"/)
  writeFileSync(join(dir, 'weft.toml'), 'announce = ["/ip4/127.0.0.2/tcp/4701"]\n')
  t.match(await start(), { stdout: /addresses +\/ip4\/127\.0\.0\.2\/tcp\/4701/, stderr: /^$/ })
})

function filesOf(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .sort()
    .map(name => `${name} ${statSync(join(dir, name)).mtimeMs} ${statSync(join(dir, name)).size}`)
}

t.test('the memory of a node', { timeout: 120_000 }, async t => {
  const dir = join(temporary(t), 'node')
  await nodeAt(dir)
  const mem = <T>(...args: readonly string[]): Promise<T> => ask(['mem', ...args, '--dir', dir])
  const human = async (...args: readonly string[]): Promise<string> =>
    (await weft(['mem', ...args, '--dir', dir], { env: { NO_COLOR: '1' } })).stdout

  const outage = await mem<Receipt>(
    'remember',
    'Checkout timed out on Friday evening',
    '--meta',
    'service=checkout',
    '--meta',
    'severity=high',
    '--source',
    'the pager',
    '--valid-from',
    '2026-01-02T18:00:00Z',
  )
  t.match(outage, { id: HEX, log: HEX, seq: 1 })
  const cause = await mem<Receipt>('remember', 'The pool of connections is exhausted at 200', '--key', 'pool', '--causes', outage.id)
  const after = await mem<Receipt>('remember', 'The on-call engineer doubled the pool', '--follows', outage.id.slice(0, 12))
  t.same(
    await mem<Receipt>('remember', 'The pool of connections is exhausted at 200', '--key', 'pool'),
    { ...cause, known: true },
    'the same again is the same memory',
  )
  const link = await mem<Receipt>('link', after.id, 'evidence-for', cause.id, '--weight', '0.5')

  const shown = await mem<MemoryDetail>('show', outage.id.slice(0, 8))
  t.match(shown, {
    id: outage.id,
    text: /^Checkout/,
    meta: { service: 'checkout', severity: 'high' },
    source: 'the pager',
    validFrom: '2026-01-02T18:00:00.000Z',
    author: NODE_ID,
    at: ISO,
    state: 'current',
  })
  t.same(
    shown.edges.map(({ from, type, to }) => [from, type, to]).sort(),
    [
      [after.id, 'follows', outage.id],
      [cause.id, 'causes', outage.id],
    ].sort(),
  )

  const recalled = await mem<Recollection>('recall', 'why did checkout time out', '-k', '2')
  t.match(recalled, {
    hits: [
      { id: outage.id, score: Number, parts: { bm25: Number, vector: Number, spread: Number }, path: [], author: NODE_ID, at: ISO },
      {},
    ],
    frontier: String,
    exact: true,
  })
  const outageAuthor = recalled.hits[0]?.author as string
  const narrow = await mem<Recollection>('recall', 'Friday', '--no-spread')
  t.same(
    narrow.hits.map(hit => hit.id),
    [outage.id],
    'only what matches by itself',
  )
  t.ok((await mem<Recollection>('recall', 'Friday')).hits.length > 1, 'and with it what is linked to it')
  t.match(await human('recall', 'Friday'), /^ +\d\.\d{3} {2}[0-9a-f]{8} {2}Checkout timed out on Friday evening\n/)

  const found = async (...more: readonly string[]): Promise<number> =>
    (await mem<Recollection>('recall', 'Friday', '--no-spread', ...more)).hits.length
  t.same(
    [
      await found('--author', outageAuthor),
      await found('--author', outageAuthor.slice(-8)),
      await found('--since', '2026-01-01'),
      await found('--until', '2026-01-01'),
      await found('--since', '9999-01-01'),
      await found('--valid-at', '2026-01-02T17:59:00Z'),
      await found('--valid-at', '2026-01-03'),
      await found('--meta', 'service=checkout', '--meta', 'severity'),
      await found('--meta', 'service=cart', '--meta', 'service=checkout'),
      await found('--meta', 'service=cart'),
      await found('--source', 'the p'),
      await found('--source', 'pager'),
      await found('--trust', `${outageAuthor.slice(-8)}=0`),
      await found('--trust', `${outageAuthor}=.5`, '--half-life', '30d', '--diversity', '0.5', '--budget', '1s', '--budget-nodes', '9'),
    ],
    [1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0, 0, 1],
    'what hits must be',
  )
  const along = async (...more: readonly string[]): Promise<readonly string[]> =>
    (await mem<Recollection>('recall', 'Friday', ...more)).hits.slice(1).map(hit => hit.id)
  t.same(await along('--type', 'causes,enables', '--hops', '1'), [cause.id])
  t.same(await along('--direction', 'out'), [], 'nothing is said to follow from it')
  t.match(
    await human('recall', 'Friday', '--no-spread', '--parts', '--trust', `${outageAuthor}=0.5`),
    /bm25 1\.000 .*trust -0\.500\nwhat \.\.\w+ wrote counts 0\.5\n$/,
  )
  t.match(
    await human('recall', '"Friday evening"', '--cluster', '--budget-nodes', '1', '--no-spread'),
    /1 node answered\nthe search ended at --budget-nodes/,
  )

  const next = await mem<Receipt>('remember', 'Checkout has a budget for retries', '--again')
  const replaced = await mem<Receipt>('supersede', after.id, '--by', next.id)
  t.match(await mem<MemoryTimeline>('timeline', after.id), {
    memories: [
      { id: after.id, state: 'superseded' },
      { id: next.id, supersedes: [{ id: after.id }] },
    ],
    truncated: false,
  })
  t.match(
    await human('timeline', 'retries', '--order', 'valid'),
    new RegExp(`${next.id.slice(0, 8)}  Checkout has a budget.*\\n.*in the place of ${after.id.slice(0, 8)}`),
  )
  t.match(await human('timeline', 'kubernetes'), /^nothing is known of that/)
  const against = await mem<Receipt>('link', next.id, 'contradicts', outage.id)
  t.match(await human('recall', 'Friday', '--no-spread'), new RegExp(`contradicted by ${next.id.slice(0, 8)}`))
  t.match(await human('why', outage.id), new RegExp(`${outage.id.slice(0, 8)} is contradicted by ${next.id.slice(0, 8)}`))
  const disk = await mem<Receipt>('remember', 'on Friday a node was lost: ENOSPC on /var/lib/pg')
  const freed = await mem<Receipt>('remember', 'vacuumed var/lib/pg, 30 GB are free again')
  t.match(await mem<Recollection>('recall', 'node was lost', '--type', 'shares'), {
    hits: [{ id: disk.id }, { id: freed.id, path: [{ edge: '' }, { id: freed.id, edge: 'shares', entity: 'var/lib/pg' }] }],
  })
  t.match(await human('recall', 'node was lost'), new RegExp(`reached from ${disk.id.slice(0, 8)} by shares var/lib/pg`))
  t.match(await mem<EntityList>('entities', '--of', disk.id), {
    entities: [
      { kind: 'path', name: 'var/lib/pg', inAll: 2, memories: [{ id: freed.id, text: /vacuumed/ }] },
      { kind: 'identifier', name: 'enospc', inAll: 1, memories: [] },
    ],
    truncated: false,
  })
  t.match(await human('entities'), /^KIND +MEMORIES +NAME\n(.*\n)*path +2 +var\/lib\/pg$/m)
  t.match(await human('entities', 'VAR/lib/pg'), new RegExp(`^var/lib/pg  path in 2 memories\\n.*${freed.id.slice(0, 8)}  vacuumed`))
  const many = Array.from({ length: ENTITY_HOLDERS_MAX + 1 }, (_, i) => JSON.stringify({ text: `seen at ${i}: E_POOL` })).join('\n')
  const common = lines<Receipt>((await weft(['mem', 'remember', '--jsonl', '-', '--dir', dir], { input: many })).stdout)
  t.match(await human('entities'), /^identifier +11 +e_pool \(too common to lead on\)\n(.*\n)*path +2 +var\/lib\/pg$/m)
  t.match(await human('entities', 'E_POOL'), /^e_pool  identifier in 11 memories \(too common to lead on\)\n/)
  for (const { id } of common) await mem('forget', id)
  t.match(await human('entities', 'kubernetes'), /^no memory names such a thing/)
  for (const { id } of [against, replaced, next, disk, freed]) await mem('forget', id)

  const why = await mem<Explanation>('why', outage.id)
  t.match(why.paths[0], { weight: Number, steps: [{ id: outage.id }, { id: cause.id, edge: 'causes', author: NODE_ID, log: HEX, seq: 2 }] })
  t.match(
    await human('why', outage.id),
    new RegExp(
      `^${outage.id.slice(0, 8)}  Checkout timed out.*\\n\\nweight \\d\\.\\d+\\n  because ${cause.id.slice(0, 8)}  The pool of connections`,
    ),
  )

  const without = await mem<WhatIf>('whatif', cause.id)
  t.match(without.dependents, [{ id: outage.id, text: 'Checkout timed out on Friday evening', before: Number, after: Number }])
  t.match(
    await human('whatif', cause.id),
    new RegExp(`^without ${cause.id.slice(0, 8)}, of \\d+ memor[\\s\\S]*${outage.id.slice(0, 8)}  Checkout timed out`),
  )

  const file = join(dir, 'outage.proof')
  const proven = await mem<Explanation & { proof: { file: string; records: number; genesis: string } }>('why', outage.id, '--proof', file)
  const { genesis } = proven.proof
  t.match(proven, { paths: why.paths, proof: { file, records: 5, genesis: HEX } })
  t.match(await human('why', outage.id, '--proof', file), `weft verify ${file} --genesis ${genesis}\n`)
  const toStdout = await weft(['mem', 'why', outage.id, '--proof', '-', '--dir', dir])
  t.equal(toStdout.stdout, readFileSync(file, 'utf8'), '- is stdout: the proof and nothing else')
  t.match(toStdout.stderr, `5 records on stdout; whoever knows this cluster can check them:\n  weft verify FILE --genesis ${genesis}\n`)
  t.match(toStdout.stderr, `because ${cause.id.slice(0, 8)}  The pool of connections`)
  t.equal(await human('export', '--out', '-'), await human('export'), 'and of an export')
  // Elsewhere: no node directory, nothing but the file and the hash.
  const elsewhere = { cwd: temporary(t) }
  const verified = await weft(['verify', file, '--genesis', genesis, '--json'], elsewhere)
  t.equal(verified.code, 0, verified.stdout)
  t.match(JSON.parse(verified.stdout), {
    verdict: 'valid',
    id: outage.id,
    records: 5,
    authors: [NODE_ID],
    paths: [{ steps: [{}, { id: cause.id }] }],
  })
  t.match((await weft(['verify', file, '--genesis', genesis], elsewhere)).stdout, /^proven: 5 records by 1 member of cluster ".*"/)
  const forged = join(dir, 'forged.proof')
  writeFileSync(forged, readFileSync(file, 'utf8').replace('exhausted', 'plentiful'))
  const judged = async (...args: readonly string[]): Promise<unknown> => {
    const { code, stdout } = await weft(['verify', ...args, '--json'], elsewhere)
    return { code, ...(JSON.parse(stdout) as object) }
  }
  t.match(await judged(forged, '--genesis', genesis), { code: 1, verdict: 'refused', reason: /not what was signed/ })
  writeFileSync(forged, readFileSync(file, 'utf8').replace('weft-proof/1', 'weft-proof/3'))
  t.match(await judged(forged, '--genesis', genesis), {
    code: 2,
    verdict: 'unknown',
    reason: /weft-proof\/3, and this program reads weft-proof\/1/,
  })
  t.match(await judged(file, '--genesis', 'ab'.repeat(32)), { code: 1, verdict: 'refused', reason: /another hash/ })
  t.match(await judged(join(dir, 'none'), '--genesis', genesis), { code: 2, verdict: 'unknown', reason: /cannot read/ })

  const script = `recall "did checkout" -k 1 --no-spread\n# nothing\n\nshow ${outage.id}\nshow 00000000\nwhy 'not closed\nstatus\nexit\nremember never\n`
  const session = await weft(['mem', 'shell', '--json', '--dir', dir], { input: script })
  t.equal(session.code, 64, 'the last line that failed says how')
  t.same(
    lines<object>(session.stdout).map(row => Object.keys(row)[0]),
    ['hits', 'id', 'error', 'error', 'nodes'],
  )
  t.match(session.stderr, /unknown_id[\s\S]*a quote is not closed/)
  t.same((await mem<Recollection>('recall', 'never')).hits, [], 'nothing is done after exit')
  for (const flag of ['--dir elsewhere', '--dir=elsewhere']) {
    const { code, stderr } = await weft(['mem', 'shell', '--dir', dir], { input: `remember "for another node" ${flag}\n` })
    t.match({ code, stderr }, { code: 64, stderr: `this shell is of one node, that in ${dir}` }, flag)
  }
  t.same((await mem<Recollection>('recall', 'another')).hits, [], 'what is for another node is not written here')
  t.same(
    (({ code, stderr }) => ({ code, stderr }))(await weft(['mem', 'shell', '--dir', dir], { input: 'status\n'.repeat(12) })),
    { code: 0, stderr: '' },
    'however many lines there are',
  )

  const { frontier: then } = await mem<MemoryStatus>('status')
  const better = await mem<Receipt>('remember', 'The pool of connections is exhausted at 400', '--key', 'pool')
  t.equal((await mem<MemoryDetail>('show', cause.id)).state, 'superseded', 'the same key replaces')
  t.same(
    (await mem<Recollection>('recall', 'exhausted', '--no-spread')).hits.map(hit => hit.id),
    [better.id],
  )
  t.same(
    (await mem<Recollection>('recall', 'exhausted', '--no-spread', '--as-of', then)).hits.map(hit => hit.id),
    [cause.id],
  )
  t.same(
    (await mem<Recollection>('recall', 'exhausted', '--no-spread', '--include-superseded')).hits.map(hit => hit.id).sort(),
    [cause.id, better.id].sort(),
  )
  const changed = await mem<MemoryDifference>('diff', then)
  t.match(
    changed.memories.map(({ id, before, after: is, by }) => [id, before, is, by]),
    [
      [cause.id, 'current', 'superseded', [better.id]],
      [better.id, null, 'current', []],
    ],
  )
  t.match(await human('diff', then), new RegExp(`^~ ${cause.id.slice(0, 8)}  replaced by ${better.id.slice(0, 8)}: The pool`))
  const { at: replacedAt } = changed.memories.find(({ id }) => id === better.id) as ChangedMemory
  const wereThere = new Date(Date.parse(replacedAt) - 1).toISOString()
  const exported = await human('export', '--as-of', wereThere)
  t.same([exported.includes(cause.id), exported.includes(better.id)], [true, false], 'as it was at a time')
  t.match(await human('diff', then, then), /^nothing is different\n$/)
  t.same(
    (await mem<MemoryPage>('list', '--after', then)).memories.map(memory => memory.id),
    [better.id],
  )
  const first = await mem<MemoryPage>('list', '--limit', '1')
  t.same([first.memories.map(memory => memory.id), first.more], [[outage.id], true])

  await mem('forget', link.id)
  t.equal((await mem<MemoryStatus>('status')).edges, 2)
  const other = await mem<Receipt>('remember', 'The pool is larger now')
  await mem('supersede', after.id, '--by', other.id, '--reason', 'said better')
  t.same((await mem<MemoryDetail>('show', after.id)).supersededBy, [other.id])
  t.same(await mem<ConflictList>('conflicts'), { conflicts: [], voids: [], logs: [] })
  t.match(await mem<MemoryStatus>('status'), { nodes: 5, edges: 2, pending: 0, frontier: String })

  const piped = await weft(['mem', 'remember', '-', '--key', 'piped', '--json', '--dir', dir], { input: 'From a pipe,\nas it stands\n' })
  const { id: pipedId } = JSON.parse(piped.stdout) as Receipt
  t.equal((await mem<MemoryDetail>('show', pipedId)).text, 'From a pipe,\nas it stands')
  t.match(await human('graph', pipedId, '--svg', '-'), /^<svg [^]*<\/svg>\n?$/, 'the picture and nothing else')

  const { frontier: shortBefore } = await mem<MemoryStatus>('status')
  const long = `A text of many words ${'and more '.repeat(1000)}`.trim()
  await mem('remember', long)
  await mem('policy', 'set', 'few', 'quota', '--memories', '1')
  const beginning = `${long.slice(0, ROW_MAX_CHARS - 3)}...`
  for (const args of [['list'], ['diff', shortBefore], ['policy', 'run', '--dry-run']]) {
    const rows = (await human(...args)).split('\n')
    t.ok(
      rows.some(row => row.includes(beginning)),
      `${args.join(' ')}: the beginning of a long text`,
    )
    t.ok(Math.max(...rows.map(row => row.length)) < ROW_MAX_CHARS + 100, 'and no more of it')
  }
  t.match(await human('recall', 'many words', '--no-spread'), long, 'what was looked for is shown whole')

  for (const args of [['list'], ['status'], ['show', outage.id], ['conflicts']]) {
    const said = await weft(['mem', ...args, '--dir', dir])
    t.same([said.code, said.stderr], [0, ''], args.join(' '))
    t.same(
      ['\u001b', 'undefined', '[object'].filter(text => said.stdout.includes(text)),
      [],
      `${args.join(' ')}: plain words where there is no terminal`,
    )
  }
})

t.test('lines are answered in their order, as many as there are', { timeout: 60_000 }, async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const count = 5 * JSONL_IN_FLIGHT
  const file = join(root, 'lines.jsonl')
  writeFileSync(
    file,
    Array.from(
      { length: count },
      (_, i) => `${JSON.stringify({ text: `entry ${i} of the ledger`, key: `entry-${i}`, meta: { page: i } })}\n`,
    ).join(''),
  )
  const startMs = performance.now()
  const written = await weft(['mem', 'remember', '--jsonl', '-', '--dir', dir], { input: readFileSync(file) })
  const seconds = (performance.now() - startMs) / 1000
  t.comment(`${count} lines in ${seconds.toFixed(2)} s, the start of the command included: ${(count / seconds).toFixed(0)} lines/s`)
  t.equal(written.code, 0)
  const receipts = lines<Receipt>(written.stdout)
  t.same(
    receipts.map(receipt => receipt.seq),
    Array.from({ length: count }, (_, i) => i + 1),
  )
  const again = await weft(['mem', 'remember', '--jsonl', file, '--dir', dir])
  t.same(
    lines<Receipt>(again.stdout),
    receipts.map(receipt => ({ ...receipt, known: true })),
    'sent again, nothing is written twice',
  )

  const asked = await weft(['mem', 'recall', '--jsonl', '-', '-k', '1', '--no-spread', '--dir', dir], {
    input: '{"query":"entry 7"}\n{"query":5}\n\n{"query":"entry 9 ledger","k":2}\n',
  })
  t.equal(asked.code, 1, 'one of them failed')
  const answers = lines<Recollection & { error?: { code: string } }>(asked.stdout)
  t.same(
    answers.map(answer => answer.error?.code ?? answer.hits.map(hit => hit.text)[0]),
    ['entry 7 of the ledger', 'invalid_argument', 'entry 9 of the ledger'],
  )
  t.same(
    answers.map(answer => answer.hits?.length),
    [1, undefined, 2],
  )

  const child = starts(['mem', 'remember', '--jsonl', '-', '--dir', dir])
  const end = ended(child)
  let answered = 0
  child.stdout?.on('data', (text: string) => (answered += text.split('\n').length - 1))
  for (let i = 0; i < 3; i++) {
    child.stdin?.write(`{"text":"typed by hand ${i}"}\n`)
    await until(`answer ${i}`, () => answered === i + 1)
  }
  child.stdin?.end()
  t.equal((await end).code, 0, 'a line is answered while the next one is still to be typed')

  const tail = starts(['logs', '-f', '-n', '1', '--json', '--dir', dir])
  const tailEnd = ended(tail)
  let followed = ''
  tail.stdout?.on('data', text => (followed += text))
  await until('the last event', () => followed.includes('\n'))
  await ask(['spawn', COUNTER, '--dir', dir])
  await until('what happens meanwhile', () => followed.includes('process.spawn'))
  tail.kill('SIGTERM')
  await tailEnd
})

t.test('completion offers what can follow', async t => {
  const script = (await weft(['completion', 'bash'])).stdout
  /** What bash would offer after these words. */
  const offered = (...words: readonly string[]): readonly string[] => {
    const line = `${script}\nCOMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _weft; echo "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', line], { encoding: 'utf8', env: environment() }).trim().split(' ')
  }
  t.same(offered('weft', 'mem', 're'), ['remember', 'recall', 'resolve', 'reject', 'reembed'])
  t.same(offered('weft', '--dir', 'x', 'mem', 'import', 'j'), ['jsonl'])
  t.same(offered('weft', 'mem', 'recall', '--inc'), ['--include-superseded'])
  t.ok(offered('weft', '').includes('cluster'))
  t.match((await weft(['completion', 'zsh'])).stdout, /^#compdef weft\n/)
  t.match((await weft(['completion', 'fish'])).stdout, /complete -c weft -n 'test \(__weft_at\) = "weft mem"' -a recall -d "find memories"/)
})

t.test('many processes write at once and lose nothing', { timeout: 60_000 }, async t => {
  const dir = temporary(t)
  await nodeAt(dir)
  const writers = Array.from({ length: 6 }, (_, writer) => {
    const input = Array.from(
      { length: 40 },
      (_, line) => `${JSON.stringify({ text: `lesson ${line} of ${writer}`, key: `${writer}/${line}` })}\n`,
    )
    return weft(['mem', 'remember', '--jsonl', '-', '--dir', dir, '--json'], { input: input.join('') })
  })
  const receipts = (await Promise.all(writers)).flatMap(({ code, stdout }) => {
    t.equal(code, 0)
    return lines<Receipt>(stdout)
  })
  t.equal(receipts.length, 240)
  const { memories, more } = await ask<MemoryPage>(['mem', 'list', '--limit', '500', '--dir', dir])
  t.equal(more, false)
  t.same(new Set(memories.map(({ id }) => id)), new Set(receipts.map(({ id }) => id)))
  t.same(new Set(memories.map(({ seq }) => seq)).size, 240, 'each at a place of its own')
})
