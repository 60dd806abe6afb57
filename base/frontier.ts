import { base64url } from 'multiformats/bases/base64'
import { compareBytes, toHex } from './bytes.ts'
import { hash } from './crypto/hash.ts'
import { decode, encode } from './codec.ts'
import { digestOf, type LogId } from './ids.ts'
import { LOGS_MAX } from './limits.ts'
import { bytes, list, tuple, uint } from './shape.ts'

/**
 * How far a node has got in each log of a stream: the size of the prefix and the leaf at its
 * end. Two nodes with equal frontiers hold, and answer, the same.
 */
export interface FrontierEntry {
  readonly log: LogId
  /** Records in the prefix, 1 or more. */
  readonly size: number
  /** Leaf of record `size - 1`. */
  readonly head: Uint8Array
}

/** Entries in the one order everybody uses, by log id. */
export function sortFrontier(entries: readonly FrontierEntry[]): FrontierEntry[] {
  return [...entries].sort((a, b) => (a.log < b.log ? -1 : a.log > b.log ? 1 : 0))
}

/** One self-contained string, equal on equal nodes. */
export function formatFrontier(entries: readonly FrontierEntry[]): string {
  return base64url.baseEncode(encode(sortFrontier(entries).map(entry => [digestOf(entry.log), entry.size, entry.head])))
}

const shape = list(tuple(bytes(32), uint(), bytes(32)), LOGS_MAX)

/** @returns undefined unless `text` is what `formatFrontier` makes. */
export function parseFrontier(text: string): readonly FrontierEntry[] | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined
  try {
    const decoded = decode(base64url.baseDecode(text))
    if (!decoded.ok) return undefined
    const rows = shape.parse(decoded.value)
    if (rows === undefined) return undefined
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as (typeof rows)[number]
      const before = rows[i - 1]
      if (row[1] < 1 || (before !== undefined && compareBytes(before[0], row[0]) >= 0)) return undefined
    }
    return rows.map(([log, size, head]) => ({ log: toHex(log) as LogId, size, head: head.slice() }))
  } catch {
    return undefined
  }
}

/** What peers compare first: one hash over the sorted entries. */
export function frontierHash(entries: readonly FrontierEntry[]): Uint8Array {
  return hash('frontier', encode(sortFrontier(entries).map(entry => [digestOf(entry.log), entry.size, entry.head])))
}
