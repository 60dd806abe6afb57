import type { EmbeddingStatus, Recollection } from '../node/api.ts'
import { plural } from './text.ts'

/** How it stands with vectors, in one line. */
export function embedderLine(status: EmbeddingStatus | null): string {
  if (status === null) return 'none: memories are found by words and links'
  const { embedder, state, waiting, refused, error } = status
  return [
    `${embedder}, ${error === undefined ? state : `${state} (${error.message})`}`,
    ...(waiting === 0 ? [] : [`${plural(waiting, 'memory', 'memories')} without a vector`]),
    ...(refused === 0 ? [] : [`${refused} refused`]),
  ].join(', ')
}

/** What an answer lacks because the embedder did not do its part. */
export function withoutVectors(vectors: Recollection['vectors']): string | undefined {
  if (vectors === 'late') return 'by words alone: the embedder did not answer in time'
  return vectors === 'down' ? 'by words alone: the embedder does not work, weft mem status says why' : undefined
}
