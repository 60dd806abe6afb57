import type { ConflictList } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { short } from '../text.ts'

export const define: Define = command => command.action(action(async cli => cli.print(await cli.request('memory.conflicts', {}), render)))

function render({ conflicts, logs, voids }: ConflictList): string {
  const lines = [
    ...conflicts.map(
      ({ target, current }) =>
        `${short(target)} has several successors: ${current.map(short).join(', ')}\n  settle it: weft mem resolve ${short(target)} --keep ${short(current[0] as string)}`,
    ),
    ...logs.map(({ log, author, stream, seq }) => `log ${short(log)} (${stream} of ${author}) has two histories from record ${seq} on`),
    ...voids.map(({ id, log, seq, code }) => `record ${short(id)} (${seq} of log ${short(log)}) is void: ${code}`),
  ]
  return lines.length === 0 ? 'no conflicts' : lines.join('\n')
}
