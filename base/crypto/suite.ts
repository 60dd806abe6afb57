import type { CryptoSuite } from './crypto-suite.ts'

/**
 * The primitives this process uses: `node:crypto` where it has Ed25519 and SHAKE-256,
 * the portable build elsewhere (Electron's BoringSSL has no SHAKE, browsers have no node:crypto).
 */
export const suite: CryptoSuite = await choose()

async function choose(): Promise<CryptoSuite> {
  try {
    const { nodeSuite } = await import('./node-suite.ts')
    nodeSuite.shake256(new Uint8Array(1))
    return nodeSuite
  } catch {
    return (await import('./noble-suite.ts')).nobleSuite
  }
}
