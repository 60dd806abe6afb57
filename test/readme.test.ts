import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { environment, unhooked } from './cli/weft.ts'
import { projectRoot } from './fixtures.ts'

const root = projectRoot()
const readme = readFileSync(join(root, 'README.md'), 'utf8')

t.test('the program in the README compiles in a project of its own, and runs', async t => {
  const [, source] = /```ts\n([\s\S]*?)```/.exec(readme) ?? []
  t.ok(source?.includes("from 'weftmesh'"))
  const dir = mkdtempSync(join(tmpdir(), 'weft-readme-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  mkdirSync(join(dir, 'node_modules'))
  symlinkSync(root, join(dir, 'node_modules', 'weftmesh'))
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(join(dir, 'example.ts'), source as string)
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const options = [
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--strict',
    '--skipLibCheck',
    '--typeRoots',
    join(root, 'node_modules', '@types'),
    '--types',
    'node',
  ]
  const run = (...args: string[]) =>
    spawnSync(...unhooked(process.execPath, args), { cwd: dir, env: environment(), encoding: 'utf8', timeout: 60_000 })
  const compiled = run(tsc, ...options, 'example.ts')
  t.equal(compiled.status, 0, compiled.stdout + compiled.stderr)
  const ran = run('example.js')
  t.equal(ran.status, 0, ran.stderr)
  t.match(ran.stdout, /Checkout timed out on Friday/)
  t.match(ran.stdout, /The pool is exhausted at 200 connections/)
  t.match(ran.stdout, /memory\n/)
})

t.test('files and folders that the documents name are there', async t => {
  for (const document of ['README.md', 'docs/architecture.md', 'docs/protocol.md', 'docs/mcp.md', 'SECURITY.md']) {
    const text = readFileSync(join(root, document), 'utf8')
    const names = [...text.matchAll(/`((?:base|transport|discovery|chain|ecc|node|sim|cli|bench|examples|docs|test)\/[\w./-]*)`/g)].map(
      match => match[1] as string,
    )
    const missing = names.filter(name => !name.includes('<') && !existsSync(join(root, name)) && !existsSync(join(root, `${name}.ts`)))
    t.same(missing, [], document)
  }
})

t.test('the tests that the status table names are there', async t => {
  const named = [...readme.matchAll(/build\/(test\/[\w/*.-]+)\.js/g)].map(match => match[1] as string)
  t.ok(named.length > 4)
  for (const name of named) if (!name.includes('*')) t.ok(existsSync(join(root, `${name}.ts`)), name)
})
