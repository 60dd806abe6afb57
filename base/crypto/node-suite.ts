import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { crc32 } from 'node:zlib'
import { concatBytes, toHex } from '../bytes.ts'
import type { CryptoSuite, SealSuite, Signer } from './crypto-suite.ts'

/** DER in front of a raw Ed25519 seed (RFC 8410), so that no password-based format is involved. */
const PKCS8_PREFIX: Uint8Array = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20)
const SPKI_PREFIX: Uint8Array = Uint8Array.of(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0)

/** 4,096 keys: a verify with a cached KeyObject is 2x one that imports the key (16k against 7.7k a second). */
const KEY_CACHE_MAX = 4096
const keys: Map<string, KeyObject> = new Map()

const OPTIONS = { outputLength: 32 }

export const nodeSuite: CryptoSuite = {
  name: 'node',
  // As text: a Buffer would bring memory outside of the heap, a new one for every hash (cold verification is a quarter slower with it).
  shake256: data => bytesOf(createHash('shake256', OPTIONS).update(data).digest('binary')),
  crc32: (data, start = 0) => crc32(data, start),
  publicKeyOf: seed => rawPublicKey(privateKey(seed)),
  signer(seed): Signer {
    const key = privateKey(seed)
    return { publicKey: rawPublicKey(key), sign: message => plain(sign(null, message, key)) }
  },
  verifyEquation: (publicKey, message, signature) => {
    const key = keyObject(publicKey)
    return key !== undefined && verify(null, message, key, signature)
  },
}

const CIPHER = 'chacha20-poly1305'
const TAG = { authTagLength: 16 } as const
/** DER in front of raw X25519 keys (RFC 8410). */
const X25519_PKCS8: Uint8Array = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20)
const X25519_SPKI: Uint8Array = Uint8Array.of(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 3, 0x21, 0)

export const nodeSealing: SealSuite = {
  seal(key, nonce, context, text) {
    const cipher = createCipheriv(CIPHER, key, nonce, TAG)
    cipher.setAAD(context, { plaintextLength: text.length })
    return plain(Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]))
  },
  open(key, nonce, context, box) {
    if (box.length < TAG.authTagLength) return undefined
    const length = box.length - TAG.authTagLength
    const decipher = createDecipheriv(CIPHER, key, nonce, TAG)
    decipher.setAAD(context, { plaintextLength: length })
    decipher.setAuthTag(box.subarray(length))
    const text = decipher.update(box.subarray(0, length))
    try {
      return plain(Buffer.concat([text, decipher.final()]))
    } catch {
      return undefined
    }
  },
  agree(secret, publicKey) {
    try {
      return plain(diffieHellman({ privateKey: agreementKey(secret), publicKey: publicAgreementKey(publicKey) }))
    } catch {
      return undefined
    }
  },
  agreementKeyOf: secret =>
    new Uint8Array(createPublicKey(agreementKey(secret)).export({ format: 'der', type: 'spki' }).subarray(X25519_SPKI.length)),
  agreementSecretOf: seed => plain(createHash('sha512').update(seed).digest().subarray(0, 32)),
}

function agreementKey(secret: Uint8Array): KeyObject {
  if (secret.length !== 32) throw new RangeError(`an X25519 secret has 32 bytes, got ${secret.length}`)
  return createPrivateKey({ key: Buffer.from(concatBytes(X25519_PKCS8, secret)), format: 'der', type: 'pkcs8' })
}

function publicAgreementKey(key: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(concatBytes(X25519_SPKI, key)), format: 'der', type: 'spki' })
}

function privateKey(seed: Uint8Array): KeyObject {
  if (seed.length !== 32) throw new RangeError(`an Ed25519 seed has 32 bytes, got ${seed.length}`)
  return createPrivateKey({ key: Buffer.from(concatBytes(PKCS8_PREFIX, seed)), format: 'der', type: 'pkcs8' })
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length))
}

function keyObject(publicKey: Uint8Array): KeyObject | undefined {
  const name = toHex(publicKey)
  const known = keys.get(name)
  if (known !== undefined) return known
  try {
    const key = createPublicKey({ key: Buffer.from(concatBytes(SPKI_PREFIX, publicKey)), format: 'der', type: 'spki' })
    if (keys.size >= KEY_CACHE_MAX) keys.delete(keys.keys().next().value as string)
    keys.set(name, key)
    return key
  } catch {
    return undefined
  }
}

function bytesOf(latin1: string): Uint8Array {
  const bytes = new Uint8Array(latin1.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = latin1.charCodeAt(i)
  return bytes
}

/** A Buffer's `slice` shares memory where a Uint8Array's copies: what leaves here is never a Buffer. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}
