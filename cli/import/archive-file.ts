import { WeftError } from '../../base/errors.ts'
import type { CausalId, ClusterId, LogId } from '../../base/ids.ts'
import { logIdOf } from '../../base/ids.ts'
import { compareHlc, isoOf } from '../../base/hlc.ts'
import { LINKS_PAGE, LIST_MAX } from '../../base/limits.ts'
import type { Log } from '../../chain/log.ts'
import type { Written } from '../../chain/written.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import { decodeRemember, encodeRemember, type Remember, type RememberInput } from '../../ecc/records.ts'
import type { ArchiveVerdict } from '../../node/proof/verify-archive.ts'
import { judgeArchive } from '../archive-file.ts'
import type { Entry } from './import-items.ts'

type ReadArchive = { readonly verdict: ArchiveVerdict; readonly entries: readonly Entry[] }

/**
 * The current memories of an archive, once all of it has been verified, as quotes: this node says that they were said. The source
 * of a quote is the id of what it quotes, so it is taken in once however often it is imported, and links lead between quotes. Where a text leaves no room for the labels that
 * say whose it is, or for the source, it goes without: what was said comes before where it is from.
 */
export async function readArchive(file: string, cluster: ClusterId, onProgress: (records: number) => void): Promise<ReadArchive> {
  const logs = new Map<LogId, { readonly log: Log; readonly records: Written[] }>()
  const verdict = await judgeArchive(file, cluster, onProgress, (log, records) => {
    const row = logs.get(log.identity.id) ?? { log, records: [] }
    row.records.push(...records)
    logs.set(log.identity.id, row)
  })
  if (verdict.verdict !== 'valid') return { verdict, entries: [] }
  const said = new Map<CausalId, Remember>()
  const fold = foldOf(logs, said)
  return { verdict, entries: quotesOf(fold, said) }
}

/** All records in causal order. One whose parent is not in the archive comes when nothing else can. */
function foldOf(
  logs: ReadonlyMap<LogId, { readonly log: Log; readonly records: readonly Written[] }>,
  said: Map<CausalId, Remember>,
): MemoryFold {
  const [first] = logs.values()
  const fold = new MemoryFold(first?.log.identity.author as Log['identity']['author'])
  for (let isForced = false; ; ) {
    let applied = 0
    for (const [id, { log, records }] of logs) {
      for (let next = records[fold.sizeOf(id)]; next !== undefined; next = records[fold.sizeOf(id)]) {
        const parents = next.parents.map(({ logId, seq }) => ({ log: logIdOf(logId), seq }))
        const held = parents.filter(parent => parent.seq < fold.sizeOf(parent.log))
        if (held.length < parents.length && !isForced) break
        isForced = false
        const isLate = next.seq > 0 && compareHlc(next.hlc, log.hlcAt(next.seq - 1)) <= 0
        const body = isLate || next.record.erasedBy !== undefined ? null : next.record.body
        const remember = body === null ? undefined : decodeRemember(body)
        if (remember !== undefined) said.set(next.id, remember)
        fold.apply({
          log: id,
          seq: next.seq,
          id: next.id,
          author: log.identity.author,
          hlc: next.hlc,
          kind: next.kind,
          parents: held,
          body,
        })
        applied++
      }
    }
    if (applied > 0) continue
    if ([...logs].every(([id, { records }]) => fold.sizeOf(id) === records.length)) return fold
    isForced = true
  }
}

function quotesOf(fold: MemoryFold, said: ReadonlyMap<CausalId, Remember>): readonly Entry[] {
  const current: { readonly id: CausalId; readonly author: string; readonly at: string }[] = []
  for (let page = fold.list({ limit: LIST_MAX }); ; page = fold.list({ after: page.next, limit: LIST_MAX })) {
    for (const { id, author, hlc, state } of page.nodes) if (state === 'current') current.push({ id, author, at: isoOf(hlc) })
    if (!page.more) break
  }
  const ids = new Set(current.map(({ id }) => id))
  return current.flatMap(({ id, author, at }, i): readonly Entry[] => {
    const quoted = said.get(id)
    if (quoted === undefined) return []
    const { text, validFrom, validTo, source } = quoted
    const meta = Object.fromEntries(quoted.meta)
    const origin = { 'quoted-author': author, 'quoted-at': at, ...(source === null ? {} : { 'quoted-source': source }) }
    const edges = fold
      .linksOf(id, LINKS_PAGE)
      .edges.filter(edge => edge.live && edge.from === id && ids.has(edge.to))
      .map(({ type, to, weight }) => ({ type, to, weight }))
    const bare = { text, meta, ...(validFrom === null ? {} : { validFrom }), ...(validTo === null ? {} : { validTo }) }
    const marked = [
      { ...bare, meta: { ...meta, ...origin }, source: id },
      { ...bare, source: id },
    ].find(fits)
    const item = { ...(marked ?? bare), ...(edges.length === 0 ? {} : { edges }) }
    return [{ place: i + 1, item, oldId: id }]
  })
}

function fits(quote: RememberInput): boolean {
  try {
    encodeRemember(quote)
    return true
  } catch (thrown) {
    if (thrown instanceof WeftError) return false
    throw thrown
  }
}
