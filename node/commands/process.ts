import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import { CALL_DEADLINE_MAX_MS, CALL_DEADLINE_MS } from '../../base/limits.ts'
import type { Spawned } from '../api.ts'
import type { Core } from '../core.ts'
import { KERNEL_PID, parseRecipient } from '../ipc/address.ts'
import type { Program } from '../process/behaviour.ts'
import { listProcesses } from '../process/list-processes.ts'
import { type AnswerTo, command, type CommandsOf } from './command.ts'

const name = z.string().optional()
const address = z.string().min(1).max(256)

export const processCommands: CommandsOf<
  'process.list' | 'process.spawn' | 'process.kill' | 'process.send' | 'process.call' | 'process.monitor'
> = {
  'process.list': command(z.strictObject({ cluster: z.boolean().optional() }), (core, input, to) =>
    listProcesses(core, input.cluster === true, to.ok),
  ),

  'process.spawn': command(z.strictObject({ path: z.string().min(1), name }), (core, input, to) => {
    core.context.emit({
      kind: 'load',
      path: input.path,
      then: loaded => {
        if (!loaded.ok) return to.fail(loaded.error)
        try {
          spawn(core, loaded.program, input.name, input.path, to)
        } catch (thrown) {
          if (!(thrown instanceof WeftError)) throw thrown
          to.fail(thrown)
        }
      },
    })
  }),

  'process.kill': command(z.strictObject({ address }), (core, input, to) => {
    const recipient = parseRecipient(input.address, core.self)
    if (recipient === undefined) throw new WeftError('invalid_argument', `${JSON.stringify(input.address)} is no address`)
    if (recipient.node !== undefined && recipient.node !== core.self)
      throw new WeftError('denied', 'a process is killed on its own node: use --dir, or a connection to that node')
    if (recipient.target === KERNEL_PID) throw new WeftError('denied', 'the kernel is stopped with weft stop')
    const process = core.processes.find(recipient.target)
    if (process === undefined) throw new WeftError('noproc', `no process ${input.address} on this node`)
    core.kill(process, error => (error === undefined ? to.ok({ killed: process.address }) : to.fail(error)))
  }),

  'process.send': command(z.strictObject({ to: address, message: z.unknown().optional() }), (core, input, to) => {
    core.ipc.send(KERNEL_PID, input.to, input.message, result => to.ok({ result }))
  }),

  'process.call': command(
    z.strictObject({
      to: address,
      method: z.string().min(1).max(128),
      argument: z.unknown().optional(),
      deadlineMs: z.number().positive().max(CALL_DEADLINE_MAX_MS).optional(),
    }),
    (core, input, to) => {
      core.ipc.call(KERNEL_PID, input.to, input.method, input.argument, input.deadlineMs ?? CALL_DEADLINE_MS, outcome =>
        outcome.ok ? to.ok({ result: outcome.value }) : to.fail(outcome.error),
      )
    },
  ),

  'process.monitor': command(z.strictObject({ target: address }), (core, input, to) => {
    core.ipc.monitor(KERNEL_PID, input.target, to.ok)
  }),
}

/** Starts a process; the answer waits until that is in the chain. */
export function spawn(
  core: Core,
  program: Program,
  asName: string | undefined,
  origin: string,
  to: Pick<AnswerTo<Spawned>, 'ok' | 'fail'>,
): void {
  core.audit.assertRoom()
  const process = core.processes.spawn(program, asName, origin)
  core.context.log('info', 'process.spawn', { pid: process.pid, name: process.name, program: origin })
  core.audit.write('audit.spawn', [process.pid, process.name ?? '', origin], error => {
    if (error === undefined) return to.ok({ pid: process.pid, address: process.address })
    core.processes.kill(process, 'killed')
    to.fail(error)
  })
}
