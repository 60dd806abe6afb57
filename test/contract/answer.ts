import type { DiskResult, Done } from '../../base/ports.ts'

/** One implementation of a port, made new for each test. */
export interface Bench<Port> {
  readonly port: Port
  /** Lets everything that was started complete: virtual time runs on, real time needs no help. */
  turn(): void
  close(): Promise<void>
}

/**
 * Starts one operation and checks on every port alike that its callback is called once, and
 * not before the call returned. A violation is thrown where nobody catches it, and fails the run.
 */
export function started<T>(start: (done: Done<T>) => void): Promise<DiskResult<T>> {
  return new Promise(resolve => {
    let hasReturned = false
    let answers = 0
    start(result => {
      if (!hasReturned) throw new Error('answered before the call returned')
      if (++answers > 1) throw new Error('answered twice')
      resolve(result)
    })
    hasReturned = true
  })
}

/** Starts one operation and waits for it. */
export function answered<T>(bench: { turn(): void }, start: (done: Done<T>) => void): Promise<DiskResult<T>> {
  const answer = started(start)
  bench.turn()
  return answer
}

/** Its value, where nothing may go wrong. */
export async function valueOf<T>(bench: { turn(): void }, start: (done: Done<T>) => void): Promise<T> {
  const result = await answered(bench, start)
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`)
  return result.value
}

/** `ok`, or the code of the error. */
export async function codeOf(bench: { turn(): void }, start: (done: Done<unknown>) => void): Promise<string> {
  const result = await answered(bench, start)
  return result.ok ? 'ok' : result.error.code
}
