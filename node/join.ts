import { utf8 } from '../base/bytes.ts'
import { WeftError } from '../base/errors.ts'
import type { ClusterId, NodeId } from '../base/ids.ts'
import type { Clock, Disk, Random } from '../base/ports.ts'
import { CURRENT, type Version } from '../base/version.ts'
import { encodeGreeting, type GreetingReply, parseGreetingReply } from '../discovery/greeting.ts'
import { type InviteToken, parseToken } from '../discovery/invite.ts'
import { Membership } from '../discovery/membership.ts'
import { PeerBook } from '../discovery/peer-book.ts'
import type { Transport } from '../transport/transport.ts'
import { ensureIdentity, type Identity, loadCluster, saveCluster } from './identity.ts'
import { PEERS_FILE } from './peers.ts'
import { saveFile } from './save-file.ts'

export interface JoinPorts {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly transport: (identity: Identity) => Transport
  /** The newest version unless it is to behave as an earlier one. */
  readonly speaks?: Version
}

export interface Joined {
  readonly nodeId: NodeId
  readonly cluster: ClusterId
}

/**
 * Makes a directory a member of a cluster: shows the invite to its issuer, inside a connection
 * that proves both keys, and keeps what comes back only if it leads to the cluster the token names. Asking
 * again for an answer that got lost, or is waiting for another admin, is fine.
 */
export function joinCluster(
  ports: JoinPorts,
  text: string,
  done: (error: WeftError | undefined, joined: Joined | undefined) => void,
): void {
  const token = parseToken(text.trim())
  if (token === undefined) return done(new WeftError('invite_malformed', 'that is no invite token'), undefined)
  loadCluster(ports.disk, (error, existing) => {
    if (error !== undefined) return done(error, undefined)
    if (existing !== undefined)
      return done(new WeftError('already_initialised', `this directory belongs to the cluster ${existing.genesis.name}`), undefined)
    ensureIdentity(ports.disk, ports.random, (failed, identity) => {
      if (identity === undefined) return done(failed, undefined)
      redeem(ports, identity, token, (refused, reply) => {
        if (reply === undefined) return done(refused, undefined)
        keep(ports, identity, token, reply, unsaved =>
          done(unsaved, unsaved === undefined ? { nodeId: identity.nodeId, cluster: token.cluster } : undefined),
        )
      })
    })
  })
}

type Admitted = Extract<GreetingReply, { kind: 'admitted' }>

function redeem(
  ports: JoinPorts,
  identity: Identity,
  token: InviteToken,
  done: (error: WeftError | undefined, reply: Admitted | undefined) => void,
): void {
  const transport = ports.transport(identity)
  let isOver = false
  const finish = (error: WeftError | undefined, reply?: Admitted): void => {
    if (isOver) return
    isOver = true
    transport.stop(() => done(error, reply))
  }
  const handlers = {
    greeting: () =>
      encodeGreeting({ kind: 'redeem', protocol: (ports.speaks ?? CURRENT).protocol, cluster: token.cluster, secret: token.secret }),
    onGreeting: () => {},
    onGreeted: (_connection: number, _from: NodeId, _accepted: boolean, bytes: Uint8Array) => {
      const reply = parseGreetingReply(bytes, token.cluster)
      if (reply?.kind === 'admitted') return finish(undefined, reply)
      if (reply?.kind === 'refused')
        return finish(
          new WeftError(
            reply.code,
            `the issuer refused the invite: ${reply.code}${reply.detail === '' ? '' : ` (operation ${reply.detail})`}`,
            { details: { operation: reply.detail } },
          ),
        )
      finish(new WeftError('unexpected', 'the issuer answered something else'))
    },
    onUp: () => {},
    onDown: () => {},
    onFrame: () => {},
    onDrain: () => {},
    onDialFailed: (_peer: NodeId, code: ConstructorParameters<typeof WeftError>[0]) =>
      finish(
        new WeftError(code, `cannot reach the issuer at ${token.addresses.join(', ') || 'any address'}: ${code}`, {
          next: 'check that the node that issued the invite is running and reachable',
        }),
      ),
  }
  transport.start(handlers, error => {
    if (error !== undefined) return finish(error)
    transport.dial(token.issuer, token.addresses)
  })
}

function keep(
  ports: JoinPorts,
  identity: Identity,
  token: InviteToken,
  { genesis, evidence, peers }: Admitted,
  done: (error: WeftError | undefined) => void,
): void {
  if (genesis.cluster !== token.cluster)
    return done(new WeftError('wrong_cluster', 'the issuer answered with another cluster than the invite names'))
  const membership = new Membership(genesis)
  membership.addEvidence(evidence)
  if (!membership.isMember(identity.nodeId))
    return done(new WeftError('not_a_member', 'the issuer did not show that this node was admitted'))
  const book = new PeerBook(identity.nodeId)
  for (const peer of [{ id: token.issuer, addresses: token.addresses }, ...peers]) book.learn(peer.id, peer.addresses, ports.clock.wallMs())
  saveFile(ports.disk, PEERS_FILE, utf8(JSON.stringify(book)), () => saveCluster(ports.disk, { genesis, evidence }, done))
}
