/** Files of clients that were there before, whole and broken, and what `weft mcp-config` makes of them. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { parse } from 'smol-toml'
import t from 'tap'
import { ask, environment, failure, fourAtATime, nodeAt, WEFT, weft } from './weft.ts'

const NODE_ID: RegExp = /^12D3KooW[A-Za-z0-9]{44}$/

interface Config {
  readonly file: string
  readonly command: string
  readonly args: readonly string[]
  readonly config: string
  readonly written: boolean
}

const FILES: Readonly<Record<string, string>> = {
  claude: '.mcp.json',
  cursor: '.cursor/mcp.json',
  vscode: '.vscode/mcp.json',
  codex: 'codex/config.toml',
}

/** What stood in the file, and what must stand there afterwards; undefined: it is refused, and stays. */
interface ConfigRow {
  readonly client: string
  readonly what: string
  readonly before: string
  readonly after?: (mcp: object) => object
  /** Text that must still be there, as it was. */
  readonly keeps?: string
}

const CONFIGS: readonly ConfigRow[] = [
  { client: 'claude', what: 'an empty file', before: '', after: mcp => ({ mcpServers: { weft: { type: 'stdio', ...mcp } } }) },
  {
    client: 'claude',
    what: 'other servers and settings',
    before: '{\n\t"mcpServers": {\n\t\t"other": { "command": "x" }\n\t},\n\t"more": [1, null]\n}\n',
    after: mcp => ({ mcpServers: { other: { command: 'x' }, weft: { type: 'stdio', ...mcp } }, more: [1, null] }),
    keeps: '\n\t\t"other": {',
  },
  {
    client: 'cursor',
    what: 'an entry for another node, with an environment of its own',
    before: '{"mcpServers": {"weft": {"command": "old", "args": [], "env": {"A": "b"}}, "z": {"url": "http://z"}}}',
    after: mcp => ({ mcpServers: { weft: { env: { A: 'b' }, type: 'stdio', ...mcp }, z: { url: 'http://z' } } }),
  },
  {
    client: 'vscode',
    what: 'inputs, behind a byte order mark, with other ends of lines',
    before: '\uFEFF{\r\n  "inputs": [{ "id": "k" }]\r\n}\r\n',
    after: mcp => ({ inputs: [{ id: 'k' }], servers: { weft: { type: 'stdio', ...mcp } } }),
    keeps: '\r\n  "inputs": [\r\n',
  },
  { client: 'claude', what: 'half a file', before: '{"mcpServers": {' },
  { client: 'vscode', what: 'comments', before: '{\n  // mine\n  "servers": {}\n}\n' },
  { client: 'cursor', what: 'a list', before: '[]' },
  { client: 'cursor', what: 'servers that are a list', before: '{"mcpServers": []}' },
  { client: 'claude', what: 'an entry that is a text', before: '{"mcpServers": {"weft": "here"}}' },
  { client: 'claude', what: 'bytes that are no text', before: '\xff\xfe' },
  { client: 'codex', what: 'an empty file', before: '', after: mcp => ({ mcp_servers: { weft: mcp } }) },
  {
    client: 'codex',
    what: 'comments and other servers',
    before: '# mine\nmodel = "o"   # best\n\n[mcp_servers.other]\ncommand = "x"\n',
    after: mcp => ({ model: 'o', mcp_servers: { other: { command: 'x' }, weft: mcp } }),
    keeps: '# mine\nmodel = "o"   # best\n\n[mcp_servers.other]\ncommand = "x"\n',
  },
  {
    client: 'codex',
    what: 'an entry for another node, in the middle, with more in it',
    before:
      '[mcp_servers.weft] # shared\ncommand = "old"\nargs = [\n  "a", # one\n  "]",\n]\nstartup_timeout_sec = 5 # slow\n[mcp_servers.weft.env]\nA = "b"\n[tui]\nx = 1\n',
    after: mcp => ({ mcp_servers: { weft: { ...mcp, startup_timeout_sec: 5, env: { A: 'b' } } }, tui: { x: 1 } }),
    keeps: 'startup_timeout_sec = 5 # slow\n[mcp_servers.weft.env]\nA = "b"\n[tui]\nx = 1\n',
  },
  {
    client: 'codex',
    what: 'other ends of lines',
    before: 'a = 1\r\n',
    after: mcp => ({ a: 1, mcp_servers: { weft: mcp } }),
    keeps: 'a = 1\r\n',
  },
  { client: 'codex', what: 'a broken file', before: 'model = \n' },
  { client: 'codex', what: 'a table that cannot be added to', before: 'mcp_servers = { other = { command = "x" } }\n' },
  { client: 'codex', what: 'an entry in one line', before: '[mcp_servers]\nweft = { command = "old" }\n' },
  { client: 'codex', what: 'a group that is a text', before: 'mcp_servers = "none"\n' },
]

t.test('mcp-config tells each client how to start the server, and spoils nothing', { timeout: 100_000 }, async t => {
  const root = mkdtempSync(join(tmpdir(), 'weft-mcp-config-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const node = join(root, 'a "node"', '.weft')
  await ask(['init', '--dir', node])
  const mcp = { command: process.execPath, args: [WEFT, 'mcp', '--dir', node] }
  const project = (name: string): { cwd: string; env: Readonly<Record<string, string>>; file: (client: string) => string } => {
    const cwd = join(root, name)
    mkdirSync(cwd, { recursive: true })
    return { cwd, env: { CODEX_HOME: join(cwd, 'codex') }, file: client => join(cwd, FILES[client] as string) }
  }
  const read = (client: string, text: string): object =>
    client === 'codex' ? parse(text) : (JSON.parse(text.replace('\uFEFF', '')) as object)

  await t.test('prints it, or writes a new file, twice the same', async t => {
    await fourAtATime(Object.keys(FILES), async client => {
      const { cwd, env, file } = project(`new-${client}`)
      const args = ['mcp-config', '--client', client, '--dir', node]
      const printed = await weft(args, { cwd, env })
      t.match(printed, { code: 0, stderr: new RegExp(`to stand in .*${FILES[client]}; --write puts it there`) })
      t.notOk(existsSync(file(client)), 'nothing is written unless it is asked for')
      t.match(await ask<Config>([...args, '--write'], { cwd, env }), { file: file(client), ...mcp, config: printed.stdout, written: true })
      t.equal(readFileSync(file(client), 'utf8'), printed.stdout, 'what was printed is what is written')
      t.match(await ask<Config>([...args, '--write'], { cwd, env }), { written: false }, 'and only once')
      t.match(await weft([...args, '--write'], { cwd, env }), { code: 0, stdout: /has it already/ })
    })
  })

  await t.test('puts it beside what stands there, or leaves a file alone that it does not understand', async t => {
    await fourAtATime(CONFIGS, async ({ client, what, before, after, keeps = '' }) => {
      const { cwd, env, file } = project(`${client} ${what}`)
      mkdirSync(dirname(file(client)), { recursive: true })
      const bytes = Buffer.from(before, before.startsWith('\xff') ? 'latin1' : 'utf8')
      writeFileSync(file(client), bytes)
      const args = ['mcp-config', '--client', client, '--dir', node, '--write']
      const { code, stdout } = await weft([...args, '--json'], { cwd, env })
      const now = readFileSync(file(client))
      if (after === undefined) {
        t.match(
          { code, ...JSON.parse(stdout) },
          { code: 1, error: { code: 'config_invalid', message: file(client), next: /by hand/ } },
          what,
        )
        t.ok(now.equals(bytes), `${what}: the file is as it was`)
        return
      }
      t.equal(code, 0, `${what}: ${stdout}`)
      t.same(read(client, now.toString()), after(mcp), what)
      t.ok(now.toString().includes(keeps), `${what}: ${now}`)
      t.match(await ask<Config>(args, { cwd, env }), { written: false }, `${what}: once`)
      t.ok(readFileSync(file(client)).equals(now))
    })
  })

  await t.test('an entry for another node stays, unless it is forced', async t => {
    await fourAtATime(['claude', 'codex'], async client => {
      const { cwd, env, file } = project(`other-${client}`)
      const args = (dir: string): string[] => ['mcp-config', '--client', client, '--dir', dir, '--write']
      await ask(args(join(cwd, 'other')), { cwd, env })
      const before = readFileSync(file(client), 'utf8')
      const refused = await weft(args(node), { cwd, env })
      t.match(refused, { code: 1, stderr: /is for another node, in .*other[^]*--force/ })
      t.equal(readFileSync(file(client), 'utf8'), before)
      t.match(await ask<Config>([...args(node), '--force'], { cwd, env }), { written: true })
      t.match(read(client, readFileSync(file(client), 'utf8')), { [client === 'codex' ? 'mcp_servers' : 'mcpServers']: { weft: mcp } })
    })
  })

  await t.test('a file behind a link, with a mode of its own, stays so', async t => {
    const { cwd, env, file } = project('link')
    writeFileSync(join(cwd, 'dotfiles.toml'), '# mine\n')
    chmodSync(join(cwd, 'dotfiles.toml'), 0o600)
    mkdirSync(env['CODEX_HOME'] as string)
    symlinkSync(join(cwd, 'dotfiles.toml'), file('codex'))
    await ask(['mcp-config', '--client', 'codex', '--dir', node, '--write'], { cwd, env })
    t.ok(lstatSync(file('codex')).isSymbolicLink())
    t.equal(statSync(join(cwd, 'dotfiles.toml')).mode & 0o777, 0o600)
    t.match(readFileSync(join(cwd, 'dotfiles.toml'), 'utf8'), /^# mine\n\n\[mcp_servers\.weft\]/)
  })

  await t.test('what it names works from anywhere: an installed weft, where that starts without a shell', async t => {
    await nodeAt(node)
    const { cwd } = project('installed')
    const bin = join(cwd, 'bin')
    mkdirSync(bin)
    symlinkSync(WEFT, join(bin, 'weft'))
    chmodSync(WEFT, 0o755)
    const PATH = `${bin}:${environment()['PATH']}`
    const { command, args } = await ask<Config>(['mcp-config', '--client', 'claude', '--dir', node], { cwd, env: { PATH } })
    t.ok(command === join(bin, 'weft') || command === process.execPath, command)
    const client = new Client({ name: 'test', version: '1' })
    await client.connect(
      new StdioClientTransport({ command, args: [...args], cwd: '/', env: { PATH: '/usr/local/bin:/usr/bin:/bin' }, stderr: 'ignore' }),
    )
    const { structuredContent } = await client.callTool({ name: 'memory_status', arguments: {} })
    t.match(structuredContent, { node: NODE_ID, state: 'running' })
    await client.close()
    await weft(['stop', '--dir', node])
  })

  t.match(await failure(['mcp-config', '--client', 'emacs']), { exit: 64, code: 'usage', message: /claude, cursor, vscode, codex/ })
  t.match(await failure(['mcp-config']), { exit: 64, code: 'usage' })
})
