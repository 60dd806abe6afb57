import { open, readFile, stat } from 'node:fs/promises'
import type { ClusterId } from '../../base/ids.ts'
import { ARCHIVE_BEGINNING_BYTES, isArchive } from '../../node/proof/archive.ts'
import { isProof } from '../../node/proof/proof.ts'
import type { ArchiveVerdict } from '../../node/proof/verify-archive.ts'
import { type ProofVerdict, verifyProof } from '../../node/proof/verify-proof.ts'
import { judgeArchive } from '../archive-file.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { genesis } from '../parse.ts'
import { firstLine, plural, short, table } from '../text.ts'
import { renderWays } from '../ways.ts'

/** 64 MiB: all that a why can show, with the longest of texts, is a tenth of that. */
const FILE_MAX_BYTES: number = 64 * 1024 * 1024

const EXIT: Readonly<Record<ProofVerdict['verdict'], number>> = { valid: 0, refused: 1, unknown: 2 }

export const define: Define = command =>
  command
    .argument('<file>', 'what weft mem why --proof or weft mem export --proofs wrote')
    .requiredOption('--genesis <hash>', 'the id of the cluster, from somebody you trust: weft status shows it there', genesis)
    .addHelpText(
      'after',
      '\nNeeds no node and no network: signatures, membership and every byte are checked against the hash alone. It shows what members have said,\nnot that nothing was left out.\n\nExit code: 0 all of it is so, 1 something in it is not, 2 it cannot be judged:\nthe file cannot be read, or says that it is of another version of the format. Whatever byte of a file is changed, the code is not 0.',
    )
    .action(
      action(async (cli, [file]: readonly [string], { genesis: cluster }: { readonly genesis: ClusterId }) => {
        if (await isArchiveFile(file)) {
          const judged = await judgeArchive(file, cluster, records => cli.progress.update(() => `checked ${records} records`))
          cli.progress.done()
          cli.print(judged, () => renderArchive(judged))
          return EXIT[judged.verdict]
        }
        const read = await contentOf(file)
        const verdict = 'bytes' in read ? proofVerdict(read.bytes, cluster) : read
        cli.print(verdict, () => render(verdict))
        return EXIT[verdict.verdict]
      }),
    )

/** What names neither format is not told what is wrong with it as a proof. */
function proofVerdict(bytes: Uint8Array, cluster: ClusterId): ProofVerdict {
  const verdict = verifyProof(bytes, cluster)
  return verdict.verdict === 'refused' && !isProof(bytes)
    ? { verdict: 'refused', reason: 'it is neither a proof nor an export with proofs' }
    : verdict
}

async function isArchiveFile(file: string): Promise<boolean> {
  try {
    const handle = await open(file)
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(ARCHIVE_BEGINNING_BYTES))
      return isArchive(buffer.subarray(0, bytesRead))
    } finally {
      await handle.close()
    }
  } catch {
    return false
  }
}

function renderArchive(verdict: ArchiveVerdict): string {
  if (verdict.verdict === 'refused') return `${styled('red', 'refused')}: ${verdict.reason}`
  if (verdict.verdict === 'unknown') return `not judged: ${verdict.reason}`
  const { name, cluster, records, erased, logs } = verdict
  const rows = logs.map(({ author, stream, size, signedSize }) => [short(author), stream, String(size), String(signedSize)])
  const gone = erased === 0 ? '' : `, ${erased} of them erased by their authors`
  return `${styled('green', 'proven')}: ${plural(records, 'record')}${gone}, of cluster ${JSON.stringify(name)} (${short(cluster)})\n\n${table(['author', 'stream', 'records', 'signed'], rows, 'no logs')}`
}

async function contentOf(file: string): Promise<{ readonly bytes: Uint8Array } | Extract<ProofVerdict, { verdict: 'unknown' }>> {
  try {
    const { size } = await stat(file)
    if (size > FILE_MAX_BYTES) return { verdict: 'unknown', reason: `${file} has ${size} bytes, and a proof at most ${FILE_MAX_BYTES}` }
    return { bytes: await readFile(file) }
  } catch (thrown) {
    return { verdict: 'unknown', reason: `cannot read ${file}: ${(thrown as Error).message}` }
  }
}

function render(verdict: ProofVerdict): string {
  if (verdict.verdict === 'refused') return `${styled('red', 'refused')}: ${verdict.reason}`
  if (verdict.verdict === 'unknown') return `not judged: ${verdict.reason}`
  const { cluster, name, id, memory, paths, records, authors } = verdict
  const origin = ({ author, at }: { readonly author: string; readonly at: string }): string => `by ${short(author)}, ${at}`
  return [
    `${styled('green', 'proven')}: ${plural(records, 'record')} by ${plural(authors.length, 'member')} of cluster ${JSON.stringify(name)} (${short(cluster)})`,
    '',
    `${styled('bold', short(id))}  ${firstLine(memory.text, 10)}`,
    `  ${styled('dim', origin(memory))}`,
    ...(paths.length === 0 ? [] : [renderWays(paths, origin)]),
  ].join('\n')
}
