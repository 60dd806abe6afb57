import childProcess from 'node:child_process'
import nodeCrypto from 'node:crypto'
import dgram from 'node:dgram'
import dns from 'node:dns'
import dnsPromises from 'node:dns/promises'
import fs from 'node:fs'
import fsPromises from 'node:fs/promises'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import perfHooks from 'node:perf_hooks'
import timers from 'node:timers'
import timersPromises from 'node:timers/promises'
import tls from 'node:tls'
import workerThreads from 'node:worker_threads'
import zlib from 'node:zlib'

/**
 * WHAT DIFFERS FROM RUN TO RUN, or reaches outside of the process: functions and classes by the object that has them. A name of
 * `'*'` stands for all that the object has. What a thread of the pool works out comes when it likes, so that is here too.
 */
const AMBIENT: readonly (readonly [owner: object, name: string, keys: readonly string[] | '*'])[] = [
  [Date, 'Date', ['now']],
  [
    globalThis,
    '',
    [
      'Date',
      'setTimeout',
      'setInterval',
      'setImmediate',
      'queueMicrotask',
      'fetch',
      'WebSocket',
      'EventSource',
      'MessageChannel',
      'BroadcastChannel',
    ],
  ],
  [Math, 'Math', ['random']],
  [Atomics, 'Atomics', ['wait', 'waitAsync']],
  [AbortSignal, 'AbortSignal', ['timeout']],
  [performance, 'performance', ['now', 'mark', 'measure', 'timerify', 'toJSON', 'eventLoopUtilization']],
  [perfHooks, 'perf_hooks', ['monitorEventLoopDelay']],
  [process.hrtime, 'process.hrtime', ['bigint']],
  [process, 'process', ['nextTick', 'hrtime', 'uptime', 'on', 'once', 'cpuUsage', 'memoryUsage', 'resourceUsage', 'kill', 'abort']],
  [crypto, 'crypto', ['getRandomValues', 'randomUUID']],
  [crypto.subtle.constructor.prototype as object, 'crypto.subtle', '*'],
  [
    nodeCrypto,
    'crypto',
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
      'generatePrime',
      'generatePrimeSync',
      'createECDH',
      'createDiffieHellman',
      'getDiffieHellman',
      'pbkdf2',
      'scrypt',
      'hkdf',
    ],
  ],
  [fs, 'fs', '*'],
  [fsPromises, 'fs/promises', '*'],
  [http, 'http', ['request', 'get', 'createServer']],
  [https, 'https', ['request', 'get', 'createServer']],
  [http2, 'http2', ['connect', 'createServer', 'createSecureServer']],
  [tls, 'tls', ['connect', 'createServer']],
  [net, 'net', '*'],
  [dgram, 'dgram', '*'],
  [dns, 'dns', '*'],
  [dnsPromises, 'dns/promises', '*'],
  [os, 'os', '*'],
  [childProcess, 'child_process', '*'],
  [timers, 'timers', '*'],
  [timersPromises, 'timers/promises', '*'],
  [timersPromises.scheduler, 'scheduler', ['wait', 'yield']],
  [workerThreads, 'worker_threads', ['Worker', 'MessageChannel', 'BroadcastChannel']],
  [zlib, 'zlib', ['gzip', 'gunzip', 'deflate', 'inflate', 'deflateRaw', 'inflateRaw', 'unzip', 'brotliCompress', 'brotliDecompress']],
]

type Callable = (...args: unknown[]) => unknown

interface Guard {
  readonly isOn: () => boolean
  readonly refused: (what: string) => never
}

/**
 * Puts something in the place of each that looks like it, for good, and asks `isOn` whenever it is called: functions may have been
 * taken by name long before a run, and are asked for thousands of times a second. To be called once; 1 ms.
 */
export function arm(isOn: () => boolean, onBreach: (breach: Error) => void): void {
  const refused = (what: string): never => {
    const breach = new Error(`simulated code called ${what}: it must ask its ports`)
    onBreach(breach)
    throw breach
  }
  const guard: Guard = { isOn, refused }
  for (const [owner, name, keys] of AMBIENT) {
    for (const key of keys === '*' ? Object.keys(owner) : keys) {
      const value: unknown = key in owner ? Reflect.get(owner, key) : undefined
      if (typeof value === 'function') replace(owner, key, wrapped(value as Callable, name === '' ? key : `${name}.${key}`, guard))
    }
  }
  replace(Intl.DateTimeFormat.prototype, 'formatToParts', givenTime(Intl.DateTimeFormat.prototype.formatToParts as Callable, guard))
  const format = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, 'format')?.get as (this: unknown) => Callable
  Object.defineProperty(Intl.DateTimeFormat.prototype, 'format', {
    configurable: true,
    get(this: unknown) {
      return givenTime(format.call(this), guard)
    },
  })
  const origin = performance.timeOrigin
  Object.defineProperty(performance, 'timeOrigin', {
    configurable: true,
    get: () => (isOn() ? refused('performance.timeOrigin') : origin),
  })
  syncBuiltinESMExports()
}

function replace(owner: object, key: string, value: unknown): void {
  const { enumerable = false } = Object.getOwnPropertyDescriptor(owner, key) ?? {}
  Object.defineProperty(owner, key, { value, enumerable, configurable: true, writable: true })
}

function wrapped(target: Callable, what: string, { isOn, refused }: Guard): unknown {
  return new Proxy(target, {
    apply: (_, self, args: unknown[]) => (isOn() ? refused(`${what}()`) : Reflect.apply(target, self, args)),
    construct: (_, args: unknown[], of) => {
      // A given time is no clock.
      if (isOn() && !(what === 'Date' && args.length > 0)) refused(what === 'Date' ? 'new Date()' : `${what}()`)
      return Reflect.construct(target, args, of) as object
    },
  })
}

/** A time is formatted: the one that is given, or else what a clock says. */
function givenTime(target: Callable, { isOn, refused }: Guard): Callable {
  return function (this: unknown, ...args) {
    return isOn() && args[0] === undefined ? refused('Intl.DateTimeFormat.format()') : Reflect.apply(target, this, args)
  }
}
