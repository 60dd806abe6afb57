import type { WeftError } from '../base/errors.ts'
import type { Verification } from '../chain/verify.ts'
import { verifyJournal } from '../chain/verify.ts'
import { readControlFile } from '../node/host/directory.ts'
import { openDisk } from '../node/host/disk.ts'
import { requireNode, residentOf } from './directory.ts'
import { nodeIn } from './node-in.ts'

/** An hour: what a journal of hundreds of millions of records takes. */
const VERIFY_MS = 3_600_000

/**
 * Checks the journal in `dir`: a node that runs does it itself, beside its work; else its files are
 * read here. Never writes, and needs nothing of the directory but the journal, the key and the cluster file.
 *
 * @param isAll replicas too, not only the logs of this node
 */
export async function verifyIn(dir: string, isAll: boolean): Promise<Verification> {
  requireNode(dir)
  if (readControlFile(dir) !== undefined) {
    try {
      return await nodeIn(dir, VERIFY_MS)('chain.verify', { all: isAll })
    } catch (thrown) {
      if ((thrown as WeftError).code !== 'not_running') throw thrown
    }
  }
  return verifyFiles(dir, isAll)
}

async function verifyFiles(dir: string, isAll: boolean): Promise<Verification> {
  const { nodeId, cluster } = await residentOf(dir)
  const disk = openDisk(dir)
  try {
    const verified = await new Promise<Verification>((resolve, reject) => {
      // A node is there only with its cluster: `requireNode` has looked.
      verifyJournal(
        disk,
        { cluster: cluster as NonNullable<typeof cluster>, self: nodeId, pause: resume => setImmediate(resume) },
        result => (result.ok ? resolve(result.value) : reject(result.error)),
      )
    })
    return verified.valid && !isAll ? { ...verified, logs: verified.logs.filter(log => log.author === nodeId) } : verified
  } finally {
    await new Promise<void>(resolve => disk.close(resolve))
  }
}
