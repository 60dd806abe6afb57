import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { OPEN_FILES_MAX } from '../../base/limits.ts'
import type { DiskResult, Done } from '../../base/ports.ts'
import { openDisk } from '../../node/host/disk.ts'
import { type HostIndex, openIndex } from '../../node/host/index.ts'
import { createLogger } from '../../node/host/logger.ts'

/**
 * What `ports.test.ts` needs a process of its own for: to be killed, to crash without taking the
 * tests along, to live in another file system. Prints one JSON line per finding.
 */
const JOBS: Readonly<Record<string, (...paths: string[]) => Promise<void>>> = { hold, open, readAll, fill, log, descriptors }

const [job = '', ...paths] = process.argv.slice(2)
await JOBS[job]?.(...paths)

/** Keeps the index open until it is killed. */
async function hold(directory: string): Promise<void> {
  await opened(directory)
  print('held')
  setInterval(() => {}, 1000)
}

/** Opens the index and says how that went. */
async function open(directory: string): Promise<void> {
  try {
    const index = await opened(directory)
    await new Promise<void>(resolve => index.close(resolve))
    print('ok')
  } catch (error) {
    print((error as { code: string }).code)
  }
}

/** Reads everything that each of the indexes lets be read, and writes to it. */
async function readAll(...directories: string[]): Promise<void> {
  for (const directory of directories) {
    try {
      const index = await opened(directory)
      const scanned = await result<readonly (readonly [string, Uint8Array])[]>(done => index.scan('', '\x7f', 100_000, done))
      for (let i = 0; i < 400; i++) await result(done => index.get(`key/${i}`, done))
      await result<void>(done => index.batch([{ key: 'key/1', value: new Uint8Array(2000) }], done))
      await new Promise<void>(resolve => index.close(resolve))
      print(scanned.ok ? scanned.value.length : scanned.error.code)
    } catch (error) {
      print((error as { code: string }).code)
    }
  }
}

/** Appends to a file system of 1 MiB until it is full, makes room, and appends again. */
async function fill(directory: string): Promise<void> {
  const disk = openDisk(directory)
  const bytes = new Uint8Array(300_000).fill(7)
  let offset = 0
  for (;;) {
    const appended = await result<number>(done => disk.append('a', bytes, done))
    if (!appended.ok) {
      print({
        code: appended.error.code,
        whole: offset,
        size: statSync(join(directory, 'a')).size,
        seen: await result(done => disk.size('a', done)),
      })
      break
    }
    offset = appended.value + bytes.length
  }
  print(await result<number>(done => disk.append('b', bytes, done)))
  print(await result<void>(done => disk.truncate('a', offset - bytes.length, done)))
  print(await result<number>(done => disk.append('a', bytes, done)))
  print(await result<void>(done => disk.sync('a', done)))
  const read = await result<Uint8Array>(done => disk.read('a', 0, 2_000_000, done))
  print(read.ok && read.value.length === offset && read.value.every(byte => byte === 7))
}

/** Logs to standard error, also when nobody reads it any more. */
async function log(): Promise<void> {
  const { log, recent } = createLogger({ level: 'info' })
  log('info', 'node.ready', { peers: 3 })
  for (let i = 0; i < 100; i++) log('error', 'after.closing')
  print(recent().length)
}

/** How many files are open when 200 have been in use, and when the disk is closed. */
async function descriptors(directory: string): Promise<void> {
  const disk = openDisk(directory)
  for (let i = 0; i < 200; i++) await result(done => disk.append(`f${i}`, Uint8Array.of(i), done))
  // A descriptor that has been given up is closed a moment later.
  const deadlineMs = performance.now() + 5000
  while (openIn(directory) > OPEN_FILES_MAX && performance.now() < deadlineMs) await new Promise(resolve => setImmediate(resolve))
  const open = openIn(directory)
  const first = await result<Uint8Array>(done => disk.read('f0', 0, 1, done))
  await new Promise<void>(resolve => disk.close(resolve))
  print({ open, first, left: openIn(directory), closed: await result(done => disk.size('f0', done)) })
}

/** Descriptors of this process that stand for files in `directory`. */
function openIn(directory: string): number {
  const targets = readdirSync('/proc/self/fd').map(descriptor => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`)
    } catch {
      return ''
    }
  })
  return targets.filter(target => target.startsWith(`${directory}/`)).length
}

function opened(directory: string): Promise<HostIndex> {
  return new Promise((resolve, reject) => openIndex(directory, answer => (answer.ok ? resolve(answer.value) : reject(answer.error))))
}

function result<T>(start: (done: Done<T>) => void): Promise<DiskResult<T>> {
  return new Promise(resolve => start(resolve))
}

function print(finding: unknown): void {
  process.stdout.write(`${JSON.stringify(finding)}\n`)
}
