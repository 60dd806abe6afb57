import { asWeftError, type WeftError } from '../../base/errors.ts'
import type { SpaceRole } from '../../discovery/operation.ts'
import { reaches } from '../../discovery/spaces.ts'
import type { EmbeddedMemory } from './embedding.ts'
import type { Memories } from './memories.ts'
import type { Memory } from './memory.ts'

/** The memories of those spaces in which a vector of this node counts. What is embedded of a memory is its text: its labels are found by words. */
export function embeddedMemories(memories: Memories, roleIn: (space: string) => SpaceRole): () => readonly EmbeddedMemory[] {
  const bySpace = new Map<string, EmbeddedMemory>()
  return () =>
    memories.all
      .filter(({ space, isWhole }) => isWhole && reaches(roleIn(space), 'write'))
      .map(memory => {
        const known = bySpace.get(memory.space) ?? embeddedMemory(memory)
        bySpace.set(memory.space, known)
        return known
      })
}

function embeddedMemory(memory: Memory): EmbeddedMemory {
  return {
    get fold() {
      return memory.fold
    },
    space: memory.space,
    hasRoom: (embedder, dims) => memory.writer.hasRoom(embedder, dims),
    lacking: options => memory.fold.vectors.lacking(options),
    countLacking: options => memory.fold.vectors.countLacking(options),
    texts: (refs, then, fail) => memory.texts.read(refs, said => then(said.map(({ text }) => text)), fail),
    write: (embedder, rows, done) => {
      let left = rows.length
      let failed: Parameters<typeof done>[0]
      const one = (error: WeftError | undefined): void => {
        failed ??= error
        if (--left === 0) done(failed)
      }
      for (const { id, vector } of rows) {
        try {
          memory.writer.vectorFor(id, { embedder, vector }, 'kernel', one)
        } catch (thrown) {
          // The disk is too far behind, say: it is tried again later.
          one(asWeftError(thrown))
        }
      }
    },
  }
}
