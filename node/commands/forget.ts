import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import type { CausalId } from '../../base/ids.ts'
import { CALL_DEADLINE_MS } from '../../base/limits.ts'
import type { Forgotten, Receipt } from '../api.ts'
import type { Core } from '../core.ts'
import type { Memory } from '../memory/memory.ts'
import { elsewhere, memoryToChange } from './by-id.ts'
import { command, type CommandsOf } from './command.ts'
import { id, space } from './in-space.ts'

export const forgetCommands: CommandsOf<'memory.forget'> = {
  'memory.forget': command(z.strictObject({ space, id, erase: z.boolean().optional() }), (core, input, to) => {
    memoryToChange(core, input, [input.id], to, (memory, [target]) =>
      forget(core, memory, target as CausalId, input.erase === true, to.actor, (error, forgotten) =>
        error === undefined
          ? to.ok({ ...forgotten, ...vacantAfter(memory, target as CausalId), ...elsewhere(input, memory) })
          : to.fail(error),
      ),
    )
  }),
}

function vacantAfter(memory: Memory, id: CausalId): Pick<Forgotten, 'vacant'> {
  const vacant = memory.fold.vacancies(id)
  return vacant.length === 0 ? {} : { vacant }
}

/**
 * Takes back a record of this node, or has it erased everywhere; what is so already is `known`, and nothing is written. An erasure is answered when its bytes are gone here;
 * `erased: false` says that they will be as soon as the record that erases them is signed and the disk takes it.
 *
 * @throws WeftError `unknown_id`, `not_author`, `not_erasable`, `incompatible`
 */
export function forget(
  core: Core,
  memory: Memory,
  target: CausalId,
  erase: boolean,
  actor: string,
  done: (error: WeftError | undefined, forgotten: Forgotten) => void,
): void {
  const { fold } = memory
  const ref = fold.refOf(target)
  if (ref === undefined) throw new WeftError('unknown_id', `no record ${target}`)
  if (core.chain.log(ref.log)?.identity.author !== core.self)
    throw new WeftError('not_author', `record ${target} was written by another node`)
  // Named as it is called now: others know it by no other id.
  const current = fold.currentId(target) as CausalId
  if (!erase) return memory.writer.retract(current, false, actor, done)
  if (fold.isRetract(current)) throw new WeftError('not_erasable', `record ${target} takes something back, and says nothing else`)
  const gone = (receipt: Receipt): void =>
    core.erasures.whenErased(ref.log, ref.seq, core.now.monotonicMs + CALL_DEADLINE_MS, erased => done(undefined, { ...receipt, erased }))
  const eraser = fold.eraserOf(current)
  const at = eraser === undefined ? undefined : fold.refOf(eraser)
  if (eraser !== undefined && at !== undefined) return gone({ id: eraser, log: at.log, seq: at.seq, known: true })
  // What a vector says of a text goes with it.
  for (const vector of fold.vectorRecordsOf(current)) memory.writer.retract(vector, true, actor, () => {})
  memory.writer.retract(current, true, actor, (error, receipt) => (error === undefined ? gone(receipt) : done(error, receipt)))
}
