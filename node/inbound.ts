import type { NodeId } from '../base/ids.ts'
import { ignore, reject, type Verdict } from '../base/verdict.ts'
import type { Protocol } from '../transport/protocols.ts'
import type { CoreContext } from './context.ts'
import { type Message, type MessageKind, parseMessage } from './messages.ts'

/**
 * WHAT HAPPENS WHEN A MESSAGE ARRIVES FROM A PEER
 *
 * One row per kind; a kind without a row does not compile. The sender is who the secured connection
 * proved it to be. Owners return a verdict and have their effects performed after it; they never throw for
 * what a peer sent, and here is the only place where verdicts are counted and peers are blamed.
 */
export type Inbound = { readonly [K in MessageKind]: (from: NodeId, message: Extract<Message, { kind: K }>) => Verdict }

/** The parts that own messages. */
export interface Owners {
  readonly peers: {
    on(from: NodeId, message: Message & { kind: `peer.${string}` }): Verdict
    heard(from: NodeId): void
    blame(from: NodeId): void
  }
  readonly sync: { on(from: NodeId, message: Message & { kind: `sync.${string}` }): Verdict }
  readonly ipc: { on(from: NodeId, message: Message & { kind: `ipc.${string}` }): Verdict }
}

function tableOf({ peers, sync, ipc }: Owners): Inbound {
  return {
    'peer.ping': (from, message) => peers.on(from, message), //     node/peers.ts
    'peer.pong': (from, message) => peers.on(from, message), //     node/peers.ts -> discovery/heartbeat.ts
    'peer.known': (from, message) => peers.on(from, message), //    node/peers.ts -> discovery/peer-book.ts
    'peer.about': (from, message) => peers.on(from, message), //    node/peers.ts
    'peer.capacity': (from, message) => peers.on(from, message), // node/peers.ts

    'sync.takes': (from, message) => sync.on(from, message), //     chain/sharing.ts
    'sync.hello': (from, message) => sync.on(from, message), //     chain/sync.ts: comparing
    'sync.equal': (from, message) => sync.on(from, message),
    'sync.ask': (from, message) => sync.on(from, message),
    'sync.answer': (from, message) => sync.on(from, message),
    'sync.heads': (from, message) => sync.on(from, message),
    'sync.want': (from, message) => sync.on(from, message), //      chain/sync-push.ts
    'sync.run': (from, message) => sync.on(from, message), //       chain/run-intake.ts
    'sync.credit': (from, message) => sync.on(from, message), //    chain/sync-push.ts
    'sync.probe': (from, message) => sync.on(from, message), //     chain/fork-search.ts
    'sync.leaf': (from, message) => sync.on(from, message), //      chain/fork-search.ts

    'ipc.send': (from, message) => ipc.on(from, message), //        node/ipc/ipc.ts
    'ipc.call': (from, message) => ipc.on(from, message),
    'ipc.result': (from, message) => ipc.on(from, message),
    'ipc.monitor': (from, message) => ipc.on(from, message),
    'ipc.demonitor': (from, message) => ipc.on(from, message),
    'ipc.down': (from, message) => ipc.on(from, message),
  }
}

/** @returns what takes a frame from a peer */
export function createInbound(
  context: CoreContext,
  cluster: Parameters<typeof parseMessage>[2],
  owners: Owners,
): (from: NodeId, protocol: Protocol, frame: Uint8Array) => void {
  const table = tableOf(owners)
  return (from, protocol, frame) => {
    owners.peers.heard(from)
    const parsed = parseMessage(frame, protocol, cluster, context.speaks.protocol)
    // A kind we do not know may come from a newer version: it is no fault of the peer's.
    const verdict = parsed.ok
      ? dispatch(table, from, parsed.message)
      : parsed.code === 'unknown_kind'
        ? ignore(parsed.code)
        : reject(parsed.code)
    if (verdict.verdict === 'accept') return
    context.metrics.add('weft_verdicts_total', 1, verdict.code)
    if (verdict.verdict === 'ignore') return
    context.log('warn', 'peer.rejected', { peer: from, protocol, code: verdict.code, detail: verdict.detail })
    owners.peers.blame(from)
  }
}

function dispatch<K extends MessageKind>(table: Inbound, from: NodeId, message: Extract<Message, { kind: K }>): Verdict {
  return (table[message.kind] as (from: NodeId, message: Extract<Message, { kind: K }>) => Verdict)(from, message)
}
