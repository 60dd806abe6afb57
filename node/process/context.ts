import { CALL_DEADLINE_MS } from '../../base/limits.ts'
import { asWeftError, WeftError } from '../../base/errors.ts'
import { memoryOf } from '../client/memory.ts'
import { perform } from '../commands/table.ts'
import type { Core } from '../core.ts'
import type { ProcessContext, SendResult } from './behaviour.ts'
import type { Process } from './process.ts'

/** Resolved once: a local send makes no promise of its own. */
const OK: Promise<SendResult> = Promise.resolve('ok')

/** What a process may do, from within its handlers or later from its own asynchronous code. */
export function contextOf(core: Core, process: Process): ProcessContext {
  return {
    address: process.address,
    pid: process.pid,
    name: process.name,
    node: core.self,
    memory: memoryOf((name, input) => settled((ok, fail) => perform(core, name, input, { actor: process.actor, ok, fail }))),
    send(to, message) {
      let result: SendResult | undefined
      let refused: WeftError | undefined
      let tell: (result: SendResult) => void = sent => (result = sent)
      core.run(() => {
        try {
          core.ipc.send(process.pid, to, message, sent => tell(sent))
        } catch (thrown) {
          refused = asWeftError(thrown)
        }
      })
      if (result === 'ok') return OK
      if (refused !== undefined) return Promise.reject(refused)
      return result === undefined ? new Promise(resolve => (tell = resolve)) : Promise.resolve(result)
    },
    call: (to, method, argument, options) =>
      settled((ok, fail) =>
        core.ipc.call(process.pid, to, method, argument, options?.deadlineMs ?? CALL_DEADLINE_MS, outcome =>
          outcome.ok ? ok(outcome.value) : fail(outcome.error),
        ),
      ),
    monitor: target => inStep(() => core.ipc.monitor(process.pid, target, down => core.processes.deliver(process, { kind: 'down', down }))),
    demonitor: reference => inStep(() => core.ipc.demonitor(process.pid, reference)),
    exit: (code = 0) => inStep(() => core.processes.exit(process, code)),
    log: (event, fields = {}) =>
      inStep(() => core.context.log('info', `process.${event}`, { pid: process.pid, name: process.name, ...fields })),
  }

  /** What it throws is for the caller, not for the step. */
  function inStep<T>(run: () => T): T {
    const outcome: { value?: [T]; thrown: unknown } = { thrown: new WeftError('stopping', 'this node has stopped') }
    core.run(() => {
      try {
        outcome.value = [run()]
      } catch (thrown) {
        outcome.thrown = thrown
      }
    })
    if (outcome.value === undefined) throw outcome.thrown
    return outcome.value[0]
  }

  function settled<T>(start: (ok: (value: T) => void, fail: (error: WeftError) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      try {
        inStep(() => start(resolve, reject))
      } catch (thrown) {
        reject(asWeftError(thrown))
      }
    })
  }
}
