import { type CausalId, parseCausalId } from '../../base/ids.ts'
import { COPIES_READ_MAX, MARKS_MAX } from '../../base/limits.ts'
import { marksIn } from '../../ecc/bare-text.ts'
import type { Ref } from '../../ecc/record-table.ts'
import type { Remember, RememberInput } from '../../ecc/records.ts'
import type { Receipt, VectorOptions } from '../api.ts'
import { type Answering, attempt } from './answers.ts'
import type { Memory } from './memory.ts'
import type { OutgoingEdge, ReceiptDone } from './memory-writer.ts'
import { patiently, requireWhole } from './whole.ts'

/** How a memory is written that is not known yet, and what goes with it. */
export interface Remembering extends VectorOptions {
  readonly edges: readonly OutgoingEdge[]
  /** Write it although another author wrote the same. */
  readonly again?: boolean | undefined
  /** @returns true when it was not known before */
  readonly write: (edges: readonly OutgoingEdge[], done: ReceiptDone) => boolean
}

/**
 * Writes a memory, unless it is one already: of this node with the same content, or of anybody with the same words, and
 * nothing said beside them that the other does not say. So what an agent recalled and writes again, quoted or not, stays
 * one memory; what it makes of recalled text that it names is linked to it as derived from it.
 */
export function remember(
  memory: Memory,
  input: RememberInput,
  how: Remembering,
  to: Answering<Receipt> & { readonly actor: string },
): void {
  const write = (): void => {
    // What was known already is answered before `write` returns.
    let isNew = false
    isNew = how.write([...how.edges, ...sourcesOf(memory, input.text, how.edges)], (error, receipt) => {
      if (error === undefined) to.ok(isNew ? receipt : { ...receipt, known: true })
      else to.fail(error)
    })
  }
  // A key is a name of its author's own.
  const copies = how.again === true || input.key !== undefined ? [] : memory.fold.withText(input.text).slice(0, COPIES_READ_MAX)
  if (copies.length === 0) return write()
  memory.texts.read(
    copies.map(({ ref }) => ref),
    said => {
      const known = copies[said.findIndex((one, i) => isSaidBy(memory, input, one, (copies[i] as Copy).id))]
      attempt(to, known === undefined ? write : () => addTo(memory, known, how, to))
    },
    // What cannot be read now can be written all the same.
    () =>
      patiently(to, () => {
        requireWhole(memory)
        write()
      }),
  )
}

interface Copy {
  readonly id: CausalId
  readonly ref: Ref
}

/** The other one says all that this would say. Of this node's own the writer knows the very same ones; here it is one in other spaces or quote marks. */
function isSaidBy(memory: Memory, input: RememberInput, said: Remember, id: CausalId): boolean {
  if (memory.isOwn(id) && said.text === input.text) return false
  const labels = new Map(said.meta)
  return (
    Object.entries(input.meta ?? {}).every(([name, value]) => labels.get(name) === value) &&
    ([input.source, input.validFrom, input.validTo] as const).every(
      (one, i) => one === undefined || one === [said.source, said.validFrom, said.validTo][i],
    )
  )
}

/** What a text names as recalled, as far as it is known here. */
function sourcesOf(memory: Memory, text: string, edges: readonly OutgoingEdge[]): OutgoingEdge[] {
  const found = marksIn(text)
    .slice(0, MARKS_MAX)
    .flatMap((mark): CausalId[] => {
      const whole = parseCausalId(mark)
      const ids = whole === undefined ? memory.fold.idsWithPrefix(mark, 2) : [whole]
      return ids.length === 1 && memory.fold.node(ids[0] as CausalId) !== undefined ? ids : []
    })
  return [...new Set(found)].filter(id => !edges.some(edge => edge.to === id)).map(to => ({ type: 'derived-from', to }))
}

/** What was to be said with it is said of the one that is there. */
function addTo(
  memory: Memory,
  { id, ref }: Copy,
  { edges, vector, embedder }: Remembering,
  to: Answering<Receipt> & { readonly actor: string },
): void {
  const { writer } = memory
  const parts = edges.map(edge => (done: ReceiptDone) => writer.link({ ...edge, from: id }, to.actor, done))
  if (vector !== undefined && embedder !== undefined) parts.unshift(done => writer.vectorFor(id, { vector, embedder }, to.actor, done))
  memory.countKnown()
  let receipt: Receipt = { id, log: ref.log, seq: ref.seq, known: true }
  let left = parts.length
  let isAnswered = left === 0
  if (isAnswered) return to.ok(receipt)
  parts.forEach((part, i) =>
    part((error, made) => {
      left--
      if (error === undefined && i === 0 && vector !== undefined) receipt = { ...receipt, vector: made }
      if (isAnswered || (error === undefined && left > 0)) return
      isAnswered = true
      if (error === undefined) to.ok(receipt)
      else to.fail(error)
    }),
  )
}
