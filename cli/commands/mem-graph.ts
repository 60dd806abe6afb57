import { writeFile } from 'node:fs/promises'
import { WeftError } from '../../base/errors.ts'
import type { MemoryGraph } from '../../node/api.ts'
import { cannotWrite } from '../failure.ts'
import { renderGraphPage } from '../graph/html.ts'
import { renderGraph } from '../graph/svg.ts'
import { action, type Define } from '../invocation.ts'
import { writeAll } from '../output.ts'
import { positive } from '../parse.ts'
import { firstLine, plural, short } from '../text.ts'

interface Options {
  readonly query?: string
  readonly svg?: string
  readonly html?: string
  readonly limit?: number
}

export const define: Define = command =>
  command
    .argument('[id]', 'a memory; or --query')
    .option('--query <text>', 'around what is recalled for it')
    .option('--svg <file>', 'draw a picture, - for stdout')
    .option('--html <file>', 'draw a page, on which a click shows a memory whole, - for stdout')
    .option('--limit <count>', 'how many memories at most (default: 40, at most 60)', positive)
    .addHelpText(
      'after',
      '\nReasons stand on the left, what rests on them on the right. The files need nothing else, and equal memories make equal files.',
    )
    .action(
      action(async (cli, [id]: readonly [string | undefined], { query, svg, html, limit }: Options) => {
        if ((id === undefined) === (query === undefined)) throw new WeftError('invalid_argument', 'an id, or --query, is needed')
        const files = [svg, html].filter(file => file !== undefined)
        const toStdout = files.filter(file => file === '-').length
        if (toStdout > 1 || (toStdout === 1 && cli.isJson))
          throw new WeftError('usage', 'one thing can go to stdout: the picture, the page, or with --json what was found')
        const graph = await cli.request('memory.graph', { id, query, limit })
        const [root] = graph.nodes
        const title = query ?? root?.text ?? ''
        if (svg !== undefined) await saved(svg, renderGraph(graph, title))
        if (html !== undefined) await saved(html, renderGraphPage(graph, title))
        if (toStdout === 0) cli.print({ ...graph, files }, () => render(graph, files))
      }),
    )

async function saved(file: string, content: string): Promise<void> {
  if (file === '-') return writeAll(content)
  try {
    await writeFile(file, content)
  } catch (thrown) {
    throw cannotWrite(file, thrown)
  }
}

function render({ nodes, edges, truncated }: MemoryGraph, files: readonly string[]): string {
  const count = `${plural(nodes.length, 'memory', 'memories')}, ${plural(edges.length, 'link')}${truncated ? ', and more around them' : ''}`
  if (files.length > 0) return `${count} in ${files.join(' and ')}`
  const rows = edges.map(({ from, type, to }) => `  ${short(from)} ${type} ${short(to)}`)
  return [count, ...nodes.map(({ id, text }) => `${short(id)}  ${firstLine(text, 10)}`), ...rows].join('\n')
}
