import {
  COMMIT_BACKLOG_BYTES,
  COMMIT_MAX_BYTES,
  COMMIT_RECORDS_MAX,
  CONNECTIONS_MAX,
  DRAIN_PER_TURN,
  EVENT_RING,
  FRAME_MAX_BYTES,
  INBOX_MAX,
  LOGS_MAX,
  MONITORS_MAX,
  PEER_ADDRESSES_MAX,
  PEER_BOOK_MAX,
  PENDING_CALLS_MAX,
  PROCESSES_MAX,
} from '../../base/limits.ts'
import type { Group } from '../../chain/chain.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import { Judge } from './case.ts'

/** What has to be walked through is looked at once in so many steps. */
const STEPS_PER_LOOK = 256
/** A turn handles so many messages; each may be answered, logged, and told to whoever asked. */
const EFFECTS_MAX: number = 4 * DRAIN_PER_TURN
/** A checkpoint with its proof, and what frames an entry. */
const NOTE_MAX_BYTES = 8 * 1024

/** Nothing grows beyond its bound, whatever is sent. */
export class Bounds extends Judge {
  readonly id = 'bounds'
  readonly says = 'frames, commits and steps, logs, peers, processes, inboxes, events and waiting writes stay within their bounds'
  #steps = 0

  onStep(node: string, core: Core, _: CoreEvent, effects: readonly Effect[]): void {
    if (!this.setup.isCorrect(node)) return
    this.#within(node, 'effects of one step', effects.length, EFFECTS_MAX)
    for (const effect of effects) this.#onEffect(node, effect)
    if (++this.#steps % STEPS_PER_LOOK === 0) this.#look(node, core)
  }

  #onEffect(node: string, effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        return this.#within(node, `bytes of a ${effect.protocol} frame`, effect.frame.length, FRAME_MAX_BYTES)
      case 'dial':
        return this.#within(node, 'addresses of a peer', effect.addresses.length, PEER_ADDRESSES_MAX)
      case 'read':
        return this.#within(node, 'records of one read', effect.maxRecords, COMMIT_RECORDS_MAX)
      case 'commit':
        return this.#onCommit(node, effect.staged.groups, effect.staged.commit.entries.length)
      default:
    }
  }

  /** A commit ends at its bounds, unless one group alone is larger; and its journal entries are what it says and little more. */
  #onCommit(node: string, groups: readonly Group[], entries: number): void {
    let [records, bytes, notes, content] = [0, 0, 0, 0]
    for (const group of groups) {
      records += group.records.length
      bytes += group.bytes
      notes += group.notes.length
      for (const { record } of group.records) content += record.header.length + record.body.length
    }
    if (groups.length > 1) {
      this.#within(node, 'records of one commit', records, COMMIT_RECORDS_MAX)
      this.#within(node, 'bytes of one commit', bytes, COMMIT_MAX_BYTES + NOTE_MAX_BYTES * notes)
    }
    this.#within(
      node,
      `bytes in the journal for ${content} bytes in ${records} records`,
      bytes,
      content + 64 * records + NOTE_MAX_BYTES * notes,
    )
    this.#within(node, 'journal entries of one commit', entries, records + notes + 2 * LOGS_MAX)
  }

  #look(node: string, core: Core): void {
    this.#within(node, 'bytes waiting for the disk', core.chain.backlogBytes, COMMIT_BACKLOG_BYTES + COMMIT_MAX_BYTES)
    this.#within(node, 'logs', core.chain.logs.size, LOGS_MAX)
    this.#within(node, 'connections', core.peers.connected.size, CONNECTIONS_MAX)
    this.#within(node, 'known peers', core.peers.known().length, PEER_BOOK_MAX)
    this.#within(node, 'processes', core.processes.size, PROCESSES_MAX)
    this.#within(node, 'events kept', core.events.after(0, Infinity).length, EVENT_RING)
    this.#within(node, 'writes waiting for their answer', core.writer.waiting, PENDING_CALLS_MAX)
    for (const { pid, inbox } of core.processes.list())
      this.#within(node, `messages in the inbox of process ${pid}`, inbox, INBOX_MAX + MONITORS_MAX)
  }

  #within(node: string, what: string, value: number, limit: number): void {
    if (!(value <= limit)) this.violated([node], `promised: at most ${limit} ${what}`, `${node} has ${value}`)
  }
}
