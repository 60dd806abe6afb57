/**
 * `npm run bench`: every benchmark after the other, each in a process of its own. Names choose some, and what
 * begins with two dashes goes to each of them:
 *
 *     npm run bench -- chain mesh
 *     npm run bench -- replication --only=weftmesh
 *
 * A result is one JSON line. What they were on which machine stands in RESULTS.md.
 */
import { spawnSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { print } from './measure.ts'

const PROGRAMS = [
  'chain',
  'transport',
  'node',
  'mesh',
  'cluster',
  'replication',
  'sim',
  'recall',
  'vectors',
  'vectors-node',
  'locomo',
  'entities',
] as const

const chosen = process.argv.slice(2).filter(text => !text.startsWith('--'))
const options = process.argv.slice(2).filter(text => text.startsWith('--'))
const unknown = chosen.filter(name => !PROGRAMS.some(program => program === name))
if (unknown.length > 0) {
  console.error(`there is no benchmark ${unknown.join(', ')}: there are ${PROGRAMS.join(', ')}`)
  process.exit(64)
}

print({
  bench: 'machine',
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  os: `${type()} ${release()}`,
  node: process.version,
  date: new Date().toISOString().slice(0, 10),
})
for (const name of chosen.length > 0 ? chosen : PROGRAMS) {
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`./${name}.js`, import.meta.url)), ...options], {
    stdio: 'inherit',
  })
  if (status !== 0) {
    console.error(`${name} failed`)
    process.exitCode = 1
  }
}
