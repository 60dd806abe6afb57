import { WeftError } from '../base/errors.ts'
import { DEFAULT_SPACE, type NodeId, type ProcessAddress } from '../base/ids.ts'
import { reaches } from '../discovery/spaces.ts'
import { perform } from './commands/table.ts'
import type { Core } from './core.ts'
import { answerRecall, answerStates } from './commands/recall.ts'
import type { Outcome } from './process/process.ts'

/** Process 0 of every node: what a node answers for itself when a member calls `<NodeId>/0`. */
export function kernelOf(
  core: Core,
): (method: string, argument: unknown, from: ProcessAddress, answer: (outcome: Outcome) => void) => void {
  return (method, argument, from, answer) => {
    if (method === 'ps') return answer({ ok: true, value: core.processes.list() })
    if (method === 'ping') return answer({ ok: true, value: { node: core.self, state: core.state } })
    if (method === 'recall') return answerRecall(core, argument, nodeOf(from), answer)
    if (method === 'recall-states') return answerStates(core, argument, nodeOf(from), answer)
    if (method === 'coherence' || method === 'communities') {
      const fail = (error: WeftError): void => answer({ ok: false, error })
      // One that is asked does not pass it on, and tells nobody of a space that he may not read.
      const input = { ...(argument as { readonly space?: string }), anywhere: false }
      const asker = from.slice(0, from.indexOf('/')) as NodeId
      if (!reaches(core.spaces.roleOf(input.space ?? DEFAULT_SPACE, asker), 'read'))
        return fail(new WeftError('not_granted', 'who asks may not read that space'))
      return perform(core, `memory.${method}`, input, { actor: 'kernel', ok: (value: unknown) => answer({ ok: true, value }), fail })
    }
    const known = 'ps, ping, recall, coherence, communities'
    answer({ ok: false, error: new WeftError('no_method', `the kernel has no method ${JSON.stringify(method)}: ${known}`) })
  }
}

/** The node of whoever asks, as the connection says. */
function nodeOf(address: ProcessAddress): NodeId {
  return address.slice(0, address.indexOf('/')) as NodeId
}
