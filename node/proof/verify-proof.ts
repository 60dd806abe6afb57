import { fromBase64, toBase64 } from '../../base/base64.ts'
import { equalBytes, fromHex, textOf } from '../../base/bytes.ts'
import { type Cbor, decode, encode } from '../../base/codec.ts'
import { type CausalId, causalIdOf, type ClusterId, digestOf, keyOf, type NodeId, spaceOf } from '../../base/ids.ts'
import { isSignedBy, parseCheckpoint } from '../../chain/checkpoint.ts'
import { bodyCommit, decodeHeader, leafOf, logIdentity } from '../../chain/record.ts'
import { verifyInclusion } from '../../chain/tree.ts'
import { encodeGenesisFile, type Genesis, parseGenesis } from '../../discovery/genesis.ts'
import { Membership } from '../../discovery/membership.ts'
import { encodeEvidence, evidenceShape } from '../../discovery/operation.ts'
import { claimOf, type ProvenRecord } from './claim.ts'
import { inOrder, parseProof, type Proof, proofText, type ProvenLog } from './proof.ts'

export type ProofVerdict =
  /** Members of this cluster have said and linked all of it. */
  | {
      readonly verdict: 'valid'
      readonly cluster: ClusterId
      /** The name that the cluster was founded under. */
      readonly name: string
      readonly id: CausalId
      readonly memory: Proof['memory']
      readonly paths: Proof['paths']
      readonly records: number
      readonly authors: readonly NodeId[]
    }
  /** Something in it is not so. */
  | { readonly verdict: 'refused'; readonly reason: string }
  /** It cannot be judged by this program. */
  | { readonly verdict: 'unknown'; readonly reason: string }

/**
 * Judges a proof by itself: no node, no network, nothing that is known already but the hash of the genesis of the cluster.
 * Whatever byte of it is changed, it is not valid any more.
 *
 * @param bytes of the file
 * @param genesis the ClusterId, from somebody whom the reader trusts
 */
export function verifyProof(bytes: Uint8Array, genesis: ClusterId): ProofVerdict {
  const text = textOf(bytes)
  if (text === undefined) return { verdict: 'refused', reason: 'it is not UTF-8 text' }
  const parsed = parseProof(text)
  if (!parsed.ok) return { verdict: parsed.isNewer ? 'unknown' : 'refused', reason: parsed.fault }
  try {
    return judged(parsed.proof, text, genesis)
  } catch (thrown) {
    if (thrown instanceof Refused) return { verdict: 'refused', reason: thrown.message }
    throw thrown
  }
}

class Refused extends Error {}

function judged(proof: Proof, text: string, cluster: ClusterId): ProofVerdict {
  const genesis = genesisOf(proof, cluster)
  const membership = new Membership(genesis)
  membership.addEvidence(evidenceShape(cluster).parse(cborOf(proof.evidence, 'the evidence')) ?? [])
  const records = new Map<CausalId, ProvenRecord>()
  for (const log of proof.logs) for (const [id, record] of recordsOf(log, membership)) records.set(id, record)
  const claimed = claimOf(
    proof.id,
    proof.paths.map(({ steps }) => steps),
    records,
  )
  if (!claimed.ok) throw new Refused(claimed.fault)
  // All that follows from the signed bytes, made anew: what is not the same was not signed.
  const authors = [...new Set(proof.logs.map(({ author }) => author))]
  const again: Proof = {
    format: proof.format,
    cluster,
    ...claimed.claim,
    genesis: toBase64(encode(encodeGenesisFile(genesis))),
    evidence: toBase64(encode(encodeEvidence(membership.standing(authors)))),
    logs: [...proof.logs].sort(inOrder),
  }
  if (proofText(again) !== text) throw new Refused('what people read in it is not what was signed')
  const { id, memory, paths } = claimed.claim
  return { verdict: 'valid', cluster, name: genesis.name, id, memory, paths, records: records.size, authors }
}

function genesisOf(proof: Proof, cluster: ClusterId): Genesis {
  const genesis = parseGenesis(cborOf(proof.genesis, 'the genesis'))
  if (genesis === undefined) throw new Refused('its genesis is not one that all admins signed')
  if (genesis.cluster !== cluster) throw new Refused(`it is of cluster ${genesis.cluster}, whose genesis has another hash`)
  return genesis
}

/** Each record of a log, with its place and body as the author signed them. */
function recordsOf(shown: ProvenLog, membership: Membership): readonly (readonly [CausalId, ProvenRecord])[] {
  const { author, stream } = shown
  if (spaceOf(stream) === undefined) throw new Refused(`the ${stream} log of ${author} holds no memories`)
  if (membership.member(author) === undefined) throw new Refused(`nothing shows that ${author} is a member`)
  const log = logIdentity(membership.cluster, author, stream)
  const checkpoint = parseCheckpoint(binary(shown.checkpoint), binary(shown.signature), membership.cluster, log.id)
  if (checkpoint === undefined || !isSignedBy(checkpoint, keyOf(author)))
    throw new Refused(`${author} has not signed the ${stream} log that is shown`)
  const cut = membership.cutOf(author)
  const end = cut === undefined ? Infinity : (cut.find(entry => entry.log === log.id)?.size ?? 0)
  return shown.records.map(({ seq, header: encoded, salt, body: encodedBody, inclusion }, i) => {
    const what = `record ${seq} of the ${stream} log of ${author}`
    if (seq <= (shown.records[i - 1]?.seq ?? -1)) throw new Refused(`${what} is out of place`)
    if (seq >= end) throw new Refused(`${what} was written after its author was revoked`)
    const bytes = binary(encoded)
    const leaf = leafOf(bytes)
    if (!verifyInclusion(leaf, seq, checkpoint.size, inclusion.map(fromHex), checkpoint.root))
      throw new Refused(`${what} is not in the log that was signed`)
    const header = decodeHeader(bytes)
    if (header === undefined || header.seq !== seq || !equalBytes(header.logId, digestOf(log.id)))
      throw new Refused(`${what} is no record of it`)
    const body = binary(encodedBody)
    if (!equalBytes(bodyCommit(binary(salt), body), header.bodyCommit)) throw new Refused(`what ${what} says is not what was signed`)
    return [causalIdOf(leaf), { log, header, body }] as const
  })
}

function cborOf(text: string, what: string): Cbor {
  const decoded = decode(binary(text))
  if (!decoded.ok) throw new Refused(`${what} cannot be read`)
  return decoded.value
}

function binary(text: string): Uint8Array {
  const bytes = fromBase64(text)
  if (bytes === undefined) throw new Refused('something in it is not base64')
  return bytes
}
