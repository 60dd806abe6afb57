import t from 'tap'
import { assert } from '../../base/assert.ts'
import { never } from '../../base/buggify.ts'
import { suite } from '../../base/crypto/suite.ts'
import { type NodeId, nodeIdOf, type ProcessAddress } from '../../base/ids.ts'
import { DRAIN_PER_PROCESS, DRAIN_PER_TURN, INBOX_MAX } from '../../base/limits.ts'
import { Metrics } from '../../base/metrics.ts'
import { CURRENT } from '../../base/version.ts'
import type { Down, ExitReason, ProcessContext, Program } from '../../node/process/behaviour.ts'
import type { Mail, Outcome, Process } from '../../node/process/process.ts'
import { Processes } from '../../node/process/processes.ts'
import type { Effect } from '../../node/step.ts'
import { SimRandom } from '../../sim/random.ts'
import { codeOf } from '../sim/helpers.ts'

const SELF: NodeId = nodeIdOf(suite.publicKeyOf(new Uint8Array(32).fill(1)))
const FROM = `${SELF}/0` as ProcessAddress

interface Table {
  readonly processes: Processes
  readonly metrics: Metrics
  readonly logged: string[]
  /** Promises that somebody waits for. */
  readonly awaited: Extract<Effect, { kind: 'await' }>[]
  readonly exits: (readonly [pid: number, reason: ExitReason, code: number])[]
  readonly stillborn: number[]
}

/** A process table with nothing around it. */
function tableOf(): Table {
  const metrics = new Metrics()
  const table: Omit<Table, 'processes'> = { metrics, logged: [], awaited: [], exits: [], stillborn: [] }
  const processes: Processes = new Processes(
    {
      self: SELF,
      now: { wallMs: 0, monotonicMs: 0 },
      random: new SimRandom(1, 'x'),
      metrics,
      buggify: never,
      speaks: CURRENT,
      emit: effect => {
        if (effect.kind === 'await') table.awaited.push(effect)
      },
      log: (_level, event) => table.logged.push(event),
    },
    {
      firstPid: 1,
      contextOf: process => ({ pid: process.pid, exit: (code = 0) => processes.exit(process, code) }) as ProcessContext,
      onExit: (process, reason, code) => table.exits.push([process.pid, reason, code]),
      onStillborn: process => table.stillborn.push(process.pid),
    },
  )
  return { ...table, processes }
}

function message(value: unknown): Mail {
  return { kind: 'message', value, from: FROM }
}

function call(method: string, answers: unknown[], argument?: unknown): Mail {
  return {
    kind: 'call',
    method,
    argument,
    from: FROM,
    answer: (outcome: Outcome) => answers.push(outcome.ok ? outcome.value : outcome.error.code),
  }
}

t.test('a program is a function or a class, and what it makes decides what can be asked of it', t => {
  const { processes } = tableOf()
  class Base {
    inherited(): string {
      return 'inherited'
    }
  }
  class Counter extends Base {
    #total = 0
    readonly messages: unknown[] = []
    add(amount: number): number {
      return (this.#total += amount)
    }
    onMessage(said: unknown): void {
      this.messages.push(said)
    }
    _hidden(): string {
      return 'hidden'
    }
    get property(): () => number {
      return () => 1
    }
  }
  class Explicit {
    readonly onCall = { only: () => 'this' }
    other(): string {
      return 'other'
    }
  }
  const cases: readonly (readonly [program: Program, method: string, argument: unknown, answer: unknown])[] = [
    [Counter, 'add', 2, 2],
    [Counter, 'inherited', 0, 'inherited'],
    [Counter, '_hidden', 0, 'no_method'],
    [Counter, 'onMessage', 0, 'no_method'],
    [Counter, 'constructor', 0, 'no_method'],
    [Counter, 'property', 0, 'no_method'],
    [Counter, 'toString', 0, 'no_method'],
    [Explicit, 'only', 0, 'this'],
    [Explicit, 'other', 0, 'no_method'],
    [() => ({ onCall: { add: (n: number) => n + 1 } }), 'add', 1, 2],
    [() => ({ onCall: { add: 7 as never } }), 'add', 1, 'no_method'],
    [() => ({ onCall: {} }), 'hasOwnProperty', 1, 'no_method'],
    [() => {}, 'add', 1, 'no_method'],
    [() => ({ onCall: { undefined: () => undefined } }), 'undefined', 1, undefined],
  ]
  for (const [program, method, argument, answer] of cases) {
    const answers: unknown[] = []
    const process = processes.spawn(program, undefined, 'inline')
    t.equal(processes.deliver(process, call(method, answers, argument)), true)
    t.equal(processes.run(), false)
    t.strictSame(answers, [answer], method)
    t.equal(process.state, 'running')
  }
  t.end()
})

t.test('a process that fails to start was never there', t => {
  const { processes, stillborn, exits } = tableOf()
  const bad: readonly unknown[] = [
    () => {
      throw new Error('no')
    },
    () => 7,
    () => Promise.resolve({}),
    () => null,
    class {
      readonly never: unknown = assert(false, 'no')
    },
    7,
  ]
  for (const program of bad)
    t.equal(
      codeOf(() => processes.spawn(program as Program, 'same', 'inline')),
      'handler_failed',
    )
  t.strictSame(stillborn, [1, 2, 3, 4, 5, 6], 'its numbers are not used again')
  t.strictSame({ exits, size: processes.size, found: processes.find('same') }, { exits: [], size: 0, found: undefined })
  t.equal(processes.spawn(() => {}, 'same', 'inline').pid, 7)
  t.end()
})

t.test('one message is handled at a time; while a promise is open the inbox waits', t => {
  const { processes, awaited, exits } = tableOf()
  const handled: unknown[] = []
  const process = processes.spawn(
    () => ({
      onMessage: said => {
        handled.push(said)
        return said === 'slow' ? new Promise(() => {}) : undefined
      },
      onCall: { slow: () => new Promise(() => {}), fast: () => 'fast' },
    }),
    undefined,
    'inline',
  )
  const answers: unknown[] = []
  for (const mail of [message(1), message('slow'), message(2), call('slow', answers), call('fast', answers)])
    processes.deliver(process, mail)
  processes.run()
  t.strictSame(handled, [1, 'slow'])
  processes.run()
  awaited[0]?.then(true, undefined)
  processes.run()
  t.strictSame(handled, [1, 'slow', 2])
  t.strictSame(answers, [])
  awaited[1]?.then(true, 'slow')
  t.strictSame(answers, ['slow'])
  processes.run()
  t.strictSame(answers, ['slow', 'fast'])
  processes.deliver(process, call('slow', answers))
  processes.deliver(process, call('fast', answers))
  processes.run()
  processes.kill(process, 'killed')
  t.strictSame(answers, ['slow', 'fast', 'noproc', 'noproc'], 'who waits for the dead is told')
  awaited[2]?.then(true, 'after death')
  processes.run()
  t.equal(answers.length, 4, 'and told once')
  t.strictSame(exits, [[1, 'killed', -1]])
  t.end()
})

t.test('a turn takes so many messages of one process and so many in all, and comes back for the rest', t => {
  const { processes } = tableOf()
  const count = Math.ceil(DRAIN_PER_TURN / DRAIN_PER_PROCESS) * 3
  const handled = new Map<number, number>()
  const all: Process[] = Array.from({ length: count }, (_, i) =>
    processes.spawn(() => ({ onMessage: () => void handled.set(i, (handled.get(i) ?? 0) + 1) }), undefined, 'inline'),
  )
  for (const process of all) for (let i = 0; i < 2 * DRAIN_PER_PROCESS; i++) processes.deliver(process, message(i))
  const total = (): number => [...handled.values()].reduce((sum, n) => sum + n, 0)
  t.equal(processes.run(), true, 'there is more')
  t.equal(total(), DRAIN_PER_TURN)
  t.equal(handled.size, DRAIN_PER_TURN / DRAIN_PER_PROCESS)
  t.equal(processes.run(), true)
  t.equal(processes.run(), true)
  t.equal(handled.size, count, 'all have had a turn before any has a second one')
  for (let turn = 0; turn < 2; turn++) t.equal(processes.run(), true)
  t.equal(processes.run(), false)
  t.equal(total(), count * 2 * DRAIN_PER_PROCESS)
  t.end()
})

t.test('news of a death finds room in a full inbox, behind what was there', t => {
  const { processes, metrics } = tableOf()
  const seen: unknown[] = []
  const process = processes.spawn(
    () => ({ onMessage: said => void seen.push(said), onDown: ({ reference }: Down) => void seen.push(`down ${reference}`) }),
    undefined,
    'inline',
  )
  for (let i = 0; i < INBOX_MAX; i++) t.equal(processes.deliver(process, message(i)), true)
  for (let reference = 1; reference <= 3; reference++)
    t.equal(processes.deliver(process, { kind: 'down', down: { reference, target: 'x', reason: 'normal' } }), true)
  t.equal(processes.deliver(process, message('one too many')), false)
  t.equal(metrics.get('weft_inbox_dropped_total'), 1)
  while (processes.run());
  t.strictSame(seen, [...Array.from({ length: INBOX_MAX }, (_, i) => i), 'down 1', 'down 2', 'down 3'])
  t.end()
})

t.test('however a process ends, it ends once', t => {
  const { processes, exits, logged } = tableOf()
  const ends: readonly (readonly [what: string, program: Program, how: (process: Process) => void, reason: ExitReason, code: number])[] = [
    ['at birth', own => own.exit(), () => {}, 'normal', 0],
    ['by a handler', own => ({ onMessage: () => own.exit(7) }), process => processes.deliver(process, message(1)), 'failed', 7],
    [
      'by a handler that says so twice',
      own => ({ onMessage: () => [own.exit(1), own.exit(2)] }),
      process => processes.deliver(process, message(1)),
      'failed',
      2,
    ],
    [
      'by a handler that throws',
      () => ({
        onMessage: () => {
          throw new Error('no')
        },
      }),
      process => processes.deliver(process, message(1)),
      'failed',
      1,
    ],
    ['killed', () => ({}), process => processes.kill(process, 'killed'), 'killed', -1],
    [
      'killed, and its last words are to go',
      own => ({ onStop: () => own.exit() }),
      process => processes.kill(process, 'killed'),
      'killed',
      -1,
    ],
    [
      'killed, and its last words fail',
      () => ({
        onStop: () => {
          throw new Error('no')
        },
      }),
      process => processes.kill(process, 'killed'),
      'killed',
      -1,
    ],
    ['killed twice', () => ({}), process => [processes.kill(process, 'killed'), processes.kill(process, 'shutdown')], 'killed', -1],
  ]
  for (const [what, program, how, reason, code] of ends) {
    const process = processes.spawn(program, 'mortal', 'inline')
    how(process)
    processes.run()
    t.strictSame(exits.splice(0), [[process.pid, reason, code]], what)
    t.strictSame([process.state, processes.size, processes.find('mortal')], ['exited', 0, undefined])
  }
  t.ok(logged.includes('process.failed'))
  const order: number[] = []
  for (let i = 1; i <= 3; i++) processes.spawn(() => ({ onStop: () => void order.push(i) }), undefined, 'inline')
  processes.stopAll()
  t.strictSame(order, [3, 2, 1], 'when the node stops, the youngest first')
  t.strictSame(
    exits.map(([, reason]) => reason),
    ['shutdown', 'shutdown', 'shutdown'],
  )
  t.end()
})
