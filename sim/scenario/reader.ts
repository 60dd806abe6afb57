import { WeftError } from '../../base/errors.ts'
import { didYouMean } from './closest.ts'
import type { Reading } from './cursor.ts'
import { DURATION, type Quantity } from './quantities.ts'
import type { Place, Value } from './value.ts'

export interface Problem {
  readonly line: number | null
  /** `workload[0].put`; empty for the whole. */
  readonly key: string
  readonly message: string
}

/** Takes a tree apart and goes on after a mistake, so that all of them are told at once. What could not be read is undefined. */
export class Reader {
  readonly problems: Problem[] = []
  /** In code, durations may be plain numbers of milliseconds. */
  readonly #isCode: boolean

  constructor(isCode: boolean) {
    this.#isCode = isCode
  }

  problem({ path, line }: Place, message: string): undefined {
    this.problems.push({ line, key: path, message })
  }

  /** Calls the reader of each key that is there. */
  fields(value: Value, what: string, keys: Readonly<Record<string, (value: Value) => void>>): void {
    if (value.kind !== 'table') return this.problem(value.place, `${what} has keys: ${Object.keys(keys).join(', ')}`)
    const seen = new Set<string>()
    for (const { key, place, value: inner } of value.rows) {
      const take = Object.hasOwn(keys, key) ? keys[key] : undefined
      if (take === undefined) {
        const known = Object.keys(keys)
        this.problem(place, `${what} has no key ${key}${didYouMean(key, known)} (there are ${known.join(', ')})`)
      } else if (seen.has(key)) this.problem(place, `${key} stands there twice`)
      else take(inner)
      seen.add(key)
    }
  }

  text(value: Value, what: string): string | undefined {
    return value.kind === 'text' ? value.text : this.problem(value.place, `expected ${what}`)
  }

  oneOf<T extends string>(value: Value, words: readonly T[]): T | undefined {
    const text = this.text(value, `one of ${words.join(', ')}`)
    if (text === undefined) return undefined
    const found = words.find(word => word === text)
    return found ?? this.problem(value.place, `expected one of ${words.join(', ')}, got ${text}${didYouMean(text, words)}`)
  }

  quantity(value: Value, quantity: Quantity): number | undefined {
    const text = this.text(value, quantity.expected)
    if (text === undefined) return undefined
    return quantity.parse(text) ?? this.problem(value.place, `expected ${quantity.expected}, got ${JSON.stringify(text)}`)
  }

  duration(value: Value, quantity: Quantity = DURATION): number | undefined {
    return value.kind === 'text' ? this.durationOf(value.text, value.place, quantity) : this.quantity(value, quantity)
  }

  durationOf(text: string, place: Place, quantity: Quantity = DURATION): number | undefined {
    const ms = quantity.parse(text) ?? (this.#isCode ? quantity.parse(`${text}ms`) : undefined)
    return ms ?? this.problem(place, `expected ${quantity.expected}, got ${JSON.stringify(text)}`)
  }

  /** What a cursor made of a text. */
  reading<T>(text: string, place: Place, reading: Reading<T>): T | undefined {
    if (reading.ok) return reading.value
    const { message, at } = reading.error
    const where = at === 0 ? '' : at >= text.length ? ', at its end' : `, at "${text.slice(at, at + 16)}"`
    return this.problem(place, `in "${text.slice(0, 80)}"${where}: ${message}`)
  }

  items(value: Value, what: string): readonly Value[] {
    if (value.kind === 'list') return value.items
    this.problem(value.place, `expected ${what}`)
    return []
  }

  texts(value: Value, what: string): readonly string[] {
    return this.items(value, what).flatMap(item => this.text(item, what) ?? [])
  }

  /** Throws all problems as one error, if there are any. */
  settle(origin: string): void {
    if (this.problems.length === 0) return
    const told = this.problems.map(({ line, key, message }) => {
      const where = line === null ? origin : `${origin}:${line}`
      return `${where}: ${key === '' ? '' : `${key}: `}${message}`
    })
    throw new WeftError('scenario_invalid', told.join('\n'), { details: { file: origin, problems: this.problems } })
  }
}
