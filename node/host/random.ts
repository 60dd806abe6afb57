import { randomFillSync } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import type { Random } from '../../base/ports.ts'

/** 8 KiB: one call for 512 nonces of 16 bytes; each call costs more than its bytes. */
const POOL_BYTES = 8192

const pool: Uint8Array = new Uint8Array(POOL_BYTES)
let used: number = POOL_BYTES

/** Unpredictable bytes of the operating system. */
export const hostRandom: Random = { bytes, below }

function bytes(length: number): Uint8Array {
  if (length > POOL_BYTES / 8) return randomFillSync(new Uint8Array(length))
  if (used + length > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  const out = pool.slice(used, used + length)
  // What has been given away may be a secret: it is kept nowhere else.
  pool.fill(0, used, used + length)
  used += length
  return out
}

/** Without bias: numbers above the last whole multiple of `bound` are drawn again, less than once on average. */
function below(bound: number): number {
  assert(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, `a bound is 1 to 2^32, got ${bound}`)
  const limit = 2 ** 32 - (2 ** 32 % bound)
  for (;;) {
    const drawn = bytes(4)
    const word = new DataView(drawn.buffer).getUint32(0)
    if (word < limit) return word % bound
  }
}
