import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { projectRoot } from '../fixtures.ts'
import { environment, temporary, unhooked } from './weft.ts'

/** What this test was built to: what the package's `build` is made of. */
const BUILT: string = fileURLToPath(new URL('../..', import.meta.url))

/** npm, when it cannot reach the registry and the cache does not have everything. */
const UNREACHABLE: RegExp = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTCACHED|network/

t.test('the packed package is installed without scripts into an empty folder, and works there', { timeout: 110_000 }, async t => {
  const root = temporary(t)
  const run = (cwd: string, command: string, ...args: readonly string[]): SpawnSyncReturns<string> =>
    spawnSync(...unhooked(command, args), { cwd, encoding: 'utf8', env: environment(), timeout: 90_000, killSignal: 'SIGKILL' })

  const source = join(root, 'source')
  for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'docs', 'examples'])
    cpSync(join(projectRoot(), name), join(source, name), { recursive: true })
  cpSync(BUILT, join(source, 'build'), { recursive: true })
  const packed = run(source, 'npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', root)
  t.equal(packed.status, 0, packed.stderr)
  const [{ filename, files, unpackedSize }] = JSON.parse(packed.stdout) as [
    { filename: string; files: readonly { path: string }[]; unpackedSize: number },
  ]
  const paths = files.map(file => file.path)
  t.same(
    paths.filter(path => /^build\/(test|bench|examples)\/|\.map$|\.tsbuildinfo$|(?<!\.d)\.ts$/.test(path)),
    [],
    'nothing that only developers need',
  )
  for (const path of ['build/cli/weft.js', 'build/node/index.js', 'build/node/index.d.ts', 'examples/sample-history.jsonl'])
    t.ok(paths.includes(path), path)
  t.ok(unpackedSize < 4_000_000, `${unpackedSize} bytes`)

  const project = join(root, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{"private":true,"type":"module"}\n')
  const installed = run(project, 'npm', 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', join(root, filename))
  const isCutOff = installed.status !== 0 && UNREACHABLE.test(installed.stderr)
  await t.test(
    'what was installed works',
    { skip: isCutOff && 'the registry is not reachable, so nothing could be installed' },
    async t => {
      t.equal(installed.status, 0, installed.stderr)

      const weft = (...args: readonly string[]): string => {
        const ran = run(project, 'npx', '--no-install', 'weft', ...args)
        t.equal(ran.status, 0, `weft ${args.join(' ')}: ${ran.stderr}`)
        return ran.stdout
      }
      t.equal(weft('--version'), '0.1.0\n')
      t.match(JSON.parse(weft('init', '--json')), { dir: join(project, '.weft') })
      t.match(JSON.parse(weft('start', '-d', '--json')), { osPid: Number })
      const { id } = JSON.parse(weft('mem', 'remember', 'The package was installed', '--json')) as { id: string }
      t.match(JSON.parse(weft('mem', 'recall', 'what was installed', '--json')), { hits: [{ id }] })
      t.equal(weft('stop'), 'stopped\n')
      t.ok(readdirSync(join(project, '.weft')).includes('identity.pem'))

      writeFileSync(
        join(project, 'program.js'),
        "import { createNode } from 'weftmesh'\nconst node = await createNode({ dir: './.weft' })\nconsole.log((await node.memory.status()).nodes)\nawait node.stop()\n",
      )
      const program = run(project, process.execPath, 'program.js')
      t.same([program.status, program.stdout], [0, '1\n'], program.stderr)
    },
  )
})
