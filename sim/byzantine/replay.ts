import { type ClusterId, DEFAULT_SPACE, memoryStream } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { CURRENT } from '../../base/version.ts'
import { logIdentity } from '../../chain/record.ts'
import { createGenesis } from '../../discovery/genesis.ts'
import { encodeGreeting } from '../../discovery/greeting.ts'
import { encodeRemember } from '../../ecc/records.ts'
import type { Attacker, HostileBehaviour, Passing } from './behaviour.ts'
import { FORGED } from './forge.ts'
import { HandWritten } from './hand-written.ts'

/** 256 frames: some minutes of a quiet cluster, and several connections. */
const KEPT_MAX = 256

export const REPLAY: HostileBehaviour = {
  name: 'replay',
  says: 'says again what it said or heard before, of this connection and earlier ones, of one peer to another; shows records and greetings of another cluster',
  demands: 'takes what it has seen for a duplicate, answers to nobody for late, and what is of another cluster for nothing',
  attacks: 'comparison of held runs, numbers of pings, calls and monitors, credit; the cluster in checkpoints, log ids and greetings',
  isDefended: true,
  isPunished: true,
  start(attacker) {
    const { random } = attacker
    const kept: Passing[] = []
    const keep = (passing: Passing): readonly Uint8Array[] => {
      if (kept.length < KEPT_MAX) kept.push(passing)
      else kept[random.below(KEPT_MAX)] = passing
      return [passing.frame]
    }
    attacker.onSend(keep)
    attacker.onHear(keep)
    attacker.every(20, () => {
      if (kept.length === 0) return
      const { protocol, frame } = random.pick(kept)
      attacker.inject(random.pick(attacker.peers), protocol, frame)
    })
    fromElsewhere(attacker)
  },
}

/** Records that are sound in a cluster of its own, under the ids of that one and of this. */
function fromElsewhere(attacker: Attacker): void {
  const { random, signer, self, genesis } = attacker
  const elsewhere = createGenesis('elsewhere', [signer], 1, random.bytes(16)).cluster
  const written = (cluster: ClusterId): HandWritten =>
    HandWritten.as(logIdentity(cluster, self, memoryStream(DEFAULT_SPACE)), random).append({
      kind: KIND['memory.remember'],
      body: encodeRemember({ text: FORGED }),
    })
  attacker.every(1, () => {
    const foreign = written(random.chance(500) ? elsewhere : genesis.cluster)
    for (const frame of foreign.runs(foreign.checkpoint(elsewhere, signer))) attacker.inject(random.pick(attacker.peers), 'sync', frame)
  })
  let greetings = 0
  attacker.onGreet(greeting =>
    greetings++ % 2 === 0 ? encodeGreeting({ kind: 'member', protocol: CURRENT.protocol, cluster: elsewhere, evidence: [] }) : greeting,
  )
}
