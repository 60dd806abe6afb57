/**
 * The MCP server as clients of others see it: the Inspector's command line, over stdio, and the conformance
 * runner, over HTTP, both from npm, both on Node 22 or newer, kept in a cache directory until that is removed;
 * once they are there, no network is needed. No script of a package runs.
 *
 * Most scenarios of the conformance runner want a server with tools of its own making; those that any
 * server must pass are run here.
 *
 *     node scripts/mcp-clients.mjs
 *
 * Prints one line for each thing that was tried; exit code 1 when one of them failed.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { hasOthers, runtimeOf } from './runtimes.mjs'

process.chdir(join(import.meta.dirname, '..'))

const CACHE = resolve('node_modules/.cache/weft-mcp-clients')
const PACKAGES = { '@modelcontextprotocol/conformance': '0.1.16', '@modelcontextprotocol/inspector': '2.12.0' }
const SCENARIOS = ['server-initialize', 'ping', 'tools-list', 'resources-list', 'dns-rebinding-protection']
/** 60 s for one program: each takes a second or two. */
const LIMIT_MS = 60_000

const weft = resolve('build/cli/weft.js')
const runtime = hasOthers && Number(process.versions.node.split('.')[0]) < 22 ? runtimeOf(22) : process.execPath
const root = mkdtempSync(join(tmpdir(), 'weft-mcp-clients-'))
const dir = join(root, 'node')
let failed = 0

install()
try {
  await own('init', '--dir', dir)
  await own('start', '-d', '--dir', dir)
  await inspect()
  await conform()
} finally {
  await own('stop', '--dir', dir).catch(() => {})
  rmSync(root, { recursive: true, force: true })
}
process.exitCode = failed === 0 ? 0 : 1

function install() {
  const wanted = JSON.stringify({ private: true, dependencies: PACKAGES })
  const file = join(CACHE, 'package.json')
  if (existsSync(join(CACHE, 'node_modules')) && existsSync(file) && readFileSync(file, 'utf8') === wanted) return
  rmSync(CACHE, { recursive: true, force: true })
  mkdirSync(CACHE, { recursive: true })
  writeFileSync(file, wanted)
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']
  const { status, stderr } = spawnSync('npm', ['install', ...options], { cwd: CACHE, encoding: 'utf8' })
  if (status === 0) return
  rmSync(CACHE, { recursive: true, force: true })
  throw new Error(`cannot install the clients: ${stderr.trim()}`)
}

async function inspect() {
  const say = (...args) => tool('mcp-inspector', ['--cli', ...args, '--', process.execPath, weft, 'mcp', '--dir', dir])
  const list = await say('--method', 'tools/list', '--strict')
  told(
    'inspector: seven tools, whose schemas every client can use',
    list.code === 0 && list.json?.tools?.length === 7 && !/warning/i.test(list.stderr),
    list,
  )
  const made = await say('--method', 'tools/call', '--tool-name', 'remember', '--tool-arg', 'text=The inspector was here')
  const { id } = made.json?.structuredContent ?? {}
  told('inspector: remember', made.code === 0 && /^[0-9a-f]{64}$/.test(id), made)
  const found = await say('--method', 'tools/call', '--tool-name', 'recall', '--tool-arg', 'query=inspector')
  told('inspector: recall', found.code === 0 && found.json?.structuredContent?.hits?.[0]?.id === id, found)
  const wrong = await say('--method', 'tools/call', '--tool-name', 'why', '--tool-arg', 'id=nothing')
  told('inspector: an error of a tool is its result', wrong.code !== 0 && wrong.json?.isError === true, wrong)
  const read = await say('--method', 'resources/read', '--uri', `weft://memory/${id}`)
  told('inspector: a memory as a resource', read.code === 0 && JSON.parse(read.json?.contents?.[0]?.text ?? '{}').id === id, read)
}

/** The runner sends no token, so that one is added on the way. */
async function conform() {
  const server = spawn(process.execPath, [weft, 'mcp', '--http', '--dir', dir, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { url, tokenFile } = JSON.parse(await new Promise(resolve => server.stdout.once('data', resolve)))
  const authorization = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`
  const proxy = createServer((incoming, response) => {
    const { method, headers } = incoming
    const outgoing = request(new URL(incoming.url, url), { method, headers: { ...headers, authorization } }, reply => {
      response.writeHead(reply.statusCode, reply.headers)
      reply.pipe(response)
    })
    outgoing.on('error', () => response.destroy())
    incoming.pipe(outgoing)
  })
  await new Promise(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const own = `http://127.0.0.1:${proxy.address().port}${new URL(url).pathname}`
  try {
    for (const scenario of SCENARIOS) {
      const result = await tool('conformance', ['server', '--url', own, '--scenario', scenario])
      told(`conformance: ${scenario}`, result.code === 0, result)
    }
  } finally {
    server.kill('SIGTERM')
    proxy.close()
    proxy.closeAllConnections()
  }
}

function told(what, isGood, { code, stdout, stderr }) {
  if (!isGood) failed++
  console.log(isGood ? `ok - ${what}` : `not ok - ${what}: exit ${code}\n${stdout}${stderr}`)
}

function tool(name, args) {
  return run(runtime, [join(CACHE, 'node_modules', '.bin', name), ...args])
}

async function own(...args) {
  const { code, stderr } = await run(process.execPath, [weft, ...args])
  if (code !== 0) throw new Error(`weft ${args.join(' ')}: ${stderr}`)
}

function run(file, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: root }, timeout: LIMIT_MS })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', text => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
    child.on('error', reject)
    child.on('close', code => resolve({ code, stdout, stderr, json: jsonIn(stdout) }))
  })
}

function jsonIn(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
