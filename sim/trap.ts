import { arm } from './ambient.ts'

/**
 * What simulated code must not touch, because its answer differs from run to run, throws while it runs:
 * whoever reads a real clock here is found at once and by name, not as a trace that differs one day. The same
 * names are looked for in the sources by `test/layers.test.ts`.
 */
export function trapped<T>(run: () => T): T {
  setTraps()
  depth++
  try {
    return run()
  } finally {
    depth--
  }
}

/** The same across turns of the event loop. @returns what ends it */
export function holdTraps(): () => void {
  setTraps()
  depth++
  let isHeld = true
  return () => {
    if (isHeld) depth--
    isHeld = false
  }
}

/** Before user code is loaded: what it takes by name while it is loaded is trapped as well. */
export function setTraps(): void {
  // Asked before every event.
  if (areSet) return
  areSet = true
  arm(
    () => depth > 0,
    found => (breach ??= found),
  )
}

/** What went into a trap first since somebody asked last: user code may have caught what was thrown. */
export function takeBreach(): Error | undefined {
  const found = breach
  breach = undefined
  return found
}

const realSetImmediate = setImmediate
const realNextTick = process.nextTick
const realOn = process.on
const realOff = process.off

/**
 * Lets every promise that can go on do so, and nothing else: what is queued here from within a promise comes after
 * all promises that can go on, and before any timer or socket of whoever runs the simulator.
 */
export function settled(): Promise<void> {
  return Promise.resolve().then(() => new Promise(resolve => realNextTick(resolve)))
}

/** Lets whoever runs the simulator finish what he has begun. */
export function realTurn(): Promise<void> {
  return new Promise(resolve => realSetImmediate(resolve))
}

/** Notes what promises are rejected with that nobody looks at. */
export function watchRejections(): { readonly check: () => void; readonly end: () => void } {
  const reasons: unknown[] = []
  const note = (reason: unknown): void => void reasons.push(reason)
  realOn.call(process, 'unhandledRejection', note)
  return {
    check: () => {
      if (reasons.length > 0) throw new Error('simulated code let a promise be rejected that nobody looks at', { cause: reasons[0] })
    },
    end: () => void realOff.call(process, 'unhandledRejection', note),
  }
}

let areSet = false
let depth = 0
let breach: Error | undefined
