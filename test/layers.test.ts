import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'
import { projectRoot } from './fixtures.ts'

/**
 * The layout is the architecture. Read from the imports themselves, so that it cannot drift:
 * arrows never point up, each foreign package enters in one place, and no part that decides
 * anything reaches for a clock, a socket, a file or chance.
 */
const LAYERS: Readonly<Record<string, number>> = {
  base: 0,
  transport: 1,
  discovery: 1,
  chain: 1,
  ecc: 1,
  node: 2,
  sim: 3,
  cli: 4,
  bench: 4,
  examples: 4,
  test: 4,
}

/** Where each foreign package may be imported. */
const ENTRANCES: readonly (readonly [packages: RegExp, files: RegExp])[] = [
  [/^(libp2p|@libp2p\/mdns|@chainsafe\/libp2p-noise|@libp2p\/.*|@multiformats\/multiaddr)$/, /^(transport|discovery)\/libp2p\//],
  [/^@noble\//, /^base\/crypto\//],
  [/^multiformats(\/|$)/, /^(base\/(base64|ids|frontier)|discovery\/invite)\.ts$/],
  [/^classic-level$/, /^node\/host\//],
  [/^hnswlib-node$/, /^ecc\/hnsw-worker\//],
  [/^pino$/, /^node\/host\//],
  [/^(hono|@hono\/.*|prom-client)(\/|$)/, /^node\/http\//],
  [/^zod$/, /^(node\/(config\.ts|commands\/|proof\/proof\.ts)|cli\/mcp\/tools?\.ts)/],
  [/^smol-toml$/, /^(node\/config|cli\/mcp\/toml-entry)\.ts$/],
  [/^@modelcontextprotocol\//, /^(cli\/mcp\/|examples\/agents\.ts$)/],
  [/^commander$/, /^cli\//],
  [/^yaml$/, /^sim\/scenario\/yaml\.ts$/],
  [/^@swc\/wasm-typescript$/, /^cli\/sim\/typescript-hooks\.ts$/],
  [/^(minisearch|@orama\/orama)$/, /^bench\/locomo\.ts$/],
  [/^tap$/, /^test\//],
  [/^fast-check$/, /^test\/properties\.ts$/],
  [/^playwright-core$/, /^test\//],
]

/** The parts that must be the same in the simulator: everything but these folders. */
const HOSTS =
  /^(node\/(host|http)|[a-z]+\/libp2p|ecc\/hnsw-worker|sim\/proxy)\/|^base\/crypto\/node-suite\.ts$|^sim\/(ambient|trap)\.ts$|^sim\/scenario\/catalogue\.ts$/
const PURE = /^(base|transport|discovery|chain|ecc|node|sim)\//

const AMBIENT: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['the time', /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bperformance\b|\bprocess\.hrtime\b/],
  ['a timer', /\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b|\bprocess\.nextTick\b|\bAbortSignal\.timeout\b/],
  ['chance', /\bMath\.random\b|\bgetRandomValues\b|\brandomUUID\b|\bcrypto\.subtle\b/],
  ['the process', /\bprocess\.(env|argv|cwd|stdin|stdout|stderr)\b|\bglobalThis\b/],
  ['the network', /\bfetch\(|\bnew WebSocket\b/],
]

interface Module {
  readonly path: string
  readonly folder: string
  readonly imports: readonly string[]
  /** Without comments and strings. */
  readonly code: string
}

const root = projectRoot()
const modules: Module[] = Object.keys(LAYERS).flatMap(folder => filesIn(folder).map(read))

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesIn(path)
    return entry.name.endsWith('.ts') ? [path] : []
  })
}

function read(path: string): Module {
  const source = readFileSync(join(root, path), 'utf8')
  const imports = [
    ...source.matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^'";]*?\bfrom\s*'([^']+)'|(?:^|\n)\s*import\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g,
    ),
  ]
  const code = source
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")
  return { path, folder: path.split('/')[0] as string, imports: imports.map(match => (match[1] ?? match[2] ?? match[3]) as string), code }
}

function targetOf(module: Module, specifier: string): string {
  return relative(root, join(root, dirname(module.path), specifier))
}

t.test('every module of the project is looked at', async t => {
  t.ok(modules.length > 150, `${modules.length} modules`)
  for (const folder of Object.keys(LAYERS))
    t.ok(
      modules.some(module => module.folder === folder),
      `some in ${folder}`,
    )
  t.ok(modules.flatMap(module => module.imports).length > 600, 'and their imports were found')
})

t.test('an arrow never points up, and the parts of layer 1 do not know each other', async t => {
  const wrong: string[] = []
  for (const module of modules) {
    for (const specifier of module.imports.filter(name => name.startsWith('.'))) {
      const target = targetOf(module, specifier)
      const folder = target.split('/')[0] as string
      const [from, to] = [LAYERS[module.folder] as number, LAYERS[folder]]
      const isSibling = from === 1 && to === 1 && folder !== module.folder
      const isTest = folder === 'test' && module.folder !== 'test'
      if (to === undefined || to > from || isSibling || isTest) wrong.push(`${module.path} imports ${target}`)
    }
  }
  t.same(wrong, [])
})

t.test('every foreign package enters in one place', async t => {
  const wrong: string[] = []
  for (const module of modules) {
    for (const specifier of module.imports.filter(name => !name.startsWith('.') && !name.startsWith('node:'))) {
      const entrance = ENTRANCES.find(([packages]) => packages.test(specifier))
      const isTestOrBench = module.folder === 'test' || module.folder === 'bench'
      if (entrance === undefined || (!entrance[1].test(module.path) && !isTestOrBench)) wrong.push(`${module.path} imports ${specifier}`)
    }
  }
  t.same(wrong, [])
})

t.test('what decides reaches for no clock, socket, file or chance of its own', async t => {
  const wrong: string[] = []
  for (const module of modules.filter(({ path }) => PURE.test(path) && !HOSTS.test(path))) {
    for (const specifier of module.imports) if (specifier.startsWith('node:')) wrong.push(`${module.path} imports ${specifier}`)
    for (const [what, pattern] of AMBIENT) if (pattern.test(module.code)) wrong.push(`${module.path} reaches for ${what}`)
  }
  t.same(wrong, [])
})

t.test('the simulator has no node of its own: it boots the same core as real machines', async t => {
  const importers = modules.filter(module => module.imports.some(name => targetOf(module, name) === 'node/boot.ts')).map(({ path }) => path)
  t.ok(importers.includes('node/create-node.ts') && importers.includes('sim/world.ts'))
  const constructors = modules
    .filter(({ code, folder }) => folder !== 'test' && folder !== 'bench' && /\bnew Core\(/.test(code))
    .map(({ path }) => path)
  t.same(constructors, ['node/boot.ts'])
})
