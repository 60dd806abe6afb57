import { forEachRun, termsOfRun } from '../words.ts'

/**
 * Two texts that say otherwise of the same thing, as far as their words show it without knowing what they mean:
 *
 * - both are `subject: statement` with the same subject, and the statements share half of their words or
 *   are short, but not their numbers, or one of them says not, or a short one has another word;
 * - otherwise the texts are the same but that one of them says not.
 *
 * Texts that only count on (`run 3 passed`, `run 4 passed`) are no contradiction: a number alone says nothing
 * without a subject that it is said of.
 */
export function contradict(a: string, b: string): boolean {
  const [x, y] = [statementOf(a), statementOf(b)]
  const isSameSubject = x.subject !== '' && x.subject === y.subject
  const [p, q] = isSameSubject ? [wordsOf(x.statement), wordsOf(y.statement)] : [wordsOf(a), wordsOf(b)]
  const shared = [...p.words].filter(word => q.words.has(word)).length
  const all = new Set([...p.words, ...q.words]).size
  if (!isSameSubject) return p.isNegated !== q.isNegated && shared > 1 && shared === all && sameNumbers(p.numbers, q.numbers)
  const isShort = Math.max(p.words.size, q.words.size) <= SHORT_WORDS
  if (p.isNegated !== q.isNegated) return all === 0 || shared / all >= 0.5
  if (!sameNumbers(p.numbers, q.numbers)) return p.numbers.size > 0 && q.numbers.size > 0 && (all === 0 || shared / all >= 0.5)
  return isShort && shared < all && p.words.size > 0 && q.words.size > 0
}

/** A statement of one or two words is a value; a longer one may be about another side of it. */
const SHORT_WORDS = 2
/** A subject is a name: `checkout pool size`. What is longer is a sentence with a colon in it. */
const SUBJECT_CHARS_MAX = 60

const NEGATIONS: ReadonlySet<string> = new Set(
  "not no never none cannot can't won't don't doesn't didn't isn't aren't wasn't weren't hasn't haven't without".split(' '),
)

interface Words {
  readonly words: ReadonlySet<string>
  readonly numbers: ReadonlySet<string>
  readonly isNegated: boolean
}

function wordsOf(text: string): Words {
  const words = new Set<string>()
  const numbers = new Set<string>()
  let negations = 0
  forEachRun(text, run => {
    const word = run.toLowerCase().replace(/’/g, "'")
    if (NEGATIONS.has(word)) negations++
    else if (/\d/.test(word)) numbers.add(word)
    else for (const term of termsOfRun(run)) words.add(term)
  })
  return { words, numbers, isNegated: negations % 2 === 1 }
}

function sameNumbers(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every(number => b.has(number))
}

function statementOf(text: string): { readonly subject: string; readonly statement: string } {
  const colon = text.search(/:\s/)
  if (colon < 1 || colon > SUBJECT_CHARS_MAX) return { subject: '', statement: text }
  return { subject: text.slice(0, colon).trim().toLowerCase(), statement: text.slice(colon + 1) }
}
