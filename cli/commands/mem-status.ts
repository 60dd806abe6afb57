import { embedderLine } from '../embedder-line.ts'
import { action, type Define } from '../invocation.ts'
import { columns, plural } from '../text.ts'
import { renderIndex } from '../vectors.ts'

export const define: Define = command =>
  command.action(
    action(async cli => {
      cli.print(await cli.request('memory.status', {}), ({ nodes, edges, pending, dangling, voids, indexes, embedder, frontier }) =>
        columns([
          ['memories', String(nodes)],
          ['links', `${edges}${dangling === 0 ? '' : `, and ${plural(dangling, 'end that has', 'ends that have')} not arrived`}`],
          ['pending', `${plural(pending, 'record')} held but not applied`],
          ...(voids === 0 ? [] : [['void', String(voids)]]),
          ['embedder', embedderLine(embedder)],
          ...indexes.map(index => ['vectors', renderIndex(index)]),
          ['frontier', frontier],
        ]),
      )
    }),
  )
