import { z } from 'zod'
import { type CausalId, type ClusterId, isHexId, type NodeId, parseNodeId, parseStream, type Stream } from '../../base/ids.ts'
import { PROOF_MAX_HASHES } from '../../base/limits.ts'
import { type EdgeType, isEdgeType } from '../../ecc/edge-types.ts'

/**
 * Why a memory is believed, with all that it takes to check it far from any node: who said each thing, in which record of which
 * log, under whose signature, and what makes its author a member of the cluster. What people read in it (texts, authors, times, weights)
 * follows from the signed bytes; `verifyProof` makes the document anew from those, so no byte of it can differ.
 *
 * It shows that these things were said and linked so by members. It cannot show what was left out: a better reason, or that
 * somebody took something back since.
 */
export interface Proof {
  readonly format: typeof PROOF_FORMAT
  readonly cluster: ClusterId
  readonly id: CausalId
  readonly memory: ProvenMemory
  /** Ways back to what it rests on, strongest first; none when nothing is known of that. */
  readonly paths: readonly ProvenPath[]
  /** The genesis of the cluster, of which `cluster` is the hash: base64 of [genesis, signatures of the admins]. */
  readonly genesis: string
  /** What the admins decided of the authors: base64. */
  readonly evidence: string
  /** Ascending by author, then stream. */
  readonly logs: readonly ProvenLog[]
}

export interface ProvenMemory {
  readonly text: string
  readonly author: NodeId
  /** When it was written: its author's clock. */
  readonly at: string
}

export interface ProvenStep extends ProvenMemory {
  readonly id: CausalId
  /** Between the step before and this one; empty for the first, which is what was asked about. */
  readonly edge: EdgeType | ''
  /** The record that says so; absent where a key does, and for the first. */
  readonly link?: CausalId | undefined
}

export interface ProvenPath {
  /** The product of its edges, 0 to 1, to 9 decimals. */
  readonly weight: number
  readonly steps: readonly ProvenStep[]
}

export interface ProvenLog {
  readonly author: NodeId
  readonly stream: Stream
  /** What the author signed, and the signature: base64. */
  readonly checkpoint: string
  readonly signature: string
  /** Ascending by seq. */
  readonly records: readonly {
    readonly seq: number
    /** base64 */
    readonly header: string
    readonly salt: string
    readonly body: string
    /** Siblings on the way to the root of the checkpoint, lowest first: hex. */
    readonly inclusion: readonly string[]
  }[]
}

/** The number is raised when an older `weft verify` could not read it. */
export const PROOF_FORMAT = 'weft-proof/1'

/** True for what claims to be a proof, of whatever version, sound or not. */
export function isProof(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(PROOF_FORMAT.replace(/\d+$/, ''))
}

/** The one way to write it down. */
export function proofText(proof: Proof): string {
  return `${JSON.stringify(proof, null, 1)}\n`
}

/** The order of the logs in a proof. */
export function inOrder(a: ProvenLog, b: ProvenLog): number {
  if (a.author !== b.author) return a.author < b.author ? -1 : 1
  return a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : 0
}

export type ParsedProof =
  | { readonly ok: true; readonly proof: Proof }
  | { readonly ok: false; readonly isNewer: boolean; readonly fault: string }

/** Why something of another version is not judged: whoever changed that byte, or a later program, made it. */
export function otherVersion(format: string, known: string): string {
  return `it says that it is a ${format}, and this program reads ${known}: another version may judge it`
}

/** The document as it claims to be; nothing of it has been checked. */
export function parseProof(text: string): ParsedProof {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (thrown) {
    return { ok: false, isNewer: false, fault: `it is not JSON: ${(thrown as Error).message}` }
  }
  const format = (value as { readonly format?: unknown } | null)?.format
  if (typeof format === 'string' && format !== PROOF_FORMAT && /^weft-proof\/\d+$/.test(format))
    return { ok: false, isNewer: true, fault: otherVersion(format, PROOF_FORMAT) }
  const parsed = shape.safeParse(value)
  if (parsed.success) return { ok: true, proof: parsed.data }
  const issue = parsed.error.issues[0]
  return { ok: false, isNewer: false, fault: `it is no proof: ${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'invalid'}` }
}

const id = textIs<CausalId>(isHexId, '64 hex digits are wanted')
const author = textIs<NodeId>(text => parseNodeId(text) !== undefined, 'no node has that id')
const memory = { text: z.string(), author, at: z.string() }
const shape = z.strictObject({
  format: z.literal(PROOF_FORMAT),
  cluster: textIs<ClusterId>(isHexId, '64 hex digits are wanted'),
  id,
  memory: z.strictObject(memory),
  paths: z.array(
    z.strictObject({
      weight: z.number(),
      steps: z
        .array(
          z.strictObject({
            id,
            edge: textIs<EdgeType | ''>(text => text === '' || isEdgeType(text), 'there are no such edges'),
            link: id.optional(),
            ...memory,
          }),
        )
        .min(1),
    }),
  ),
  genesis: z.string(),
  evidence: z.string(),
  logs: z.array(
    z.strictObject({
      author,
      stream: textIs<Stream>(text => parseStream(text) !== undefined, 'no stream has that name'),
      checkpoint: z.string(),
      signature: z.string(),
      records: z.array(
        z.strictObject({
          seq: z.number().int().min(0),
          header: z.string(),
          salt: z.string(),
          body: z.string(),
          inclusion: z.array(id).max(PROOF_MAX_HASHES),
        }),
      ),
    }),
  ),
})

function textIs<T extends string>(isOne: (text: string) => boolean, fault: string): z.ZodType<T> {
  return z.custom<T>(value => typeof value === 'string' && isOne(value), fault)
}
