import { encode } from '../../base/codec.ts'
import { CLUSTER, nodeIdOf } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { CURRENT } from '../../base/version.ts'
import { encodeGreeting } from '../../discovery/greeting.ts'
import { encodeSignedOperation, type Op, operationOf, type SignedOperation, signOperation } from '../../discovery/operation.ts'
import type { Attacker, HostileBehaviour } from './behaviour.ts'

export const IMPERSONATE: HostileBehaviour = {
  name: 'impersonate',
  says: 'greets with decisions that no admin made: itself as admin, strangers admitted, admins thrown out; writes them into its own log; guesses invites; gives its own address for that of others',
  demands: 'knows members and admins only by what admins signed, and peers only by their keys',
  attacks: 'signatures and authorities of membership, invites, greetings, hearsay about addresses',
  isDefended: true,
  isPunished: false,
  start(attacker) {
    const { genesis, self, random } = attacker
    const { cluster } = genesis
    let greetings = 0
    attacker.onGreet(greeting => {
      const turn = greetings++ % 3
      if (turn === 0) return greeting
      if (turn === 1) return encodeGreeting({ kind: 'redeem', protocol: CURRENT.protocol, cluster, secret: random.bytes(32) })
      return encodeGreeting({ kind: 'member', protocol: CURRENT.protocol, cluster, evidence: forgedDecisions(attacker) })
    })
    attacker.every(0.5, () => attacker.hangUp(random.pick(attacker.peers)))
    attacker.every(1, () => {
      const bodies = forgedDecisions(attacker).map(signed => encode(encodeSignedOperation(signed)))
      attacker.write(
        CLUSTER,
        bodies.map(body => ({ kind: KIND['cluster.operation'], actor: 'kernel', body, parents: [] })),
      )
    })
    attacker.every(2, () => {
      const here = [`/sim/${self}`, `/sim/${self}/p2p/${self}`]
      const peers = attacker.peers.map(id => ({ id, addresses: here }))
      attacker.say(random.pick(attacker.peers), { kind: 'peer.known', peers })
    })
  },
}

/** Signed by nobody who may: under its own name, and under that of an admin. */
function forgedDecisions({ genesis, self, signer, random, peers }: Attacker): readonly SignedOperation[] {
  const { cluster, admins } = genesis
  const ops: readonly Op[] = [
    { op: 'policy', admins: [self], threshold: 1, rules: random.bytes(32) },
    { op: 'admit', node: nodeIdOf(signer.publicKey), role: 'admin', invite: new Uint8Array(0) },
    ...peers.slice(0, 1).map((node): Op => ({ op: 'revoke', node, cut: [], reason: 'forged' })),
    ...peers.slice(0, 1).map((node): Op => ({ op: 'retire', node })),
  ]
  return ops.flatMap(op => {
    const signed = signOperation(operationOf(cluster, cluster, op), signer)
    return [{ ...signed, admin: admins[0] ?? self }, signed]
  })
}
