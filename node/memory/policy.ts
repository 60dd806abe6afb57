import type { Worth } from '../../ecc/worth.ts'

/**
 * When a node forgets, by itself, what it wrote itself. Which memories go is a function of its records, of when they were last
 * recalled here, and of the time; nothing else.
 *
 * - `decay`: what is older than `after`, and was neither recalled here nor linked since.
 * - `label`: what has the label, and is older than `after`.
 * - `quota`: more than `memories` or `bytes`, counted for each value of the label `per` where it is given, and then only of what has that label: the least valuable go first. Value is
 *   the label `weight` (a number; 0 without one), then links that lead to it, then how new it is.
 *
 * What a current memory rests on stays, unless `evenIfNeeded`.
 */
export type Policy = Aged | Quota

interface Common {
  /** Whose memories; `main` without it. */
  readonly space?: string | undefined
  readonly action: 'retract' | 'erase'
  readonly evenIfNeeded: boolean
  /** `name=value`: only memories that have it. */
  readonly label?: string | undefined
}

interface Aged extends Common {
  readonly kind: 'decay' | 'label'
  /** Like 90d, 12h, 30m, 45s. */
  readonly after: string
}

interface Quota extends Common {
  readonly kind: 'quota'
  readonly memories?: number | undefined
  readonly bytes?: number | undefined
  readonly per?: string | undefined
}

const DAY_MS = 86_400_000
const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: DAY_MS, w: 7 * DAY_MS }
/** 1 s to 10,000 days. */
export const AFTER: RegExp = /^([1-9][0-9]{0,8})(s|m|h|d|w)$/

export function durationMs(text: string): number {
  const [, count, unit] = AFTER.exec(text) ?? []
  return Number(count) * (UNITS_MS[unit ?? ''] ?? Number.NaN)
}

/** What is asked of a memory, with what only its text can tell. */
export interface Candidate extends Worth {
  readonly text: string
  readonly meta: Readonly<Record<string, string>>
  readonly bytes: number
  /** When it was last recalled on this node; 0 for never. */
  readonly recalledMs: number
}

export interface Victim {
  readonly candidate: Candidate
  /** Why it goes, in words. */
  readonly because: string
}

export interface Choice {
  /** In the order in which they go. */
  readonly victims: readonly Victim[]
  /** Would have gone, but something current rests on it. */
  readonly needed: number
}

export function choose(policy: Policy, all: readonly Candidate[], nowMs: number): Choice {
  const candidates = policy.label === undefined ? all : all.filter(one => hasLabel(one, policy.label as string))
  const found = policy.kind === 'quota' ? overQuota(policy, candidates) : aged(policy, candidates, nowMs)
  const victims = policy.evenIfNeeded ? found : found.filter(({ candidate }) => !candidate.isNeeded)
  return { victims, needed: found.length - victims.length }
}

function hasLabel({ meta }: Candidate, text: string): boolean {
  const cut = text.indexOf('=')
  return meta[text.slice(0, cut)] === text.slice(cut + 1)
}

function aged(policy: Aged, candidates: readonly Candidate[], nowMs: number): readonly Victim[] {
  const untilMs = nowMs - durationMs(policy.after)
  const usedMs = ({ hlc, linkedMs, recalledMs }: Candidate): number =>
    policy.kind === 'label' ? hlc.ms : Math.max(hlc.ms, linkedMs, recalledMs)
  const because = policy.kind === 'label' ? `${policy.label}, older than ${policy.after}` : `not used for ${policy.after}`
  return candidates
    .filter(one => usedMs(one) < untilMs)
    .sort(oldestFirst)
    .map(candidate => ({ candidate, because }))
}

/** What is needed counts, and stays: others go for it. */
function overQuota(policy: Quota, candidates: readonly Candidate[]): readonly Victim[] {
  const { memories = Infinity, bytes = Infinity, per, evenIfNeeded } = policy
  const groups = new Map<string, Candidate[]>()
  for (const one of candidates) {
    const key = per === undefined ? '' : labelOf(one, per)
    if (key === undefined) continue
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, group]) => {
      let count = group.length
      let size = group.reduce((sum, one) => sum + one.bytes, 0)
      const victims: Victim[] = []
      const because = `over the quota${per === undefined ? '' : ` of ${per}=${key}`}`
      for (const candidate of [...group].sort(leastValuableFirst)) {
        if (count <= memories && size <= bytes) break
        victims.push({ candidate, because })
        if (candidate.isNeeded && !evenIfNeeded) continue
        count--
        size -= candidate.bytes
      }
      return victims
    })
}

function labelOf({ meta }: Candidate, name: string): string | undefined {
  return Object.hasOwn(meta, name) ? meta[name] : undefined
}

function oldestFirst(a: Candidate, b: Candidate): number {
  return a.hlc.ms - b.hlc.ms || a.hlc.counter - b.hlc.counter || (a.id < b.id ? -1 : 1)
}

function leastValuableFirst(a: Candidate, b: Candidate): number {
  return weightOf(a) - weightOf(b) || a.linksIn - b.linksIn || oldestFirst(a, b)
}

function weightOf({ meta }: Candidate): number {
  const weight = Number(meta['weight'] ?? 0)
  return Number.isFinite(weight) ? weight : 0
}
