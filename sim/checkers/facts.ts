import type { NodeId } from '../../base/ids.ts'

/** How facts are told: ids by their beginning, times in seconds. */
export function short(id: string): string {
  return id.slice(0, 8)
}

/** Node ids all begin alike: the end tells them apart. */
export function nodeText(node: NodeId, name: string | undefined): string {
  return name ?? `a stranger (…${node.slice(-8)})`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** The first place where two answers differ, with what stands there. */
export function difference(a: unknown, b: unknown): readonly [string, string] {
  if (Array.isArray(a) && Array.isArray(b)) {
    const at = Array.from({ length: Math.max(a.length, b.length) }, (_, i) => i).find(i => JSON.stringify(a[i]) !== JSON.stringify(b[i]))
    if (at !== undefined) return [entry(a, at), entry(b, at)]
  }
  return [clipped(a), clipped(b)]
}

function entry(rows: readonly unknown[], at: number): string {
  return at < rows.length ? `number ${at + 1} of ${rows.length} is ${clipped(rows[at])}` : `there are ${rows.length}`
}

/** 160 characters: a line to read; ids in it are cut short. */
export function clipped(value: unknown): string {
  const text = (JSON.stringify(value) ?? 'nothing').replace(/[0-9a-f]{64}/g, short)
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}
