import { utf8 } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import { MESSAGE_MAX_BYTES } from '../../base/limits.ts'

/**
 * Values on their way to another node, or out of the process: JSON, and only what JSON can
 * carry unchanged. `undefined` as a whole is the empty text. Throws `unsendable`.
 *
 * @param maxBytes what a frame takes, unless it goes another way
 */
export function encodeValue(value: unknown, maxBytes: number = MESSAGE_MAX_BYTES): string {
  if (value === undefined) return ''
  let text: string | undefined
  try {
    text = JSON.stringify(value, refuse)
  } catch (thrown) {
    throw thrown instanceof WeftError
      ? thrown
      : new WeftError('unsendable', `the value cannot be sent: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
  }
  if (text === undefined) throw new WeftError('unsendable', `a ${typeof value} cannot be sent`)
  if (text.length > maxBytes / 3 && utf8(text).length > maxBytes)
    throw new WeftError('unsendable', `the value is larger than ${maxBytes} bytes`)
  return text
}

function refuse(key: string, value: unknown): unknown {
  const what = lost(value)
  if (what !== undefined)
    throw new WeftError('unsendable', `${key === '' ? 'the value' : `its field ${JSON.stringify(key)}`} is ${what}, which cannot be sent`)
  return value
}

/** What a value is that would arrive as something else, or not at all. */
function lost(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : String(value)
    case 'function':
    case 'symbol':
    case 'bigint':
      return `a ${typeof value}`
    case 'object': {
      if (value === null || Array.isArray(value)) return undefined
      const proto = Object.getPrototypeOf(value) as { readonly constructor?: { readonly name?: string } } | null
      // An object of a class arrives as its fields; one that keeps its content elsewhere (a Map, an Error) would arrive empty.
      const isWhole = proto === null || proto === Object.prototype || (Object.keys(value).length > 0 && !ArrayBuffer.isView(value))
      return isWhole ? undefined : `a ${proto.constructor?.name ?? 'nameless object'}`
    }
    default:
      return undefined
  }
}

/** @returns undefined for text that is not JSON, wrapped so that a sent `undefined` is told apart */
export function decodeValue(text: string): { readonly value: unknown } | undefined {
  if (text === '') return { value: undefined }
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}
