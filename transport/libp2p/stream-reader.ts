import type { Stream } from '@libp2p/interface'
import type { ErrorCode } from '../../base/errors.ts'
import { FrameDecoder } from '../frame.ts'

/**
 * Reads the frames of a stream as its bytes arrive, in the same turn: nothing waits here,
 * so a node that is slow stops reading its sockets, and the sender is stopped by TCP.
 * To be called in the turn in which the stream was opened, or its end may be missed.
 *
 * @param onBroken the stream cannot go on: a frame was too large, or it ended inside one
 */
export function readFrames(
  stream: Stream,
  frameMaxBytes: number,
  onFrame: (frame: Uint8Array) => void,
  onBroken: (code: ErrorCode) => void,
): void {
  const decoder = new FrameDecoder(frameMaxBytes)
  stream.addEventListener('message', ({ data }) => {
    for (const chunk of data instanceof Uint8Array ? [data] : data) {
      if (!decoder.push(chunk, onFrame)) return onBroken('frame_too_large')
    }
  })
  stream.addEventListener('remoteCloseWrite', () => {
    if (decoder.isPartial) onBroken('frame_truncated')
  })
  stream.addEventListener('close', () => onBroken('unreachable'))
}
