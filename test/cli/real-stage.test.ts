import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { isAlive } from '../../cli/background.ts'
import { RealStage } from '../../cli/sim/real-stage.ts'
import { virtualOnly } from '../../cli/sim/virtual-only.ts'
import type { CommandName, CommandTypes } from '../../node/commands/types.ts'
import { readControlFile } from '../../node/host/directory.ts'
import type { Fault } from '../../sim/faults/fault.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { type Handled, tally } from '../../sim/workload/tally.ts'
import { environment, temporary, unhooked, until } from './weft.ts'

t.setTimeout(110_000)

const both = { from: 'n1', to: 'n2', both: true } as const

/** A stage, and what a test asks of it. */
class Theatre {
  readonly stage: RealStage = new RealStage()

  ask<K extends CommandName>(name: string, command: K, input: CommandTypes[K]['input']): Promise<CommandTypes[K]['result']> {
    return new Promise((resolve, reject) => {
      this.stage.ask(name, command, input, (error, value) =>
        error === undefined ? resolve(value as CommandTypes[K]['result']) : reject(error),
      )
    })
  }

  async remember(name: string, text: string): Promise<string> {
    return (await this.ask(name, 'memory.remember', { text })).id
  }

  async knows(name: string, id: string): Promise<boolean> {
    return (await this.ask(name, 'memory.has', { ids: [id] })).known.length === 1
  }

  async reaches(name: string, id: string): Promise<void> {
    await until(`${name} knows it`, () => this.knows(name, id))
  }

  async texts(name: string): Promise<readonly string[]> {
    return (await this.ask(name, 'memory.list', {})).memories.map(({ text }) => text ?? '').sort()
  }

  /** All are up and hold the same. */
  async equal(count: number): Promise<void> {
    await until('all are up', () => this.stage.up.length === count)
    await until('all are equal', async () => {
      const all = await Promise.all(this.stage.up.map(name => this.ask(name, 'node.status', {})))
      return all.every(({ frontierAll, publishing }) => publishing && frontierAll === all[0]?.frontierAll)
    })
  }

  perform(...faults: readonly Fault[]): void {
    for (const fault of faults) this.stage.perform(fault)
  }
}

t.test('three real nodes play what goes wrong between them and to them, and end up equal', async t => {
  const theatre = new Theatre()
  const { stage } = theatre
  t.teardown(() => stage.stop())
  await stage.found(['n1', 'n2', 'n3'])
  t.same([...stage.up], ['n1', 'n2', 'n3'])
  const said: string[] = []
  const remember = async (name: string, text: string): Promise<string> => {
    said.push(text)
    return theatre.remember(name, text)
  }

  await t.test('nobody knows another address of a node than its door', async t => {
    for (const name of stage.up) {
      const { peers } = await theatre.ask(name, 'peer.list', {})
      const { addresses: own } = await theatre.ask(name, 'node.status', {})
      t.same([own.length, peers.map(({ addresses }) => addresses.length)], [1, [1, 1]])
    }
  })

  await t.test('both sides of a partition write, and a heal makes them equal', async t => {
    for (const name of ['n2', 'n3']) await theatre.reaches(name, await remember('n1', `before, for ${name}`))
    theatre.perform({ verb: 'partition', groups: [['n1'], ['n2', 'n3']] })
    const [left, right] = [await remember('n1', 'left'), await remember('n2', 'right')]
    await theatre.reaches('n3', right)
    t.same(await Promise.all([theatre.knows('n1', right), theatre.knows('n2', left), theatre.knows('n3', left)]), [false, false, false])
    theatre.perform({ verb: 'heal' })
    await theatre.equal(3)
    t.same(await theatre.texts('n3'), [...said].sort())
  })

  await t.test('a cut of one way leaves the other way open, whoever dialled', async t => {
    theatre.perform({ verb: 'isolate', node: 'n3' }, { verb: 'cut', way: { ...both, both: false } })
    await theatre.reaches('n1', await remember('n2', 'against the cut'))
    const held = await remember('n1', 'along the cut')
    await theatre.reaches('n1', await remember('n2', 'against the cut again'))
    t.equal(await theatre.knows('n2', held), false)
    theatre.perform({ verb: 'restore', way: both })
    await theatre.reaches('n2', held)
    theatre.perform({ verb: 'restore', way: { from: 'n3', to: 'n1', both: true } })
    await theatre.equal(3)
  })

  await t.test('a mute node hears, a clogged one is heard later, and a frozen one answers later', async t => {
    theatre.perform({ verb: 'mute', node: 'n2', forMs: 60_000 })
    const unheard = await remember('n2', 'said by one who is mute')
    await theatre.reaches('n2', await remember('n1', 'said to one who is mute'))
    t.equal(await theatre.knows('n1', unheard), false)
    stage.mend(['n1', 'n2', 'n3'])
    await theatre.reaches('n1', unheard)

    const cloggedMs = performance.now()
    for (const to of ['n1', 'n3']) theatre.perform({ verb: 'clog', way: { from: 'n2', to, both: false }, forMs: 300 })
    await theatre.reaches('n1', await remember('n2', 'said by one who is clogged'))
    t.ok(performance.now() - cloggedMs > 295)

    const frozenMs = performance.now()
    theatre.perform({ verb: 'pause', node: 'n2', forMs: 300 })
    await theatre.ask('n2', 'node.id', {})
    t.ok(performance.now() - frozenMs > 295)
  })

  await t.test('a process is started from its module', async t => {
    const error = await new Promise(resolve => stage.spawn('n2', tally, 'tally', resolve))
    t.equal(error, undefined)
    await theatre.ask('n1', 'process.send', { to: `${stage.nodeId('n2')}:tally`, message: { number: 1 } })
    const report = { to: 'tally', method: 'report' }
    await until('it has arrived', async () => {
      const { result } = await theatre.ask('n2', 'process.call', report)
      return JSON.stringify((result as readonly Handled[]).map(({ message }) => message)) === '[{"number":1}]'
    })
    const unknown = await new Promise<{ code: string } | undefined>(resolve => stage.spawn('n2', tally, 'other', resolve))
    t.equal(unknown?.code, 'module_invalid')
  })

  await t.test('a killed node, one with an old backup and one that lost its disk come back, and a new one joins', async t => {
    theatre.perform({ verb: 'backup', node: 'n2' })
    const acknowledged = await remember('n3', 'acknowledged just before the kill')
    await remember('n2', 'after the backup')
    await theatre.equal(3)
    theatre.perform(
      { verb: 'crash', node: 'n3', how: 'process', torn: false },
      { verb: 'restore-backup', node: 'n2' },
      { verb: 'join', node: 'n4', by: 'n1' },
    )
    stage.ask('n3', 'node.id', {}, () => t.fail('a node that dies before it answers never calls back'))
    await until('two are gone and one is new', () => stage.up.join() === 'n1,n4')
    await remember('n1', 'while they were down')
    theatre.perform({ verb: 'restart', node: 'n3' }, { verb: 'restart', node: 'n2' })
    await theatre.equal(4)
    t.equal(await theatre.knows('n3', acknowledged), true)
    theatre.perform({ verb: 'reformat', node: 'n3' })
    await until('it is gone', () => stage.up.length === 3)
    stage.mend(['n3'])
    await theatre.equal(4)
    t.same(
      ['n1', 'n2', 'n3', 'n4', 'n5'].map(name => stage.life(name)),
      [1, 2, 3, 1, 0],
    )
    for (const name of stage.up) t.same(await theatre.texts(name), [...said].sort(), name)
  })
})

t.test('an interrupt ends every process and leaves no directory', async t => {
  const dir = temporary(t)
  const program = fileURLToPath(new URL('./real-stage-child.js', import.meta.url))
  const child = spawn(...unhooked(process.execPath, [program]), { env: environment({ TMPDIR: dir }), stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const [stage = ''] = readdirSync(dir)
  const osPid = readControlFile(join(dir, stage, 'n1'))?.osPid ?? 0
  t.equal(isAlive(osPid), true)
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  t.same(await ended, [130, null])
  await until('its node is gone', () => !isAlive(osPid))
  t.same(readdirSync(dir), [])
})

t.test('what happens in virtual time only is named, with the reason', async t => {
  const node = { name: 'n1', disk: 'ssd', clockOffsetMs: 0, clockDriftPpm: 0, version: 'current', isLate: false } as const
  const scenario = (some: Partial<Scenario>): Scenario => ({
    name: 'any',
    about: '',
    nodes: [node],
    net: {},
    workload: [],
    faults: [],
    durationMs: 1000,
    expect: { convergeMs: 1000, falsePositives: null, sometimes: [], forkedLogs: null },
    guard: 'one',
    buggify: [],
    seed: 1,
    ...some,
  })
  const faults = (...all: readonly Fault[]): Partial<Scenario> => ({ faults: all.map(fault => ({ atMs: 1500, fault })) })
  for (const [what, some, named] of [
    ['nothing', {}, []],
    ['delays and a rate', { net: { delayMinMs: 1, delayMeanMs: 2, bytesPerSecond: 3 } }, []],
    ['a kill', faults({ verb: 'crash', node: 'n1', how: 'process', torn: false }, { verb: 'heal' }), []],
    ['loss', { net: { loss: 0.1 } }, ['net: a TCP proxy loses no packets']],
    ['duplicates', faults({ verb: 'net', way: null, quality: { duplicates: 0.1 } }), ['1.5s: net: a TCP proxy repeats no packets']],
    [
      'a power loss',
      faults({ verb: 'crash', node: 'n1', how: 'power', torn: true }),
      ['1.5s: crash n1: nobody pulls the plug of this machine'],
    ],
    ['a clock', faults({ verb: 'clock-step', node: 'n1', stepMs: 1 }), ['1.5s: clock-step n1: all processes share one clock']],
    ['a drift', { nodes: [{ ...node, clockDriftPpm: 1 }] }, ['clock of n1: all processes share one clock']],
    ['a rare branch', { buggify: ['x'] }, ['buggify: real nodes take no rare branches on demand']],
  ] as const) {
    t.same(virtualOnly(scenario(some)), named, what)
  }
})
