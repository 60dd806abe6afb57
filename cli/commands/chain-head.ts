import { action, type Define } from '../invocation.ts'
import { short, table } from '../text.ts'

export const define: Define = command =>
  command.action(
    action(async cli => {
      cli.print(await cli.request('chain.head', {}), ({ logs }) =>
        table(
          ['log', 'author', 'stream', 'size', 'signed', 'head', 'root', ''],
          logs.map(log => [
            short(log.logId),
            short(log.author),
            log.stream,
            String(log.size),
            String(log.published),
            short(log.head),
            short(log.root),
            log.conflict ? 'two histories: see weft mem conflicts' : '',
          ]),
          'no logs',
        ),
      )
    }),
  )
