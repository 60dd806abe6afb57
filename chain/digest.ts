import { frontierHash, type FrontierEntry } from '../base/frontier.ts'
import { encode } from '../base/codec.ts'
import { hash } from '../base/crypto/hash.ts'
import { digestOf, type LogId, type Stream } from '../base/ids.ts'
import { FRONTIER_BUCKETS } from '../base/limits.ts'
import type { Chain } from './chain.ts'
import type { Log } from './log.ts'
import { BUCKET_DIGEST_BYTES, type Scope, STREAM_DIGEST_BYTES, type StreamDigest } from './messages.ts'

/**
 * Summaries of what a node has published, for comparing with a peer: one digest per stream
 * when nothing differs, 256 buckets when many logs might, entries for what does.
 */
export function entryOf(log: Log): FrontierEntry {
  return { log: log.identity.id, size: log.published, head: log.tree.leaf(log.published - 1) }
}

/** Published logs by stream. */
export function publishedByStream(logs: Iterable<Log>): Map<Stream, Log[]> {
  const streams = new Map<Stream, Log[]>()
  for (const log of logs) {
    if (log.published === 0) continue
    const list = streams.get(log.identity.stream)
    if (list === undefined) streams.set(log.identity.stream, [log])
    else list.push(log)
  }
  return streams
}

export function streamDigests(logs: Iterable<Log>): StreamDigest[] {
  return [...publishedByStream(logs)]
    .map(([stream, list]) => ({ stream, digest: frontierHash(list.map(entryOf)).slice(0, STREAM_DIGEST_BYTES) }))
    .sort((a, b) => (a.stream < b.stream ? -1 : 1))
}

/**
 * What a node says of all its logs in a hello. The same for every peer until something is
 * published, so it is made once: with 100 members it is a hash over 200 entries.
 */
export class Summary {
  readonly #chain: Chain
  #revision = -1
  #digests: readonly StreamDigest[] = []
  #published: ReadonlyMap<LogId, number> = new Map()

  constructor(chain: Chain) {
    this.#chain = chain
  }

  get digests(): readonly StreamDigest[] {
    this.#renew()
    return this.#digests
  }

  /** Sizes of the published logs; a later state makes a new map. */
  get published(): ReadonlyMap<LogId, number> {
    this.#renew()
    return this.#published
  }

  #renew(): void {
    if (this.#revision === this.#chain.revision) return
    this.#revision = this.#chain.revision
    const logs = [...this.#chain.logs.values()]
    this.#digests = streamDigests(logs)
    this.#published = new Map(logs.filter(log => log.published > 0).map(log => [log.identity.id, log.published]))
  }
}

/** A log's bucket: the first byte of its id. */
function bucketOf(log: Log): number {
  return log.idBytes[0] as number
}

export function bucketDigests(logs: readonly Log[]): Uint8Array {
  const rows: FrontierEntry[][] = Array.from({ length: FRONTIER_BUCKETS }, () => [])
  for (const log of logs) (rows[bucketOf(log)] as FrontierEntry[]).push(entryOf(log))
  const out = new Uint8Array(FRONTIER_BUCKETS * BUCKET_DIGEST_BYTES)
  rows.forEach((entries, bucket) => {
    if (entries.length === 0) return
    const sorted = entries.sort((a, b) => (a.log < b.log ? -1 : 1))
    out.set(
      hash('bucket', encode(sorted.map(({ log, size, head }) => [digestOf(log), size, head]))).subarray(0, BUCKET_DIGEST_BYTES),
      bucket * BUCKET_DIGEST_BYTES,
    )
  })
  return out
}

/** One bit per bucket whose digests differ. */
export function differingBuckets(mine: Uint8Array, theirs: Uint8Array): Uint8Array {
  const bits = new Uint8Array(FRONTIER_BUCKETS / 8)
  for (let i = 0; i < mine.length; i++) {
    if (mine[i] === theirs[i]) continue
    const bucket = Math.floor(i / BUCKET_DIGEST_BYTES)
    bits[bucket >> 3] = (bits[bucket >> 3] as number) | (1 << (bucket & 7))
  }
  return bits
}

export function isInScope(log: Log, scope: readonly Scope[]): boolean {
  const bucket = bucketOf(log)
  return scope.some(
    ({ stream, buckets }) =>
      stream === log.identity.stream && (buckets.length === 0 || ((buckets[bucket >> 3] as number) & (1 << (bucket & 7))) !== 0),
  )
}
