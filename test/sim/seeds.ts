import type { Test } from 'tap'

/**
 * Which seeds a file runs: `WEFT_SEED=17` that one alone, `WEFT_SEEDS=1000` the first so many,
 * otherwise as many as `npm test` has time for.
 */
export function seedsOf(usual: number): readonly number[] {
  const { WEFT_SEED: only, WEFT_SEEDS: count = usual } = process.env
  return only === undefined ? Array.from({ length: Number(count) }, (_, i) => i + 1) : [Number(only)]
}

/** One seed that a test needs: its own, unless another one is asked for. */
export function seedOf(usual: number): number {
  return Number(process.env['WEFT_SEED'] ?? usual)
}

/** 3 failures: enough to compare, and no run through a thousand seeds that all fail alike. */
const FAILURES_SHOWN = 3

/** Runs `tell` with every seed. What goes wrong is shown with the command that shows it again. */
export function withSeeds(t: Test, file: string, usual: number, tell: (seed: number) => void): void {
  let failures = 0
  for (const seed of seedsOf(usual)) {
    try {
      tell(seed)
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      t.fail(`seed ${seed}: ${error.message}`, { replay: `WEFT_SEED=${seed} node build/test/sim/${file}`, stack: error.stack ?? '' })
      if (++failures === FAILURES_SHOWN) return
    }
  }
  if (failures === 0) t.pass(`${seedsOf(usual).length} seeds`)
}
