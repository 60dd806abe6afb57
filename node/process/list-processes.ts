import type { NodeId } from '../../base/ids.ts'
import type { ProcessList } from '../api.ts'
import type { Core } from '../core.ts'
import { KERNEL_PID } from '../ipc/address.ts'
import type { ProcessInfo } from './process.ts'

/** 2 s: a member that does not tell its processes by then is named as silent. */
const PS_DEADLINE_MS = 2000

/** The processes of this node, or of every connected member. */
export function listProcesses(core: Core, cluster: boolean, done: (list: ProcessList) => void): void {
  const processes: ProcessInfo[] = [...core.processes.list()]
  const silent: NodeId[] = []
  const others = cluster ? core.cluster.others : []
  let left = others.length
  const finish = (): void =>
    done({ processes: processes.sort((a, b) => (a.node === b.node ? a.pid - b.pid : a.node < b.node ? -1 : 1)), silent: silent.sort() })
  if (left === 0) return finish()
  for (const node of others) {
    core.ipc.call(KERNEL_PID, `${node}/${KERNEL_PID}`, 'ps', undefined, PS_DEADLINE_MS, outcome => {
      if (outcome.ok && Array.isArray(outcome.value) && outcome.value.every(isProcessInfo))
        processes.push(...outcome.value.map(info => ({ ...info, node })))
      else silent.push(node)
      if (--left === 0) finish()
    })
  }
}

/** What a peer says is a process has at least what people are shown of one. */
function isProcessInfo(value: unknown): value is ProcessInfo {
  const { address, pid, name, state, program, inbox, handled, startedAt } = (value ?? {}) as Partial<Record<keyof ProcessInfo, unknown>>
  const areNumbers = [pid, inbox, handled].every(field => typeof field === 'number')
  return (
    areNumbers &&
    [address, state, program, startedAt].every(field => typeof field === 'string') &&
    (name === null || typeof name === 'string')
  )
}
