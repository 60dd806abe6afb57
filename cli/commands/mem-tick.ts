import type { TickReport } from '../../node/cognition/api.ts'
import { action, type Define } from '../invocation.ts'
import { columns, plural } from '../text.ts'

export const define: Define = command =>
  command
    .addHelpText('after', '\nA node does so by itself when it was started with --cognition-tick on.')
    .action(action(async cli => cli.print(await cli.askSlowly('memory.tick', {}), render)))

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
