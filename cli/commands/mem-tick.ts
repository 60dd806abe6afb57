import type { TickReport } from '../../node/cognition/api.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { columns, plural } from '../text.ts'

export const define: Define = command =>
  command
    .addHelpText(
      'after',
      '\nFirst at all that is new, then at the whole. A node does so by itself when it was started with --cognition-tick on.',
    )
    .action(action(async cli => cli.print(await ticks(cli), render)))

/** One after the other until nothing new is left, told as one. */
async function ticks(cli: Invocation): Promise<TickReport> {
  let sensed = 0
  let impulses = 0
  const tookMs = { sense: 0, search: 0, embed: 0 }
  for (;;) {
    const report = await cli.askSlowly('memory.tick', {})
    sensed += report.sensed
    impulses += report.impulses
    for (const part of ['sense', 'search', 'embed'] as const) tookMs[part] += report.tookMs[part]
    if (report.more && report.sensed > 0) {
      cli.progress.update(() => `looked at ${plural(sensed, 'memory', 'memories')}, noticed ${plural(impulses, 'impulse')}`)
      continue
    }
    cli.progress.done()
    return { ...report, sensed, impulses, tookMs }
  }
}

function render({ sensed, impulses, more, tookMs, intervalMs, ticking, waiting, capacity }: TickReport): string {
  const ms = (value: number): string => `${value.toFixed(1)} ms`
  return columns([
    ['looked at', `${plural(sensed, 'memory', 'memories')}${more ? ', and there is more' : ''}`],
    ['noticed', `${plural(impulses, 'impulse')}; ${waiting} waiting`],
    ['took', `sense ${ms(tookMs.sense)}, search ${ms(tookMs.search)}, embed ${ms(tookMs.embed)}`],
    ['by itself', ticking === 'on' ? `every ${intervalMs} ms while there is something new` : 'off'],
    ['capacity', capacity === null ? 'not measured' : `a tick takes ${capacity.p50Us} us, one in twenty ${capacity.p95Us} us`],
  ])
}
