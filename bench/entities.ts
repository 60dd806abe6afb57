/**
 * How much what memories name finds: of the commits whose lines a commit changed, the share that is among the first 10 and 20
 * hits for its title. The history knows which they are (`git blame`); titles do not say. One memory a commit, its
 * message and nothing else: no links, no names of files.
 *
 *     node build/bench/entities.js [--repository=FOLDER...]          # this one unless said otherwise
 *
 * - new: the commit that asks is not remembered, only what was before it.
 * - known: it is, so what it names can lead on; itself it does not count.
 * - shared: recall as it is, where what names the same path, identifier, number, date or name leads on.
 * - words: without.
 * - difference: paired; intervals are of 95 %.
 */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { utf8 } from '../base/bytes.ts'
import { hash } from '../base/crypto/hash.ts'
import { type CausalId, causalIdOf, logIdOf, nodeIdOf } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { behaviourOf, EDGE_TYPES, type EdgeType } from '../ecc/edge-types.ts'
import { MemoryFold } from '../ecc/memory-fold.ts'
import { encodeRemember } from '../ecc/records.ts'
import type { Expansion } from '../ecc/spread.ts'
import { between, meanOf, print, round } from './measure.ts'

interface Commit {
  readonly hash: string
  readonly message: string
}

interface Question {
  readonly commit: Commit
  /** Hashes of the commits whose lines it changed. */
  readonly changed: ReadonlySet<string>
}

/** Of the commits to be found, those among the first 10 and 20 hits. */
type Shares = readonly [at10: number, at20: number]

/** The newest commits ask, so many before them are remembered. */
const ASKING = 400
const REMEMBERED = 4000
/** A change of more is about everything. */
const HUNKS_MAX = 12
const HUNK_LINES_MAX = 20
const CHANGED_MAX = 8
const MESSAGE_MAX_CHARS = 20_000
const TITLE_MAX_CHARS = 900

const LINKS: Expansion = {
  types: Object.fromEntries(Object.entries(EDGE_TYPES).map(([type, number]) => [type as EdgeType, behaviourOf(number).spread])),
}

const differences: Readonly<Record<'new' | 'known', Shares[]>> = { new: [], known: [] }
const named = process.argv.flatMap(text => /^--repository=(.+)/.exec(text)?.[1] ?? [])
for (const repository of named.length > 0 ? named : ['.']) {
  const commits = commitsOf(repository)
  const asking = commits.slice(0, Math.min(ASKING, Math.floor(commits.length / 3)))
  const remembered = commits.slice(asking.length)
  const hashes = new Set(remembered.map(commit => commit.hash))
  const questions: Question[] = []
  for (const [i, commit] of asking.entries()) {
    if (process.stderr.isTTY) process.stderr.write(`\r${repository}: whose lines commit ${i + 1} of ${asking.length} changed `)
    const changed = changedBy(repository, commit.hash, hashes)
    if (changed.size > 0 && changed.size <= CHANGED_MAX) questions.push({ commit, changed })
  }
  if (process.stderr.isTTY) process.stderr.write('\n')
  const name = path.basename(path.resolve(repository))
  for (const asked of ['new', 'known'] as const) {
    const memories = asked === 'new' ? remembered : commits
    const find = finderAmong(memories)
    const shared = questions.map(question => find(question, undefined))
    const words = questions.map(question => find(question, LINKS))
    const difference = shared.map(([at10, at20], i): Shares => [at10 - (words[i]?.[0] ?? 0), at20 - (words[i]?.[1] ?? 0)])
    differences[asked].push(...difference)
    for (const [recall, shares] of Object.entries({ shared, words, difference }))
      print({ bench: 'entities', repository: name, asked, recall, memories: memories.length, ...percentages(shares) })
  }
}
for (const [asked, shares] of Object.entries(differences))
  print({ bench: 'entities', repository: 'all', asked, recall: 'difference', ...percentages(shares) })

function git(repository: string, ...args: readonly string[]): string {
  return execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8', maxBuffer: 2 ** 30, stdio: ['ignore', 'pipe', 'ignore'] })
}

/** Lines with the commits that wrote them; none of a submodule. */
function blame(repository: string, commit: string, file: string, lines: string): readonly string[] {
  if (git(repository, 'ls-tree', commit, '--', file).startsWith('160000')) return []
  return git(repository, 'blame', '-l', '-s', '-L', lines, commit, '--', file).split('\n')
}

/** Newest first. */
function commitsOf(repository: string): Commit[] {
  const fields = git(repository, 'log', '--no-merges', '--topo-order', '-z', '--format=%H%x00%B', `-${ASKING + REMEMBERED}`).split('\0')
  return fields.flatMap((hash, i) => (i % 2 === 0 && hash !== '' ? [{ hash, message: fields[i + 1] as string }] : []))
}

function changedBy(repository: string, commit: string, among: ReadonlySet<string>): Set<string> {
  const changed = new Set<string>()
  let file = ''
  let hunks = 0
  let isInHunk = false
  for (const line of git(repository, 'show', '-U0', '--no-color', '--format=', commit).split('\n')) {
    // A line that was taken out may look like the head of a file.
    if (line.startsWith('diff ')) isInHunk = false
    if (!isInHunk && line.startsWith('--- ')) file = line === '--- /dev/null' ? '' : line.slice('--- a/'.length)
    isInHunk ||= line.startsWith('@@')
    const [, from, lines = '1'] = /^@@ -(\d+)(?:,(\d+))? /.exec(line) ?? []
    if (from === undefined || file === '' || lines === '0' || Number(lines) > HUNK_LINES_MAX) continue
    if (++hunks > HUNKS_MAX) break
    for (const author of blame(repository, `${commit}^`, file, `${from},+${lines}`)) {
      const hash = author.split(' ', 1)[0] as string
      if (among.has(hash)) changed.add(hash)
    }
  }
  return changed
}

/** Marks of quotation ask for words as they stand there. */
function titleOf({ message }: Commit): string {
  return (message.split('\n', 1)[0] as string).replace(/["“”]/g, ' ').slice(0, TITLE_MAX_CHARS)
}

function finderAmong(commits: readonly Commit[]): (question: Question, expand: Expansion | undefined) => Shares {
  const author = nodeIdOf(hash('content', utf8('author')))
  const log = logIdOf(hash('content', utf8('log')))
  const fold = new MemoryFold(author)
  const names = new Map<CausalId, string>()
  for (const [seq, commit] of commits.toReversed().entries()) {
    const id = causalIdOf(hash('leaf', utf8(commit.hash)))
    const body = encodeRemember({ text: commit.message.slice(0, MESSAGE_MAX_CHARS) || commit.hash })
    fold.apply({ log, seq, id, author, hlc: { ms: seq, counter: 0 }, kind: KIND['memory.remember'], parents: [], body })
    names.set(id, commit.hash)
  }
  return ({ commit, changed }, expand) => {
    const hits = fold.recall(titleOf(commit), { k: 21, expand }).hits.map(hit => names.get(hit.id) as string)
    const found = hits.filter(name => name !== commit.hash)
    const at = (k: number): number => found.slice(0, k).filter(name => changed.has(name)).length / changed.size
    return [at(10), at(20)]
  }
}

/** Means in percent, each with the interval it is in. */
function percentages(shares: readonly Shares[]): Readonly<Record<string, unknown>> {
  const [at10, at20] = [shares.map(share => 100 * share[0]), shares.map(share => 100 * share[1])]
  return {
    questions: shares.length,
    percentAt10: round(meanOf(at10), 1),
    percentAt10Between: between(at10),
    percentAt20: round(meanOf(at20), 1),
    percentAt20Between: between(at20),
  }
}
