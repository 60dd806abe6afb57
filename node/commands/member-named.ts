import { WeftError } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Core } from '../core.ts'

/** A member by its id, or by 6 or more of its last characters, which is what people are shown. */
export function memberNamed(core: Core, text: string): NodeId {
  const found = text.length < 6 ? [] : core.cluster.membership.members.filter(({ id: node }) => node.endsWith(text))
  if (found.length > 1) throw new WeftError('ambiguous_id', `more than one member has an id that ends with ${text}`)
  if (found[0] === undefined)
    throw new WeftError('unknown_id', `no member has the id ${JSON.stringify(text)}, nor one that ends so`, {
      next: 'weft member list shows who there is',
    })
  return found[0].id
}
