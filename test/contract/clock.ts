import type { Test } from 'tap'
import type { Clock } from '../../base/ports.ts'
import type { Bench } from './answer.ts'

/** What every `Clock` does. `turn` of the bench runs virtual time until no timer is left. */
export function clockContract(t: Test, name: string, make: () => Bench<Clock>): void {
  t.test(`${name}: monotonic time never goes back, and a timer waits at least its delay`, async t => {
    const bench = make()
    const clock = bench.port
    const delaysMs = [0, 0.3, 1, 1, 2, 3.7, 5, 8]
    const early: number[] = []
    let runs = 0
    const all = new Promise<void>(resolve => {
      for (let i = 0; i < 25; i++) {
        for (const delayMs of delaysMs) {
          const startMs = clock.monotonicMs()
          clock.after(delayMs, () => {
            const waitedMs = clock.monotonicMs() - startMs
            if (waitedMs < delayMs) early.push(delayMs - waitedMs)
            if (++runs === 25 * delaysMs.length) resolve()
          })
        }
      }
    })
    t.equal(runs, 0, 'no task runs before the call returned')
    bench.turn()
    await all
    t.same(early, [], 'none came early')
    let lastMs = clock.monotonicMs()
    for (let i = 0; i < 1000; i++) {
      const nowMs = clock.monotonicMs()
      if (nowMs < lastMs) t.fail(`went back from ${lastMs} to ${nowMs}`)
      lastMs = nowMs
    }
    await bench.close()
  })

  t.test(`${name}: soon runs once, and not before the call returned`, async t => {
    const bench = make()
    let runs = 0
    const ran = new Promise<void>(resolve => {
      bench.port.soon(() => {
        runs++
        resolve()
      })
    })
    t.equal(runs, 0)
    bench.turn()
    await ran
    t.equal(runs, 1)
    await bench.close()
  })

  t.test(`${name}: timers run in the order of their delays, each once`, async t => {
    const bench = make()
    const ran: number[] = []
    await new Promise<void>(resolve => {
      for (const delayMs of [40, 1, 20]) bench.port.after(delayMs, () => ran.push(delayMs))
      bench.port.after(60, resolve)
      bench.turn()
    })
    t.same(ran, [1, 20, 40])
    await bench.close()
  })

  t.test(`${name}: a cancelled timer does not run, and cancelling again or too late does nothing`, async t => {
    const bench = make()
    const ran: string[] = []
    await new Promise<void>(resolve => {
      const cancelled = bench.port.after(1, () => ran.push('cancelled'))
      cancelled.cancel()
      cancelled.cancel()
      const inTask = bench.port.after(30, () => ran.push('cancelled by another task'))
      const late = bench.port.after(1, () => {
        ran.push('in time')
        inTask.cancel()
      })
      bench.port.after(50, () => {
        late.cancel()
        resolve()
      })
      bench.turn()
    })
    t.same(ran, ['in time'])
    await bench.close()
  })

  t.test(`${name}: a task may start the next timer`, async t => {
    const bench = make()
    let count = 0
    await new Promise<void>(resolve => {
      const again = (): void => {
        if (++count === 10) resolve()
        else bench.port.after(1, again)
      }
      bench.port.after(1, again)
      bench.turn()
    })
    t.equal(count, 10)
    await bench.close()
  })

  t.test(`${name}: a delay that is no time is refused`, async t => {
    const bench = make()
    for (const delayMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      t.throws(() => bench.port.after(delayMs, () => {}), { name: 'AssertionError' }, `${delayMs}`)
    }
    await bench.close()
  })

  t.test(`${name}: the wall says whole milliseconds of this century`, async t => {
    const bench = make()
    const wallMs = bench.port.wallMs()
    t.ok(Number.isSafeInteger(wallMs))
    t.match(new Date(wallMs).toISOString(), /^20/)
    await bench.close()
  })
}
