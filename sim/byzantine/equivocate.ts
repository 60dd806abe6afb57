import { KIND } from '../../base/kinds.ts'
import { encodeRemember } from '../../ecc/records.ts'
import type { HostileBehaviour } from './behaviour.ts'
import { conceal, HandWritten, show } from './hand-written.ts'

/**
 * By hand, in a log of its own that it signs twice; a `twin` of the whole node is the other way. What
 * is found out stays on every node that saw both; nodes that saw one branch first keep that one.
 */
export const EQUIVOCATE: HostileBehaviour = {
  name: 'equivocate',
  says: 'writes two histories of one log, both signed, and shows each of its peers one of them',
  demands: 'finds out as soon as two that saw different ones speak to each other, keeps the evidence, and takes in no more of it',
  attacks: 'comparison of heads, fork search, conflicts. Not yet: the same answer everywhere, whichever branch came first',
  isDefended: false,
  isPunished: false,
  start(attacker) {
    const { genesis, signer, random } = attacker
    const memory = (text: string) => ({ kind: KIND['memory.remember'], body: encodeRemember({ text }) })
    const one = HandWritten.begin(attacker, `two-faced-${random.uint32()}`).append(memory('to all'))
    const other = one.fork().append(memory('to some'))
    one.append(memory('to others'))
    conceal(attacker, one)
    attacker.every(1, () => {
      const [first, ...others] = [...attacker.peers].sort()
      for (const branch of [one, other]) branch.append(memory(`and ${branch.log.size}`))
      if (first !== undefined) show(attacker, first, one, one.checkpoint(genesis.cluster, signer))
      for (const peer of others) show(attacker, peer, other, other.checkpoint(genesis.cluster, signer))
    })
  },
}
