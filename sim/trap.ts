import childProcess from 'node:child_process'
import nodeCrypto from 'node:crypto'
import dgram from 'node:dgram'
import dns from 'node:dns'
import dnsPromises from 'node:dns/promises'
import fs from 'node:fs'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import timers from 'node:timers'
import timersPromises from 'node:timers/promises'
import workerThreads from 'node:worker_threads'

/**
 * What simulated code must not touch, because its answer differs from run to run, throws while it runs:
 * whoever reads a real clock here is found at once and by name, not as a trace that differs one day. The same
 * names are looked for in the sources by `test/layers.test.ts`.
 *
 * Globals are replaced for the time of a run and put back. Functions of built-in modules may have been imported by name
 * long before, so each is wrapped once, for good, in something that looks like it and asks whether a run is on
 * (0.8 ms for all; to do it anew for every run, as for the globals, would cost four times what those cost, 16 us).
 */
export function trapped<T>(run: () => T): T {
  if (depth > 0) return run()
  const release = holdTraps()
  try {
    return run()
  } finally {
    release()
  }
}

/** The same across turns of the event loop. @returns what ends it */
export function holdTraps(): () => void {
  wrapModules()
  if (depth++ === 0) replaceGlobals()
  let isHeld = true
  return () => {
    if (!isHeld) return
    isHeld = false
    if (--depth === 0) putBackGlobals()
  }
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

let depth = 0

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

/** Put in place of what a global object has under this name. */
const GLOBALS: readonly (readonly [owner: object, name: string, trap: PropertyDescriptor])[] = [
  [globalThis, 'Date', { value: SimDate }],
  [Math, 'random', { value: refuse('Math.random()') }],
  [performance, 'now', { value: refuse('performance.now()') }],
  [globalThis, 'setTimeout', { value: refuse('setTimeout()') }],
  [globalThis, 'setInterval', { value: refuse('setInterval()') }],
  [globalThis, 'setImmediate', { value: refuse('setImmediate()') }],
  [globalThis, 'queueMicrotask', { value: refuse('queueMicrotask()') }],
  [process, 'nextTick', { value: refuse('process.nextTick()') }],
  [process, 'hrtime', { value: refuse('process.hrtime()') }],
  [process, 'uptime', { value: refuse('process.uptime()') }],
  [process, 'on', { value: refuse('process.on()') }],
  [AbortSignal, 'timeout', { value: refuse('AbortSignal.timeout()') }],
  [crypto, 'getRandomValues', { value: refuse('crypto.getRandomValues()') }],
  [crypto, 'randomUUID', { value: refuse('crypto.randomUUID()') }],
  [crypto, 'subtle', { get: refuse('crypto.subtle') }],
  [globalThis, 'fetch', { value: refuse('fetch()') }],
  [globalThis, 'WebSocket', { value: refuse('new WebSocket()') }],
]

/**
 * How each is put in place: a plain value is assigned where it stands, on the object or its prototype, since defining a
 * property costs four times as much, and a run of five nodes does this some thousand times.
 */
interface Place {
  readonly replace: () => void
  readonly putBack: () => void
}
const PLACES: readonly Place[] = GLOBALS.map(([owner, name, trap]) => {
  for (let at: object | null = owner; at !== null; at = Reflect.getPrototypeOf(at)) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name)
    if (descriptor === undefined) continue
    return descriptor.writable === true && 'value' in trap
      ? assigned(at as Record<string, unknown>, name, trap.value)
      : defined(owner, name, trap)
  }
  return defined(owner, name, trap)
})

function assigned(holder: Record<string, unknown>, name: string, value: unknown): Place {
  let before: unknown
  return {
    replace: () => {
      before = holder[name]
      holder[name] = value
    },
    putBack: () => {
      holder[name] = before
    },
  }
}

function defined(owner: object, name: string, trap: PropertyDescriptor): Place {
  let before: PropertyDescriptor | undefined
  return {
    replace: () => {
      before = Object.getOwnPropertyDescriptor(owner, name)
      Object.defineProperty(owner, name, { ...trap, configurable: true })
    },
    putBack: () => {
      if (before === undefined) Reflect.deleteProperty(owner, name)
      else Object.defineProperty(owner, name, before)
    },
  }
}

function replaceGlobals(): void {
  for (const { replace } of PLACES) replace()
}

function putBackGlobals(): void {
  for (const { putBack } of PLACES) putBack()
}

/** All functions of a module, or those named: what draws, waits or reaches outside of the process. */
const MODULES: readonly (readonly [name: string, module: object, functions?: readonly string[]])[] = [
  ['fs', fs],
  ['fs/promises', fsPromises],
  ['net', net],
  ['dgram', dgram],
  ['dns', dns],
  ['dns/promises', dnsPromises],
  ['child_process', childProcess],
  ['timers', timers],
  ['timers/promises', timersPromises],
  ['worker_threads', workerThreads, ['Worker']],
  [
    'crypto',
    nodeCrypto,
    [
      'randomBytes',
      'randomFill',
      'randomFillSync',
      'randomInt',
      'randomUUID',
      'generateKey',
      'generateKeySync',
      'generateKeyPair',
      'generateKeyPairSync',
    ],
  ],
]
let areWrapped = false

function wrapModules(): void {
  if (areWrapped) return
  areWrapped = true
  for (const [name, module, functions = Object.keys(module)] of MODULES) {
    for (const key of functions) {
      const { value } = Object.getOwnPropertyDescriptor(module, key) ?? {}
      if (typeof value === 'function') Reflect.set(module, key, wrapped(value, `${name}.${key}()`))
    }
  }
  syncBuiltinESMExports()
}

function wrapped(target: (...args: unknown[]) => unknown, what: string): unknown {
  const trap = refuse(what)
  return new Proxy(target, {
    apply: (_, self, args: unknown[]) => (depth > 0 ? trap() : Reflect.apply(target, self, args)),
    construct: (_, args: unknown[], of) => (depth > 0 ? trap() : Reflect.construct(target, args, of)),
  })
}
