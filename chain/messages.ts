import type { Cbor } from '../base/codec.ts'
import type { FrontierEntry } from '../base/frontier.ts'
import { type ClusterId, digestOf, type LogId, logIdOf, parseStream, type Stream } from '../base/ids.ts'
import { ENTRIES_DIRECT_MAX, FRONTIER_BUCKETS, LOGS_MAX, PROOF_MAX_HASHES, SPACES_MAX } from '../base/limits.ts'
import { bytes, list, type Shape, tuple, uint } from '../base/shape.ts'
import { parseCheckpoint } from './checkpoint.ts'
import type { Witnessed } from './conflict.ts'
import { parseRun, type Run } from './run.ts'

/** The messages of the replication protocol. Their numbers on the wire are in `node/messages.ts`. */
export type SyncMessage =
  /** Of the spaces there are the sender keeps a copy of these alone, or of all but these. Said before the first hello. */
  | { readonly kind: 'sync.takes'; readonly isExcept: boolean; readonly streams: ReadonlySet<Stream> }
  /** Opens a comparison: one digest per stream. */
  | { readonly kind: 'sync.hello'; readonly foldVersion: number; readonly digests: readonly StreamDigest[] }
  /** Answers a hello: nothing differs. */
  | { readonly kind: 'sync.equal' }
  /** All my entries within `scope`, yours are wanted; of streams with many logs only digests of their buckets. */
  | {
      readonly kind: 'sync.ask'
      readonly scope: readonly Scope[]
      readonly entries: readonly FrontierEntry[]
      readonly buckets: readonly StreamBuckets[]
    }
  /** Those of my entries within your scope that differ from yours. */
  | { readonly kind: 'sync.answer'; readonly scope: readonly Scope[]; readonly entries: readonly FrontierEntry[] }
  /** Logs of other authors that have grown here. */
  | { readonly kind: 'sync.heads'; readonly entries: readonly FrontierEntry[] }
  /** Send me this log from `from` on; `head` is my leaf before it. */
  | { readonly kind: 'sync.want'; readonly log: LogId; readonly from: number; readonly head: Uint8Array }
  | { readonly kind: 'sync.run'; readonly run: Run }
  /** The sender of this took in so much; as much more may come. */
  | { readonly kind: 'sync.credit'; readonly bytes: number }
  /** Which leaf do you have at `seq`? */
  | { readonly kind: 'sync.probe'; readonly log: LogId; readonly seq: number }
  | { readonly kind: 'sync.leaf'; readonly log: LogId; readonly seq: number; readonly witnessed: Witnessed }

export interface StreamDigest {
  readonly stream: Stream
  /** The first 8 bytes of the hash over the stream's frontier. */
  readonly digest: Uint8Array
}

export interface StreamBuckets {
  readonly stream: Stream
  /** 256 digests of 8 bytes. */
  readonly digests: Uint8Array
}

export interface Scope {
  readonly stream: Stream
  /** One bit per bucket; no bytes: the whole stream. */
  readonly buckets: Uint8Array
}

export type OutgoingSyncMessage = Exclude<SyncMessage, { kind: 'sync.run' }> | { readonly kind: 'sync.run'; readonly fields: Cbor }

export const STREAM_DIGEST_BYTES = 8
export const BUCKET_DIGEST_BYTES = 8
/** Each log may be of a stream of its own. */
const STREAMS_MAX: number = LOGS_MAX
/** Buckets are for streams of more logs than `ENTRIES_DIRECT_MAX`. */
const BUCKETED_STREAMS_MAX: number = LOGS_MAX / ENTRIES_DIRECT_MAX

export function encodeSyncMessage(message: OutgoingSyncMessage): readonly Cbor[] {
  switch (message.kind) {
    case 'sync.takes':
      return [message.isExcept ? 1 : 0, [...message.streams].sort()]
    case 'sync.hello':
      return [message.foldVersion, message.digests.map(({ stream, digest }) => [stream, digest])]
    case 'sync.equal':
      return []
    case 'sync.ask':
      return [encodeScope(message.scope), encodeEntries(message.entries), message.buckets.map(({ stream, digests }) => [stream, digests])]
    case 'sync.answer':
      return [encodeScope(message.scope), encodeEntries(message.entries)]
    case 'sync.heads':
      return [encodeEntries(message.entries)]
    case 'sync.want':
      return [digestOf(message.log), message.from, message.head]
    case 'sync.run':
      return [message.fields]
    case 'sync.credit':
      return [message.bytes]
    case 'sync.probe':
      return [digestOf(message.log), message.seq]
    case 'sync.leaf': {
      const { checkpoint, leaf, proof } = message.witnessed
      return [digestOf(message.log), message.seq, checkpoint.bytes, checkpoint.signature, leaf, proof]
    }
  }
}

function encodeScope(scope: readonly Scope[]): Cbor {
  return scope.map(({ stream, buckets }) => [stream, buckets])
}

function encodeEntries(entries: readonly FrontierEntry[]): Cbor {
  return entries.map(({ log, size, head }) => [digestOf(log), size, head])
}

const streamShape: Shape<Stream> = { parse: value => (typeof value === 'string' ? parseStream(value) : undefined) }
const entriesShape: Shape<readonly FrontierEntry[]> = {
  parse: value => {
    const rows = list(tuple(bytes(32), uint(), bytes(32)), LOGS_MAX).parse(value)
    return rows === undefined || rows.some(([, size]) => size < 1)
      ? undefined
      : rows.map(([log, size, head]) => ({ log: logIdOf(log), size, head }))
  },
}
const scopeShape: Shape<readonly Scope[]> = {
  parse: value => {
    const rows = list(tuple(streamShape, bytes(0, FRONTIER_BUCKETS / 8)), STREAMS_MAX).parse(value)
    if (rows === undefined || rows.some(([, buckets]) => buckets.length !== 0 && buckets.length !== FRONTIER_BUCKETS / 8)) return undefined
    return rows.map(([stream, buckets]) => ({ stream, buckets }))
  },
}
const shapes = {
  takes: tuple(uint(1), list(streamShape, SPACES_MAX)),
  hello: tuple(uint(), list(tuple(streamShape, bytes(STREAM_DIGEST_BYTES)), STREAMS_MAX)),
  equal: tuple(),
  ask: tuple(scopeShape, entriesShape, list(tuple(streamShape, bytes(FRONTIER_BUCKETS * BUCKET_DIGEST_BYTES)), BUCKETED_STREAMS_MAX)),
  answer: tuple(scopeShape, entriesShape),
  heads: tuple(entriesShape),
  want: tuple(bytes(32), uint(), bytes(32)),
  credit: tuple(uint()),
  probe: tuple(bytes(32), uint()),
  leaf: tuple(bytes(32), uint(), bytes(1, 512), bytes(64), bytes(32), list(bytes(32), PROOF_MAX_HASHES)),
}

/** @returns undefined for anything that is not exactly a message of this kind. */
export function parseSyncMessage(kind: SyncMessage['kind'], fields: readonly Cbor[], cluster: ClusterId): SyncMessage | undefined {
  switch (kind) {
    case 'sync.takes': {
      const row = shapes.takes.parse(fields)
      return row && { kind, isExcept: row[0] === 1, streams: new Set(row[1]) }
    }
    case 'sync.hello': {
      const row = shapes.hello.parse(fields)
      return row && { kind, foldVersion: row[0], digests: row[1].map(([stream, digest]) => ({ stream, digest })) }
    }
    case 'sync.equal':
      return shapes.equal.parse(fields) && { kind }
    case 'sync.ask': {
      const row = shapes.ask.parse(fields)
      return row && { kind, scope: row[0], entries: row[1], buckets: row[2].map(([stream, digests]) => ({ stream, digests })) }
    }
    case 'sync.answer': {
      const row = shapes.answer.parse(fields)
      return row && { kind, scope: row[0], entries: row[1] }
    }
    case 'sync.heads': {
      const row = shapes.heads.parse(fields)
      return row && { kind, entries: row[0] }
    }
    case 'sync.want': {
      const row = shapes.want.parse(fields)
      return row && { kind, log: logIdOf(row[0]), from: row[1], head: row[2] }
    }
    case 'sync.run': {
      const run = fields.length === 1 ? parseRun(fields[0] as Cbor, cluster) : undefined
      return run && { kind, run }
    }
    case 'sync.credit': {
      const row = shapes.credit.parse(fields)
      return row && { kind, bytes: row[0] }
    }
    case 'sync.probe': {
      const row = shapes.probe.parse(fields)
      return row && { kind, log: logIdOf(row[0]), seq: row[1] }
    }
    case 'sync.leaf': {
      const row = shapes.leaf.parse(fields)
      if (row === undefined) return undefined
      const log = logIdOf(row[0])
      const checkpoint = parseCheckpoint(row[2], row[3], cluster, log)
      return checkpoint && { kind, log, seq: row[1], witnessed: { checkpoint, leaf: row[4], proof: row[5] } }
    }
  }
}
