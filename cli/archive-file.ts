import { open } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { fromBase64 } from '../base/base64.ts'
import { encode } from '../base/codec.ts'
import { type ClusterId, digestOf } from '../base/ids.ts'
import type { Request } from '../node/commands/types.ts'
import { ARCHIVE_END, chained, framed, ItemReader } from '../node/proof/archive.ts'
import { ArchiveJudge, type ArchiveVerdict } from '../node/proof/verify-archive.ts'
import type { Log } from '../chain/log.ts'
import type { Written } from '../chain/written.ts'
import { cannotWrite } from './failure.ts'

export interface Archived {
  readonly file: string
  readonly records: number
  readonly logs: number
  readonly bytes: number
  /** Left out: their authors have signed two histories. */
  readonly forked: readonly string[]
}

/** Writes the memory of a node with its proofs, a frame at a time. It speaks of one moment: what is written meanwhile is not in it. */
export async function writeArchive(request: Request, file: string, onProgress: (records: number, of: number) => void): Promise<Archived> {
  const { item: first, logs, forked } = await request('memory.archive', {})
  const handle = await open(file, 'w', 0o600).catch((thrown: unknown) => {
    throw cannotWrite(file, thrown)
  })
  let chain: Uint8Array = new Uint8Array(0)
  let bytes = 0
  const put = async (item: Uint8Array): Promise<void> => {
    const written = framed(item)
    chain = chained(chain, item)
    bytes += written.length
    await handle.appendFile(written)
  }
  const total = logs.reduce((sum, { size }) => sum + size, 0)
  let records = 0
  try {
    await put(binary(first))
    for (const { log, size } of logs) {
      for (let from = 0; from < size; ) {
        const { item, end } = await request('memory.archive-frame', { log, from, size })
        await put(binary(item))
        records += end - from
        from = end
        onProgress(records, total)
      }
    }
    await put(encode([ARCHIVE_END, logs.map(({ log, size }) => [digestOf(log), size]), chain]))
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { file, records, logs: logs.length, bytes, forked }
}

function binary(text: string): Uint8Array {
  return fromBase64(text) ?? new Uint8Array(0)
}

/** Judges a file of which it holds one item at a time. */
export async function judgeArchive(
  file: string,
  cluster: ClusterId,
  onProgress: (records: number) => void,
  onRecords?: (log: Log, records: readonly Written[]) => void,
): Promise<ArchiveVerdict> {
  const judge = new ArchiveJudge(cluster, onRecords)
  const reader = new ItemReader()
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>) {
      const items = reader.take(chunk)
      if (items === undefined) judge.break()
      if (items === undefined || !items.every(item => judge.take(item))) return judge.finish()
      onProgress(judge.records)
    }
  } catch (thrown) {
    return { verdict: 'unknown', reason: `cannot read ${file}: ${(thrown as Error).message}` }
  }
  if (!reader.isDone) judge.break()
  return judge.finish()
}
