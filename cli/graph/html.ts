import { toHex, utf8 } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'
import type { GraphEdge, GraphNode, MemoryGraph } from '../../node/api.ts'
import { embedded, escaped, plain, shortened } from '../../sim/report/plain-text.ts'
import { openGraph, PAGE_STYLE, type PageData } from './page.ts'
import { drawn, GRAPH_STYLE, LOOKS } from './svg.ts'

/**
 * The picture as one page that needs nothing else: no network, no font, no file beside it. Its policy allows this one script and this
 * one style by a nonce that nobody who put a text into the memory could know, and nothing else.
 */
export function renderGraphPage(graph: MemoryGraph, title: string): string {
  const { width, height, body } = drawn(graph, title)
  const data = embedded(dataOf(graph))
  const nonce = toHex(hash('content', utf8(data + body))).slice(0, 32)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(shortened(title, 100))}</title>
<style nonce="${nonce}">${GRAPH_STYLE}${PAGE_STYLE}main svg{max-width:100%;min-width:${Math.round(width * 0.72)}px;height:auto}</style>
</head>
<body>
<main><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="group" aria-label="${escaped(title)}">
${body}
</svg></main>
<aside id="panel" aria-live="polite"></aside>
<script type="application/json" id="data">${data}</script>
<script nonce="${nonce}">
'use strict';
(${String(openGraph)})(JSON.parse(document.getElementById('data').textContent), document)
</script>
</body>
</html>
`
}

function dataOf(graph: MemoryGraph): PageData {
  const paths = pathsOf(graph)
  return {
    nodes: graph.nodes.map(node => ({
      id: node.id,
      text: node.text,
      author: node.author,
      at: node.at,
      record: `${node.seq} of log ${node.log}`,
      state: `${node.state === 'superseded' ? 'replaced' : 'current'}${node.isDisputed ? ', disputed' : ''}`,
      labels: Object.entries(node.meta),
      path: paths.get(node.id) ?? [],
    })),
  }
}

/** For each memory the sentences that lead to it from the nearest root. */
function pathsOf({ roots, nodes, edges }: MemoryGraph): ReadonlyMap<string, readonly string[]> {
  const byId = new Map(nodes.map(node => [node.id, node]))
  const paths = new Map<string, readonly string[]>(roots.map(id => [id, []]))
  for (const id of paths.keys()) {
    for (const edge of edges) {
      const other = edge.from === id ? edge.to : edge.to === id ? edge.from : undefined
      if (other !== undefined && !paths.has(other)) paths.set(other, [...(paths.get(id) ?? []), sentence(edge, byId)])
    }
  }
  return paths
}

function sentence({ from, to, type }: GraphEdge, byId: ReadonlyMap<string, GraphNode>): string {
  const name = (id: string): string => `“${shortened(plain(byId.get(id)?.text ?? id), 60)}”`
  return `${name(from)} ${LOOKS[type].words} ${name(to)}`
}
