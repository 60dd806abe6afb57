import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { INVARIANTS } from '../../sim/checkers/checker.ts'
import { SOMETIMES } from '../../sim/sometimes.ts'
import { type BadInput, codeAndExit, ended, failure, fourAtATime, starts, temporary, until, weft } from './weft.ts'

// Every row is a process of its own, and machines that run tests are busy.
t.setTimeout(110_000)

const YAML = `
name: small
nodes: 3
workload: [ { put: 5/s } ]
at: { 2s: isolate n2, 4s: heal }
duration: 6s
seed: 7
`

/** A program of a scenario, in TypeScript, so that types have to be taken out. */
function scenarioWith(onMessage: string): string {
  return `import { randomInt } from 'node:crypto'
import { defineScenario } from "weftmesh/sim"
const luck: number = randomInt(1_000_000)
const agent = (context: any) => ({ onMessage: async (message: unknown) => { ${onMessage} } })
export default defineScenario({ name: 'programs', nodes: 3, agents: { agent }, workload: [{ agent: 'agent' }], at: { '2s': 'isolate n2', '4s': 'heal' }, duration: '6s' })
`
}

/** It demands what cannot be: that the nodes know of a fork, which nobody makes. */
const BROKEN = `
name: broken
nodes: 4
workload: [ { put: 2/s }, { recall: 1/s } ]
at:
  1s: crash n3
  2s: restart n3
  3s: pause n2 { for: 4s }
  8s: partition [[n1,n4],[n2,n3]]
  10s: heal
duration: 12s
expect: { forks: 1 }
seed: 3
`

interface RunDocument {
  readonly verdict: string
  readonly seed: number
  readonly scenario: string
  readonly virtualMs: number
  readonly events: number
  readonly traceHash: string
  readonly invariants: readonly { readonly id: string; readonly held: boolean; readonly detail: string }[]
  readonly replay: string
  readonly shrunk?: { readonly file: string; readonly faults: number; readonly run: string }
  readonly state?: {
    readonly node: string
    readonly down: string | null
    readonly lives: number
    readonly status: object | null
    readonly log: readonly object[]
  }
}

async function document<T>(
  args: readonly string[],
  cwd: string,
): Promise<{ readonly code: number | null; readonly stderr: string; readonly said: T }> {
  const { code, stdout, stderr } = await weft(['sim', ...args, '--json'], { cwd })
  return { code, stderr, said: JSON.parse(stdout) as T }
}

t.test('a run, its replay, its report and what is said of them agree', async t => {
  const dir = temporary(t)
  writeFileSync(join(dir, 'small.yaml'), YAML)
  const run = await document<RunDocument>(['run', 'small.yaml', '--out', 'out/a'], dir)
  t.same([run.code, run.stderr, run.said.verdict, run.said.seed, run.said.scenario], [0, '', 'valid', 7, 'small'])
  t.same(
    run.said.invariants.map(({ id, held }) => [id, held]),
    INVARIANTS.map(id => [id, true]),
  )
  t.equal(run.said.replay, 'weft sim replay 7 --scenario small.yaml')
  for (const file of ['report.html', 'timeline.svg', 'report.json', 'events.jsonl', 'trace.shiviz.log'])
    t.ok(existsSync(join(dir, 'out/a', file)), file)

  const [replay, shown, view, same, other, cut, sameCut] = await Promise.all([
    document<RunDocument>(['replay', '7', '--scenario', 'small.yaml', '--out', 'b'], dir),
    weft(['sim', 'run', 'small.yaml'], { cwd: dir }),
    weft(['sim', 'view', 'out/a'], { cwd: dir }),
    weft(['sim', 'diff', 'out/a', '7', '--scenario', 'small.yaml'], { cwd: dir }),
    weft(['sim', 'diff', '7', '8', '--scenario', 'small.yaml'], { cwd: dir }),
    document<RunDocument>(['replay', '7', '--scenario', 'small.yaml', '--until', '3s', '--node', 'n2'], dir),
    document<RunDocument>(['replay', '7', '--scenario', 'small.yaml', '--until', '3000'], dir),
  ])
  t.equal(replay.said.traceHash, run.said.traceHash)
  t.match(shown.stdout, /^valid: small, seed 7, [\d.]+ s; \d+ events, trace [0-9a-f]{16}\n/)
  const counted = [shown.stdout, view.stdout, readFileSync(join(dir, 'out/a/timeline.svg'), 'utf8')]
  for (const text of counted) t.match(text, /\b2 faults\b/, 'what mends everything in the end is no fault')
  t.match(shown.stderr, /isolate n2/, 'what happens is told while it happens')
  t.same([view.code, view.stdout.includes('report.html'), /^ +broken/m.test(view.stdout)], [0, true, false])
  t.same([same.code, same.stdout], [0, 'the two runs are the same\n'])
  t.equal(other.code, 1)
  t.match(other.stdout, /^the first difference is event 0\na .* n1 .*\nb .* n1 /)

  t.same([cut.code, cut.said.verdict, cut.said.virtualMs], [2, 'unknown', 3000], 'what is stopped is not judged')
  t.equal(sameCut.said.traceHash, cut.said.traceHash, 'without a unit, milliseconds are meant')
  t.match(cut.said.state, { node: 'n2', down: null, lives: 1, status: { publishing: true } })
  t.ok((cut.said.state?.log.length ?? 0) > 0)
})

t.test('a broken promise is told in few lines, with a smaller scenario that breaks it too', async t => {
  const dir = temporary(t)
  writeFileSync(join(dir, 'broken.yaml'), BROKEN)
  const { code, stdout } = await weft(['sim', 'run', 'broken.yaml', '--quiet'], { cwd: dir })
  t.equal(code, 1)
  const lines = stdout.trimEnd().split('\n')
  t.ok(lines.length <= 12)
  t.match(lines[0], /^broken: equivocation at [\d.]+ s on n1$/)
  t.match(lines[1], /^ {2}promised: every correct node knows of 1 forked log/)
  t.match(lines[2], /^ {2}but n1 knows of 0$/)
  t.equal(lines[3], '  weft sim replay 3 --scenario broken.yaml')
  t.match(lines[4], /^ {2}smallest form, 0 faults on 1 node: weft sim run repro-3.yaml$/)
  t.equal(lines[5], '  for a report: weft sim replay 3 --scenario broken.yaml --out report-3')
  t.match(
    readFileSync(join(dir, 'repro-3.yaml'), 'utf8'),
    /^# The smallest form of: weft sim replay 3 --scenario broken.yaml\n# broken: equivocation at[^]*^name: "broken-smaller"\nabout: "A smaller case of broken, seed 3, which breaks equivocation: promised: every/m,
  )
  const again = await document<RunDocument>(['run', 'repro-3.yaml', '--no-shrink'], dir)
  t.equal(again.code, 1)
  t.same(
    again.said.invariants.filter(({ held }) => !held).map(({ id }) => id),
    ['equivocation'],
  )
})

interface FuzzDocument {
  readonly seeds: number
  readonly perMinute: number
  readonly virtualHours: number
  readonly failures: readonly { readonly invariant: string; readonly seed: number; readonly replay: string; readonly shrunk?: object }[]
  readonly crashes: readonly { readonly seed: number; readonly message: string }[]
  readonly sometimes: Readonly<Record<string, number>>
  readonly unfinished: readonly number[]
}

t.test('many seeds are run side by side, also of a scenario with programs, and every rare situation is counted', async t => {
  const dir = temporary(t)
  writeFileSync(join(dir, 'agent.ts'), scenarioWith('console.log(message); await context.memory.remember("worked " + Math.max(1, 2))'))
  writeFileSync(join(dir, 'ends.ts'), scenarioWith('process.exit(0)'))
  writeFileSync(join(dir, 'dice.ts'), scenarioWith('await context.memory.remember("rolled " + luck)'))
  writeFileSync(join(dir, 'rare.yaml'), `${YAML}expect: { sometimes: [fork-seen] }\n`)
  writeFileSync(join(dir, 'broken.yaml'), BROKEN)
  const [good, ends, rare, broken, dice, alone] = await Promise.all([
    document<FuzzDocument>(['fuzz', '--scenario', 'agent.ts', '--seeds', '4', '--seed', '1'], dir),
    document<FuzzDocument>(['fuzz', '--scenario', 'ends.ts', '--seed', '1', '--jobs', '1'], dir),
    document<FuzzDocument>(['fuzz', '--scenario', 'rare.yaml', '--seeds', '2'], dir),
    document<FuzzDocument>(['fuzz', '--scenario', 'broken.yaml', '--seeds', '2', '--seed', '9007199254740991', '--no-shrink'], dir),
    document<{ deterministic: boolean; divergence: { at: number; a: { what: string } } }>(
      ['doctor', '--scenario', 'dice.ts', '--seeds', '1'],
      dir,
    ),
    failure(['sim', 'run', 'ends.ts'], { cwd: dir }),
  ])
  t.same([good.code, good.said.seeds, good.said.failures, good.said.crashes], [0, 4, [], []])
  t.same(Object.keys(good.said.sometimes), Object.keys(SOMETIMES))
  t.equal(good.said.sometimes['fork-seen'], 0)

  t.same([ends.code, ends.said.seeds], [3, 0], 'a thread that ends takes no other with it, and is no verdict')
  t.match(ends.said.crashes[0], { seed: 1, message: /a program ended it/ })
  t.same(codeAndExit(alone), { code: 'scenario_invalid', exit: 64 })
  t.equal(rare.code, 2, 'what a scenario is about never came up')

  t.same([broken.code, broken.said.seeds], [1, 1], 'there is no seed after the last')
  t.match(broken.said.failures, [{ invariant: 'equivocation', replay: 'weft sim replay 9007199254740991 --scenario broken.yaml' }])

  t.equal(dice.code, 1, 'a program that rolls dice is found out')
  t.ok(dice.said.divergence.at > 0)
})

t.test('a fuzzing that is interrupted says what it found', { skip: process.platform === 'win32' && 'there are no signals' }, async t => {
  const child = starts(['sim', 'fuzz', '--progress', '--nodes', '3', '--duration', '10s', '--seed', '1', '--json'], { cwd: temporary(t) })
  let talked = ''
  child.stderr?.on('data', text => (talked += text))
  const end = ended(child)
  await until('some seeds', () => /[1-9]\d* seeds?,/.test(talked))
  child.kill('SIGINT')
  const { code, stdout } = await end
  const { seeds, failures } = JSON.parse(stdout) as FuzzDocument
  t.ok(seeds > 0)
  t.equal(code, failures.length === 0 ? 130 : 1)
})

t.test('whatever is asked wrongly has its code, its exit code and a next step', async t => {
  const dir = temporary(t)
  writeFileSync(join(dir, 'small.yaml'), YAML)
  writeFileSync(join(dir, 'broken.yaml'), BROKEN)
  writeFileSync(join(dir, 'wrong.yaml'), 'nodes: 3\nat:\n  2s: crash n9\n')
  for (const [name, text] of [
    ['newer', '{"version":2}'],
    ['damaged', '{"version":'],
    ['empty', '{"version":1}'],
  ] as const) {
    mkdirSync(join(dir, name))
    writeFileSync(join(dir, name, 'report.json'), text)
  }
  mkdirSync(join(dir, 'full'))
  if (existsSync('/dev/full')) symlinkSync('/dev/full', join(dir, 'full', 'report.json'))
  const usage = { code: 'usage', exit: 64 } as const
  const rows: readonly BadInput[] = [
    { what: 'no jobs', args: ['fuzz', '--jobs', '0'], ...usage, says: /from 1 on/ },
    { what: 'one node', args: ['fuzz', '--nodes', '1'], ...usage, says: /2 to 1000 nodes/ },
    { what: 'a profile that is none', args: ['fuzz', '--profile', 'nonsense'], ...usage, says: /swarm, network, disk, byzantine/ },
    { what: 'a budget without a unit', args: ['fuzz', '--budget', '5'], ...usage, says: /500ms, 5s/ },
    { what: 'no time at all', args: ['fuzz', '--budget', '0s'], ...usage, says: /In no time/ },
    { what: 'a story of a second', args: ['fuzz', '--duration', '1s'], ...usage, says: /from 10s to 24h/ },
    {
      what: 'nodes of a scenario that has its own',
      args: ['fuzz', '--scenario', 'small.yaml', '--nodes', '4'],
      ...usage,
      says: /cannot be used with/,
    },
    { what: 'a negative seed', args: ['replay', '-5'], ...usage, says: /from 0 to 9007199254740991/ },
    { what: 'a seed that no number can be', args: ['replay', '9007199254740992'], ...usage, says: /from 0 to 9007199254740991/ },
    { what: 'a time before the beginning', args: ['replay', '7', '--until', '-1'], ...usage },
    { what: 'a command that is none', args: ['frob'], ...usage, says: /there are list, run, fuzz, replay, shrink, view, diff, doctor\)$/ },
    { what: 'a node that is not there', args: ['replay', '7', '--node', 'n9'], ...usage, says: /no node n9 .*there are n1, n2/ },
    { what: 'a report of real processes', args: ['run', 'small.yaml', '--real', '--out', 'x'], ...usage, says: /no report/ },
    {
      what: 'a scenario that is misspelt',
      args: ['run', 'split-n-heal'],
      code: 'scenario_invalid',
      exit: 64,
      says: /did you mean split-and-heal/,
    },
    {
      what: 'a scenario with a mistake',
      args: ['run', 'wrong.yaml'],
      code: 'scenario_invalid',
      exit: 64,
      says: /wrong.yaml:3.*there is no node n9/s,
    },
    {
      what: 'a file that is not there',
      args: ['fuzz', '--scenario', 'none.yaml'],
      code: 'scenario_invalid',
      exit: 64,
      says: /there is no file/,
    },
    {
      what: 'a directory that is a file',
      args: ['run', 'small.yaml', '--out', 'small.yaml'],
      code: 'report_unwritable',
      exit: 64,
      says: /there is a file/,
    },
    ...(existsSync('/proc')
      ? [
          {
            what: 'a directory that cannot be',
            args: ['run', 'small.yaml', '--out', '/proc/x'],
            code: 'report_unwritable',
            exit: 64,
            says: /cannot write \/proc\/x/,
          } as const,
        ]
      : []),
    {
      what: 'a file that cannot be',
      args: ['shrink', '3', '--scenario', 'broken.yaml', '--out', 'none/x'],
      code: 'report_unwritable',
      exit: 64,
    },
    { what: 'a directory below a file', args: ['run', 'small.yaml', '--out', 'small.yaml/x'], code: 'report_unwritable', exit: 64 },
    ...(existsSync('/dev/full')
      ? [
          {
            what: 'a full disk',
            args: ['run', 'small.yaml', '--out', 'full'],
            code: 'report_unwritable',
            exit: 64,
            says: /the disk is full/,
          } as const,
        ]
      : []),
    { what: 'no report', args: ['view', '.'], code: 'report_invalid', exit: 64, says: /report.json is not there/ },
    { what: 'no directory', args: ['diff', '7', 'none'], code: 'report_invalid', exit: 64, says: /no directory none/ },
    { what: 'a report of a later version', args: ['view', 'newer'], code: 'report_invalid', exit: 64, says: /version 2/ },
    { what: 'a damaged report', args: ['view', 'damaged'], code: 'report_invalid', exit: 64, says: /is not JSON/ },
    {
      what: 'a report without what belongs in it',
      args: ['diff', 'empty', 'empty'],
      code: 'report_invalid',
      exit: 64,
      says: /scenario: expected an object/,
    },
  ]
  await fourAtATime(rows, async ({ what, args, code, exit, says }) => {
    const failed = await failure(['sim', ...args], { cwd: dir })
    t.same(codeAndExit(failed), { code, exit }, what)
    if (says !== undefined) t.match(failed.message, says, `${what}: what it says`)
    t.ok(failed.next, `${what}: what to do`)
    t.notMatch(failed.next, /weft --help/, `${what}: the help is that of the command`)
  })
})
