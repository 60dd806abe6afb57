import { base64pad } from 'multiformats/bases/base64'

/** Bytes as text (RFC 4648 section 4), for documents that people look into. */
export function toBase64(bytes: Uint8Array): string {
  return base64pad.baseEncode(bytes)
}

/** @returns undefined for all but what `toBase64` makes of some bytes: there is one text for them */
export function fromBase64(text: string): Uint8Array | undefined {
  try {
    const bytes = base64pad.baseDecode(text)
    return toBase64(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}
