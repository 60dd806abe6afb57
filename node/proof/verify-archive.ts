import { equalBytes } from '../../base/bytes.ts'
import { type Cbor, decode, encode } from '../../base/codec.ts'
import { type ClusterId, digestOf, type LogId, type NodeId, nodeIdOf, parseStream, spaceOf, type Stream } from '../../base/ids.ts'
import { LOGS_MAX } from '../../base/limits.ts'
import { bytes, list, literal, text, tuple, uint } from '../../base/shape.ts'
import { isSignedBy, type SignedCheckpoint } from '../../chain/checkpoint.ts'
import { Log } from '../../chain/log.ts'
import { decodeGenesis, logIdentity } from '../../chain/record.ts'
import { extendByRun, parseRun } from '../../chain/run.ts'
import type { Written } from '../../chain/written.ts'
import { type Genesis, parseGenesis } from '../../discovery/genesis.ts'
import { Membership } from '../../discovery/membership.ts'
import { encodeEvidence, evidenceShape } from '../../discovery/operation.ts'
import { ARCHIVE_END, ARCHIVE_FORMAT, chained } from './archive.ts'
import { otherVersion } from './proof.ts'

export type ArchiveVerdict =
  | {
      readonly verdict: 'valid'
      readonly cluster: ClusterId
      readonly name: string
      readonly records: number
      /** Records whose bodies their authors had erased. */
      readonly erased: number
      readonly logs: readonly { readonly author: NodeId; readonly stream: Stream; readonly size: number; readonly signedSize: number }[]
    }
  | { readonly verdict: 'refused'; readonly reason: string }
  | { readonly verdict: 'unknown'; readonly reason: string }

interface Shown {
  readonly log: Log
  readonly stream: Stream
  readonly author: NodeId
  readonly size: number
  /** The checkpoint last found well signed. */
  signed: SignedCheckpoint | undefined
}

const any = { parse: (value: Cbor): Cbor => value }
const headShape = tuple(text(32), any, list(tuple(bytes(32), text(80), uint(), any), LOGS_MAX))
const endShape = tuple(literal(ARCHIVE_END), list(tuple(bytes(32), uint()), LOGS_MAX), bytes(32))

/**
 * Judges an archive item by item, in memory that grows by some 74 bytes a record. Whatever byte is changed, left out or added, it is
 * not valid any more.
 */
export class ArchiveJudge {
  readonly #cluster: ClusterId
  readonly #onRecords: (log: Log, records: readonly Written[]) => void
  #genesis: Genesis | undefined
  readonly #logs: Map<LogId, Shown> = new Map()
  #hash: Uint8Array = new Uint8Array(0)
  #records = 0
  #erased = 0
  #verdict: ArchiveVerdict | undefined

  /** @param onRecords records that were verified, in the order of their log */
  constructor(cluster: ClusterId, onRecords: (log: Log, records: readonly Written[]) => void = () => {}) {
    this.#cluster = cluster
    this.#onRecords = onRecords
  }

  /** Nothing was found that is not so. */
  get #isSound(): boolean {
    return this.#verdict === undefined || this.#verdict.verdict === 'valid'
  }

  get records(): number {
    return this.#records
  }

  /** The next item. @returns false when the verdict is there, and nothing more need be read */
  take(item: Uint8Array): boolean {
    if (this.#verdict !== undefined) {
      this.#refuse('something stands behind its end')
      return false
    }
    const decoded = decode(item)
    if (!decoded.ok) this.#refuse(`something in it is not canonical: ${decoded.why}`)
    else if (this.#genesis === undefined) this.#begin(decoded.value)
    else if (Array.isArray(decoded.value) && decoded.value[0] === ARCHIVE_END) this.#end(decoded.value)
    else this.#frame(decoded.value)
    this.#hash = chained(this.#hash, item)
    return this.#isSound
  }

  /** To be called when nothing follows. */
  finish(): ArchiveVerdict {
    return this.#verdict ?? { verdict: 'refused', reason: 'it ends early' }
  }

  /** Bytes that are no item. */
  break(): void {
    this.#refuse('it is no archive, or something in it is not canonical')
  }

  #refuse(reason: string): void {
    if (this.#isSound) this.#verdict = { verdict: 'refused', reason }
  }

  #begin(value: Cbor): void {
    const format = Array.isArray(value) ? (value as readonly Cbor[])[0] : undefined
    if (typeof format === 'string' && format !== ARCHIVE_FORMAT && /^weft-archive\/\d+$/.test(format)) {
      this.#verdict = { verdict: 'unknown', reason: otherVersion(format, ARCHIVE_FORMAT) }
      return
    }
    const row = headShape.parse(value)
    if (row === undefined || row[0] !== ARCHIVE_FORMAT) return this.#refuse('it is no archive')
    const genesis = parseGenesis(row[1])
    if (genesis === undefined) return this.#refuse('its genesis is not one that all admins signed')
    if (genesis.cluster !== this.#cluster) return this.#refuse(`it is of cluster ${genesis.cluster}, whose genesis has another hash`)
    this.#genesis = genesis
    let before = ''
    for (const [key, streamText, size, evidence] of row[2]) {
      const stream = parseStream(streamText)
      const author = nodeIdOf(key)
      if (stream === undefined || spaceOf(stream) === undefined || size < 1)
        return this.#refuse('it speaks of a log that holds no memories')
      const identity = logIdentity(genesis.cluster, author, stream)
      if (identity.id <= before) return this.#refuse('its logs are not in their order')
      before = identity.id
      const fault = memberFault(genesis, author, identity.id, size, evidence)
      if (fault !== undefined) return this.#refuse(fault)
      this.#logs.set(identity.id, { log: new Log(identity), stream, author, size, signed: undefined })
    }
  }

  #frame(value: Cbor): void {
    const run = parseRun(value, this.#cluster)
    const shown = run === undefined ? undefined : this.#logs.get(run.log)
    if (run === undefined || shown === undefined) return this.#refuse('something in it is no run of a log that it speaks of')
    const { log, author, stream, size } = shown
    const what = `the ${stream} log of ${author}`
    if (run.from !== log.size) return this.#refuse(`${what} is not shown in its order`)
    if (run.from === 0 && decodeGenesis(bodyOf(run.records[0]?.[6]), this.#cluster)?.id !== run.log)
      return this.#refuse(`${what} does not begin with its genesis`)
    if (!isSame(shown.signed, run.checkpoint)) {
      if (!isSignedBy(run.checkpoint, log.key)) return this.#refuse(`${author} has not signed ${what} as it is shown`)
      shown.signed = run.checkpoint
    }
    const extended = extendByRun(log, run, Infinity)
    if ('code' in extended) return this.#refuse(`records from ${run.from} on of ${what} are not what was signed`)
    if (log.size > size) return this.#refuse(`${what} has more records than it speaks of`)
    this.#records += extended.records.length
    for (const { record } of extended.records) if (record.erasedBy !== undefined) this.#erased++
    this.#onRecords(log, extended.records)
  }

  #end(value: Cbor): void {
    const row = endShape.parse(value)
    if (row === undefined || !equalBytes(row[2], this.#hash)) return this.#refuse('its end is not that of what stands before it')
    const logs = [...this.#logs]
    const isAll = row[1].length === logs.length && row[1].every(([id, size], i) => isLogOf(logs[i], id, size))
    if (!isAll) return this.#refuse('some of its records are missing')
    const { cluster, name } = this.#genesis as Genesis
    this.#verdict = {
      verdict: 'valid',
      cluster,
      name,
      records: this.#records,
      erased: this.#erased,
      logs: logs.map(([, { author, stream, size, signed }]) => ({ author, stream, size, signedSize: signed?.size ?? size })),
    }
  }
}

function isLogOf(row: readonly [LogId, Shown] | undefined, id: Uint8Array, size: number): boolean {
  return row !== undefined && equalBytes(digestOf(row[0]), id) && row[1].size === size && row[1].log.size === size
}

/** Why an author's records do not count; undefined when they do. */
function memberFault(genesis: Genesis, author: NodeId, log: LogId, size: number, evidence: Cbor): string | undefined {
  const membership = new Membership(genesis)
  membership.addEvidence(evidenceShape(genesis.cluster).parse(evidence) ?? [])
  if (membership.member(author) === undefined) return `nothing shows that ${author} is a member`
  if (!equalBytes(encode(encodeEvidence(membership.standing([author]))), encode(evidence)))
    return `what is shown of ${author} is not what the admins signed`
  const cut = membership.cutOf(author)
  const end = cut === undefined ? Infinity : (cut.find(entry => entry.log === log)?.size ?? 0)
  return size > end ? `records of ${author} were written after it was revoked` : undefined
}

function bodyOf(content: unknown): Uint8Array {
  return content instanceof Uint8Array ? content.subarray(16) : new Uint8Array(0)
}

function isSame(a: SignedCheckpoint | undefined, b: SignedCheckpoint): boolean {
  return a !== undefined && equalBytes(a.bytes, b.bytes) && equalBytes(a.signature, b.signature)
}
