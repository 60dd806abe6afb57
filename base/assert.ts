/** A claim that only a bug can break. It stays on in production. */
export function assert(claim: boolean, what: string): asserts claim {
  if (!claim) throw new AssertionError(what)
}

export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}
