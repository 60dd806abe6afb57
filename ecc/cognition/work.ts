/**
 * A computation that is cut into slices: a generator that yields what it has done since it last did, in steps
 * of some tens of nanoseconds each (a number added, an edge looked at). Who runs it decides when to go on, so
 * nothing here needs a clock, and nobody waits long.
 */
export type Work<T> = Generator<number, T, void>

/** 4,096 steps: as often as that a piece of work lets itself be interrupted, but where it sorts or sets up. */
export const PAUSE_STEPS = 4096

/** Does up to about `steps` of it. @returns the result once there is one */
export function advance<T>(work: Work<T>, steps: number): { readonly done: true; readonly value: T } | { readonly done: false } {
  for (let left = steps; left > 0; ) {
    const next = work.next()
    if (next.done === true) return { done: true, value: next.value }
    left -= next.value
  }
  return { done: false }
}

/** All of it at once. */
export function finish<T>(work: Work<T>): T {
  for (;;) {
    const next = work.next()
    if (next.done === true) return next.value
  }
}
