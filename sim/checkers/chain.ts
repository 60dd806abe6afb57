import { concatBytes, equalBytes, toHex, ZERO_32 } from '../../base/bytes.ts'
import { decode } from '../../base/codec.ts'
import { verify } from '../../base/crypto/ed25519.ts'
import { hash, tagOf } from '../../base/crypto/hash.ts'
import { type CausalId, keyOf, type LogId } from '../../base/ids.ts'
import type { Group } from '../../chain/chain.ts'
import { keyIdOf, type SignedCheckpoint } from '../../chain/checkpoint.ts'
import { decodeCut } from '../../chain/cover.ts'
import type { Log } from '../../chain/log.ts'
import type { Written } from '../../chain/written.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import { Judge, soundNodes } from './case.ts'
import type { Ending, Testimony } from './checker.ts'
import { nodeText, short } from './facts.ts'
import { Peaks } from './peaks.ts'

/** One checkpoint in 8 is verified whole: a signature costs as much as 30 hashes. */
const CHECKPOINTS_PER_PROOF = 8

/** What a header says of its place. */
interface Place {
  readonly header: Uint8Array
  readonly body: Uint8Array
  readonly log: string
  readonly seq: number
  readonly prev: string
}

/**
 * Logs are what they promise to be, by arithmetic of the judge's own: hashes, places, links, roots,
 * signatures. And no correct author signs less than others have already seen of its log.
 */
export class ChainChecker extends Judge {
  readonly id = 'chain'
  readonly says = 'every log is an unbroken chain, and no correct node takes back what it has shown'
  readonly #places: Map<CausalId, Place> = new Map()
  /** By node and log: how many records were seen there. */
  readonly #sizes: Map<string, Map<LogId, number>> = new Map()
  /** Checkpoints that correct authors signed, by size; they may be on their way to the disk. */
  readonly #signed: Map<LogId, Map<number, SignedCheckpoint>> = new Map()
  readonly #peaks: Map<LogId, { peaks: Peaks; readonly ids: CausalId[] }> = new Map()
  /** What the newest life of an author must not sign less than: so much of it was bound to be known to whoever let it sign. */
  readonly #floors: Map<LogId, number> = new Map()
  #checkpoints = 0

  override onBoot(node: string, core: Core): void {
    super.onBoot(node, core)
    const held = this.ledger.heldBy(node)
    this.#sizes.set(node, new Map([...held].map(([log, ids]) => [log, ids.length])))
    if (!this.setup.isCorrect(node)) return
    for (const log of this.#logsOf(core)) this.#floors.set(log, this.#floorOf(node, core, log))
  }

  onStep(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void {
    this.ledger.onStep(node, core, event, effects)
    if (!this.setup.isCorrect(node)) return
    for (const effect of effects) {
      if (effect.kind !== 'commit') continue
      for (const [log, checkpoint] of effect.staged.checkpoints) this.#onSigned(node, log, checkpoint)
    }
    if (event.kind !== 'committed' || event.error !== undefined) return
    const { groups, checkpoints } = event.staged
    for (const group of groups) if (!this.#isChained(node, group) || !this.#isCovered(node, group)) return
    for (const [log, checkpoint] of checkpoints) if (!this.#isProved(node, log, checkpoint)) return
    for (const { log } of groups) if (!this.#isOrdered(node, log)) return
  }

  /** What is shown is on the disk, and what is on the disk is there. */
  #isOrdered(node: string, { identity, published, durable, size }: Log): boolean {
    if (published <= durable && durable <= size) return true
    this.violated(
      [node],
      `${node} holds ${size} records of ${this.ledger.textOf(identity.id)}`,
      `it takes ${durable} of them for stored, and has shown ${published}`,
    )
    return false
  }

  // ---- records

  #isChained(node: string, { log, records, notes }: Group): boolean {
    const { id } = log.identity
    const sizes = this.#sizes.get(node) ?? new Map<LogId, number>()
    this.#sizes.set(node, sizes)
    const ids = this.ledger.heldBy(node).get(id) ?? []
    let size = sizes.get(id) ?? 0
    for (const note of notes) if (note.type === 'cut') size = Math.min(size, decodeCut(note.payload)?.size ?? size)
    for (const record of records) {
      const fault = this.#faultOf(record, id, size, ids)
      if (fault !== undefined) {
        this.violated(
          [node],
          `${node} stored record ${record.seq} (${short(record.id)}) in ${this.ledger.textOf(id)}, of which it held ${size}`,
          fault,
        )
        return false
      }
      size++
    }
    sizes.set(id, size)
    return true
  }

  #faultOf(record: Written, log: LogId, size: number, ids: readonly CausalId[]): string | undefined {
    const place = this.#placeOf(record)
    if (typeof place === 'string') return place
    if (place.log !== log) return `its header is of log ${short(place.log)}`
    if (place.seq !== size || record.seq !== size) return `its header says that it is record ${place.seq}`
    const prev = size === 0 ? toHex(ZERO_32) : ids[size - 1]
    return place.prev === prev
      ? undefined
      : `its header names ${short(place.prev)} as the record before, which is ${short(prev ?? 'unknown')}`
  }

  /** What the header says, by the judge's own reading; the same bytes are hashed once. */
  #placeOf({ id, record }: Written): Place | string {
    const known = this.#places.get(id)
    if (known !== undefined)
      return equalBytes(known.header, record.header) && (record.erasedBy !== undefined || equalBytes(known.body, record.body))
        ? known
        : 'elsewhere other bytes stand under that id'
    const leaf = toHex(hash('leaf', record.header))
    if (leaf !== id) return `the hash of its header is ${short(leaf)}`
    const decoded = decode(record.header)
    const [, log, seq, prev, , , , , , commit, length] = decoded.ok && Array.isArray(decoded.value) ? decoded.value : []
    if (!(log instanceof Uint8Array && prev instanceof Uint8Array && commit instanceof Uint8Array) || typeof seq !== 'number')
      return 'its header is no header'
    // An erased body is gone, and so is its salt.
    const isErased = record.erasedBy !== undefined && record.body.length === 0
    if (!isErased && (length !== record.body.length || !equalBytes(commit, hash('body', record.salt, record.body))))
      return 'its body is not the one that its header commits to'
    const place = { header: record.header, body: record.body, log: toHex(log), seq, prev: toHex(prev) }
    // What others have of it is held against the whole record.
    if (!isErased) this.#places.set(id, place)
    return place
  }

  // ---- checkpoints

  /** The author's signature is on its way out. */
  #onSigned(node: string, { identity }: Log, checkpoint: SignedCheckpoint): void {
    let bySize = this.#signed.get(identity.id)
    if (bySize === undefined) this.#signed.set(identity.id, (bySize = new Map()))
    bySize.set(checkpoint.size, checkpoint)
    const floor = this.#floors.get(identity.id) ?? 0
    if (checkpoint.size < floor)
      this.violated(
        [node],
        `${floor} records of ${this.ledger.textOf(identity.id)} were known to so many when ${node} started that whoever let it sign knew of them`,
        `${node} has signed that it has ${checkpoint.size}`,
      )
  }

  /** What the author signed is what its disk holds. */
  #isProved(node: string, { identity }: Log, checkpoint: SignedCheckpoint): boolean {
    const ids = this.ledger.heldBy(node).get(identity.id) ?? []
    const fault =
      toHex(checkpoint.headLeaf) !== ids[checkpoint.size - 1]
        ? `its record ${checkpoint.size - 1} is ${short(ids[checkpoint.size - 1] ?? 'missing')}, and the checkpoint says ${short(toHex(checkpoint.headLeaf))}`
        : this.#checkpoints++ % CHECKPOINTS_PER_PROOF === 0
          ? this.#faultOfProof(identity.id, ids, checkpoint, keyOf(identity.author))
          : undefined
    if (fault === undefined) return true
    this.violated([node], `${node} has signed ${checkpoint.size} records of ${this.ledger.textOf(identity.id)}`, fault)
    return false
  }

  #faultOfProof(
    log: LogId,
    ids: readonly CausalId[],
    { size, root, bytes, signature }: SignedCheckpoint,
    key: Uint8Array,
  ): string | undefined {
    const own = this.#rootOf(log, ids, size)
    if (!equalBytes(own, root)) return `their root is ${short(toHex(own))}, and the checkpoint says ${short(toHex(root))}`
    return verify(key, concatBytes(tagOf('checkpoint'), bytes), signature) ? undefined : 'its signature is not valid'
  }

  /** Of a log that grows, which costs a hash for each record; from the beginning when it was cut. */
  #rootOf(log: LogId, ids: readonly CausalId[], size: number): Uint8Array {
    let known = this.#peaks.get(log)
    const last = (known?.ids.length ?? 0) - 1
    if (known === undefined || last >= size || (last >= 0 && known.ids[last] !== ids[last]))
      this.#peaks.set(log, (known = { peaks: new Peaks(), ids: [] }))
    for (let seq = known.ids.length; seq < size; seq++) {
      known.peaks.add(ids[seq] as CausalId)
      known.ids.push(ids[seq] as CausalId)
    }
    return known.peaks.root
  }

  /** What vouches for a replica was signed by its author: a correct one is known to have done so, of another the signature is checked. */
  #isCovered(node: string, { log, cover }: Group): boolean {
    if (cover === undefined) return true
    const { id, author } = log.identity
    const { checkpoint } = cover
    const name = this.story.nameOf(author)
    const told = decode(checkpoint.bytes)
    const [, , , ofLog, , keyId, size] = told.ok && Array.isArray(told.value) ? told.value : []
    const isOfLog = ofLog instanceof Uint8Array && toHex(ofLog) === id && size === checkpoint.size
    if (!isOfLog || !(keyId instanceof Uint8Array && equalBytes(keyId, keyIdOf(keyOf(author))))) {
      this.violated(
        [node],
        `${node} has stored ${cover.held} records of ${this.ledger.textOf(id)} on the word of a checkpoint`,
        isOfLog ? 'it names another key than that of the author' : 'it is of another log, or of another size',
      )
      return false
    }
    const known = this.#signed.get(id)?.get(checkpoint.size)
    if (known !== undefined && equalBytes(known.bytes, checkpoint.bytes) && equalBytes(known.signature, checkpoint.signature)) return true
    if (verify(keyOf(author), concatBytes(tagOf('checkpoint'), checkpoint.bytes), checkpoint.signature)) {
      // Signed again after a loss, or in a life that nobody watched: it stands, and need not be checked again.
      const bySize = this.#signed.get(id) ?? new Map<number, SignedCheckpoint>()
      this.#signed.set(id, bySize.set(checkpoint.size, checkpoint))
      return true
    }
    this.violated(
      [node, ...(name === undefined ? [] : [name])],
      `${node} has stored ${cover.held} records of ${this.ledger.textOf(id)} on the word of a checkpoint over ${checkpoint.size}`,
      `${nodeText(author, name)} did not sign it`,
    )
    return false
  }

  // ---- what was shown

  /** The logs of an author that anybody holds: its own disk may have lost them. */
  #logsOf(core: Core): ReadonlySet<LogId> {
    const logs = this.setup.scenario.nodes.flatMap(({ name }) => [...this.ledger.heldBy(name).keys()])
    return new Set(logs.filter(log => this.ledger.identity(log)?.author === core.self))
  }

  /**
   * A disk that keeps what it synced remembers what was shown. Otherwise those who vouch at the start must know
   * it: only when so many hold it that there are not enough others to vouch is it certain that one of them does.
   */
  #floorOf(node: string, core: Core, log: LogId): number {
    const others = this.setup.scenario.nodes.map(({ name }) => name).filter(name => name !== node && this.setup.isCorrect(name))
    const sizes = others.map(name => this.ledger.heldBy(name).get(log)?.length ?? 0).sort((a, b) => b - a)
    if (this.story.lossesOf(node).length === 0) return sizes[0] ?? 0
    const members = Math.max(others.length, core.cluster.others.length)
    const vouchers = this.setup.scenario.guard === 'majority' ? Math.floor((members + 1) / 2) : 1
    return sizes[members - vouchers] ?? 0
  }

  // ---- the end

  atEnd(ending: Ending): void {
    const seen = new Map<string, readonly [name: string, root: string, head: string]>()
    for (const [name, { verification }] of ending.nodes)
      if (!verification.valid && !this.story.has(['disk-rot'], name))
        return this.violated(
          [name],
          `${name} verifies its journal`,
          `it finds ${verification.reason} in ${verification.file} at ${verification.offset}`,
        )
    for (const [name, testimony] of soundNodes(ending, this.story)) if (!this.#isSound(name, testimony, seen)) return
  }

  #isSound(name: string, { heads, verification }: Testimony, seen: Map<string, readonly [string, string, string]>): boolean {
    for (const { logId, size, head, root, published, conflict } of heads) {
      const verified = verification.valid ? verification.logs.find(log => log.logId === logId) : undefined
      const [other, itsRoot, itsHead] = seen.get(`${logId} ${size}`) ?? [name, root, head]
      if (!conflict) seen.set(`${logId} ${size}`, [other, itsRoot, itsHead])
      const ids = this.ledger.heldBy(name).get(logId)
      const own = ids === undefined || ids.length !== size || other !== name ? undefined : toHex(this.#rootOf(logId, ids, size))
      const facts: readonly (readonly [boolean, string])[] = [
        [published <= size, `it has shown ${published} of them`],
        [
          verified === undefined || verified.size > size || (verified.size === size && verified.root === root),
          `its journal has ${verified?.size} with root ${short(verified?.root ?? '')}`,
        ],
        [conflict || (itsRoot === root && itsHead === head), `on ${other} as many have root ${short(itsRoot)}`],
        [own === undefined || own === root, `the root of the records that were seen to be stored there is ${short(own ?? '')}`],
        [
          ids === undefined || ids.length !== size || ids[size - 1] === head,
          `the last record seen to be stored there is ${short(ids?.[size - 1] ?? '')}`,
        ],
      ]
      const broken = facts.find(([holds]) => !holds)
      if (broken === undefined) continue
      this.violated(
        [name, ...(other === name ? [] : [other])],
        `${name} holds ${size} records of log ${short(logId)} with root ${short(root)} at the end`,
        broken[1],
      )
      return false
    }
    return true
  }
}
