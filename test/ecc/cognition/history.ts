import type { CausalId } from '../../../base/ids.ts'
import { SimRandom } from '../../../sim/random.ts'
import { World } from '../world.ts'

/** Subjects, of which the first ones cause each other in pairs; the others come as they come. */
export interface Planted {
  readonly world: World
  readonly causes: readonly (readonly [cause: string, effect: string])[]
}

const CAUSES = [
  ['deploy', 'latency'],
  ['vacuum', 'lockwait'],
  ['backup', 'diskfull'],
  ['rotation', 'handshake'],
  ['failover', 'replay'],
] as const
const NOISE =
  'alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo sierra tango'.split(' ')

/**
 * A history with causes in it: 1 memory in 10 is about a cause, which its effect follows within some memories
 * in `sure` of 100 cases; effects also come by themselves; all else is noise.
 */
export function plantedHistory(seed: number, memories: number, sure: number): Planted {
  const world = new World(2)
  const random = new SimRandom(seed, 'history')
  const due = new Map<number, string[]>()
  for (let i = 0; i < memories; i++) {
    const author = world.author(random.below(2))
    const effects = due.get(i) ?? []
    const effect = effects.pop()
    if (effects.length > 0) due.set(i + 1, [...(due.get(i + 1) ?? []), ...effects])
    if (effect !== undefined) {
      write(author, effect, i)
      continue
    }
    const [cause, follows] = CAUSES[random.below(CAUSES.length)] as readonly [string, string]
    const what = random.below(100)
    if (what < 10) {
      write(author, cause, i)
      const at = i + 1 + random.below(4)
      if (random.below(100) < sure) due.set(at, [...(due.get(at) ?? []), follows])
    } else write(author, what < 13 ? follows : (NOISE[random.below(NOISE.length)] as string), i)
  }
  world.meet()
  return { world, causes: CAUSES }
}

function write(author: ReturnType<World['author']>, subject: string, i: number): CausalId {
  return author.remember(`${subject}: seen as number ${i}`)
}
