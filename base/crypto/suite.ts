import { WeftError } from '../errors.ts'
import type { CryptoSuite, SealSuite } from './crypto-suite.ts'

/**
 * The primitives this process uses: `node:crypto` where it has Ed25519 and SHAKE-256,
 * the portable build elsewhere (Electron's BoringSSL has no SHAKE, browsers have no node:crypto).
 */
export const suite: CryptoSuite = await choose()

/** Where it is missing, nothing that is sealed can be read or written; everything else goes on. */
export const sealing: SealSuite = await chooseSealing()

async function chooseSealing(): Promise<SealSuite> {
  try {
    return (await import('./node-suite.ts')).nodeSealing
  } catch {
    const none = (): undefined => undefined
    const fail = (): never => {
      throw new WeftError('incompatible', 'this platform cannot encrypt: it has no node:crypto')
    }
    return { seal: fail, open: none, agree: none, agreementKeyOf: fail, agreementSecretOf: fail }
  }
}

async function choose(): Promise<CryptoSuite> {
  try {
    const { nodeSuite } = await import('./node-suite.ts')
    nodeSuite.shake256(new Uint8Array(1))
    return nodeSuite
  } catch {
    return (await import('./noble-suite.ts')).nobleSuite
  }
}
