import { WeftError } from '../../base/errors.ts'
import { argsOf, ENTRY, type Entry } from './entry.ts'

type Fields = Readonly<Record<string, unknown>>

/** An entry of a JSON file: `{ [group]: { weft: fields } }`. */
export function jsonEntry(group: string, fields: Fields): Entry {
  return {
    alone: rendered({ [group]: { [ENTRY]: fields } }, '  ', '\n'),
    args: text => {
      try {
        const all = JSON.parse(text.replace('\uFEFF', '')) as Record<string, Fields | undefined> | null
        return argsOf(all?.[group]?.[ENTRY])
      } catch {
        return undefined
      }
    },
    into: (text, file) => {
      const mark = text.startsWith('\uFEFF') ? '\uFEFF' : ''
      const all = objectAt(parsed(text.slice(mark.length), file), file, 'the file')
      const entries = objectAt(all[group] ?? {}, file, group)
      const before = objectAt(entries[ENTRY] ?? {}, file, `${group}.${ENTRY}`)
      // What people have added to the entry, such as `env`, stays.
      const after = { ...all, [group]: { ...entries, [ENTRY]: { ...before, ...fields } } }
      if (JSON.stringify(after) === JSON.stringify(all)) return text
      return `${mark}${rendered(after, /\n([ \t]+)"/.exec(text)?.[1] ?? '  ', text.includes('\r\n') ? '\r\n' : '\n')}`
    },
  }
}

function rendered(value: object, indent: string, newline: string): string {
  return `${JSON.stringify(value, null, indent)}\n`.replaceAll('\n', newline)
}

function parsed(text: string, file: string): unknown {
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text) as unknown
  } catch (thrown) {
    throw new WeftError('config_invalid', `${file} is no JSON (comments are none either): ${(thrown as Error).message}`, {
      next: 'add the entry by hand: leave out --write to see it',
    })
  }
}

function objectAt(value: unknown, file: string, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new WeftError('config_invalid', `${file}: ${where} is no object`, {
    next: 'correct it, or add the entry by hand: leave out --write to see it',
  })
}
