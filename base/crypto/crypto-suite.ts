/**
 * The primitives everything rests on. Both implementations give the same answer to
 * every input, published edge cases included; `test/base/crypto.test.ts` compares them.
 */
export interface CryptoSuite {
  readonly name: 'node' | 'noble'
  /** SHAKE-256, 32 bytes of output. A shorter output would be a prefix of a longer one, so the length is fixed. */
  shake256(data: Uint8Array): Uint8Array
  /** CRC-32 (IEEE 802.3) of `data`, continued from `start`: it finds accidents, the hashes find people. */
  crc32(data: Uint8Array, start?: number): number
  /** The public key, 32 bytes, of a 32-byte secret seed. */
  publicKeyOf(seed: Uint8Array): Uint8Array
  /** A signer over one seed; keeps what is expensive to prepare. */
  signer(seed: Uint8Array): Signer
  /**
   * The raw verification equation: callers use `verify` of `ed25519.ts`, which pins the rule.
   * Cofactorless, S below the group order; may or may not accept small-order or non-canonical points.
   */
  verifyEquation(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

/** @returns 64 bytes, the same for the same input (RFC 8032). */
export interface Signer {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}
