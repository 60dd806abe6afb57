import { decode, encode } from '../../base/codec.ts'
import { hash } from '../../base/crypto/hash.ts'
import type { LogId } from '../../base/ids.ts'

/**
 * A whole memory with all that it takes to check it far from any node: every record of every author's log, in the frames in
 * which peers send them. Leaves, roots and the tree in between are computed from the records, so no proof of a record is
 * written down at all; each frame has one from its end to the checkpoint that its author signed.
 *
 *   file  = item, item, ...          a CBOR sequence (RFC 8742) of byte strings, each the deterministic CBOR of
 *   first = ["weft-archive/1", genesis file, [[author key, stream, size, evidence], ...]]
 *   frame = a run of replication, as it is on the wire
 *   last  = ["end", [[logId, size], ...], H(archive, ... H(archive, H(archive, first), frame) ...)]
 */
export const ARCHIVE_FORMAT = 'weft-archive/1'
/** How much of a file holds the name of its format: it is the first text of the first item. */
export const ARCHIVE_BEGINNING_BYTES = 32
export const ARCHIVE_END = 'end'
/** 1 MiB: a frame is far below it. */
export const ARCHIVE_ITEM_MAX_BYTES: number = 1024 * 1024

export interface ArchiveHead {
  /** The first item. */
  readonly item: Uint8Array
  readonly logs: readonly { readonly log: LogId; readonly size: number }[]
  /** Logs that are not in it: their authors have signed two histories. */
  readonly forked: readonly LogId[]
}

/** An item as it stands in the file. */
export function framed(item: Uint8Array): Uint8Array {
  return encode(item)
}

/** What was before, and one item more. */
export function chained(before: Uint8Array, item: Uint8Array): Uint8Array {
  return hash('archive', before, item)
}

/** True for the beginning of an archive, of whatever version. */
export function isArchive(beginning: Uint8Array): boolean {
  return Buffer.from(beginning).includes(ARCHIVE_FORMAT.replace(/\d+$/, ''))
}

/** Cuts a stream of bytes into items. */
export class ItemReader {
  #held: Uint8Array = new Uint8Array(0)

  /** @returns the items that are whole; undefined when these bytes are no archive */
  take(bytes: Uint8Array): readonly Uint8Array[] | undefined {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    const items: Uint8Array[] = []
    let at = 0
    for (;;) {
      const length = itemBytes(all, at)
      if (length === undefined) return undefined
      if (length === 0 || at + length > all.length) break
      const decoded = decode(all.subarray(at, at + length))
      if (!decoded.ok || !(decoded.value instanceof Uint8Array)) return undefined
      items.push(decoded.value)
      at += length
    }
    this.#held = all.slice(at)
    return items
  }

  /** Nothing is left over. */
  get isDone(): boolean {
    return this.#held.length === 0
  }
}

/** Bytes of the byte string that begins at `at`, with its head; 0 when that cannot be told yet, undefined for anything else. */
function itemBytes(bytes: Uint8Array, at: number): number | undefined {
  const initial = bytes[at]
  if (initial === undefined) return 0
  if (initial >> 5 !== 2) return undefined
  const info = initial & 31
  const width = info < 24 ? 0 : info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : undefined
  if (width === undefined) return undefined
  if (at + 1 + width > bytes.length) return 0
  let length = width === 0 ? info : 0
  for (let i = 0; i < width; i++) length = length * 256 + (bytes[at + 1 + i] as number)
  return length > ARCHIVE_ITEM_MAX_BYTES ? undefined : 1 + width + length
}
