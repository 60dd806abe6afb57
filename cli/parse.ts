import { InvalidArgumentError } from 'commander'
import { type ClusterId, parseClusterId } from '../base/ids.ts'

/** What options and operands are made of. Commander names the option; these say what it should have been. */

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `500ms`, `5s`, `30m`, `1h`, `7d` in milliseconds. */
export function duration(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  if (found === null) throw new InvalidArgumentError('A duration is a number and its unit: 500ms, 5s, 30m, 1h.')
  return Number(found[1]) * UNITS[found[2] as keyof typeof UNITS]
}

/** A whole number, 0 or more. */
export function count(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw new InvalidArgumentError('A whole number is wanted.')
  return number
}

/** 1 or more. */
export function positive(text: string): number {
  const number = count(text)
  if (number === 0) throw new InvalidArgumentError('A whole number from 1 on is wanted.')
  return number
}

export function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (thrown) {
    throw new InvalidArgumentError(`JSON is wanted, and text has quotes in it: '"hello"'. ${(thrown as Error).message}.`)
  }
}

/** What a folder is called in keys. */
export function folderName(text: string): string {
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(text))
    throw new InvalidArgumentError('A name is 1 to 64 of a-z 0-9 . _ -, and begins with a letter or digit.')
  return text
}

/** An option that may be given several times. */
export function each(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

/** `name=value`, several times, each name once. */
export function labels(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const cut = text.indexOf('=')
  if (cut < 1) throw new InvalidArgumentError('A label is name=value.')
  const name = text.slice(0, cut)
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`${name} is said already: a label has one value.`)
  return { ...before, [name]: text.slice(cut + 1) }
}

/** `name=value`, or a name for any value, several times: of one name any of its values, of several all. */
export function wantedLabels(text: string, before: Readonly<Record<string, readonly string[] | null>> = {}): typeof before {
  const cut = text.indexOf('=')
  const name = cut < 0 ? text : text.slice(0, cut)
  if (name === '') throw new InvalidArgumentError('A label is name=value, or a name.')
  return { ...before, [name]: cut < 0 ? null : [...(before[name] ?? []), text.slice(cut + 1)] }
}

/** `name=0.5`, several times. */
export function shares(text: string, before: Readonly<Record<string, number>> | boolean = {}): Readonly<Record<string, number>> {
  const found = /^(.+)=(\d*\.?\d+)$/.exec(text)
  if (found === null || Number(found[2]) > 1) throw new InvalidArgumentError('NAME=SHARE is wanted, the share from 0 to 1.')
  return { ...(typeof before === 'boolean' ? {} : before), [found[1] as string]: Number(found[2]) }
}

/** 0 to 1. */
export function share(text: string): number {
  const number = Number(text)
  if (!/^\d*\.?\d+$/.test(text) || number > 1) throw new InvalidArgumentError('A number from 0 to 1 is wanted.')
  return number
}

/** `a,b,c` */
export function commaList(text: string): readonly string[] {
  const parts = text.split(',').map(part => part.trim())
  if (parts.includes('')) throw new InvalidArgumentError('Names with commas between them are wanted.')
  return parts
}

/** The hash of a genesis. */
export function genesis(text: string): ClusterId {
  const id = parseClusterId(text)
  if (id === undefined) throw new InvalidArgumentError('64 hex digits are wanted, the id of a cluster.')
  return id
}
