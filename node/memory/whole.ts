import { asWeftError, WeftError } from '../../base/errors.ts'
import { CALL_DEADLINE_MS } from '../../base/limits.ts'
import type { Memory } from './memory.ts'

/**
 * While a memory is folded anew it knows less than it has said before. Whoever asks it, or writes to it, waits until it is whole
 * again: no answer is of a part, nothing is written twice because the first time is not folded yet, and there are never two folds in memory.
 */
export class NotWhole extends WeftError {
  readonly memory: Memory

  constructor(memory: Memory) {
    super('recovering', `the memory of space ${memory.space} is being folded anew`)
    this.memory = memory
  }
}

/** @throws NotWhole */
export function requireWhole(memory: Memory): Memory {
  if (!memory.isWhole) throw new NotWhole(memory)
  return memory
}

/**
 * Does `work`, and does it again from its beginning when a memory that it requires is whole; `recovering` after CALL_DEADLINE_MS,
 * or when too many wait. So `work` requires what it needs before it does anything, and whatever it throws is its answer. What it
 * tells its own `fail` that was begun before a memory was folded anew, and nothing but read, is done again as well.
 */
export function patiently(
  to: { readonly fail: (error: WeftError) => void },
  work: (fail: (error: WeftError) => void) => void,
  untilMs?: number,
): void {
  const fail = (error: WeftError): void => {
    if (!(error instanceof NotWhole)) return to.fail(error)
    const { memory } = error
    const endMs = untilMs ?? memory.nowMs + CALL_DEADLINE_MS
    const again = (): void => patiently(to, work, endMs)
    if (memory.isWhole && memory.nowMs < endMs) again()
    else if (!memory.whenWhole(endMs, again)) to.fail(error)
  }
  try {
    work(fail)
  } catch (thrown) {
    fail(asWeftError(thrown))
  }
}
