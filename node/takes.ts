import { DEFAULT_SPACE, memoryStream } from '../base/ids.ts'
import type { Takes } from '../chain/sharing.ts'

/** Which spaces a node keeps a copy of: those named, or all but those named; all when neither is given. */
export interface TakesOptions {
  readonly replicateSpaces: readonly string[]
  readonly replicateExcept: readonly string[]
}

/** `main` is always among them. @returns undefined for all */
export function takesOf({ replicateSpaces, replicateExcept }: TakesOptions): Takes | undefined {
  if (replicateSpaces.length > 0) return { isExcept: false, streams: new Set([DEFAULT_SPACE, ...replicateSpaces].map(memoryStream)) }
  const without = replicateExcept.filter(space => space !== DEFAULT_SPACE)
  return without.length === 0 ? undefined : { isExcept: true, streams: new Set(without.map(memoryStream)) }
}

/** The space of a memory by its labels: of rules `label=value` -> space the first that fits. */
export function routeOf(routes: Readonly<Record<string, string>>, meta: Readonly<Record<string, unknown>> | undefined): string | undefined {
  for (const [rule, space] of Object.entries(routes)) {
    const cut = rule.indexOf('=')
    const label = rule.slice(0, cut)
    if (meta !== undefined && Object.hasOwn(meta, label) && String(meta[label]) === rule.slice(cut + 1)) return space
  }
  return undefined
}
