import { type CausalId, causalIdOf } from '../../base/ids.ts'
import { EDGE_TYPES, type EdgeType } from '../../ecc/edge-types.ts'
import fc from '../properties.ts'
import { World } from './world.ts'

/** What may happen in a world; `rebase` also of ids that are other records' (nobody honest does that). */
export interface Happenings {
  readonly erase?: boolean
  readonly rebase?: boolean
}

const WORDS = ['pool', 'timeout', 'checkout', 'retry', 'deploy', 'cache', 'index', 'queue']
const THINGS = ['src/pool.c', 'ENOSPC', 'issue 4711', '31 January 2026', 'seen by Caroline'] as const
const TYPES = Object.keys(EDGE_TYPES) as EdgeType[]

type Draw = readonly [author: number, what: number, a: number, b: number, c: number]

/** Three authors writing at random, sometimes hearing of each other, about what there is and what there is not. */
export function anyWorld(may: Happenings = {}): fc.Arbitrary<World> {
  return fc
    .array(fc.tuple(fc.nat(2), fc.nat(99), fc.nat(999), fc.nat(999), fc.nat(999)), { minLength: 1, maxLength: 90, size: 'max' })
    .map(draws => worldOf(draws, may))
}

function worldOf(draws: readonly Draw[], may: Happenings): World {
  const world = new World(3)
  const ghosts = Array.from({ length: 4 }, (_, i) => causalIdOf(new Uint8Array(32).fill(i + 1)))
  for (const [who, what, a, b, c] of draws) {
    const author = world.author(who)
    const known = world.records.map(record => record.id)
    const any = (n: number): CausalId => (n % 13 === 0 ? (ghosts[n % ghosts.length] as CausalId) : (known[n % known.length] as CausalId))
    const memories = world.records.filter(record => record.kind === 50).map(record => record.id)
    const memory = (n: number): CausalId => (memories.length === 0 || n % 17 === 0 ? any(n) : (memories[n % memories.length] as CausalId))
    const own = (n: number): CausalId => (n % 6 === 0 ? any(n) : (author.records[n % author.records.length]?.id as CausalId))
    const type = TYPES[c % TYPES.length] as EdgeType
    if (what < 30) {
      const things = b % 3 === 0 ? ` ${THINGS[a % THINGS.length]}, ${THINGS[c % THINGS.length]}` : ''
      const text = `${WORDS[a % WORDS.length]} ${WORDS[b % WORDS.length]} number ${c % 5}${things}`
      author.remember(text, {
        ...(b % 2 === 0 ? { key: `key ${a % 3}` } : {}),
        ...(c % 4 === 0 ? { meta: { service: WORDS[c % WORDS.length] as string } } : {}),
      })
    } else if (what < 45) author.link(memory(a), type, memory(b), ((c % 10) + 1) / 10)
    else if (what < 65) {
      const by = memory(b)
      const targets = [...new Set([memory(a), memory(c)])].filter(target => target !== by)
      if (targets.length > 0) author.supersede(targets, by)
    } else if (what < 75) author.retract(own(a))
    else if (what < 76) author.append(50, Uint8Array.of(1, 2, 3))
    else if (what < 77) author.append(999, Uint8Array.of(0))
    else if (what < 78) author.join()
    else if (what < 80 && may.erase === true) author.retract(own(a), true)
    else if (what < 82 && may.rebase === true) author.rebase([[b % 2 === 0 ? (ghosts[a % ghosts.length] as CausalId) : any(a), own(c)]])
    else if (what < 89) {
      const dims = 2 + (b % 2)
      author.vector(c % 11 === 0 ? any(a) : memory(a), { embedder: `model-${b % 3}`, vector: [1, c % 7, b % 5].slice(0, dims) })
    } else author.hear(world.author(a % 3))
  }
  return world
}
