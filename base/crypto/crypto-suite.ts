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

/** What it takes to keep texts from those who hold no key. `node:crypto` alone has all of it. */
export interface SealSuite {
  /** ChaCha20-Poly1305 (RFC 8439): the text, encrypted, and 16 bytes of tag. `key` 32 bytes, `nonce` 12, never twice with one key. */
  seal(key: Uint8Array, nonce: Uint8Array, context: Uint8Array, text: Uint8Array): Uint8Array
  /** @returns undefined when anything is not what it was */
  open(key: Uint8Array, nonce: Uint8Array, context: Uint8Array, box: Uint8Array): Uint8Array | undefined
  /** X25519 (RFC 7748). @returns undefined when the other key is one with which everybody agrees on the same */
  agree(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined
  /** The public key of an X25519 secret. */
  agreementKeyOf(secret: Uint8Array): Uint8Array
  /** The X25519 secret of an Ed25519 seed: its public key is the Ed25519 one in Montgomery form. */
  agreementSecretOf(seed: Uint8Array): Uint8Array
}

/** @returns 64 bytes, the same for the same input (RFC 8032). */
export interface Signer {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}
