import type { ErrorCode } from './errors.ts'

/**
 * The outcome of looking at something a peer sent. `ignore` costs the peer nothing (a
 * duplicate, a late answer, something we cannot judge yet); `reject` counts against it.
 */
export type Verdict =
  | { readonly verdict: 'accept' }
  | { readonly verdict: 'ignore'; readonly code: ErrorCode }
  | { readonly verdict: 'reject'; readonly code: ErrorCode; readonly detail?: string }

/** What a part returns: its verdict, and the work it asks for. It never performs any. */
export interface Reply<Effect> {
  readonly verdict: Verdict
  readonly effects: readonly Effect[]
}

export const ACCEPT: Verdict = { verdict: 'accept' }

export function ignore(code: ErrorCode): Verdict {
  return { verdict: 'ignore', code }
}

export function reject(code: ErrorCode, detail?: string): Verdict {
  return detail === undefined ? { verdict: 'reject', code } : { verdict: 'reject', code, detail }
}
