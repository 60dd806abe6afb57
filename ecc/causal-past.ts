import { Column, type Numbers } from './column.ts'

/**
 * What each record has in its causal past, exactly: for a record of log A and any log B, how
 * many of B's records came before it. A record knows what its predecessor knew, its parents,
 * and what they knew; so along A the count for B only grows, and only records with parents make
 * it grow. Those steps are kept, a search finds the step in force.
 *
 * Logs and records are named by number; a count is one more than the highest seq.
 */
export class CausalPast {
  /** By log A, then by log B. */
  readonly #steps: Map<number, Steps>[] = []

  /** @param parents of the record, of other logs, each with its seq */
  add(log: number, seq: number, parents: readonly (readonly [log: number, seq: number])[]): void {
    const row = this.#open(log)
    for (const [parentLog, parentSeq] of parents) {
      if (parentLog === log) continue
      raise(row, parentLog, seq, parentSeq + 1)
      for (const [other, steps] of this.#open(parentLog)) {
        if (other !== log) raise(row, other, seq, countAt(steps, parentSeq))
      }
    }
  }

  /** Records of log `other` that came before record `seq` of `log`. */
  count(log: number, seq: number, other: number): number {
    if (other === log) return seq
    const steps = this.#steps[log]?.get(other)
    return steps === undefined ? 0 : countAt(steps, seq)
  }

  /** Every pair of logs with steps between them. */
  *pairs(): Generator<readonly [log: number, other: number]> {
    for (const [log, row] of this.#steps.entries()) for (const other of row.keys()) yield [log, other]
  }

  /** What a snapshot keeps of a pair, made when it is not there yet. */
  columns(log: number, other: number): readonly Column<Numbers>[] {
    const { seqs, counts } = stepsOf(this.#open(log), other)
    return [seqs, counts]
  }

  #open(log: number): Map<number, Steps> {
    while (this.#steps.length <= log) this.#steps.push(new Map())
    return this.#steps[log] as Map<number, Steps>
  }
}

/** Both ascending. */
interface Steps {
  readonly seqs: Column<Uint32Array>
  readonly counts: Column<Uint32Array>
}

/** The count in force at `seq`: that of the last step at or before it. */
function countAt(steps: Steps, seq: number): number {
  let low = 0
  let high = steps.seqs.length
  // Most questions are about the newest record.
  if (high > 0 && steps.seqs.at(high - 1) <= seq) return steps.counts.at(high - 1)
  while (low < high) {
    const middle = (low + high) >> 1
    if (steps.seqs.at(middle) <= seq) low = middle + 1
    else high = middle
  }
  return low === 0 ? 0 : steps.counts.at(low - 1)
}

/** From record `seq` on, `count` records of `other` are past. */
function raise(row: Map<number, Steps>, other: number, seq: number, count: number): void {
  if (count === 0) return
  const steps = stepsOf(row, other)
  const last = steps.seqs.length - 1
  if (last >= 0 && steps.counts.at(last) >= count) return
  if (last >= 0 && steps.seqs.at(last) === seq) {
    steps.counts.set(last, count)
  } else {
    steps.seqs.push(seq)
    steps.counts.push(count)
  }
}

function stepsOf(row: Map<number, Steps>, other: number): Steps {
  let steps = row.get(other)
  if (steps === undefined) {
    steps = { seqs: new Column(Uint32Array), counts: new Column(Uint32Array) }
    row.set(other, steps)
  }
  return steps
}
