import { CHUNK_BYTES, FRAME_MAX_BYTES, GREETING_MAX_BYTES } from '../base/limits.ts'

/**
 * The protocols of the mesh, one ordered stream of frames each between two connected nodes.
 * An id ends in its major version: another one is another protocol, negotiated beside the old.
 */
export const PROTOCOLS: Readonly<Record<Protocol | 'greeting', { readonly id: string; readonly frameMaxBytes: number }>> = {
  /** Before anything else: cluster and membership, or an invite. Never seen above the transport port. */
  greeting: { id: '/weft/greeting/1', frameMaxBytes: GREETING_MAX_BYTES },
  /** Pings, known peers. */
  control: { id: '/weft/control/1', frameMaxBytes: CHUNK_BYTES },
  /** Logs. */
  sync: { id: '/weft/sync/1', frameMaxBytes: FRAME_MAX_BYTES },
  /** Messages between processes. */
  ipc: { id: '/weft/ipc/1', frameMaxBytes: FRAME_MAX_BYTES },
}

/** What a frame above the transport port belongs to. */
export type Protocol = 'control' | 'sync' | 'ipc'
