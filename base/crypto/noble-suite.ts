import { getPublicKey, hashes, Point, sign } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { shake256 } from '@noble/hashes/sha3.js'
import { concatBytes, equalBytes } from '../bytes.ts'
import type { CryptoSuite } from './crypto-suite.ts'

hashes.sha512 = sha512

/** Order of the base point, RFC 8032 section 5.1. */
const L: bigint = 2n ** 252n + 27742317777372353535851937790883648493n

/** Portable JavaScript, 5-18x slower than `node:crypto`: for hosts without it, and the oracle of the tests. */
export const nobleSuite: CryptoSuite = {
  name: 'noble',
  shake256: data => shake256(data, { dkLen: 32 }),
  crc32,
  publicKeyOf: seed => getPublicKey(seed),
  signer: seed => ({ publicKey: getPublicKey(seed), sign: message => sign(message, seed) }),
  verifyEquation: (publicKey, message, signature) => {
    try {
      const A = Point.fromBytes(publicKey, false)
      const R = signature.subarray(0, 32)
      const S = littleEndian(signature.subarray(32))
      const k = littleEndian(sha512(concatBytes(R, publicKey, message))) % L
      const left = S === 0n ? Point.ZERO : Point.BASE.multiply(S, false)
      return equalBytes(left.subtract(A.multiply(k, false)).toBytes(), R)
    } catch {
      return false
    }
  },
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number)
  return value
}

const CRC_TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1
  return crc
})

function crc32(data: Uint8Array, start: number = 0): number {
  let crc = ~start
  for (let i = 0; i < data.length; i++) crc = (CRC_TABLE[(crc ^ (data[i] as number)) & 0xff] as number) ^ (crc >>> 8)
  return ~crc >>> 0
}
