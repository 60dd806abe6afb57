import { isDeepStrictEqual } from 'node:util'
import { parse, stringify } from 'smol-toml'
import { WeftError } from '../../base/errors.ts'
import { argsOf, ENTRY, type Entry } from './entry.ts'

type Table = Record<string, unknown>

/**
 * An entry of a TOML file: `[group.weft]`. The file is people's own, with comments, so it is edited as
 * text, one section of it, and the result is parsed: whatever else would have changed stops it.
 */
export function tomlEntry(group: string, fields: Readonly<Table>): Entry {
  const header = `[${group}.${ENTRY}]`
  const alone = `${header}\n${stringify(fields).trim()}\n`
  return {
    alone,
    args: text => argsOf((readable(text)?.[group] as Table | undefined)?.[ENTRY]),
    into: (text, file) => {
      const wanted = parsed(text, file)
      const hadEntry = addTo(wanted, group, parse(alone)[group] as Table)
      if (isDeepStrictEqual(parse(text), wanted)) return text
      const newline = text.includes('\r\n') ? '\r\n' : '\n'
      const edited = hadEntry ? replaced(text, header, fields) : `${text.trimEnd()}${text.trim() === '' ? '' : '\n\n'}${alone}`
      const result = edited?.replace(/\r?\n/g, newline)
      if (result !== undefined && isDeepStrictEqual(readable(result), wanted)) return result
      throw byHand(`${file} has ${group} in a form that is not edited here`)
    },
  }
}

/** @returns whether the entry was there, whatever it said */
function addTo(all: Table, group: string, added: Table): boolean {
  const entries = isTable(all[group]) ? all[group] : (all[group] = added)
  if (entries === added) return false
  const before = entries[ENTRY]
  if (!isTable(before)) entries[ENTRY] = added[ENTRY]
  else Object.assign(before, added[ENTRY])
  return before !== undefined
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The section with new fields in front, and of what stood there all lines but those that it replaces. */
function replaced(text: string, header: string, fields: Readonly<Table>): string | undefined {
  const lines = text.split(/\r?\n/)
  const begin = lines.findIndex(line => line.replace(/#.*/, '').trim() === header)
  if (begin < 0) return undefined
  const length = lines.slice(begin + 1).findIndex(line => /^\s*\[/.test(line))
  const end = length < 0 ? lines.length : begin + 1 + length
  const kept: string[] = []
  for (let i = begin + 1; i < end; i++) {
    const name = /^\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*=/.exec(lines[i] as string)
    if (!Object.hasOwn(fields, name?.[1] ?? name?.[2] ?? name?.[3] ?? '')) {
      kept.push(lines[i] as string)
      continue
    }
    // A list may go on over several lines: up to where it can be read.
    let last = i
    while (last < end && readable(lines.slice(i, last + 1).join('\n')) === undefined) last++
    i = last
  }
  return [...lines.slice(0, begin + 1), ...stringify(fields).trim().split('\n'), ...kept, ...lines.slice(end)].join('\n')
}

function parsed(text: string, file: string): Table {
  try {
    return parse(text)
  } catch (thrown) {
    throw byHand(`${file} is no TOML: ${(thrown as Error).message.split('\n', 1)[0]}`)
  }
}

function readable(text: string): Table | undefined {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}

function byHand(message: string): WeftError {
  return new WeftError('config_invalid', message, { next: 'add the entry by hand: leave out --write to see it' })
}
