import { IMPORT_RECENT_MAX } from '../../base/limits.ts'
import type { EdgeType } from '../edge-types.ts'
import { fitText, type ImportEdge, type ImportItem, isoTime } from './import-item.ts'

/**
 * The arguments of `git` whose output `GitHistory` reads: commits, parents first, each an empty field, then
 * hash, parents, author, date and message, then the names of the files it changed; a NUL after each.
 */
export const GIT_LOG_ARGUMENTS: readonly string[] = [
  'log',
  '--reverse',
  '--topo-order',
  '--no-color',
  '--no-show-signature',
  '--no-notes',
  '--no-renames',
  '--encoding=UTF-8',
  '--name-only',
  '-z',
  '--format=%x00%H%x00%P%x00%an%x00%aI%x00%B',
]

/** Commits of one history stand further apart than turns of one conversation. */
const FOLLOWS_WEIGHT = 0.5
const CORRELATES_MAX = 3
const MENTIONS_MAX = 8
/** A commit that changes more files than this (a rename of everything, a new format) says nothing about any two of them. */
const COUPLED_FILES_MAX = 50
/** File names in meta. */
const NAMED_FILES_MAX = 32
const NAME_MAX_CHARS = 200

/**
 * The history of a repository, one memory for each commit, keyed `git:<hash>`.
 *
 * - It `follows` its first parent, and a merge is `derived-from` the others.
 * - `This reverts commit <hash>` contradicts that commit; `Fixes: <hash>` is triggered by it.
 * - It `correlates` with the latest earlier commits that changed the same files, the rarest files
 *   first: up to 3 that it does not name otherwise. So changes that belong together find each other.
 *
 * Same output, same items, in whatever pieces it comes. A commit is linked to commits that were in the output before it,
 * so those that are remembered already have to be in it too.
 */
export class GitHistory {
  /** Fields after the last whole commit, the last of them perhaps not whole. */
  #fields: string[] = []
  #rest = ''
  /** By file: how many commits changed it, and the last that did. */
  readonly #files: Recent<{ readonly times: number; readonly last: string }> = new Recent()
  /** Hashes by their first 7 digits: what a message names by a part. */
  readonly #hashes: Recent<readonly string[]> = new Recent()

  /** Takes the next piece of output. @returns the commits that it completed */
  push(output: string): ImportItem[] {
    const fields = (this.#rest + output).split('\0')
    this.#rest = fields.pop() ?? ''
    const items: ImportItem[] = []
    for (const field of fields) {
      // An empty field after five begins the next commit: no file has an empty name.
      if (field === '' && this.#fields.length > FIELDS) items.push(...this.#commit())
      this.#fields.push(field)
    }
    return items
  }

  /** The output has ended. @returns the last commit */
  end(): ImportItem[] {
    return this.#commit()
  }

  #commit(): ImportItem[] {
    const [, hash = '', parents = '', author = '', date = '', message = '', ...names] = this.#fields
    this.#fields = []
    if (hash === '') return []
    const files = names.map((name, i) => (i === 0 ? name.replace(/^\n/, '') : name))
    const parentHashes = parents.split(' ').filter(parent => parent !== '')
    const edges = [...this.#ancestry(parentHashes), ...this.#mentions(message)]
    const named = new Set(edges.map(edge => edge.to))
    const coupled = this.#coupled(hash, files).map(other => `git:${other}`)
    for (const to of coupled.filter(key => !named.has(key)).slice(0, CORRELATES_MAX)) edges.push({ type: 'correlates', to })
    this.#remember(hash)
    const validFrom = isoTime(date)
    const { text, cutBytes } = fitText(message.trim() === '' ? `commit ${hash.slice(0, 12)}` : message.trim())
    const item: ImportItem = {
      key: `git:${hash}`,
      text,
      meta: {
        author: author.slice(0, NAME_MAX_CHARS),
        date,
        ...(files.length === 0 ? {} : { files: fileNames(files) }),
        ...(cutBytes === 0 ? {} : { cut: `${cutBytes} bytes` }),
      },
      ...(validFrom === undefined ? {} : { validFrom }),
      ...(edges.length === 0 ? {} : { edges }),
    }
    return [item]
  }

  #ancestry(parents: readonly string[]): ImportEdge[] {
    return parents.map((parent, i) =>
      i === 0 ? { type: 'follows', to: `git:${parent}`, weight: FOLLOWS_WEIGHT } : { type: 'derived-from', to: `git:${parent}` },
    )
  }

  #mentions(message: string): ImportEdge[] {
    const edges = (type: EdgeType, pattern: RegExp): ImportEdge[] => {
      const hashes = [...message.matchAll(pattern)].flatMap(([, hash = '']) => this.#whole(hash) ?? [])
      return [...new Set(hashes)].slice(0, MENTIONS_MAX).map(hash => ({ type, to: `git:${hash}` }))
    }
    return [
      ...edges('contradicts', /\bThis reverts commit ([0-9a-f]{7,40})\b/g),
      ...edges('triggered-by', /\bfix(?:es|ed)?:?\s+(?:commit\s+)?([0-9a-f]{7,40})\b/gi),
    ]
  }

  /** The latest earlier commits that changed these files, those of the rarest files first. */
  #coupled(hash: string, files: readonly string[]): string[] {
    if (files.length > COUPLED_FILES_MAX) return []
    const seen = files.map(name => ({ name, before: this.#files.get(name) }))
    const found = new Set<string>()
    for (const { before } of [...seen].sort((a, b) => (a.before?.times ?? 0) - (b.before?.times ?? 0) || (a.name < b.name ? -1 : 1))) {
      if (before !== undefined) found.add(before.last)
    }
    for (const { name, before } of seen) this.#files.set(name, { times: (before?.times ?? 0) + 1, last: hash })
    return [...found]
  }

  #remember(hash: string): void {
    const prefix = hash.slice(0, HASH_MIN_CHARS)
    this.#hashes.set(prefix, [...(this.#hashes.get(prefix) ?? []), hash])
  }

  /** The earlier commit whose hash begins so, undefined when there is none, or more than one. */
  #whole(part: string): string | undefined {
    const hashes = (this.#hashes.get(part.slice(0, HASH_MIN_CHARS)) ?? []).filter(hash => hash.startsWith(part))
    return hashes.length === 1 ? hashes[0] : undefined
  }
}

/** Fields of a commit before its files. */
const FIELDS = 5
const HASH_MIN_CHARS = 7

/** A map that forgets what was set longest ago. */
class Recent<T> {
  readonly #entries: Map<string, T> = new Map()

  get(key: string): T | undefined {
    return this.#entries.get(key)
  }

  set(key: string, value: T): void {
    this.#entries.delete(key)
    if (this.#entries.size >= IMPORT_RECENT_MAX) this.#entries.delete(this.#entries.keys().next().value as string)
    this.#entries.set(key, value)
  }
}

function fileNames(files: readonly string[]): string {
  const more = files.length - NAMED_FILES_MAX
  return (
    files
      .slice(0, NAMED_FILES_MAX)
      .map(name => name.slice(0, NAME_MAX_CHARS))
      .join(', ') + (more > 0 ? `, and ${more} more` : '')
  )
}
