import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { compareBytes, concatBytes, EMPTY, utf8 } from '../../base/bytes.ts'
import type { ErrorCode, WeftError } from '../../base/errors.ts'
import { DISK_QUEUE_MAX, EVENT_RING, OPEN_FILES_MAX } from '../../base/limits.ts'
import type { Clock, Disk, DiskResult, Random } from '../../base/ports.ts'
import { hostClock } from '../../node/host/clock.ts'
import { type HostDisk, openDisk } from '../../node/host/disk.ts'
import { FileQueue, takeTurn } from '../../node/host/file-queue.ts'
import { destroyIndex, type HostIndex, openIndex } from '../../node/host/index.ts'
import { createLogger } from '../../node/host/logger.ts'
import { hostRandom } from '../../node/host/random.ts'
import { isSoundTable } from '../../node/host/table-check.ts'
import { SimClock } from '../../sim/clock.ts'
import { SimDisk } from '../../sim/disk.ts'
import { SimIndex } from '../../sim/index.ts'
import { SimRandom } from '../../sim/random.ts'
import { Scheduler } from '../../sim/scheduler.ts'
import { answered, type Bench, codeOf, started, valueOf } from '../contract/answer.ts'
import { clockContract } from '../contract/clock.ts'
import { diskContract } from '../contract/disk.ts'
import { indexContract } from '../contract/index.ts'
import fc from '../properties.ts'

const child: string = fileURLToPath(new URL('./ports-child.js', import.meta.url))

const scratch: string = realpathSync(mkdtempSync(join(tmpdir(), 'weft-ports-')))
t.teardown(() => rmSync(scratch, { recursive: true }))

function temporaryDirectory(): string {
  return mkdtempSync(join(scratch, 'test-'))
}

const REAL: { turn(): void } = { turn: () => {} }

t.test('clock', t => {
  const virtual = (driftPpm: number): Bench<Clock> => {
    const scheduler = new Scheduler()
    scheduler.runUntil(123_456_789)
    const turn = (): void => void scheduler.runWhile(() => true, Number.POSITIVE_INFINITY)
    return { port: new SimClock(scheduler, { driftPpm, offsetMs: -250 }), turn, close: async () => {} }
  }
  clockContract(t, 'host', () => ({ port: hostClock, ...REAL, close: async () => {} }))
  clockContract(t, 'sim', () => virtual(0))
  clockContract(t, 'sim, 500 ppm fast', () => virtual(500))
  clockContract(t, 'sim, 500 ppm slow', () => virtual(-500))

  t.test('host: a delay beyond what setTimeout takes does not fire at once', async t => {
    const ran: string[] = []
    const far = hostClock.after(2 ** 31, () => ran.push('far'))
    await new Promise<void>(resolve => void hostClock.after(20, resolve))
    far.cancel()
    t.same(ran, [])
    t.end()
  })

  t.test('sim: the wall can be off, step, drift and freeze; monotonic time only drifts', t => {
    const scheduler = new Scheduler()
    const clock = new SimClock(scheduler, { offsetMs: 5000, driftPpm: 100 })
    const exact = new SimClock(scheduler)
    const hourUs = 3_600_000_000
    scheduler.runUntil(hourUs)
    t.equal(clock.wallMs() - exact.wallMs(), 5000 + 360, '100 ppm of an hour')
    t.equal(exact.monotonicMs(), 3_600_000)
    t.equal(clock.monotonicMs(), 3_600_360)
    clock.step(-10_000)
    t.equal(clock.wallMs() - exact.wallMs(), -5000 + 360)
    t.equal(clock.monotonicMs(), 3_600_360)
    t.equal(clock.offsetMs, -5000)
    clock.freeze()
    const frozenMs = clock.wallMs()
    scheduler.runUntil(2 * hourUs)
    t.equal(clock.wallMs(), frozenMs)
    t.equal(clock.monotonicMs(), 2 * 3_600_360, 'a frozen wall stops no timer')
    clock.thaw()
    t.equal(clock.wallMs() - exact.wallMs(), -5000 + 720)
    t.end()
  })

  t.test('sim: a fast clock fires early in true time, a slow one late', t => {
    for (const [driftPpm, trueUs] of [
      [0, 1_000_000],
      [1000, 999_001],
      [-1000, 1_001_001],
    ] as const) {
      const scheduler = new Scheduler()
      let firedUs = -1
      new SimClock(scheduler, { driftPpm }).after(1000, () => (firedUs = scheduler.nowUs))
      scheduler.runUntil(2_000_000)
      t.equal(firedUs, trueUs, `${driftPpm} ppm`)
    }
    t.end()
  })

  t.test('sim: the timers of a killed node never fire, its next life starts anew', t => {
    const scheduler = new Scheduler()
    const ran: string[] = []
    const first = new SimClock(scheduler, { offsetMs: 70, driftPpm: 10 })
    first.after(10, () => {
      ran.push('before')
      first.kill()
    })
    first.after(10, () => ran.push('same moment'))
    first.after(20, () => ran.push('after'))
    scheduler.runUntil(15_000)
    first.after(1, () => ran.push('from the grave')).cancel()
    first.after(1, () => ran.push('from the grave'))
    const second = new SimClock(scheduler, { offsetMs: first.offsetMs, driftPpm: first.driftPpm })
    t.equal(second.wallMs(), first.wallMs())
    t.equal(second.monotonicMs(), 0)
    second.after(1, () => ran.push('second life'))
    scheduler.runUntil(1_000_000)
    t.same(ran, ['before', 'second life'])
    t.end()
  })
  t.end()
})

t.test('random', t => {
  const siblings: Readonly<Record<string, Random>> = { host: hostRandom, sim: new SimRandom(7, 'test') }
  for (const [name, random] of Object.entries(siblings)) {
    t.test(`${name}: bytes have the length asked for and are never given twice`, t => {
      for (const length of [0, 1, 16, 32, 1000, 1024, 1025, 8192, 100_000]) t.equal(random.bytes(length).length, length)
      const seen = new Set<string>()
      for (let i = 0; i < 20_000; i++) seen.add(Buffer.from(random.bytes(16)).toString('hex'))
      t.equal(seen.size, 20_000)
      const first = random.bytes(64)
      const copy = first.slice()
      random.bytes(64).fill(0)
      for (let i = 0; i < 300; i++) random.bytes(64)
      t.same(first, copy, 'later draws leave earlier ones alone')
      t.equal(first.constructor, Uint8Array)
      t.end()
    })

    t.test(`${name}: below gives every number under its bound and no other`, t => {
      for (const bound of [1, 2, 3, 10, 255, 256]) {
        const seen = new Set<number>()
        for (let i = 0; i < 100 * bound; i++) seen.add(random.below(bound))
        t.same(
          [...seen].sort((a, b) => a - b),
          Array.from({ length: bound }, (_, i) => i),
          `${bound}`,
        )
      }
      for (let i = 0; i < 1000; i++) {
        const drawn = random.below(2 ** 32)
        if (!Number.isInteger(drawn) || drawn < 0 || drawn >= 2 ** 32) t.fail(`drew ${drawn}`)
      }
      t.end()
    })
  }

  t.test('host: a bound that is none is a bug', t => {
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN])
      t.throws(() => hostRandom.below(bound), { name: 'AssertionError' }, `${bound}`)
    t.end()
  })
  t.end()
})

t.test('disk', t => {
  const real = (): Bench<HostDisk> => {
    const directory = temporaryDirectory()
    const disk = openDisk(join(directory, 'files'))
    return {
      port: disk,
      ...REAL,
      close: async () => {
        await new Promise<void>(resolve => disk.close(resolve))
        rmSync(directory, { recursive: true })
      },
    }
  }
  const virtual = (readUs: number, writeUs: number, syncUs: number): Bench<Disk> => {
    const scheduler = new Scheduler()
    const turn = (): void => void scheduler.runWhile(() => true, Number.POSITIVE_INFINITY)
    return { port: new SimDisk(scheduler, new SimRandom(1, 'disk'), { readUs, writeUs, syncUs }), turn, close: async () => {} }
  }
  diskContract(t, 'host', 5, real)
  diskContract(t, 'sim', 20, () => virtual(0, 0, 0))
  diskContract(t, 'sim with latency', 20, () => virtual(30, 20, 2000))

  t.test('host: files and folders are for their owner only', async t => {
    const directory = join(temporaryDirectory(), 'new/node')
    const disk = openDisk(directory)
    await valueOf(REAL, done => disk.append('folder/file', utf8('x'), done))
    t.equal(statSync(join(directory, 'folder/file')).mode & 0o777, 0o600)
    for (const folder of ['..', '.', 'folder']) t.equal(statSync(join(directory, folder)).mode & 0o777, 0o700)
    await new Promise<void>(resolve => disk.close(resolve))
  })

  t.test('host: a directory that cannot be is directory_unusable', t => {
    const file = join(temporaryDirectory(), 'file')
    writeFileSync(file, '')
    t.throws(() => openDisk(join(file, 'inside')), { name: 'WeftError', code: 'directory_unusable' })
    t.throws(() => openDisk(file), { name: 'WeftError', code: 'directory_unusable' })
    t.end()
  })

  t.test('host: another process finds what was written', async t => {
    const directory = temporaryDirectory()
    const first = openDisk(directory)
    await valueOf(REAL, done => first.append('a', utf8('one '), done))
    await valueOf(REAL, done => first.sync('a', done))
    t.equal(readFileSync(join(directory, 'a'), 'utf8'), 'one ')
    await new Promise<void>(resolve => first.close(resolve))
    const second = openDisk(directory)
    t.equal(await valueOf<number>(REAL, done => second.append('a', utf8('two'), done)), 4)
    await new Promise<void>(resolve => second.close(resolve))
    t.equal(readFileSync(join(directory, 'a'), 'utf8'), 'one two')
  })

  t.test('host: closing finishes what was called before, refuses what comes after, and leaves no file open', async t => {
    const directory = temporaryDirectory()
    const disk = openDisk(directory)
    const order: string[] = []
    const before = started<number>(done => disk.append('a', utf8('x'), done)).then(() => order.push('append'))
    const closed = Promise.all([1, 2].map(() => new Promise<void>(resolve => disk.close(resolve)))).then(() => order.push('closed'))
    t.equal(await codeOf(REAL, done => disk.append('a', utf8('y'), done)), 'failed')
    await Promise.all([before, closed])
    t.same(order, ['append', 'closed'])
    t.equal(readFileSync(join(directory, 'a'), 'utf8'), 'x')
    await new Promise<void>(resolve => disk.close(resolve))
  })

  t.test('host: files stay open up to a limit', { skip: process.platform === 'linux' ? false : 'counts descriptors in /proc' }, async t => {
    const [found] = await childSays(t, 'descriptors', temporaryDirectory())
    t.match(found, { open: OPEN_FILES_MAX, first: { ok: true }, left: 0, closed: { ok: false, error: { code: 'failed' } } })
  })

  // A device that is always full and cannot be synced stands in for a file: no mock, no privilege.
  t.test(
    'host: a full disk says full, a failed sync says failed',
    { skip: process.platform === 'linux' ? false : 'needs /dev/full' },
    async t => {
      const directory = temporaryDirectory()
      symlinkSync('/dev/full', join(directory, 'device'))
      const disk = openDisk(directory)
      t.match(await answered<number>(REAL, done => disk.append('device', utf8('x'), done)), {
        ok: false,
        error: { code: 'full', message: /ENOSPC/ },
      })
      t.match(await answered<void>(REAL, done => disk.sync('device', done)), { ok: false, error: { code: 'failed', message: /EINVAL/ } })
      mkdirSync(join(directory, 'folder'))
      t.match(await answered<number>(REAL, done => disk.append('folder', utf8('x'), done)), {
        ok: false,
        error: { code: 'failed', message: /EISDIR/ },
      })
      t.equal(await codeOf(REAL, done => disk.append('other', utf8('x'), done)), 'ok', 'other files go on')
      await new Promise<void>(resolve => disk.close(resolve))
    },
  )

  const namespaces = [['-m'], ['-Urm']].find(
    options => spawnSync('unshare', [...options, 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0,
  )
  t.test(
    'host: a file system that fills up takes a part, and goes on when there is room',
    { skip: namespaces !== undefined ? false : 'needs leave to mount a tmpfs' },
    async t => {
      const directory = temporaryDirectory()
      const command = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" "$3" fill "$1"'
      const run = spawnSync('unshare', [...(namespaces ?? []), 'sh', '-c', command, 'sh', directory, process.execPath, child], {
        encoding: 'utf8',
      })
      t.equal(run.stderr, '')
      const [full, other, truncated, again, synced, whole] = run.stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      t.match(full, { code: 'full', whole: 900_000, seen: { ok: true } })
      t.ok(full.size > full.whole && full.size <= 1 << 20, `a part of the last append is there: ${full.size} bytes`)
      t.equal(full.seen.value, full.size)
      t.match(other, { ok: false, error: { code: 'full' } })
      t.same(truncated, { ok: true })
      t.same(again, { ok: true, value: 600_000 })
      t.same(synced, { ok: true })
      t.equal(whole, true)
      rmSync(directory, { recursive: true })
    },
  )

  t.test('a file queue lets readers in together, writers alone, and refuses beyond its bound', t => {
    const a = new FileQueue()
    const b = new FileQueue()
    const log: string[] = []
    const finishers = new Map<string, () => void>()
    const enter = (name: string, queues: readonly FileQueue[], isAlone: boolean): boolean =>
      takeTurn(queues, isAlone, finish => {
        log.push(name)
        finishers.set(name, finish)
      })
    const finish = (name: string): void => finishers.get(name)?.()
    enter('read 1', [a], false)
    enter('read 2', [a], false)
    enter('write', [a], true)
    enter('read 3', [a], false)
    enter('move a to b', [a, b], true)
    enter('move b to a', [b, a], true)
    enter('read b', [b], false)
    t.same(log.splice(0), ['read 1', 'read 2'])
    finish('read 2')
    t.same(log.splice(0), [])
    finish('read 1')
    t.same(log.splice(0), ['write'])
    finish('write')
    t.same(log.splice(0), ['read 3'], 'the move waits for it')
    finish('read 3')
    t.same(log.splice(0), ['move a to b'])
    finish('move a to b')
    t.same(log.splice(0), ['move b to a'])
    finish('move b to a')
    t.same(log.splice(0), ['read b'])
    t.notOk(b.isIdle)
    finish('read b')
    t.ok(a.isIdle && b.isIdle)

    enter('holder', [a], true)
    for (let i = 0; i < DISK_QUEUE_MAX; i++) if (!enter('waiting', [a], true)) t.fail(`refused after ${i}`)
    t.ok(a.isFull)
    t.equal(enter('one too many', [a], false), false)
    t.equal(enter('one too many', [b, a], true), false)
    t.ok(b.isIdle, 'a refused operation stands in no queue')
    t.end()
  })

  t.test('sim: what was synced survives every crash, the rest may be kept, lost or torn', t => {
    const fates = { kept: 0, lost: 0, torn: 0, nameLost: 0, nameKept: 0 }
    for (let seed = 0; seed < 500; seed++) {
      const { disk, run } = simulated(seed)
      const written = Uint8Array.from({ length: 200 }, (_, i) => i + 1)
      run(done => disk.append('a', written.subarray(0, 100), done))
      run(done => disk.sync('a', done))
      run(done => disk.append('a', written.subarray(100), done))
      run(done => disk.append('new', utf8('x'), done))
      t.same(disk.durableContentOf('a'), written.subarray(0, 100))
      t.equal(disk.durableContentOf('new'), undefined)
      disk.crash()
      const content = disk.contentOf('a')
      if (compareBytes(content.subarray(0, 100), written.subarray(0, 100)) !== 0) t.fail(`seed ${seed} lost synced bytes`)
      const tail = content.subarray(100)
      if (!tail.every((byte, i) => byte === 0 || byte === written[100 + i]) || content.length > 200) t.fail(`seed ${seed} made up bytes`)
      fates[tail.length === 0 ? 'lost' : compareBytes(content, written) === 0 ? 'kept' : 'torn']++
      fates[disk.files.includes('new') ? 'nameKept' : 'nameLost']++
      disk.crash()
      t.same(disk.contentOf('a'), content, 'a second crash takes no more')
    }
    for (const [fate, count] of Object.entries(fates)) t.ok(count > 50, `${fate} ${count} times`)
    t.end()
  })

  t.test('sim: under any operations, a crash at any moment leaves what was acknowledged as durable', t => {
    const name = fc.constantFrom('a', 'b', 'c')
    const operation = fc.record({
      kind: fc.constantFrom('append', 'append', 'sync', 'truncate', 'rename', 'remove'),
      file: name,
      to: name,
      size: fc.nat(50),
    })
    fc.assert(
      fc.property(fc.nat(), fc.array(operation, { maxLength: 40 }), fc.nat(5000), (seed, operations, crashUs) => {
        const scheduler = new Scheduler()
        const disk = new SimDisk(scheduler, new SimRandom(seed, 'disk'), { readUs: 10, writeUs: 50, syncUs: 400 })
        const promised = new Map<string, Uint8Array>()
        const inProgress: string[] = []
        let isDead = false
        /** A prefix of `file` that must be there from now on, when `change` has been answered. */
        const after = (files: readonly string[], change: () => void) => (): void => {
          if (isDead) throw new Error('answered after the crash')
          for (const file of files) inProgress.splice(inProgress.indexOf(file), 1)
          change()
        }
        const begin = (files: readonly string[], change: () => void): (() => void) => {
          inProgress.push(...files)
          return after(files, change)
        }
        for (const [i, { kind, file, to, size }] of operations.entries()) {
          const promise = (name: string): void => void (disk.files.includes(name) && promised.set(name, disk.contentOf(name)))
          if (kind === 'append')
            disk.append(
              file,
              new Uint8Array(size).fill(i + 1),
              after([], () => {}),
            )
          else if (kind === 'sync')
            disk.sync(
              file,
              after([], () => promise(file)),
            )
          else if (kind === 'truncate')
            disk.truncate(
              file,
              size,
              begin([file], () => promised.set(file, promised.get(file)?.subarray(0, size) ?? EMPTY)),
            )
          else if (kind === 'remove')
            disk.remove(
              file,
              begin([file], () => promised.delete(file)),
            )
          else {
            const moved = begin([file, to], () => {
              promised.delete(file)
              promise(to)
            })
            disk.rename(file, to, result => (result.ok ? moved() : after([file, to], () => {})()))
          }
        }
        scheduler.runUntil(crashUs)
        disk.crash()
        isDead = true
        for (const [file, prefix] of promised) {
          if (prefix.length === 0 || inProgress.includes(file)) continue
          const content = disk.contentOf(file).subarray(0, prefix.length)
          if (compareBytes(content, prefix) !== 0) throw new Error(`${file} has ${content}, promised ${prefix}`)
        }
        scheduler.runUntil(1_000_000)
      }),
      { numRuns: 500 },
    )
    t.pass('500 runs')
    t.end()
  })

  t.test('sim: a killed process loses no bytes it wrote, only the operations in progress', t => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      const { disk, run, scheduler } = simulated(seed)
      run(done => disk.append('a', utf8('written '), done))
      for (const text of ['one ', 'two ', 'three ']) disk.append('a', utf8(text), () => t.fail('answered'))
      disk.crash('process')
      scheduler.runUntil(1_000_000)
      outcomes.add(textOf(disk.contentOf('a')))
      t.equal(disk.durableContentOf('a'), undefined, 'a later loss of power can still take everything')
    }
    t.same([...outcomes].sort(), ['written ', 'written one ', 'written one two ', 'written one two three '])
    t.end()
  })

  t.test('sim: after a failed sync nothing unsynced can be trusted, until it is written again', t => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 100; seed++) {
      const { disk, run } = simulated(seed)
      run(done => disk.append('a', utf8('safe'), done))
      run(done => disk.sync('a', done))
      run(done => disk.append('a', utf8('risk'), done))
      disk.failSync()
      t.same(
        run(done => disk.sync('a', done)),
        { ok: false, error: { code: 'failed', message: 'cannot sync a' } },
      )
      const visible = textOf(disk.contentOf('a'))
      t.same(
        run<void>(done => disk.sync('a', done)),
        { ok: true, value: undefined },
        'the next sync says nothing about it',
      )
      const durable = textOf(disk.durableContentOf('a') ?? EMPTY)
      seen.add(`${visible} ${durable}`)
      run(done => disk.truncate('a', 4, done))
      run(done => disk.append('a', utf8('anew'), done))
      run(done => disk.sync('a', done))
      disk.crash()
      t.equal(textOf(disk.contentOf('a')), 'safeanew')
    }
    t.same([...seen].sort(), ['safe\0\0\0\0 safe', 'saferisk safe', 'saferisk saferisk'])
    t.end()
  })

  t.test('sim: a full disk takes a part of an append, and goes on when there is room', t => {
    const parts = new Set<number>()
    for (let seed = 0; seed < 50; seed++) {
      const { disk, run } = simulated(seed)
      run(done => disk.append('a', new Uint8Array(90), done))
      disk.full(100)
      t.match(
        run(done => disk.append('a', new Uint8Array(11), done)),
        { ok: false, error: { code: 'full' } },
      )
      parts.add(disk.usedBytes - 90)
      run(done => disk.truncate('a', 90, done))
      t.same(
        run<number>(done => disk.append('b', new Uint8Array(10), done)),
        { ok: true, value: 0 },
        'exactly full is not too much',
      )
      t.match(
        run(done => disk.append('a', new Uint8Array(1), done)),
        { ok: false, error: { code: 'full' } },
      )
      disk.full(Number.POSITIVE_INFINITY)
      t.same(
        run<number>(done => disk.append('a', new Uint8Array(1000), done)),
        { ok: true, value: 90 },
      )
    }
    t.same(
      [...parts].sort((a, b) => a - b),
      Array.from({ length: 11 }, (_, i) => i),
    )
    t.end()
  })

  t.test('sim: rot changes one bit, in memory and on the media', t => {
    const { disk, run } = simulated(1)
    run(done => disk.append('a', Uint8Array.of(1, 2, 3), done))
    run(done => disk.sync('a', done))
    disk.flip('a', 1)
    t.same(disk.contentOf('a'), Uint8Array.of(1, 3, 3))
    t.same(disk.durableContentOf('a'), Uint8Array.of(1, 3, 3))
    t.throws(() => disk.flip('a', 3), { name: 'AssertionError' })
    t.throws(() => disk.flip('b', 0), { name: 'AssertionError' })
    t.end()
  })

  t.test('sim: a restored backup has the files of its time, and only those', t => {
    const { disk, run, scheduler } = simulated(1)
    run(done => disk.append('a', utf8('old'), done))
    const backup = disk.snapshot()
    run(done => disk.append('a', utf8(' and new'), done))
    run(done => disk.append('b', utf8('new'), done))
    disk.append('c', utf8('in progress'), () => t.fail('answered'))
    disk.rollback(backup)
    scheduler.runUntil(1_000_000)
    t.same(disk.files, ['a'])
    disk.crash()
    t.equal(textOf(disk.contentOf('a')), 'old', 'a restored file is durable')
    t.end()
  })

  t.test('sim: one seed gives one run', t => {
    const runs = [5, 5, 6].map(seed => {
      const { disk, run, scheduler } = simulated(seed)
      for (let i = 0; i < 20; i++) run(done => disk.append(`f${i}`, new Uint8Array(i * 10).fill(i), done))
      disk.crash()
      return JSON.stringify([scheduler.nowUs, [...disk.snapshot()].map(([name, content]) => [name, ...content])])
    })
    t.equal(runs[0], runs[1])
    t.not(runs[0], runs[2])
    t.end()
  })
  t.end()
})

t.test('index', t => {
  const real = async (): Promise<Bench<HostIndex>> => {
    const directory = temporaryDirectory()
    const index = await indexAt(directory)
    return {
      port: index,
      ...REAL,
      close: async () => {
        await closed(index)
        rmSync(directory, { recursive: true })
      },
    }
  }
  const virtual = async (latencyUs: number): Promise<Bench<SimIndex>> => {
    const scheduler = new Scheduler()
    const turn = (): void => void scheduler.runWhile(() => true, Number.POSITIVE_INFINITY)
    return { port: new SimIndex(scheduler, new SimRandom(1, 'index'), latencyUs), turn, close: async () => {} }
  }
  indexContract(t, 'host', 10, real)
  indexContract(t, 'sim', 30, () => virtual(0))
  indexContract(t, 'sim with latency', 30, () => virtual(80))

  t.test('host: what was written is there after a restart', async t => {
    const directory = temporaryDirectory()
    const first = await indexAt(directory)
    const written = started<void>(done => first.batch([{ key: 'a', value: utf8('1') }], done))
    await closed(first)
    t.same(await written, { ok: true, value: undefined }, 'closing finishes what was called before')
    t.match(await answered(REAL, done => first.get('a', done)), { ok: false, error: { code: 'failed', message: 'the index is closed' } })
    const second = await indexAt(directory)
    t.same(await valueOf(REAL, done => second.get('a', done)), utf8('1'))
    await closed(second)
  })

  t.test('host: a directory is open once, in this process and in others, under any name', async t => {
    const directory = temporaryDirectory()
    const index = await indexAt(directory)
    const alias = `${directory}-alias`
    symlinkSync(directory, alias)
    for (const name of [directory, `${directory}/.`, alias]) t.equal(await openCode(name), 'already_running', name)
    t.equal(await destroyCode(directory), 'already_running')
    t.same(await childSays(t, 'open', directory), ['already_running'], 'and the attempts did not let go of the lock')
    await closed(index)
    t.same(await childSays(t, 'open', directory), ['ok'])
    t.equal(await openCode(alias), 'ok')
  })

  t.test('host: a killed process lets go of the directory', async t => {
    const directory = temporaryDirectory()
    const holder = spawn(process.execPath, [child, 'hold', directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    await firstLine(holder)
    t.equal(await openCode(directory), 'already_running')
    t.equal(await destroyCode(directory), 'already_running')
    holder.kill('SIGKILL')
    await new Promise(resolve => holder.once('exit', resolve))
    t.equal(await openCode(directory), 'ok')
  })

  t.test('host: a directory that cannot be is directory_unusable', async t => {
    const file = join(temporaryDirectory(), 'file')
    writeFileSync(file, '')
    t.equal(await openCode(join(file, 'inside')), 'directory_unusable')
    t.equal(await openCode(file), 'directory_unusable')
    t.equal(await destroyCode(file), 'directory_unusable')
  })

  t.test('host: a damaged index says so, is destroyed, and starts empty', async t => {
    const original = await preparedIndex()
    const the = (directory: string, pattern: RegExp): string =>
      join(directory, readdirSync(directory).find(name => pattern.test(name)) as string)
    const damages: Readonly<Record<string, (directory: string) => void>> = {
      'CURRENT is gone': directory => rmSync(join(directory, 'CURRENT')),
      'CURRENT is empty': directory => truncateSync(join(directory, 'CURRENT')),
      'CURRENT is nonsense': directory => writeFileSync(join(directory, 'CURRENT'), 'nonsense'),
      'CURRENT names nothing': directory => writeFileSync(join(directory, 'CURRENT'), 'MANIFEST-999999\n'),
      'the manifest is gone': directory => rmSync(the(directory, /^MANIFEST/)),
      'the manifest is empty': directory => truncateSync(the(directory, /^MANIFEST/)),
      'the manifest is cut': directory => truncateSync(the(directory, /^MANIFEST/), 30),
      'a bit of the manifest is flipped': directory => flip(the(directory, /^MANIFEST/), 10),
      'a table is gone': directory => rmSync(the(directory, /\.ldb$/)),
      'a bit of a table is flipped': directory => flip(the(directory, /\.ldb$/), 5000),
    }
    for (const [name, damage] of Object.entries(damages)) {
      const directory = join(temporaryDirectory(), 'index')
      cpSync(original, directory, { recursive: true })
      const lock = statSync(join(directory, 'LOCK')).ino
      damage(directory)
      t.equal(await openCode(directory), 'index_damaged', name)
      t.equal(await openCode(directory), 'index_damaged', 'and stays so until it is destroyed')
      t.equal(await destroyCode(directory), 'ok')
      const index = await indexAt(directory)
      t.same(await valueOf(REAL, done => index.scan('', '\x7f', 10, done)), [])
      await valueOf(REAL, done => index.batch([{ key: 'a', value: utf8('1') }], done))
      t.same(await valueOf(REAL, done => index.get('a', done)), utf8('1'))
      await closed(index)
      t.equal(statSync(join(directory, 'LOCK')).ino, lock, 'the lock is the same file')
    }
    t.equal(await destroyCode(join(temporaryDirectory(), 'absent')), 'ok', 'nothing to destroy')
  })

  t.test('host: a table with any flipped bit is found damaged, an unfinished one is left alone', async t => {
    const directory = await preparedIndex()
    const table = new Uint8Array(readFileSync(join(directory, readdirSync(directory).find(name => name.endsWith('.ldb')) as string)))
    const footer = table.length - 48
    const isSoundWith = (at: number): boolean => {
      const copy = table.slice()
      copy[at] = (copy[at] as number) ^ (1 << (at % 8))
      return isSoundTable(copy)
    }
    t.ok(isSoundTable(table))
    for (let at = 0; at < footer; at += 61) if (isSoundWith(at)) t.fail(`byte ${at} flipped unnoticed`)
    for (let at = footer - 300; at < footer + 4; at++) if (isSoundWith(at)) t.fail(`byte ${at} flipped unnoticed`)
    for (let at = table.length - 8; at < table.length; at++) t.ok(isSoundWith(at), 'LevelDB says itself that this is no table')
    for (const length of [0, 1, 47, 48, 1000, footer, table.length - 1]) t.ok(isSoundTable(table.subarray(0, length)), `${length} bytes`)
    t.notOk(isSoundTable(concatBytes(table.subarray(0, 100), table.subarray(footer))))
    t.notOk(isSoundTable(new Uint8Array(48).map((_, i) => (i < 40 ? 255 : (table[footer + i] as number)))))
  })

  t.test('host: flipped bytes make entries wrong or missing, and never end the process', async t => {
    const original = await preparedIndex()
    const seed = 20_261
    const random = new SimRandom(seed, 'rot')
    const directories = Array.from({ length: 60 }, () => {
      const directory = join(temporaryDirectory(), 'index')
      cpSync(original, directory, { recursive: true })
      const file = join(directory, random.pick(readdirSync(directory).filter(name => /\.(ldb|log)$|^MANIFEST/.test(name))))
      for (let i = 0; i <= random.below(20); i++) flip(file, random.below(statSync(file).size), 1 << random.below(8))
      return directory
    })
    const said = await childSays(t, 'readAll', ...directories)
    t.equal(said.length, directories.length, `seed ${seed}`)
    for (const one of said) t.ok(typeof one === 'number' || one === 'index_damaged' || one === 'failed', `${one}`)
  })

  t.test('sim: a crash stops callbacks, and with lose takes some of the newest batches', t => {
    const sizes = { kept: new Set<number>(), lost: new Set<number>() }
    for (let seed = 0; seed < 100; seed++) {
      for (const lose of [false, true]) {
        const scheduler = new Scheduler()
        const index = new SimIndex(scheduler, new SimRandom(seed, 'index'), 10)
        for (let i = 0; i < 3; i++)
          index.batch(
            [
              { key: `a${i}`, value: utf8('1') },
              { key: 'newest', value: Uint8Array.of(i) },
            ],
            () => {},
          )
        scheduler.runUntil(1000)
        for (let i = 3; i < 5; i++)
          index.batch(
            [
              { key: `a${i}`, value: utf8('1') },
              { key: 'newest', value: Uint8Array.of(i) },
            ],
            () => t.fail('answered'),
          )
        index.get('a0', () => t.fail('answered'))
        index.crash({ lose })
        scheduler.runUntil(2000)
        const batches = Math.max(0, index.size - 1)
        sizes[lose ? 'lost' : 'kept'].add(batches)
        let newest: unknown
        index.get('newest', result => (newest = result))
        scheduler.runUntil(3000)
        t.same(newest, { ok: true, value: batches === 0 ? null : Uint8Array.of(batches - 1) })
      }
    }
    t.same([...sizes.kept].sort(), [3, 4, 5])
    t.same([...sizes.lost].sort(), [0, 1, 2, 3, 4, 5])
    t.end()
  })

  t.test('sim: damage changes one value, and a destroyed index is empty', t => {
    const scheduler = new Scheduler()
    const index = new SimIndex(scheduler, new SimRandom(1, 'index'))
    t.equal(index.damage(), undefined)
    const values = new Map(['a', 'b', 'c'].map(key => [key, utf8(`value of ${key}`)]))
    index.batch(
      [...values].map(([key, value]) => ({ key, value })),
      () => {},
    )
    scheduler.runUntil(1)
    const damaged = index.damage()
    const found = new Map<string, unknown>()
    for (const key of values.keys()) index.get(key, result => found.set(key, result))
    scheduler.runUntil(2)
    for (const [key, value] of values) t[key === damaged ? 'notSame' : 'same'](found.get(key), { ok: true, value }, key)
    index.destroy()
    t.equal(index.size, 0)
    index.scan('', '\x7f', 10, result => t.same(result, { ok: true, value: [] }))
    scheduler.runUntil(3)
    t.end()
  })
  t.end()
})

t.test('logger', t => {
  t.test('one JSON object per line, with level, time, fields and event', t => {
    const lines: string[] = []
    const { log, recent } = createLogger({ level: 'info', destination: { write: line => void lines.push(line) } })
    log('info', 'chain.fork', { seq: 41, node: 'n1', isOwn: false, absent: undefined })
    log('error', 'node.stopped')
    log('debug', 'too.fine')
    log('warn', '100%d sure: %s', { note: 'a "quoted"\nline' })
    t.equal(lines.length, 3)
    t.ok(lines.every(line => line.endsWith('}\n') && line.indexOf('\n') === line.length - 1))
    const [fork, stopped, sure] = lines.map(line => JSON.parse(line)) as readonly Record<string, unknown>[]
    t.match(fork?.['time'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    t.same({ ...fork, time: 0 }, { level: 'info', time: 0, seq: 41, node: 'n1', isOwn: false, event: 'chain.fork' })
    t.same({ ...stopped, time: 0 }, { level: 'error', time: 0, event: 'node.stopped' })
    t.same({ ...sure, time: 0 }, { level: 'warn', time: 0, note: 'a "quoted"\nline', event: '100%d sure: %s' })
    t.same(
      recent(),
      lines.map(line => line.slice(0, -1)),
    )
    t.end()
  })

  t.test('the newest lines are kept, up to a bound', t => {
    const { log, recent } = createLogger({ level: 'debug', destination: { write: () => {} } })
    for (let i = 0; i < EVENT_RING + 10; i++) log('debug', 'tick', { i })
    t.equal(recent().length, EVENT_RING)
    t.match(recent()[0], /"i":10,/)
    t.match(recent().at(-1), new RegExp(`"i":${EVENT_RING + 9},`))
    t.end()
  })

  t.test('lines go to standard error, and nobody reading them stops nobody', async t => {
    const process = spawn(globalThis.process.execPath, [child, 'log'], { stdio: ['ignore', 'pipe', 'pipe'] })
    const [said, line] = await Promise.all([
      firstLine(process),
      new Promise<string>(resolve => {
        process.stderr?.once('data', (data: Buffer) => {
          process.stderr?.destroy()
          resolve(data.toString().split('\n')[0] as string)
        })
      }),
    ])
    t.equal(said, '101')
    t.match(JSON.parse(line), { level: 'info', event: 'node.ready', peers: 3 })
  })
  t.end()
})

function simulated(seed: number): {
  disk: SimDisk
  scheduler: Scheduler
  run<T>(start: (done: (result: DiskResult<T>) => void) => void): DiskResult<T>
} {
  const scheduler = new Scheduler()
  const disk = new SimDisk(scheduler, new SimRandom(seed, 'disk'), { readUs: 10, writeUs: 10, syncUs: 100 })
  return {
    disk,
    scheduler,
    run: <T>(start: (done: (result: DiskResult<T>) => void) => void): DiskResult<T> => {
      let answer: DiskResult<T> | undefined
      start(result => (answer = result))
      scheduler.runWhile(() => answer === undefined, Number.POSITIVE_INFINITY)
      return answer as DiskResult<T>
    },
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}

function indexAt(directory: string): Promise<HostIndex> {
  return new Promise((resolve, reject) => openIndex(directory, result => (result.ok ? resolve(result.value) : reject(result.error))))
}

function closed(index: HostIndex): Promise<void> {
  return new Promise(resolve => index.close(resolve))
}

/** Opens and closes: `ok`, or the code of the error. */
async function openCode(directory: string): Promise<ErrorCode | 'ok'> {
  try {
    await closed(await indexAt(directory))
    return 'ok'
  } catch (error) {
    return (error as WeftError).code
  }
}

function destroyCode(directory: string): Promise<ErrorCode | 'ok'> {
  return new Promise(resolve => destroyIndex(directory, error => resolve(error?.code ?? 'ok')))
}

/** An index with entries in a table and others in a log, closed. */
async function preparedIndex(): Promise<string> {
  const directory = temporaryDirectory()
  for (const part of [0, 200]) {
    const index = await indexAt(directory)
    for (let i = part; i < part + 200; i++)
      await valueOf(REAL, done => index.batch([{ key: `key/${i}`, value: new Uint8Array(300).fill(i) }], done))
    await closed(index)
  }
  return directory
}

function flip(file: string, offset: number, mask: number = 1): void {
  const bytes = readFileSync(file)
  bytes[offset] = (bytes[offset] as number) ^ mask
  writeFileSync(file, bytes)
}

/** The findings of a child that ended well. */
async function childSays(t: Test, job: string, ...paths: readonly string[]): Promise<readonly unknown[]> {
  const run = spawn(process.execPath, [child, job, ...paths], { stdio: ['ignore', 'pipe', 'inherit'] })
  const findings: unknown[] = []
  createInterface({ input: run.stdout }).on('line', line => findings.push(JSON.parse(line)))
  const [code, signal] = await new Promise<readonly [number | null, string | null]>(resolve => run.once('close', (...how) => resolve(how)))
  t.same([code, signal], [0, null], `${job} ends well`)
  return findings
}

function firstLine(process: ChildProcess): Promise<string> {
  return new Promise(resolve => createInterface({ input: process.stdout as Readable }).once('line', resolve))
}
