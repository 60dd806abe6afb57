import { toHex } from '../base/bytes.ts'
import type { WeftError } from '../base/errors.ts'
import type { ClusterId, LogId, NodeId, Stream } from '../base/ids.ts'
import type { Disk } from '../base/ports.ts'
import { scanJournal, segmentFile } from './scan.ts'

/** What `weft chain verify` answers: every log, or the first thing that is not what it was. */
export type Verification =
  | { readonly valid: true; readonly logs: readonly VerifiedLog[]; readonly records: number }
  | {
      readonly valid: false
      readonly log: LogId | undefined
      readonly seq: number | undefined
      readonly reason: string
      readonly file: string
      readonly offset: number
    }

export interface VerifiedLog {
  readonly logId: LogId
  readonly author: NodeId
  readonly stream: Stream
  readonly size: number
  readonly root: string
  /** Records below a checkpoint of the author; the rest are own ones that wait for their first. */
  readonly signed: number
  /** Records whose bodies their author had erased: their headers stand, and are checked like all others. */
  readonly erased: number
}

export interface VerifyOptions {
  readonly cluster: ClusterId
  readonly self: NodeId
  readonly pause?: (resume: () => void) => void
  readonly until?: { readonly segment: number; readonly offset: number }
}

export type VerifyResult = { readonly ok: true; readonly value: Verification } | { readonly ok: false; readonly error: WeftError }

/**
 * Checks every byte of the journal: checksums, chain, bodies against their commitments, roots
 * against checkpoints, signatures. Reads only; with `until`, beside a node that is writing.
 *
 * What no journal can show by itself is that its newest records are gone, with the checkpoint over them, or
 * that own records which nobody has signed yet were rewritten: for those there are peers.
 */
export function verifyJournal(disk: Disk, options: VerifyOptions, done: (result: VerifyResult) => void): void {
  scanJournal(disk, { ...options, full: true }, result => {
    if (!result.ok) return done(result)
    const { replay, leftovers } = result.scan
    if (replay.damage !== undefined) {
      const { log, seq, reason, segment, offset } = replay.damage
      return done({ ok: true, value: { valid: false, log, seq, reason, file: segmentFile(segment), offset } })
    }
    const [leftover] = leftovers
    if (leftover !== undefined) {
      const { log, seq, segment, offset, bytes } = leftover
      return done({
        ok: true,
        value: { valid: false, log, seq, reason: `torn: ${bytes} bytes that no commit counts`, file: segmentFile(segment), offset },
      })
    }
    const logs = [...replay.logs.values()].map(log => ({
      logId: log.identity.id,
      author: log.identity.author,
      stream: log.identity.stream,
      size: log.size,
      root: toHex(log.tree.root()),
      signed: log.published,
      erased: replay.erasedOf(log.identity.id),
    }))
    done({ ok: true, value: { valid: true, logs: logs.sort((a, b) => (a.logId < b.logId ? -1 : 1)), records: replay.records } })
  })
}
