import { utf8 } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import { BODY_MAX_BYTES, KEY_MAX_BYTES, META_MAX_BYTES } from '../../base/limits.ts'
import type { EdgeType } from '../edge-types.ts'

/** What an import remembers: one memory and its links, as any source of them is read. Reading files and running programs is left to others. */
export interface ImportItem {
  /** Names it within the import, and from one import to the next: the same key with other text replaces it. */
  readonly key?: string
  readonly text: string
  readonly meta?: Readonly<Record<string, string>>
  /** As `Date.prototype.toISOString` prints. */
  readonly validFrom?: string
  readonly validTo?: string
  readonly source?: string
  /** From this memory. */
  readonly edges?: readonly ImportEdge[]
  /** Of its text, by `embedder`. */
  readonly vector?: readonly number[]
  readonly embedder?: string
}

export interface ImportEdge {
  readonly type: EdgeType
  /** The id of a memory (64 hex), or the key of another one, imported now or before. */
  readonly to: string
  /** Above 0, at most 1; 1 without it. */
  readonly weight?: number
}

/** Something to import, and the line it stands on, or its place in a list. */
export interface Found {
  /** From 1. */
  readonly line: number
  readonly item: ImportItem
}

/** Meta, key, source and times fit beside a text of this length. */
export const FITTED_MAX_BYTES: number = BODY_MAX_BYTES - META_MAX_BYTES - 2 * KEY_MAX_BYTES - 512

/** Text that fits a record: cut between two characters where it does not, and how many bytes that left out. */
export function fitText(text: string, maxBytes: number = FITTED_MAX_BYTES): { readonly text: string; readonly cutBytes: number } {
  const bytes = utf8(text)
  if (bytes.length <= maxBytes) return { text, cutBytes: 0 }
  let end = maxBytes
  while (((bytes[end] as number) & 0xc0) === 0x80) end--
  return { text: new TextDecoder().decode(bytes.subarray(0, end)), cutBytes: bytes.length - end }
}

/** Its text did not fit and was cut: the label `cut` says by how much. */
export function isCut({
  text,
  meta,
}: Pick<ImportItem, 'text'> & { readonly meta?: Readonly<Record<string, unknown>> | undefined }): boolean {
  const length = utf8(text).length
  // Up to 3 bytes short, as no character is cut in two.
  return meta?.['cut'] !== undefined && length <= FITTED_MAX_BYTES && length > FITTED_MAX_BYTES - 4
}

/** ISO 8601 with a zone, or a date alone (its first moment in UTC), as `Date.prototype.toISOString` prints it. */
export function isoTime(text: string): string | undefined {
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2}))?$/.test(text)) return undefined
  const ms = Date.parse(text)
  const day = Date.parse(text.slice(0, 10))
  // JavaScript reads February 31 as March 3.
  if (Number.isNaN(ms) || !new Date(day).toISOString().startsWith(text.slice(0, 10))) return undefined
  return new Date(ms).toISOString()
}

/** What is no time, wherever somebody wrote one: `isoTime` says what is. */
export function timeFault(name: string, value: unknown): WeftError {
  return new WeftError(
    'time_invalid',
    `${name} is ISO 8601 with a zone, like 2026-01-31T12:00:00Z, or a date, got ${JSON.stringify(value)}`,
  )
}
