/**
 * The X25519 key that belongs to an Ed25519 key: the same point in the other coordinates, u = (1 + y) / (1 - y)
 * modulo 2^255 - 19 (RFC 7748, 4.1). So whoever knows a node's id can send it a secret, and no key has to be announced.
 */
const P = 2n ** 255n - 19n

/** @param publicKey 32 bytes of an Ed25519 key. @returns 32 bytes; undefined where there is no such point (y = 1) */
export function montgomeryOf(publicKey: Uint8Array): Uint8Array | undefined {
  let y = 0n
  for (let i = 31; i >= 0; i--) y = (y << 8n) | BigInt(i === 31 ? (publicKey[i] as number) & 0x7f : (publicKey[i] as number))
  const below = (((1n - y) % P) + P) % P
  if (below === 0n) return undefined
  let u = ((1n + y) * power(below, P - 2n)) % P
  const out = new Uint8Array(32)
  for (let i = 0; i < 32; i++) {
    out[i] = Number(u & 0xffn)
    u >>= 8n
  }
  return out
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let square = base, left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * square) % P
    square = (square * square) % P
  }
  return result
}
