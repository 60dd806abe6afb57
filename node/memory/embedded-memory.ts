import type { EmbeddedMemory } from './embedding.ts'
import type { Memory } from './memory.ts'

/** What is embedded of a memory is its text: its labels are found by words. */
export function embeddedMemory(memory: () => Memory): EmbeddedMemory {
  return {
    get fold() {
      return memory().fold
    },
    lacking: options => memory().fold.vectors.lacking(options),
    countLacking: options => memory().fold.vectors.countLacking(options),
    has: (embedder, dims) => memory().fold.vectors.spaces.some(space => space.embedder === embedder && space.dims === dims),
    texts: (refs, then, fail) => memory().texts(refs, said => then(said.map(({ text }) => text)), fail),
    write: (embedder, rows, done) => {
      let left = rows.length
      let failed: Parameters<typeof done>[0]
      for (const { id, vector } of rows)
        memory().writer.vector(id, { embedder, vector }, 'kernel', error => {
          failed ??= error
          if (--left === 0) done(failed)
        })
    },
  }
}
