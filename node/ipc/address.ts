import { type NodeId, parseNodeId, parsePid, type Pid } from '../../base/ids.ts'
import type { Target } from './messages.ts'

/** A process as somebody names it; `node` is undefined for one of this node. */
export interface Recipient {
  readonly node: NodeId | undefined
  readonly target: Target
}

/** Process 0, there on every node: it answers for the node itself. */
export const KERNEL_NAME = 'kernel'
export const KERNEL_PID: Pid = 0 as Pid

/**
 * `counter` or `17` on this node, `<NodeId>/17` or `<NodeId>:counter` on any.
 *
 * @param self whose addresses are taken as they are: checking a NodeId takes 6 us, ten times what a message costs otherwise
 * @returns undefined when it is none of these
 */
export function parseRecipient(text: string, self: NodeId): Recipient | undefined {
  const cut = text.search(/[/:]/)
  if (cut < 0) {
    const target = targetOf(text)
    return target === undefined ? undefined : { node: undefined, target }
  }
  const node = cut === self.length && text.startsWith(self) ? self : parseNodeId(text.slice(0, cut))
  const rest = text.slice(cut + 1)
  const target = text[cut] === '/' ? parsePid(rest) : /^[0-9]/.test(rest) ? undefined : targetOf(rest)
  return node === undefined || target === undefined ? undefined : { node, target }
}

function targetOf(text: string): Target | undefined {
  if (text === KERNEL_NAME) return KERNEL_PID
  return parsePid(text) ?? (/^[A-Za-z_][A-Za-z0-9._-]{0,63}$/.test(text) ? text : undefined)
}
