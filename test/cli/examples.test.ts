import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { BUGGIFY_SITES } from '../../base/buggify.ts'
import { HOSTILE_BEHAVIOURS } from '../../sim/byzantine/behaviours.ts'
import { INVARIANTS } from '../../sim/checkers/checker.ts'
import { FAULT_WORDS, parseFault } from '../../sim/scenario/fault-text.ts'
import { PROFILES } from '../../sim/scenario/swarm.ts'
import { SOMETIMES } from '../../sim/sometimes.ts'
import { projectRoot } from '../fixtures.ts'
import { environment, unhooked, weft } from './weft.ts'

const FOLDER: string = fileURLToPath(new URL('../../examples/', import.meta.url))

/** What each program says. Those that are no program of their own are spawned by others, and by the tests of the commands. */
const SAYS: Readonly<Record<string, string | undefined>> = {
  agents:
    'ben: Deploys run on Fridays\n--- cut off from each other\n--- connected again\nada: The staging database is migrated by hand\nada: Deploys run on Mondays, after the release train (in conflict)\nada: Deploys run on Tuesdays, because of what happened last Friday (in conflict)\n--- settled\nben: Deploys run on Tuesdays, because of what happened last Friday\n',
  counter: undefined,
  processes: "2\n5\nA COUNTER COUNTS\n[ 'counter', 'herald' ]\nkilled\nnoproc\n",
  'shared-memory': 'Checkout timed out on Friday evening\n  causes <- The connection pool is exhausted at 200 connections (said by ada)\n',
  'sim/night-shift': undefined,
  'sim/on-a-node': 'ok\nok\nok\n3\nRound 1 of the doors: all shut\nRound 2 of the doors: all shut\nRound 3 of the doors: all shut\n',
  'sim/watchman': undefined,
  watch: 'Deploys run on Fridays (superseded)\nDeploys run on Tuesdays (current)\nthen: superseded\n',
}

t.test('every example runs, and says what it shows', async t => {
  t.same(
    readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.js'))
      .map(name => name.slice(0, -'.js'.length))
      .sort(),
    Object.keys(SAYS).sort(),
  )
  const run = promisify(execFile)
  await Promise.all(
    Object.entries(SAYS).map(async ([name, says]) => {
      if (says === undefined) return
      t.same(
        await run(...unhooked(process.execPath, [join(FOLDER, `${name}.js`)]), { env: environment(), timeout: 30_000 }),
        { stdout: says, stderr: '' },
        name,
      )
    }),
  )
})

t.test('every example of a scenario keeps its promises', async t => {
  const sources = join(projectRoot(), 'examples', 'sim')
  const files = [join(FOLDER, 'sim', 'night-shift.js'), join(sources, 'night-shift.ts'), join(sources, 'two-sites.yaml')]
  const runs = await Promise.all(files.map(file => weft(['sim', 'run', file, '--quiet'])))
  for (const [i, { code, stdout, stderr }] of runs.entries()) {
    t.equal(code, 0, `${files[i]}: ${stderr}`)
    t.match(stdout, /^valid: (night-shift|two-sites), seed 1, /)
  }
})

// ---- the document on the simulator

const guide: string = readFileSync(join(projectRoot(), 'docs', 'simulator.md'), 'utf8')

t.test('the files that the document on the simulator shows do what it says of them', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-guide-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const names: string[] = []
  for (const [, text = '', name = ''] of guide.matchAll(/```(?:ts|yaml)\n((?:\/\/|#) (\S+)\n[\s\S]*?)```/g)) {
    writeFileSync(join(dir, name), text)
    names.push(name)
  }
  t.same(names, ['fast-clock.yaml', 'two-sites.yaml', 'watchman.ts', 'night-shift.ts'])
  const run = (file: string) => weft(['sim', 'run', file, '--quiet', '--no-shrink'], { cwd: dir })
  const [sites, shift, clock] = await Promise.all([run('two-sites.yaml'), run('night-shift.ts'), run('fast-clock.yaml')])
  for (const { code, stdout, stderr } of [sites, shift]) t.equal(code, 0, stdout + stderr)
  t.equal(clock.code, 1)
  // Its numbers are those of the day on which it was written.
  const shown = guide.slice(guide.indexOf('broken: liveness'))
  t.same(promiseOf(clock.stdout), promiseOf(shown))
})

/** The first two lines of a failure: what was broken on which nodes, and what was promised. */
function promiseOf(text: string): readonly string[] {
  return text.split('\n', 2).map(line => line.replace(/at [\d.]+ s/, ''))
}

t.test('the document on the simulator names what there is, all of it and nothing else', async t => {
  const faults = firstCells('What can go wrong').filter(text => text !== '')
  for (const text of faults) t.ok(parseFault(text).ok, text)
  t.same(new Set(faults.map(text => text.split(' ')[0])), new Set(FAULT_WORDS))
  t.same(namesIn('Rare situations'), Object.keys(SOMETIMES))
  t.same(namesIn('Rare branches'), Object.keys(BUGGIFY_SITES))
  const rows = [...part('Hostile members').matchAll(/^\| `([\w-]+)` \|.*\| (.*) \|$/gm)].map(([, name, defended]) => `${name}: ${defended}`)
  t.same(rows.sort(), HOSTILE_BEHAVIOURS.map(({ name, isDefended }) => `${name}: ${isDefended ? 'yes' : '**not yet**'}`).sort())
  t.same(
    [...part('What is judged').matchAll(/^- \*\*([\w-]+)\*\*/gm)].map(match => match[1]),
    INVARIANTS,
  )
  for (const profile of PROFILES) t.match(part('Let it look for failures'), `\`${profile}\``)
})

/** From its heading to the next one. */
function part(heading: string): string {
  return new RegExp(`^#+ ${heading}\\n([\\s\\S]*?)(?=^#|(?![\\s\\S]))`, 'm').exec(guide)?.[1] ?? ''
}

/** Code in the first column of its table. */
function firstCells(heading: string): readonly string[] {
  return [...part(heading).matchAll(/^\| `([^`]*)`/gm)].map(match => match[1] as string)
}

/** Code in the rows of its table. */
function namesIn(heading: string): readonly string[] {
  const rows = part(heading)
    .split('\n')
    .filter(line => line.startsWith('|'))
  return rows.flatMap(row => [...row.matchAll(/`([\w.-]+)`/g)].map(match => match[1] as string))
}
