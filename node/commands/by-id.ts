import { WeftError } from '../../base/errors.ts'
import { type CausalId, DEFAULT_SPACE } from '../../base/ids.ts'
import { reaches } from '../../discovery/spaces.ts'
import type { Core } from '../core.ts'
import type { Memory } from '../memory/memory.ts'
import { NotWhole, patiently, requireWhole } from '../memory/whole.ts'
import { memoryToRead, memoryToWrite } from './in-space.ts'
import type { InSpace } from './types.ts'

interface Failing {
  readonly fail: (error: WeftError) => void
}

/**
 * The memory that ids are about. A record's id is its own in all spaces, so whoever names one need not say the space: what
 * `[memory.route]` put elsewhere is found where it is. A space that is named is the one. An id that is known nowhere is
 * asked about in `main`, where it is told that it is unknown.
 *
 * @param then with the whole ids, in their order; what it throws is an answer as well
 */
export function memoryOf(core: Core, { space }: InSpace, names: readonly string[], to: Failing, then: Found): void {
  inMemoryOf(core, names, space, () => memoryToRead(core, { space }), to, then)
}

/** The same for something that is written. All ids are to be of one space: what names records of two is refused. */
export function memoryToChange(core: Core, { space }: InSpace, names: readonly string[], to: Failing, then: Found): void {
  inMemoryOf(
    core,
    names,
    space,
    () => memoryToWrite(core, { space }),
    to,
    (memory, ids) => {
      requireHere(core, memory, ids)
      then(memoryToWrite(core, memory), ids)
    },
  )
}

type Found = (memory: Memory, ids: readonly CausalId[]) => void

/** What is written in a memory names records of it, or such as have not arrived. @throws WeftError `other_space` */
export function requireHere(core: Core, memory: Memory, ids: readonly CausalId[]): void {
  for (const id of ids) {
    const other = otherHolder(core, memory, id)
    if (other !== undefined)
      throw new WeftError(
        'other_space',
        `record ${id} is in space ${other.space}, not in ${memory.space}: what is said of it is said there, and links lead on within one space`,
      )
  }
}

/** The other memory of which this record is known to be. @throws NotWhole */
export function otherHolder(core: Core, memory: Memory, id: CausalId): Memory | undefined {
  const holder = memory.fold.refOf(id) === undefined ? holderOf(core, id) : undefined
  return holder === memory ? undefined : holder
}

/** Another memory in which this node has something under a key, and may read it. */
export function otherWithKey(core: Core, memory: Memory, key: string): Memory | undefined {
  return core.memories.all.find(other => other !== memory && mayRead(core, other.space) && other.writer.idOfKey(key) !== undefined)
}

function mayRead(core: Core, space: string): boolean {
  return core.spaces.isTaken(space) && reaches(core.spaces.roleOf(space, core.self), 'read')
}

function inMemoryOf(core: Core, names: readonly string[], space: string | undefined, named: () => Memory, to: Failing, then: Found): void {
  const memory = named()
  resolveAll(memory, names, to, ids => {
    const first = ids[0]
    then(requireWhole(space !== undefined || first === undefined ? memory : (holders(core, ids) ?? memory)), ids)
  })
}

/** The memory of the first id that any is known of, in the order of the ids. */
function holders(core: Core, ids: readonly CausalId[]): Memory | undefined {
  for (const id of ids) {
    const memory = holderOf(core, id)
    if (memory !== undefined) return memory
  }
  return undefined
}

/** Among those that this node may read; the one that is always there comes first. @throws NotWhole when it may be in one that does not know yet */
function holderOf(core: Core, id: CausalId): Memory | undefined {
  const readable = [core.memory(DEFAULT_SPACE), ...core.memories.all].filter(({ space }) => mayRead(core, space))
  const holder = readable.find(({ fold }) => fold.refOf(id) !== undefined)
  const unsure = holder === undefined ? readable.find(({ isWhole }) => !isWhole) : undefined
  if (unsure !== undefined) throw new NotWhole(unsure)
  return holder
}

/** The ids behind prefixes. @param then requires what it needs before it does anything: it may be called again */
export function resolveAll(memory: Memory, texts: readonly string[], to: Failing, then: (ids: readonly CausalId[]) => void): void {
  const ids: CausalId[] = []
  const next = (): void => {
    const text = texts[ids.length]
    if (text !== undefined)
      return memory.resolve(
        text,
        found => {
          ids.push(found)
          next()
        },
        to.fail,
      )
    patiently(to, () => then(ids))
  }
  next()
}

/** What an answer says of where it comes from: nothing when that is the space that was asked, or the one that is asked without a name. */
export function elsewhere({ space: asked }: InSpace, { space }: Memory): { readonly space?: string } {
  return asked !== undefined || space === DEFAULT_SPACE ? {} : { space }
}
