import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { suite } from '../../base/crypto/suite.ts'
import type { ErrorCode } from '../../base/errors.ts'
import { formatToken, type InviteToken, parseToken } from '../../discovery/invite.ts'
import { resolveConfig } from '../../node/config.ts'
import { readControlFile } from '../../node/host/directory.ts'
import { ask, type BadInput, codeAndExit, failure, fourAtATime, nodeAt, temporary, until, weft } from './weft.ts'

type Verified = {
  readonly valid: boolean
  readonly logs: readonly unknown[]
  readonly log: string | null
  readonly seq: number | null
  readonly reason: string
}

const STRANGER = '12D3KooWBerVRxr1mnAnQyDE1su28EvtdLW2mzsEm81Y9pa8oiHB'

t.test('a directory that is not as it should be is named, with what to do about it', async t => {
  const root = temporary(t)
  const empty = join(root, 'empty')
  mkdirSync(empty)
  writeFileSync(join(root, 'file'), '')
  const rows: readonly BadInput[] = [
    { what: 'a directory that is not there', args: ['status', '--dir', join(root, 'none')], code: 'not_initialised', exit: 1 },
    { what: 'an empty directory', args: ['start', '--dir', empty], code: 'not_initialised', exit: 1 },
    { what: 'an empty directory, in the background', args: ['start', '-d', '--dir', empty], code: 'not_initialised', exit: 1 },
    { what: 'nobody to identify', args: ['id', '--dir', empty], code: 'not_initialised', exit: 1 },
    { what: 'nothing to verify', args: ['chain', 'verify', '--dir', empty], code: 'not_initialised', exit: 1 },
    { what: 'nothing to stop', args: ['stop', '--dir', empty], code: 'not_initialised', exit: 1 },
    { what: 'a file', args: ['init', '--dir', join(root, 'file')], code: 'directory_unusable', exit: 1 },
    { what: 'a directory below a file', args: ['init', '--dir', join(root, 'file', 'x')], code: 'directory_unusable', exit: 1 },
    { what: 'a name of a cluster that is none', args: ['init', '--name', '../x', '--dir', empty], code: 'invalid_argument', exit: 64 },
    { what: 'a token that is none', args: ['join', 'anything', '--dir', empty], code: 'invite_malformed', exit: 1 },
  ]
  await fourAtATime(rows, async ({ what, args, code, exit }) => {
    const failed = await failure(args)
    t.same(codeAndExit(failed), { code, exit }, what)
    if (code === 'not_initialised') t.match(failed.next, /weft init/, `${what}: what to do`)
  })
  t.notOk(existsSync(join(empty, 'cluster.weft')), 'none of them made a node')

  const dir = join(root, 'node')
  await ask(['init', '--dir', dir])
  await fourAtATime([['status'], ['stop'], ['mem', 'remember', '--jsonl', '-'], ['logs']], async args => {
    const failed = await failure([...args, '--dir', dir])
    t.same(codeAndExit(failed), { code: 'not_running', exit: 2 }, `${args.join(' ')} of a node that does not run`)
    t.match(failed.next, /weft start/)
  })

  const busy = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => busy.once('listening', resolve))
  t.teardown(() => void busy.close())
  const port = (busy.address() as { port: number }).port
  for (const [name, value] of [
    ['http', `127.0.0.1:${port}`],
    ['listen', `/ip4/127.0.0.1/tcp/${port}`],
  ] as const) {
    const failed = await failure(['start', `--${name}`, value, '--dir', dir])
    t.same(codeAndExit(failed), { code: 'port_in_use', exit: 1 }, `--${name}`)
    t.match(failed.message, String(port))
    t.match(failed.next, `--${name}`)
  }
  t.notOk(existsSync(join(dir, 'control.json')), 'nothing runs')
  await nodeAt(dir)
})

t.test('a setting that is wrong is named with the place it stands in', async t => {
  const dir = join(temporary(t), 'node')
  await ask(['init', '--dir', dir])
  const files: readonly (readonly [file: string, says: RegExp])[] = [
    ['name = "n1"\n\nhttp = "0.0.0.0:80"\n', /^http \(weft\.toml line 3\): .*loopback/],
    ['colour = "red"\n', /^colour \(weft\.toml line 1\): there is no such setting; there are name, listen/],
    ['name = "n1"\nlisten = "/ip4/127.0.0.1/tcp/0"\n', /^listen \(weft\.toml line 2\)/],
    ['mdns = true\n', /^mdns \(weft\.toml line 1\)/],
    ['bootstrap = ["/ip4/127.0.0.1/tcp/1"]\n', /^bootstrap \(weft\.toml line 1\): .*\/p2p\//],
    ['[memory.trust]\nada = 0.5\n', /^memory\.trust \(weft\.toml line 1\): .*NodeId/],
    [`name = "n1"\n[memory]\ntrust = { "${STRANGER}" = 2 }\n`, /^memory\.trust .*0 to 1/],
    ['[memory]\ncolour = 1\n', /^memory\.colour \(weft\.toml.*there is no such setting/],
    ['memory = 5\n', /^memory \(weft\.toml line 1\): there is no such setting/],
    ['name = "n1"\nname = "n2"\n', /^weft\.toml line 2/],
    ['name = n1\n', /^weft\.toml line 1/],
    ['name = "n1"\n[cognition]\nshare = 2\n', /^cognition\.share \(weft\.toml line 3\): expected a share/],
    ['[cognition]\npace = 2\n', /^cognition\.pace \(weft\.toml line 2\): there is no such setting/],
    ['cognition = "on"\n', /^cognition \(weft\.toml line 1\): there is no such setting/],
  ]
  for (const [file, says] of files) t.throws(() => resolveConfig({}, {}, file), { code: 'config_invalid', message: says }, file)
  const trust = { value: { [STRANGER]: 0.5 } }
  t.match(resolveConfig({}, {}, `[memory.trust]\n"${STRANGER}" = 0.5\n`).memoryTrust, { ...trust, from: 'weft.toml line 1' })
  t.match(resolveConfig({}, { WEFT_MEMORY_TRUST: `${STRANGER}=0.5` }, undefined).memoryTrust, { ...trust, from: 'WEFT_MEMORY_TRUST' })
  t.throws(() => resolveConfig({}, { WEFT_MEMORY_TRUST: `${STRANGER}=no` }, undefined), { code: 'config_invalid' })
  const [file, says] = files[0] as (typeof files)[0]
  writeFileSync(join(dir, 'weft.toml'), file)
  const fromFile = await failure(['start', '--dir', dir])
  t.same(codeAndExit(fromFile), { code: 'config_invalid', exit: 1 })
  t.match(fromFile.message, says)
  writeFileSync(join(dir, 'weft.toml'), 'name = "fine"\n')
  const fromFlag = await failure(['start', '--log-level', 'loud', '--dir', dir])
  t.same(codeAndExit(fromFlag), { code: 'config_invalid', exit: 1 })
  t.match(fromFlag.message, /^log_level \(--log-level\)/)
  const fromEnvironment = await failure(['start', '--dir', dir], { env: { WEFT_GUARD: 'nobody' } })
  t.same(codeAndExit(fromEnvironment), { code: 'config_invalid', exit: 1 })
  t.match(fromEnvironment.message, /^guard \(WEFT_GUARD\)/)
})

t.test('a node that was killed starts again, and what is damaged is refused with its position', async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const written = Array.from({ length: 20 }, (_, i) => ({ text: `memory number ${i} of the ledger` }))
  t.equal(
    (await weft(['mem', 'remember', '--jsonl', '-', '--dir', dir], { input: written.map(row => JSON.stringify(row)).join('\n') })).code,
    0,
  )
  process.kill((readControlFile(dir) as { osPid: number }).osPid, 'SIGKILL')
  await until('its end', async () => (await failure(['status', '--dir', dir])).code === 'not_running')
  t.match(await checked(dir, 'running'), { exit: 0, result: 'warn', detail: /ended without a shutdown/, next: /weft start/ })
  await nodeAt(dir)
  t.equal((await ask<{ nodes: number }>(['mem', 'status', '--dir', dir])).nodes, 20, 'the lock went with the process, and nothing else did')
  await ask(['stop', '--dir', dir])

  const folder = join(dir, 'journal')
  const segment = join(folder, readdirSync(folder).sort().at(-1) as string)
  const sound = readFileSync(segment)

  appendFileSync(segment, Buffer.alloc(77, 0x52))
  const torn = await weft(['chain', 'verify', '--json', '--dir', dir])
  t.equal(torn.code, 1)
  t.match((JSON.parse(torn.stdout) as Verified).reason, /^torn: 77 bytes/)
  t.match(await checked(dir, 'journal'), { exit: 0, result: 'warn', detail: /^torn: 77 bytes/, next: /weft start cuts them off/ })
  t.equal(readFileSync(segment).length, sound.length + 77, 'to verify is not to repair')
  await nodeAt(dir)
  t.match((await weft(['logs', '-n', '50', '--dir', dir])).stdout + readFileSync(join(dir, 'node.log'), 'utf8'), /chain\.torn-tail-cut/)
  t.equal((await ask<{ nodes: number }>(['mem', 'status', '--dir', dir])).nodes, 20)
  t.equal((await ask<Verified>(['chain', 'verify', '--dir', dir])).valid, true)
  await ask(['stop', '--dir', dir])

  const after = readFileSync(segment)
  const at = after.indexOf('memory number 7 of the ledger')
  const damaged = Buffer.from(after)
  damaged[at] = 0x4d
  writeFileSync(segment, damaged)
  const verified = await weft(['chain', 'verify', '--all', '--json', '--dir', dir])
  const found = JSON.parse(verified.stdout) as Verified
  t.equal(verified.code, 1)
  t.equal(found.valid, false)
  t.match(found.log, /^[0-9a-f]{64}$/)
  t.equal(found.seq, 8, 'the eighth memory follows the genesis and seven others')
  t.match(found.reason, /body/)
  const started = await failure(['start', '-d', '--dir', dir])
  t.same(codeAndExit(started), { code: 'chain_damaged', exit: 1 })
  t.match(started.message, /record 8 of log [0-9a-f]{64} is damaged/)
  t.match(await checked(dir, 'journal'), { exit: 1, result: 'fail', detail: /body/, next: /backup/ })
  t.same(readFileSync(segment), damaged, 'nothing was written')

  const newer = Buffer.from(after)
  newer.writeUInt16BE(0x7fff, 6)
  newer.writeUInt32BE(suite.crc32(newer.subarray(0, 20)), 20)
  writeFileSync(segment, newer)
  for (const args of [['start'], ['chain', 'verify']]) {
    t.same(codeAndExit(await failure([...args, '--dir', dir])), { code: 'format_newer', exit: 1 }, args.join(' '))
  }
  writeFileSync(segment, after)

  const identity = join(dir, 'identity.pem')
  const pem = readFileSync(identity)
  for (const [what, bytes] of [
    ['empty', Buffer.alloc(0)],
    ['not a key', Buffer.from('hello')],
    ['cut short', pem.subarray(0, 60)],
  ] as const) {
    writeFileSync(identity, bytes)
    t.same(codeAndExit(await failure(['id', '--dir', dir])), { code: 'identity_damaged', exit: 1 }, what)
  }
  for (const args of [['start'], ['chain', 'verify']]) {
    t.same(codeAndExit(await failure([...args, '--dir', dir])), { code: 'identity_damaged', exit: 1 }, args.join(' '))
  }
  rmSync(identity)
  t.same(codeAndExit(await failure(['start', '--dir', dir])), { code: 'not_initialised', exit: 1 })
  writeFileSync(identity, pem, { mode: 0o644 })
  t.match(await checked(dir, 'permissions'), {
    exit: 1,
    result: 'fail',
    detail: 'others can read identity.pem',
    next: `chmod 600 ${identity}`,
  })
  chmodSync(identity, 0o600)
  await nodeAt(dir)
  t.equal((await ask<{ nodes: number }>(['mem', 'status', '--dir', dir])).nodes, 20, 'once it is whole again, it goes on')
})

/** What `weft doctor` finds of one thing, and how it ends. */
async function checked(dir: string, check: string): Promise<object> {
  const { code, stdout } = await weft(['doctor', '--json', '--dir', dir])
  const { checks } = JSON.parse(stdout) as { checks: readonly { readonly check: string }[] }
  return { exit: code, ...checks.find(row => row.check === check) }
}

t.test('an invite admits one node, in time, into its own cluster', async t => {
  const root = temporary(t)
  const dir = join(root, 'n1')
  await nodeAt(dir)
  const invite = (...flags: readonly string[]): Promise<{ token: string }> => ask(['invite', ...flags, '--dir', dir])
  const join_ = (name: string, token: string): ReturnType<typeof failure> => failure(['join', token, '--dir', join(root, name)])

  const { token } = await invite()
  t.equal((await join_('first', token)).exit, 0)
  t.same(codeAndExit(await join_('second', token)), { code: 'invite_used', exit: 1 })

  const short = await invite('--expires', '1ms')
  t.same(codeAndExit(await join_('second', short.token)), { code: 'invite_expired', exit: 1 })

  const { nodeId } = await ask<{ nodeId: string }>(['id', '--new', '--dir', join(root, 'third')])
  const named = await invite('--node', nodeId)
  t.same(codeAndExit(await join_('second', named.token)), { code: 'invite_wrong_node', exit: 1 })
  t.equal((await join_('third', named.token)).exit, 0, 'the node that it names')

  const open = parseToken((await invite()).token) as InviteToken
  const forged: readonly (readonly [ErrorCode, InviteToken])[] = [
    ['invite_unknown', { ...open, secret: new Uint8Array(32).fill(7) }],
    ['wrong_cluster', { ...open, cluster: 'ab'.repeat(32) as InviteToken['cluster'] }],
  ]
  for (const [code, other] of forged) t.same(codeAndExit(await join_('second', formatToken(other))), { code, exit: 1 })

  const { members } = await ask<{ members: readonly unknown[] }>(['member', 'list', '--dir', dir])
  t.equal(members.length, 3, 'the founder and two')
  t.same(codeAndExit(await failure(['invite', '--dir', join(root, 'first')])), { code: 'not_running', exit: 2 })
  await ask(['stop', '--dir', dir])
  t.same(codeAndExit(await join_('second', formatToken(open))), { code: 'unreachable', exit: 2 })
  t.notOk(existsSync(join(root, 'second', 'cluster.weft')), 'a refusal leaves no node behind')
})
