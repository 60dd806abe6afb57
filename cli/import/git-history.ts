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
 * Looks which commits of `HEAD` this node has not remembered yet; only those are read. Throws `git_missing`, `not_a_repository`.
 *
 * @param newest how many of the newest commits to look at
 */
export async function newCommits(path: string, request: Request, newest: number = Infinity): Promise<NewCommits> {
  const hashes = (await commitsOf(path)).slice(0, newest)
  const known = new Set<string>()
  for (let from = 0; from < hashes.length; from += KEYS_MAX) {
    const keys = hashes.slice(from, from + KEYS_MAX).map(hash => `git:${hash}`)
    for (const key of (await request('memory.has', { keys })).known) known.add(key)
  }
  return {
    total: hashes.length,
    known: known.size,
    entries: readCommits(
      path,
      hashes.filter(hash => !known.has(`git:${hash}`)),
    ),
  }
}

/** Every commit that leads to `HEAD`, newest first; none in a repository without commits. */
export async function commitsOf(path: string): Promise<readonly string[]> {
  await run(path, ['rev-parse', '--git-dir'])
  const head = await run(path, ['rev-parse', '--verify', '--quiet', 'HEAD']).catch(() => '')
  return head === '' ? [] : (await run(path, ['rev-list', '--topo-order', 'HEAD'])).split('\n').filter(line => line !== '')
}

export async function isShallow(path: string): Promise<boolean> {
  return (await run(path, ['rev-parse', '--is-shallow-repository'])).trim() === 'true'
}

async function run(path: string, args: readonly string[]): Promise<string> {
  let output = ''
  for await (const text of git(path, args, '')) output += text
  return output
}

/** @param hashes newest first */
async function* readCommits(path: string, hashes: readonly string[]): AsyncGenerator<readonly Entry[]> {
  if (hashes.length === 0) return
  const history = new GitHistory()
  let line = 0
  const entriesOf = (items: readonly ImportItem[]): readonly Entry[] => items.map(item => ({ line: ++line, key: item.key, item }))
  for await (const output of git(path, [...GIT_LOG_ARGUMENTS, '--no-walk=unsorted', '--stdin'], `${hashes.join('\n')}\n`))
    yield entriesOf(history.push(output))
  yield entriesOf(history.end())
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
