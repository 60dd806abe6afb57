/**
 * Bugs of one line, each of which a tired programmer could make. The simulator must find them: they are
 * planted in a copy of the compiled code, one at a time, and the swarm gets a minute for each.
 */
export interface Mutant {
  readonly name: string
  /** Compiled file, below the build directory, without its extension. */
  readonly file: string
  /** What stands there, exactly once, and what is put in its place. */
  readonly find: string
  readonly replace: string
  /** The story that is told, with one seed after the other, for what the swarm leaves out: an author with two histories. */
  readonly scenario?: string
  /** Why nothing can notice, for one that is not found. */
  readonly survives?: string
}

export const MUTANTS: readonly Mutant[] = [
  // ---- chain: records and checkpoints
  {
    name: 'checkpoint: any signature will do',
    file: 'chain/checkpoint',
    find: "return verify(key, concatBytes(tagOf('checkpoint'), checkpoint.bytes), checkpoint.signature)",
    replace: 'return true',
  },
  {
    name: 'checkpoint: the log it speaks of is not compared',
    file: 'chain/checkpoint',
    find: '|| !equalBytes(ofLog, digestOf(log))',
    replace: '',
  },
  {
    name: 'checkpoint: the signer is not compared',
    file: 'chain/checkpoint',
    find: 'if (!equalBytes(checkpoint.keyId, keyIdOf(key)))',
    replace: 'if (false)',
  },
  {
    name: 'intake: a signature once checked is good for every checkpoint of the log',
    file: 'chain/run-intake',
    find: 'if (last !== undefined && equalBytes(last.bytes, checkpoint.bytes) && equalBytes(last.signature, checkpoint.signature))',
    replace: 'if (last !== undefined)',
  },
  {
    name: 'intake: what overlaps is taken from its beginning',
    file: 'chain/run-intake',
    find: 'tailOf(run, size - run.from)',
    replace: 'run',
  },
  { name: 'intake: a gap of one is no gap', file: 'chain/run-intake', find: 'if (run.from > size)', replace: 'if (run.from > size + 1)' },
  {
    name: 'intake: what is held is not compared with the checkpoint',
    file: 'chain/run-intake',
    find: "return equalBytes(log.tree.root(size), root) ? { result: 'held' } : { result: 'diverged', log }",
    replace: "return { result: 'held' }",
    survives: 'the same fork shows when nodes next tell each other how far they are',
  },
  {
    name: 'intake: records from the future are stored',
    file: 'chain/run-intake',
    find: 'wallMs + CLOCK_AHEAD_MAX_MS',
    replace: 'wallMs + 10 * 365 * 86_400_000',
  },
  {
    name: 'intake: one record in a hundred is taken for held',
    file: 'chain/run-intake',
    find: 'if (endOf(run) <= size)',
    replace: 'if (endOf(run) <= size || run.from % 100 === 13)',
  },
  {
    name: 'log: the head stays when the end is cut',
    file: 'chain/log',
    find: 'this.#head = size === 0 ? FIRST_PREV : this.tree.leaf(size - 1)',
    replace: 'void FIRST_PREV',
  },
  {
    name: 'log: durable is not lowered when the end is cut',
    file: 'chain/log',
    find: 'this.durable = Math.min(this.durable, size)',
    replace: 'void 0',
  },

  // ---- chain: the tree
  { name: 'tree: split off by one', file: 'chain/tree', find: 'while (2 * split < count)', replace: 'while (2 * split <= count)' },
  {
    name: 'tree: a wrong pair of neighbours',
    file: 'chain/tree',
    find: 'this.#pair(height - 1, 2 * index)',
    replace: 'this.#pair(height - 1, Math.max(0, 2 * index - 1))',
  },
  { name: 'tree: consistency proofs leave out the first node', file: 'chain/tree', find: 'if (!whole)', replace: 'if (whole)' },
  {
    name: 'tree: a consistency proof holds whatever it ends in',
    file: 'chain/tree',
    find: 'return last === 0 && equalBytes(fromOlder, olderRoot) && equalBytes(fromNewer, newerRoot)',
    replace: 'return last === 0 && equalBytes(fromOlder, olderRoot)',
  },

  // ---- chain: commits
  {
    name: 'chain: what a failed commit wrote is kept',
    file: 'chain/chain',
    find: 'this.#forget(log, log.durable)',
    replace: 'void log',
  },
  {
    name: 'chain: one record less is durable than was written',
    file: 'chain/chain',
    find: 'group.log.durable = last.seq + 1',
    replace: 'group.log.durable = last.seq',
  },
  {
    name: 'chain: a cut is not written down',
    file: 'chain/chain',
    find: "this.#stage({ log, records: [], notes: [{ type: 'cut', payload: encodeCut({ log: log.identity.id, size }) }] })",
    replace: 'void encodeCut',
  },
  {
    name: 'journal: a commit is not synced',
    file: 'chain/journal',
    find: 'this.#disk.sync(file, synced => {\n                if (!synced.ok) {',
    replace: '((_, then) => then({ ok: true }))(file, synced => {\n                if (!synced.ok) {',
  },
  {
    name: 'journal: bytes that a crash has torn stay',
    file: 'chain/journal',
    find: 'disk.truncate(file, first.offset, cut =>',
    replace: 'disk.sync(file, cut =>',
  },

  // ---- chain: held and applied
  {
    name: 'applied: parents are not waited for',
    file: 'chain/applied',
    find: 'if (blocker !== undefined) {',
    replace: 'if (blocker !== undefined && record.seq % 4 === 0) {',
  },
  {
    name: 'applied: who waited is not woken',
    file: 'chain/applied',
    find: 'for (const waiting of this.#waiting.get(id) ?? [])',
    replace: 'for (const waiting of [...(this.#waiting.get(id) ?? [])].slice(1))',
  },
  {
    name: 'applied: sizes lag by one',
    file: 'chain/applied',
    find: 'this.#sizes.set(id, record.seq + 1)',
    replace: 'this.#sizes.set(id, record.seq)',
  },

  // ---- chain: start guard, writing
  {
    name: 'guard: opens with no voucher',
    file: 'chain/start-guard',
    find: 'this.#open = this.#vouchers.size >= needed',
    replace: 'this.#open = true',
  },
  {
    name: 'writer: acknowledged before the disk has it',
    file: 'node/writer',
    find: 'this.#waiting.set(written.at(-1), done)',
    replace: 'done(undefined)',
  },
  {
    name: 'writer: signs while a log is taken back',
    file: 'node/writer',
    find: 'this.#guard.isOpen && this.#held.size === 0 &&',
    replace: 'this.#guard.isOpen &&',
    survives: 'needs a write in the milliseconds between a second voucher that corrects the first and the cut that follows',
  },
  { name: 'writer: a failed commit is reported as done', file: 'node/writer', find: 'done(error);', replace: 'done(undefined);' },

  // ---- sync
  {
    name: 'sync: logs that grew are not told',
    file: 'chain/sync',
    find: 'this.#headsAtMs = Math.min(this.#headsAtMs, nowMs + HEADS_INTERVAL_MS)',
    replace: 'void HEADS_INTERVAL_MS',
  },
  {
    name: 'sync: a stream that both have is taken for equal',
    file: 'chain/sync',
    find: 'own !== undefined && equalBytes(own, digest)',
    replace: 'own !== undefined',
  },
  { name: 'sync: credit is never given back', file: 'chain/sync', find: 'if (due > 0)', replace: 'if (due < 0)' },
  {
    name: 'sync: a fork is seen and forgotten',
    file: 'chain/sync',
    find: 'this.#chain.stageConflict(log, step.conflict)',
    replace: 'void step.conflict',
    scenario: 'twin',
  },
  {
    name: 'sync: a peer that knows our log better vouches for it',
    file: 'chain/sync',
    find: 'if (peer.agreed && peer.outran.size === 0)',
    replace: 'if (peer.agreed)',
  },
  {
    name: 'sync: an outrun needs no proof',
    file: 'chain/sync',
    find: 'if (!isWitnessed(witnessed, seq, keyOf(this.#chain.self)))',
    replace: 'if (false)',
  },
  {
    name: 'pull: asks for one record too many',
    file: 'chain/sync-pull',
    find: 'from: size, head:',
    replace: 'from: Math.max(0, size - 1) + Number(size > 5), head:',
  },
  { name: 'pull: a slow peer is never left', file: 'chain/sync-pull', find: 'if (pull.untilMs > nowMs)', replace: 'if (pull.untilMs > 0)' },

  {
    name: 'pull: whoever kept us waiting is asked first',
    file: 'chain/sync-pull',
    find: 'slow?.has(peer.id) === true ? 1 : 0',
    replace: 'slow?.has(peer.id) === true ? 0 : 1',
  },

  // ---- logs taken back
  {
    name: 'recovery: what was given up is not written again',
    file: 'node/recovery',
    find: 'recovering.displaced = tail',
    replace: 'recovering.displaced = []',
    scenario: 'reformatted-disk',
  },
  {
    name: 'recovery: what the peer has shown is not waited for',
    file: 'node/recovery',
    find: 'this.#published(id) < recovering.target',
    replace: 'this.#published(id) < 0',
  },
  {
    name: 'applier: what was given up is still folded',
    file: 'node/applier',
    find: 'if (this.#foldOf(stream) !== undefined)',
    replace: 'if (false)',
    scenario: 'reformatted-disk',
  },

  // ---- fold
  {
    name: 'fold: a supersede counts whatever it knew of',
    file: 'ecc/supersession',
    find: 'choices.every(choice => view.isBefore(choice, record))',
    replace: 'true',
  },
  {
    name: 'fold: the later of two keys does not win',
    file: 'ecc/supersession',
    find: 'if (view.isNode(holder))\n            yield holder',
    replace: 'if (!view.isNode(holder))\n            yield holder',
  },
  { name: 'fold: anybody retracts anything', file: 'ecc/retraction', find: 'log.at(target) === log.at(owner) &&', replace: '' },
  {
    name: 'fold: a retract of a retract changes nothing',
    file: 'ecc/retraction',
    find: 'change = live ? 1 : -1',
    replace: 'change = live ? -1 : 1',
  },
  {
    name: 'fold: one memory in fifty is not indexed',
    file: 'ecc/folding',
    find: 'this.#become(record, ROLE.node, node)',
    replace: 'if (record % 50 !== 7) this.#become(record, ROLE.node, node)',
  },
  {
    name: 'fold: links lose their direction',
    file: 'ecc/folding',
    find: '{ kind: KIND_OF_REFERENCE.from, id: link.from, value }',
    replace: '{ kind: KIND_OF_REFERENCE.from, id: link.to, value }',
  },
  {
    name: 'applier: records beyond a revocation count',
    file: 'node/applier',
    find: 'seq >= this.#limitOf(author, id))\n            return',
    replace: 'seq < 0)\n            return',
  },

  {
    name: 'applier: the clocks of others are not observed',
    file: 'node/applier',
    find: 'this.#chain.observe(record.hlc)',
    replace: 'void record',
  },
  {
    name: 'applier: what a revocation forbids stays where it is folded',
    file: 'node/applier',
    find: 'if (!fold.counts(causalIdOf(tree.leaf(seq))))',
    replace: 'if (seq >= 0)',
  },

  // ---- messages between processes
  {
    name: 'ipc: an answer is believed whoever sent it',
    file: 'node/ipc/ipc',
    find: 'if (pending === undefined || pending.peer !== peer) {',
    replace: 'if (pending === undefined) {',
  },
  {
    name: 'ipc: a send is handed over twice',
    file: 'node/ipc/ipc',
    find: "return this.#init.processes.deliver(process, { kind: 'message', value, from }) ? 'ok' : 'full'",
    replace:
      "this.#init.processes.deliver(process, { kind: 'message', value, from }); return this.#init.processes.deliver(process, { kind: 'message', value, from }) ? 'ok' : 'full'",
  },
  {
    name: 'ipc: deadlines never pass',
    file: 'node/ipc/ipc',
    find: 'this.#deadlines.expire(this.#context.now.monotonicMs)',
    replace: 'this.#deadlines.expire(0)',
  },
  {
    name: 'ipc: calls of a peer that is gone wait for ever',
    file: 'node/ipc/ipc',
    find: 'if (pending.peer === peer)\n                this.#settle(pending, unreachable(peer))',
    replace: 'if (pending.peer === peer)\n                void unreachable(peer)',
  },
  { name: 'ipc: a message that does not fit is reported as sent', file: 'node/ipc/ipc', find: "? 'ok' : 'full'", replace: "? 'ok' : 'ok'" },

  {
    name: 'ipc: watchers of a peer that is gone wait for ever',
    file: 'node/ipc/ipc',
    find: "if (monitor.at === peer)\n                this.#fire(monitor, 'unreachable')",
    replace: 'if (monitor.at === peer)\n                void monitor',
  },

  // ---- processes
  {
    name: 'processes: pids begin at one after each start',
    file: 'node/core',
    find: 'firstPid: (this.chain.ownLog(AUDIT)?.size ?? 0) + 1',
    replace: 'firstPid: 1',
  },

  {
    name: 'processes: a name is never free again',
    file: 'node/process/processes',
    find: 'this.#byName.delete(process.name)',
    replace: 'void process.name',
  },
  {
    name: 'processes: a process of another name is found',
    file: 'node/process/processes',
    find: 'this.#byName.get(target)',
    replace: 'this.#byName.values().next().value',
  },

  // ---- transport and discovery
  {
    name: 'heartbeat: silence is never noticed',
    file: 'discovery/heartbeat',
    find: 'PEER_SILENT_MS <= nowMs',
    replace: 'PEER_SILENT_MS <= 0',
  },
  {
    name: 'redial: never again after a failure',
    file: 'node/peers',
    find: 'this.#redial.onDialFailed(peer, this.#context.now.monotonicMs)',
    replace: 'void peer',
  },
  { name: 'peers: a connection that is gone is kept', file: 'node/peers', find: 'this.#up.delete(peer);', replace: '' },
  {
    name: 'cluster: whoever was revoked stays',
    file: 'node/core',
    find: "this.context.emit({ kind: 'close', peer: node, code: 'revoked' })",
    replace: 'void node',
    survives: 'the lines after it close the connection of everybody who is no member: only the code that is given differs',
  },
  {
    name: 'peers: frames are no signs of life',
    file: 'node/peers',
    find: 'this.#heartbeat.heard(from, this.#context.now.monotonicMs)',
    replace: 'void from',
  },
  {
    name: 'redial: whoever was connected once is not dialled again',
    file: 'discovery/redial',
    find: 'this.#up.delete(peer)',
    replace: 'void peer',
  },
  {
    name: 'table: a connection that ended is still used',
    file: 'transport/connection-table',
    find: 'if (peer.up === connection)\n            peer.up = undefined',
    replace: 'if (false)\n            peer.up = undefined',
  },
  {
    name: 'members: a revoked node is one that has left',
    file: 'discovery/membership',
    find: "cuts.has(id) ? 'revoked'",
    replace: "cuts.has(id) ? 'retired'",
  },
  {
    name: 'members: who has left is still one',
    file: 'discovery/membership',
    find: "retired.has(id) ? 'retired'",
    replace: "retired.has(id) ? 'member'",
  },
]
