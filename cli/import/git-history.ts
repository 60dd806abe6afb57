import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { WeftError } from '../../base/errors.ts'
import { GIT_LOG_ARGUMENTS, GitHistory } from '../../ecc/import/git.ts'
import type { ImportItem } from '../../node/api.ts'
import type { Request } from '../../node/commands/types.ts'
import type { Entry } from './import-items.ts'

/** What a repository has that the memory has not. */
export interface NewCommits {
  /** Commits that were looked at. */
  readonly total: number
  readonly known: number
  /** Parents first. */
  readonly entries: AsyncIterable<readonly Entry[]>
}

/** 10,000 keys in one question. */
const KEYS_MAX = 10_000

/**
 * Looks which commits of `HEAD` this node has not remembered yet. When there are any, all that were looked at are read, because
 * new ones are linked to known ones, but only the new ones are entries. Throws `git_missing`, `not_a_repository`.
 *
 * @param newest how many of the newest commits to look at
 */
export async function newCommits(path: string, request: Request, newest: number = Infinity): Promise<NewCommits> {
  const commits = await commitsOf(path, newest)
  const known = await knownOf([...commits.keys()], request)
  return { total: commits.size, known: known.size, entries: readCommits(path, commits, known, request) }
}

/** Every commit that leads to `HEAD`, or the newest of them, newest first, with its parents; none in a repository without commits. */
export async function commitsOf(path: string, newest: number = Infinity): Promise<ReadonlyMap<string, readonly string[]>> {
  await run(path, ['rev-parse', '--git-dir'])
  const head = await run(path, ['rev-parse', '--verify', '--quiet', 'HEAD']).catch(() => '')
  const rows = head === '' ? [] : (await run(path, ['rev-list', '--topo-order', '--parents', 'HEAD'])).split('\n').filter(row => row !== '')
  return new Map(
    rows.slice(0, newest).map(row => {
      const [hash = '', ...parents] = row.split(' ')
      return [hash, parents]
    }),
  )
}

export async function isShallow(path: string): Promise<boolean> {
  return (await run(path, ['rev-parse', '--is-shallow-repository'])).trim() === 'true'
}

async function run(path: string, args: readonly string[]): Promise<string> {
  let output = ''
  for await (const text of git(path, args, '')) output += text
  return output
}

/** @returns those of the commits that this node has remembered */
async function knownOf(hashes: readonly string[], request: Request): Promise<ReadonlySet<string>> {
  const known = new Set<string>()
  for (let from = 0; from < hashes.length; from += KEYS_MAX) {
    const keys = hashes.slice(from, from + KEYS_MAX).map(keyOf)
    for (const key of (await request('memory.has', { keys })).known) known.add(key.slice(keyOf('').length))
  }
  return known
}

function keyOf(hash: string): string {
  return `git:${hash}`
}

/** The entries of the commits that are not known. Their places count the known ones too: where a commit stands in its history. */
async function* readCommits(
  path: string,
  commits: ReadonlyMap<string, readonly string[]>,
  known: ReadonlySet<string>,
  request: Request,
): AsyncGenerator<readonly Entry[]> {
  if (commits.size === known.size) return
  const knownKeys = new Set([...known].map(keyOf))
  const missing = await missingParents(commits, known, request)
  const history = new GitHistory()
  let place = 0
  const entriesOf = (items: readonly ImportItem[]): readonly Entry[] =>
    items
      .map(item => ({ place: ++place, key: item.key, item: withoutLinksTo(missing, item) }))
      .filter(({ key }) => key === undefined || !knownKeys.has(key))
  const hashes = [...parentsFirst(commits)].reverse() // `--reverse` turns them round again
  for await (const output of git(path, [...GIT_LOG_ARGUMENTS, '--no-walk=unsorted', '--stdin'], `${hashes.join('\n')}\n`))
    yield entriesOf(history.push(output))
  yield entriesOf(history.end())
}

/**
 * All commits, each after its parents, and what led to its first parent before what a merge brought in. So a history that
 * has grown begins as it did before, and what was imported of it then is linked as it would be now; in the
 * order of git, a branch that is merged later can come before commits that are known.
 */
function parentsFirst(commits: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const placed = new Set<string>()
  const entered = new Set<string>()
  const [head] = commits.keys()
  const waiting = head === undefined ? [] : [head]
  for (let hash = waiting.at(-1); hash !== undefined; hash = waiting.at(-1)) {
    if (entered.has(hash)) {
      placed.add(hash)
      waiting.pop()
      continue
    }
    entered.add(hash)
    // The last to be pushed is the first to be placed.
    waiting.push(...(commits.get(hash) ?? []).filter(parent => commits.has(parent) && !entered.has(parent)).reverse())
  }
  return placed
}

/** Keys of parents of new commits that are beyond what is looked at and were not remembered earlier: nothing can be linked to them. */
async function missingParents(
  commits: ReadonlyMap<string, readonly string[]>,
  known: ReadonlySet<string>,
  request: Request,
): Promise<ReadonlySet<string>> {
  const beyond = new Set<string>()
  for (const [hash, parents] of commits) {
    if (!known.has(hash)) for (const parent of parents) if (!commits.has(parent)) beyond.add(parent)
  }
  const remembered = await knownOf([...beyond], request)
  return new Set([...beyond].filter(hash => !remembered.has(hash)).map(keyOf))
}

function withoutLinksTo(keys: ReadonlySet<string>, item: ImportItem): ImportItem {
  return item.edges?.some(edge => keys.has(edge.to)) ? { ...item, edges: item.edges.filter(edge => !keys.has(edge.to)) } : item
}

/** Runs git and yields what it prints. Bytes that are no UTF-8, as in old commits, come as U+FFFD. */
async function* git(path: string, args: readonly string[], input: string): AsyncGenerator<string> {
  const child = spawn('git', ['--no-pager', '-C', path, ...args], { env: environment(), stdio: 'pipe' })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text))
  child.stdin.on('error', () => {}) // it ended before it had read everything: its exit code tells why
  child.stdin.end(input)
  const ended = once(child, 'close') as Promise<[code: number | null]>
  ended.catch(() => {}) // looked at below, once the output has ended
  const decoder = new TextDecoder()
  for await (const chunk of child.stdout as AsyncIterable<Uint8Array>) yield decoder.decode(chunk, { stream: true })
  const [code] = await ended.catch((thrown: NodeJS.ErrnoException): never => {
    throw new WeftError('git_missing', `cannot run git: ${thrown.message}`, { cause: thrown })
  })
  if (code !== 0)
    throw new WeftError(
      'not_a_repository',
      `git cannot read ${path}: ${
        complaint
          .trim()
          .replace(/^fatal: /, '')
          .split('\n')[0] || `exit code ${code}`
      }`,
    )
}

/** Variables that point git elsewhere, as in a hook, are not for us. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^GIT_(?!CONFIG|EXEC_PATH)/.test(name))
  return { ...Object.fromEntries(kept), LC_ALL: 'C' }
}
