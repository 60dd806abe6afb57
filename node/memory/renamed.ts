import { type CausalId, causalIdOf } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { decodeLink, decodeRetract, decodeSupersede, encodeLink, encodeRetract, encodeSupersede, WEIGHT_ONE } from '../../ecc/records.ts'
import { decodeVector, ofNode } from '../../ecc/vector-record.ts'

/** A memory record's body with the ids it names replaced by their newest names. */
export function renamed(kind: number, body: Uint8Array, newest: (id: CausalId) => CausalId): Uint8Array {
  const name = (digest: Uint8Array): CausalId => newest(causalIdOf(digest))
  switch (kind) {
    case KIND['memory.link']: {
      const link = decodeLink(body)
      return link === undefined
        ? body
        : encodeLink({ from: name(link.from), to: name(link.to), type: link.type, weight: link.weight / WEIGHT_ONE })
    }
    case KIND['memory.supersede']: {
      const supersede = decodeSupersede(body)
      return supersede === undefined
        ? body
        : encodeSupersede({ targets: supersede.targets.map(name), by: name(supersede.by), reason: supersede.reason })
    }
    case KIND['memory.retract']: {
      const retract = decodeRetract(body)
      return retract === undefined ? body : encodeRetract(name(retract.target), retract.erase)
    }
    case KIND['memory.vector']: {
      const vector = decodeVector(body)
      return vector === undefined ? body : ofNode(vector, name(vector.node))
    }
    default:
      return body
  }
}
