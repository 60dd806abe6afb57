import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WeftError } from '../../base/errors.ts'
import type { Request } from '../../node/commands/types.ts'
import { commitsOf, isShallow, newCommits } from '../import/git-history.ts'
import type { Entry } from '../import/import-items.ts'
import { readJsonl } from '../import/jsonl-file.ts'

/** What the nodes of the demo learn, and what they are asked about it. */
export interface Source {
  readonly what: string
  /** @returns what to import, and how much that is when it is known */
  open(request: Request): Promise<{ readonly entries: AsyncIterable<readonly Entry[]>; readonly total: number | undefined }>
  /** The command that imports the same by hand. */
  readonly byHand: string
  /** @param texts of what was imported, in its order */
  question(texts: readonly string[]): string
}

/** Fewer commits than this tell no story worth asking about. */
const COMMITS_MIN = 10
/** The newest 5,000 are read in seconds; a history of a million is for `weft mem import git`. */
const COMMITS_MAX = 5000

const SAMPLE = fileURLToPath(new URL('../../../examples/sample-history.jsonl', import.meta.url))

/** @param repo the repository that was asked for; without one this checkout is tried. Throws `git_missing`, `not_a_repository` for `repo` */
export async function chooseSource(repo: string | undefined): Promise<Source> {
  if (repo !== undefined) {
    const path = resolve(repo)
    if ((await commitsOf(path)).size === 0) throw new WeftError('not_a_repository', `${path} has no commits`)
    return history(path)
  }
  const here = process.cwd()
  const isUseful = await commitsOf(here).then(
    async commits => commits.size >= COMMITS_MIN && !(await isShallow(here)),
    () => false,
  )
  return isUseful ? history(here) : sample
}

function history(path: string): Source {
  return {
    what: `the history of ${path}`,
    byHand: `mem import git ${path}`,
    open: async request => {
      const { entries, total } = await newCommits(path, request, COMMITS_MAX)
      return { entries, total: Math.min(total, COMMITS_MAX) }
    },
    question: texts => questionFrom(texts.map(text => text.split('\n', 1)[0] ?? '')),
  }
}

const sample: Source = {
  what: 'a bundled sample, the year of a web shop',
  byHand: `mem import jsonl ${SAMPLE}`,
  open: async () => ({ entries: readJsonl(SAMPLE), total: undefined }),
  question: () => 'why were orders shipped in the wrong sequence',
}

const REPAIR = /\b(fix(es|ed)?|revert|bug|crash(es)?|wrong|broken|fails?|leak|race|deadlock)\b/i
const WORDS_MIN = 4

/** Of any history something can be asked that it knows: the newest thing that was repaired, in its own words. */
function questionFrom(subjects: readonly string[]): string {
  const told = subjects.filter(subject => subject.split(' ').length >= WORDS_MIN && !/^merge\b/i.test(subject))
  const subject = told.findLast(each => REPAIR.test(each)) ?? told.at(-1) ?? subjects.at(-1) ?? ''
  return subject.replace(/^\w+(\([^)]*\))?!?:\s*/, '').replaceAll(/["`]/g, '')
}
