import { SCENARIO_NODES_MAX } from '../../base/limits.ts'
import type { Groups, Way } from '../faults/fault.ts'
import { didYouMean } from './closest.ts'
import type { Quantity } from './quantities.ts'

/** What was wrong with a text, and where. */
export interface Misreading {
  readonly message: string
  /** Characters before it. */
  readonly at: number
}

export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Misreading }

/** Thrown by a cursor, caught by `read`. */
class Misread extends Error {
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

/** Reads a whole text with a cursor; what the cursor cannot read is the error. */
export function read<T>(text: string, how: (cursor: Cursor) => T): Reading<T> {
  const cursor = new Cursor(text)
  try {
    const value = how(cursor)
    cursor.end()
    return { ok: true, value }
  } catch (thrown) {
    if (!(thrown instanceof Misread)) throw thrown
    return { ok: false, error: { message: thrown.message, at: thrown.at } }
  }
}

type Options = Readonly<Record<string, (cursor: Cursor) => unknown>>
type Chosen<O extends Options, R extends keyof O> = { readonly [K in keyof O]?: ReturnType<O[K]> } & { readonly [K in R]: ReturnType<O[K]> }

/** Steps through a text of the scenario language: words, names of nodes, lists, ways, quantities, options in braces. */
export class Cursor {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.#skip()
  }

  /** Where the next token begins. */
  get at(): number {
    return this.#at
  }

  /** Throws what `read` makes an error of. */
  fail(message: string, at: number = this.#at): never {
    throw new Misread(message, at)
  }

  end(): void {
    if (this.#at < this.#text.length) this.fail(`nothing more was expected, but there is "${this.#text.slice(this.#at)}"`)
  }

  /** True when the next token is this one. */
  sees(token: string): boolean {
    return this.#text.startsWith(token, this.#at)
  }

  takes(token: string): boolean {
    if (!this.sees(token)) return false
    this.#at += token.length
    this.#skip()
    return true
  }

  expects(token: string, what: string = token): void {
    if (!this.takes(token)) this.fail(`expected ${what}, got ${this.#next()}`)
  }

  /** Letters, digits, dots and dashes. */
  word(what: string): string {
    return this.#match(/[A-Za-z][A-Za-z0-9]*(?:[._-][A-Za-z0-9]+)*/y, what)
  }

  oneOf<T extends string>(words: readonly T[], what: string): T {
    const at = this.#at
    const word = this.word(`${what}: ${words.join(', ')}`)
    const found = words.find(candidate => candidate === word)
    return found ?? this.fail(`${what} is one of ${words.join(', ')}, not ${word}${didYouMean(word, words)}`, at)
  }

  quantity({ expected, parse }: Quantity): number {
    const at = this.#at
    const text = this.#match(/[^\s,()[\]{}:]+/y, expected)
    return parse(text) ?? this.fail(`expected ${expected}, got ${text}`, at)
  }

  node(): string {
    return this.#match(NODE, 'the name of a node')
  }

  /** `[n1,n2]`, `[n1..n4]` */
  nodes(): readonly string[] {
    return this.list('a list of nodes like [n1,n2] or [n1..n4]', () => this.range()).flat()
  }

  /** `n3`, or `n1..n4` for four of them. */
  range(): readonly string[] {
    const at = this.#at
    const first = this.node()
    if (!this.takes('..')) return [first]
    const last = this.node()
    const [, prefix, from] = NUMBERED.exec(first) ?? []
    const [, samePrefix, to] = NUMBERED.exec(last) ?? []
    const count = Number(to) - Number(from) + 1
    if (prefix === undefined || prefix !== samePrefix || !(count >= 1)) this.fail(`a range is like n1..n4, not ${first}..${last}`, at)
    if (count > SCENARIO_NODES_MAX) this.fail(`${count} nodes are more than the ${SCENARIO_NODES_MAX} that there can be`, at)
    return Array.from({ length: count }, (_, i) => `${prefix}${Number(from) + i}`)
  }

  /** `[[n1,n2],[n3]]` */
  groups(): Groups {
    return this.list('groups of nodes like [[n1,n2],[n3]]', () => this.nodes())
  }

  seesWay(): boolean {
    return /^[A-Za-z][\w-]*?\s*(->|--)/.test(this.#text.slice(this.#at))
  }

  /** `n1 -> n2`, `n1 -- n2` */
  way(): Way {
    const from = this.node()
    const both = this.takes('--')
    if (!both) this.expects('->', '-> (one way) or -- (both ways)')
    return { from, to: this.node(), both }
  }

  /** Anything in brackets, divided by commas. */
  list<T>(what: string, item: () => T): T[] {
    this.expects('[', what)
    const items: T[] = []
    if (this.takes(']')) return items
    do items.push(item())
    while (this.takes(','))
    this.expects(']', ', or ]')
    return items
  }

  /**
   * `{ key: value, ... }`, or nothing at all.
   *
   * @param required keys that must be there
   */
  options<O extends Options, R extends keyof O & string = never>(of: string, keys: O, ...required: readonly R[]): Chosen<O, R> {
    const known = Object.keys(keys)
    const found: Record<string, unknown> = {}
    const began = this.#at
    if (this.takes('{') && !this.takes('}')) {
      do {
        const at = this.#at
        const key = this.oneOf(known, `an option of ${of}`)
        if (Object.hasOwn(found, key)) this.fail(`${key} stands there twice`, at)
        this.expects(':')
        found[key] = keys[key]?.(this)
      } while (this.takes(','))
      this.expects('}', ', or }')
    }
    const missing = required.filter(key => !Object.hasOwn(found, key))
    if (missing.length > 0) this.fail(`${of} needs ${missing.join(' and ')}: ${of} ... { ${missing.join(': ..., ')}: ... }`, began)
    return found as Chosen<O, R>
  }

  #match(pattern: RegExp, what: string): string {
    const sticky = new RegExp(pattern.source, 'y')
    sticky.lastIndex = this.#at
    const [text] = sticky.exec(this.#text) ?? []
    if (text === undefined) this.fail(`expected ${what}, got ${this.#next()}`)
    this.#at += text.length
    this.#skip()
    return text
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  /** What stands here, for people. */
  #next(): string {
    const [text] = /^([\w.+-]+|.)/.exec(this.#text.slice(this.#at)) ?? []
    return text === undefined ? 'the end' : `"${text}"`
  }
}

/** Dashes and underscores only between letters and digits, so that `n1--n2` is a way. */
const NODE = /[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*/y
const NUMBERED = /^(.*?)([0-9]+)$/

export function isNodeName(text: string): boolean {
  return new RegExp(`^(?:${NODE.source})$`).test(text) && text.length <= 64
}
