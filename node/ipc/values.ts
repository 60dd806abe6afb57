import { utf8 } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import { MESSAGE_MAX_BYTES } from '../../base/limits.ts'

/**
 * Values on their way to another node, or out of the process: JSON, and only what JSON can
 * carry unchanged. `undefined` as a whole is the empty text. Throws `unsendable`.
 */
export function encodeValue(value: unknown): string {
  if (value === undefined) return ''
  let text: string | undefined
  try {
    text = JSON.stringify(value, refuse)
  } catch (thrown) {
    throw thrown instanceof WeftError ? thrown : new WeftError('unsendable', `the value cannot be sent: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
  }
  if (text === undefined) throw new WeftError('unsendable', `a ${typeof value} cannot be sent`)
  if (text.length > MESSAGE_MAX_BYTES / 3 && utf8(text).length > MESSAGE_MAX_BYTES) throw new WeftError('unsendable', `the value is larger than ${MESSAGE_MAX_BYTES} bytes`)
  return text
}

function refuse(key: string, value: unknown): unknown {
  const isLost = typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))
  if (isLost) throw new WeftError('unsendable', `${key === '' ? 'the value' : `its field ${JSON.stringify(key)}`} is ${typeof value === 'number' ? String(value) : `a ${typeof value}`}, which cannot be sent`)
  return value
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
