import { equalBytes, firstBytes } from '../bytes.ts'
import type { CryptoSuite } from './crypto-suite.ts'
import { suite } from './suite.ts'

/**
 * The one signature rule of the mesh, "weft-strict": 64-byte signature and 32-byte key, S < L,
 * A and R canonical and neither of small order, cofactorless equation.
 *
 * It is pinned because Node 20 (OpenSSL 3.0) and Node 24 (OpenSSL 3.5) accept different
 * signatures: 165 of the 914 vectors of C2SP/CCTV. With the check in front both agree with
 * each other and with noble on all of them, at no measurable cost (x1.006 a verify). Were nodes
 * to disagree on one signature, its author could split the mesh.
 */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, by: CryptoSuite = suite): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  if (!isStrictPoint(publicKey) || !isStrictPoint(signature.subarray(0, 32)) || !isBelowL(signature.subarray(32))) return false
  if (remembered === undefined || by !== suite) return by.verifyEquation(publicKey, message, signature)
  return remembered.verify(publicKey, message, signature)
}

/**
 * From now on this process remembers the answers, at most 8,192 of them. For simulators: what one
 * node has signed, all nodes of the cluster verify, here in one process, at 100 us each: 3.5 of the 23 s in which 100
 * nodes found a cluster, and 0.1 s with this. An answer follows from key, message and signature alone, all three are
 * compared, so nothing else changes. A real node has no use for it: it verifies a signature once.
 */
export function rememberVerified(): void {
  remembered ??= new Remembered()
}

class Remembered {
  /** By the first bytes of the signature. */
  readonly #answers: Map<number, Answer> = new Map()

  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    const first = firstBytes(signature)
    const known = this.#answers.get(first)
    if (known !== undefined && isAbout(known, publicKey, message, signature)) return known.isSound
    const isSound = suite.verifyEquation(publicKey, message, signature)
    if (known === undefined && this.#answers.size >= REMEMBERED_MAX) this.#answers.delete(this.#answers.keys().next().value as number)
    this.#answers.set(first, { publicKey: publicKey.slice(), message: message.slice(), signature: signature.slice(), isSound })
    return isSound
  }
}

interface Answer {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
  readonly isSound: boolean
}

function isAbout(answer: Answer, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return equalBytes(answer.signature, signature) && equalBytes(answer.publicKey, publicKey) && equalBytes(answer.message, message)
}

/** 8,192 answers: some 3 MB of checkpoints. */
const REMEMBERED_MAX = 8192
let remembered: Remembered | undefined

/** True for a key that may be admitted: canonical and not of small order. */
export function isStrictKey(publicKey: Uint8Array): boolean {
  return publicKey.length === 32 && isStrictPoint(publicKey)
}

/** y of the points whose order divides 8, little-endian; with either sign bit they are refused. */
const SMALL_ORDER_Y: readonly string[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]
const smallOrder: readonly Uint8Array[] = SMALL_ORDER_Y.map(hex =>
  Uint8Array.from(hex.match(/../g) ?? [], pair => Number.parseInt(pair, 16)),
)

function isStrictPoint(point: Uint8Array): boolean {
  return isCanonicalY(point) && !smallOrder.some(y => sameY(point, y))
}

/** y < p = 2^255 - 19, little-endian, the sign bit set aside. */
function isCanonicalY(point: Uint8Array): boolean {
  if (((point[31] as number) & 0x7f) !== 0x7f || (point[0] as number) < 0xed) return true
  for (let i = 1; i < 31; i++) if (point[i] !== 0xff) return true
  return false
}

function sameY(point: Uint8Array, y: Uint8Array): boolean {
  if (((point[31] as number) & 0x7f) !== y[31]) return false
  for (let i = 0; i < 31; i++) if (point[i] !== y[i]) return false
  return true
}

/** Order of the base point, little-endian. */
const L: Uint8Array = Uint8Array.of(
  0xed,
  0xd3,
  0xf5,
  0x5c,
  0x1a,
  0x63,
  0x12,
  0x58,
  0xd6,
  0x9c,
  0xf7,
  0xa2,
  0xde,
  0xf9,
  0xde,
  0x14,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0x10,
)

function isBelowL(scalar: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (scalar[i] as number) - (L[i] as number)
    if (difference !== 0) return difference < 0
  }
  return false
}
