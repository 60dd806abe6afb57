import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const SERVED_FILE = 'embedder.json'

/** What a server called its model when it first answered, kept from one start to the next. */
export interface ServedModel {
  get(): string | undefined
  /** A disk that refuses it is no reason to stop: it is compared until the node ends. */
  set(model: string): void
}

/** @param id of the embedder: another one begins anew @param dir the node's directory */
export function servedModel(dir: string, id: string): ServedModel {
  const file = join(dir, SERVED_FILE)
  let served = readServed(file, id)
  return {
    get: () => served,
    set: model => {
      served = model
      try {
        writeFileSync(`${file}.tmp`, `${JSON.stringify({ embedder: id, served: model })}\n`, { mode: 0o600 })
        renameSync(`${file}.tmp`, file)
      } catch {}
    },
  }
}

function readServed(file: string, id: string): string | undefined {
  try {
    const { embedder, served } = JSON.parse(readFileSync(file, 'utf8')) as { readonly embedder?: unknown; readonly served?: unknown }
    return embedder === id && typeof served === 'string' ? served : undefined
  } catch {
    return undefined // It is not there, or no more than a torn file.
  }
}
