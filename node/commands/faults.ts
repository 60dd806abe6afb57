import type { z } from 'zod'

type Issue = z.core.$ZodIssue

/** What is wrong with an input: where, and what would do. */
export interface Fault {
  /** Names of fields, and places in lists. */
  readonly path: readonly (string | number)[]
  readonly reason: string
}

/** The first thing that is wrong, in words. Of what may be one thing or another, that which it came nearest to. */
export function faultOf(issues: readonly Issue[], input: unknown, above: readonly PropertyKey[] = []): Fault {
  const issue = issues[0] as Issue
  const path = [...above, ...issue.path].map(part => (typeof part === 'number' ? part : String(part)))
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const ways = issue.errors.filter(way => !isOtherKind(way))
    if (ways.length > 0) return faultOf(ways[0] as readonly Issue[], input, path)
  }
  return { path, reason: reasonOf(issue, valueAt(input, path)) }
}

/** It is another kind of thing altogether: a list where a text is wanted. */
function isOtherKind([first]: readonly Issue[]): boolean {
  return first?.code === 'invalid_type' && first.path.length === 0
}

/** The library's own words are for programmers; words that a command gives for itself stay. */
function reasonOf(issue: Issue, value: unknown): string {
  if (!/^(Invalid (input|option|discriminator)|Too (big|small)|Unrecognized)/.test(issue.message)) return issue.message
  const got = /^(string|number|boolean)$/.test(typeof value) ? `, got ${JSON.stringify(value)?.slice(0, GOT_CHARACTERS)}` : ''
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined ? 'is missing' : `a ${issue.expected} is wanted${got}`
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}${got}`
    case 'too_big':
      return `${issue.inclusive === false ? 'below' : 'at most'} ${issue.maximum}${unitOf(issue.origin)}${isNumber(issue.origin) ? got : ''}`
    case 'too_small':
      return `${issue.inclusive === false ? 'above' : 'at least'} ${issue.minimum}${unitOf(issue.origin)}${isNumber(issue.origin) ? got : ''}`
    case 'invalid_union': {
      const kinds = /^Invalid discriminator value\. Expected (.+)$/.exec(issue.message)?.[1]
      return kinds === undefined ? issue.message : `one of ${kinds.replaceAll("'", '').replaceAll(' | ', ', ')}${got}`
    }
    case 'unrecognized_keys':
      return `there is no ${issue.keys.join(', ')}`
    default:
      return issue.message
  }
}

/** Enough to know it again. */
const GOT_CHARACTERS = 40

function isNumber(origin: string): boolean {
  return origin === 'number' || origin === 'int'
}

function unitOf(origin: string): string {
  return origin === 'string' ? ' characters' : isNumber(origin) ? '' : ' of them'
}

function valueAt(input: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, part) => (value as Record<string | number, unknown> | null | undefined)?.[part], input)
}
