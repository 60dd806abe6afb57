/**
 * What simulated code must not touch, because its answer differs from run to run, throws while it runs:
 * whoever reads a real clock here is found at once and by name, not as a trace that differs one day. The same
 * names are looked for in the sources by `test/layers.test.ts`.
 */
export function trapped<T>(run: () => T): T {
  if (isTrapped) return run()
  isTrapped = true
  const before = TRAPS.map(([owner, name]) => Object.getOwnPropertyDescriptor(owner, name))
  for (const [owner, name, trap] of TRAPS) Object.defineProperty(owner, name, { value: trap, configurable: true, writable: true })
  try {
    return run()
  } finally {
    TRAPS.forEach(([owner, name], i) => {
      const descriptor = before[i]
      if (descriptor === undefined) Reflect.deleteProperty(owner, name)
      else Object.defineProperty(owner, name, descriptor)
    })
    isTrapped = false
  }
}

let isTrapped = false

function refuse(what: string): () => never {
  return () => {
    throw new Error(`simulated code called ${what}: it must ask its ports`)
  }
}

/** A given time is no clock. */
class SimDate extends Date {
  static override now = refuse('Date.now()')

  constructor(...of: ConstructorParameters<typeof Date> | []) {
    if (of.length === 0) refuse('new Date()')()
    super(...(of as ConstructorParameters<typeof Date>))
  }
}

const TRAPS: readonly (readonly [owner: object, name: string, trap: unknown])[] = [
  [globalThis, 'Date', SimDate],
  [Math, 'random', refuse('Math.random()')],
  [performance, 'now', refuse('performance.now()')],
  [globalThis, 'setTimeout', refuse('setTimeout()')],
  [globalThis, 'setInterval', refuse('setInterval()')],
  [globalThis, 'setImmediate', refuse('setImmediate()')],
  [globalThis, 'queueMicrotask', refuse('queueMicrotask()')],
  [process, 'nextTick', refuse('process.nextTick()')],
  [process, 'hrtime', refuse('process.hrtime()')],
  [AbortSignal, 'timeout', refuse('AbortSignal.timeout()')],
  [crypto, 'getRandomValues', refuse('crypto.getRandomValues()')],
  [crypto, 'randomUUID', refuse('crypto.randomUUID()')],
  [globalThis, 'fetch', refuse('fetch()')],
]
