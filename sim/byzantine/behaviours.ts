import { WeftError } from '../../base/errors.ts'
import type { HostileBehaviour } from './behaviour.ts'
import { ALTER } from './alter.ts'
import { ANSWER } from './answer.ts'
import { EQUIVOCATE } from './equivocate.ts'
import { CROWD, FLOOD, OVERRUN, SLOW_LORIS } from './flood.ts'
import { FORGE, MISROOT, UNSIGNED, USURP } from './forge.ts'
import { NON_CANONICAL, OVERSIZE, TRUNCATE } from './garble.ts'
import { IMPERSONATE } from './impersonate.ts'
import { LIE_DIGESTS, WITHHOLD } from './lie.ts'
import { FUTURE, MEDDLE, POISON_MEMORY, POISON_VECTORS } from './poison.ts'
import { REPLAY } from './replay.ts'

/** Everything a hostile member can be turned to. */
export const HOSTILE_BEHAVIOURS: readonly HostileBehaviour[] = [
  FORGE,
  USURP,
  UNSIGNED,
  MISROOT,
  ALTER,
  REPLAY,
  WITHHOLD,
  LIE_DIGESTS,
  FUTURE,
  NON_CANONICAL,
  OVERSIZE,
  TRUNCATE,
  FLOOD,
  OVERRUN,
  SLOW_LORIS,
  MEDDLE,
  POISON_MEMORY,
  POISON_VECTORS,
  IMPERSONATE,
  ANSWER,
  CROWD,
  EQUIVOCATE,
]

/** @throws WeftError `invalid_argument` for a name that none has */
export function behavioursOf(names: readonly string[]): readonly HostileBehaviour[] {
  return names.map(name => {
    const behaviour = HOSTILE_BEHAVIOURS.find(row => row.name === name)
    if (behaviour !== undefined) return behaviour
    const known = HOSTILE_BEHAVIOURS.map(row => row.name).join(', ')
    throw new WeftError('invalid_argument', `no hostile behaviour is called ${JSON.stringify(name)}`, { next: `one of ${known}` })
  })
}
