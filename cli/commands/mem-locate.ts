import type { Location } from '../../node/cognition/api.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { columns, plural, short } from '../text.ts'

export const define: Define = command =>
  command
    .argument('<name>', 'an id, or LOG/SEQ; of both 8 or more of the first digits')
    .action(action(async (cli, [name]: readonly [string]) => cli.print(await cli.request('memory.locate', { name }), render)))

function render({ id, log, seq, stream, author, kind, at, leaf, signed, graph, vectors }: Location): string {
  const rows = [
    ['id', id],
    ['record', `${log}/${seq}`],
    ['kind', `${kind}, written ${at}`],
    ['stream', `${stream} of ${author}`],
    ['leaf', `${leaf.index} of ${leaf.size}${signed ? ', signed' : ', not signed yet'}`],
    ['root', leaf.root],
    ['way there', leaf.path.length === 0 ? 'the leaf is the root' : `${plural(leaf.path.length, 'hash', 'hashes')} (in --json)`],
    ['graph', graph === null ? 'nothing' : `${graph.state === null ? '' : `${graph.state} `}${graph.role}, ${plural(graph.links, 'link')}`],
    ...vectors.map(({ id: record, node, embedder, dims, label }) => [
      'vector',
      `${label} of ${embedder}, ${dims} numbers; record ${short(record)}, of memory ${short(node)}`,
    ]),
  ]
  return columns(rows.map(([name, ...rest]) => [styled('dim', name as string), ...rest]))
}
