import type { NodeId } from '../../base/ids.ts'
import type { Core } from '../core.ts'
import { KERNEL_PID } from '../ipc/address.ts'
import type { Outcome } from '../process/process.ts'

/** 30 s for a peer to think about the whole memory; then this node does it itself. */
const THINK_DEADLINE_MS = 30_000

/** The connected member that thinks fastest, if it is faster than this node; by its own word, which costs no more than an answer that is late. */
export function fastest(core: Core): NodeId | undefined {
  const own = core.cognition.capacity?.p95Us ?? Number.POSITIVE_INFINITY
  let best: { readonly node: NodeId; readonly p95Us: number } | undefined
  for (const node of [...core.cluster.others].sort()) {
    const p95Us = core.peers.connected.has(node) ? core.peers.capacityOf(node)?.p95Us : undefined
    if (p95Us !== undefined && p95Us < (best?.p95Us ?? own)) best = { node, p95Us }
  }
  return best?.node
}

/**
 * Has the fastest member answer, as of what this node has applied.
 *
 * @param isAnswer what it says is an answer, and by itself
 * @param otherwise when there is none, it does not answer in time, or says something else
 */
export function askFastest<T>(
  core: Core,
  method: string,
  argument: object,
  isAnswer: (value: unknown, node: NodeId) => value is T,
  then: (answer: T) => void,
  otherwise: () => void,
): void {
  const node = fastest(core)
  if (node === undefined) return otherwise()
  core.ipc.call(KERNEL_PID, `${node}/${KERNEL_PID}`, method, argument, THINK_DEADLINE_MS, (outcome: Outcome) => {
    if (outcome.ok && isAnswer(outcome.value, node)) return then(outcome.value)
    core.context.log('info', 'cognition.not-answered', { peer: node, method, code: outcome.ok ? 'unexpected' : outcome.error.code })
    otherwise()
  })
}
