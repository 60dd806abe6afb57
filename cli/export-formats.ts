import type { CausalId } from '../base/ids.ts'
import type { GivenVector, MemoryRecord } from '../node/api.ts'

export interface ExportedEdge {
  readonly type: string
  readonly to: CausalId
  readonly weight: number
}

/** How a memory is written down, a page at a time. */
export interface ExportFormat {
  /** Whether it has a place for vectors: they are not asked for otherwise. */
  readonly hasVectors: boolean
  /** Before all of them. */
  begin(): string
  /** A memory comes again for each vector of it beyond the first, without its edges then. */
  memory(memory: MemoryRecord, edges: readonly ExportedEdge[], vector: GivenVector | undefined): string
  /** After all of them. */
  end(): string
}

/** What `--format` takes. */
export const EXPORT_FORMATS: Readonly<Record<'jsonl' | 'graphml', () => ExportFormat>> = {
  jsonl: () => ({ hasVectors: true, begin: () => '', memory: jsonLine, end: () => '' }),
  graphml: () => new GraphMl(),
}

export type ExportFormatName = keyof typeof EXPORT_FORMATS

/** What an import takes, and where it came from. */
function jsonLine(
  { id, key, text, meta, validFrom, validTo, source, author, at }: MemoryRecord,
  edges: readonly ExportedEdge[],
  given: GivenVector | undefined,
): string {
  const row = {
    id,
    key,
    text,
    ...(Object.keys(meta).length === 0 ? {} : { meta }),
    validFrom,
    validTo,
    source,
    ...(edges.length === 0 ? {} : { edges }),
    ...(given === undefined ? {} : { vector: given.vector, embedder: given.embedder }),
    author,
    at,
  }
  return `${JSON.stringify(row)}\n`
}

const NODE_FIELDS = ['text', 'key', 'meta', 'validFrom', 'validTo', 'source', 'author', 'at'] as const

/**
 * GraphML (Brandes et al., 2002), as programs that draw and measure graphs read it. Edges stand at the end: one to what is not
 * in the file, because it was replaced since, would lead nowhere and is left out.
 */
class GraphMl implements ExportFormat {
  readonly hasVectors: boolean = false
  readonly #ids: Set<CausalId> = new Set()
  readonly #edges: (ExportedEdge & { readonly from: CausalId })[] = []

  begin(): string {
    const keys = [
      ...NODE_FIELDS.map(name => `  <key id="${name}" for="node" attr.name="${name}" attr.type="string"/>\n`),
      '  <key id="type" for="edge" attr.name="type" attr.type="string"/>\n',
      '  <key id="weight" for="edge" attr.name="weight" attr.type="double"/>\n',
    ]
    return `<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n${keys.join('')}  <graph id="memory" edgedefault="directed">\n`
  }

  memory(memory: MemoryRecord, edges: readonly ExportedEdge[]): string {
    this.#ids.add(memory.id)
    for (const edge of edges) this.#edges.push({ from: memory.id, ...edge })
    const fields = { ...memory, meta: Object.keys(memory.meta).length === 0 ? undefined : JSON.stringify(memory.meta) }
    const data = NODE_FIELDS.flatMap(name => {
      const value = fields[name]
      return value === undefined ? [] : [`<data key="${name}">${escaped(value)}</data>`]
    })
    return `    <node id="${memory.id}">${data.join('')}</node>\n`
  }

  end(): string {
    const edges = this.#edges
      .filter(({ to }) => this.#ids.has(to))
      .map(
        ({ from, type, to, weight }) =>
          `    <edge source="${from}" target="${to}"><data key="type">${type}</data><data key="weight">${weight}</data></edge>\n`,
      )
    return `${edges.join('')}  </graph>\n</graphml>\n`
  }
}

/** XML 1.0 has no place for most control characters, however they are written. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/\r/g, '&#13;')
}
