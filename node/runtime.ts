import type { Buggify } from '../base/buggify.ts'
import { utf8 } from '../base/bytes.ts'
import { WeftError } from '../base/errors.ts'
import { REQUESTS_WAITING_MAX } from '../base/limits.ts'
import type { Clock, Disk, Logger, Timer } from '../base/ports.ts'
import type { StagedCommit } from '../chain/chain.ts'
import type { Journal } from '../chain/journal.ts'
import type { StoredRecord } from '../chain/record.ts'
import { type VerifyResult, verifyJournal } from '../chain/verify.ts'
import type { Embedder } from '../ecc/embedder.ts'
import type { VectorStore } from '../ecc/vector-store.ts'
import type { Transport } from '../transport/transport.ts'
import type { AnswerTo } from './commands/command.ts'
import { perform } from './commands/table.ts'
import type { CommandName, CommandTypes } from './commands/types.ts'
import type { Core } from './core.ts'
import { performVector } from './memory/vector-effect.ts'
import type { IdIndex } from './id-index.ts'
import { FileSaver } from './save-file.ts'
import { Slices } from './slices.ts'
import type { CoreEvent, Effect, Loaded, RecordRef } from './step.ts'

/**
 * Performs what the core asks for on the ports of its host, and turns what comes back into
 * events. The same for real machines and for the simulator: only the ports differ. One step at a time; an
 * event that comes while effects are performed waits its turn.
 */
export interface RuntimePorts {
  readonly clock: Clock
  readonly disk: Disk
  readonly transport: Transport
  readonly log: Logger
  readonly journal: Journal
  readonly index: IdIndex
  readonly vectors: VectorStore
  /** Loads a program from a module: code is a matter of the host. */
  readonly load: (path: string, then: (loaded: Loaded) => void) => void
  /** Without one nothing asks for it. */
  readonly embedder?: Embedder | undefined
  /** The node was asked to shut down from outside. */
  readonly onStop: () => void
  readonly buggify: Buggify
  /** Sees every step, before its effects are performed, and changes nothing. */
  readonly observe?: ((event: CoreEvent, effects: readonly Effect[]) => void) | undefined
}

export const BLOCKED_FILE = 'blocked.json'
/** 20 ms: forty syncs of a fast disk. In the rare branch only. */
const COMMIT_LATE_MS = 20
/** 8 records of one answer are read side by side: the host's threads are busy, and another answer is not kept waiting. */
const READS_MAX = 8

export class Runtime {
  readonly core: Core
  readonly #ports: RuntimePorts
  readonly #files: FileSaver
  readonly #slices: Slices
  #queue: CoreEvent[] = []
  /** What goes on once the events at hand have been taken. */
  readonly #begun: (() => void)[] = []
  #busy = false
  #timer: { readonly timer: Timer; readonly atMs: number } | undefined
  #isClosed = false
  /** Requests that have no answer yet. */
  readonly #asking: Set<(error: WeftError) => void> = new Set()

  constructor(core: Core, ports: RuntimePorts) {
    this.core = core
    this.#ports = ports
    this.#files = new FileSaver(ports.disk)
    this.#slices = new Slices(ports.clock, REQUESTS_WAITING_MAX)
  }

  /** Takes up work; the transport's events come here from now on. */
  start(done: (error: WeftError | undefined) => void): void {
    this.#ports.transport.start(
      {
        greeting: () => this.core.cluster.greeting(),
        onGreeting: (connection, from, greeting) => this.dispatch({ kind: 'greeting', connection, from, greeting }),
        onGreeted: (connection, from, accepted, reply) => this.dispatch({ kind: 'greeted', connection, from, accepted, reply }),
        onUp: peer => this.dispatch({ kind: 'up', peer }),
        onDown: (peer, code) => this.dispatch({ kind: 'down', peer, code }),
        onFrame: (from, protocol, frame) => this.dispatch({ kind: 'frame', from, protocol, frame }),
        onDrain: () => {},
        onDialFailed: (peer, code) => this.dispatch({ kind: 'dial-failed', peer, code }),
      },
      error => {
        if (error === undefined) this.dispatch({ kind: 'started' })
        done(error)
      },
    )
  }

  /** Shuts down in good order: last records are written, then connections close. */
  stop(done: () => void): void {
    this.#slices.finish()
    this.dispatch({
      kind: 'stopping',
      done: () => {
        this.close()
        this.#files.whenIdle(() => this.#ports.transport.stop(done))
      },
    })
  }

  /** Nothing happens any more; also what a crash leaves behind in the simulator. */
  close(): void {
    this.#isClosed = true
    this.#timer?.timer.cancel()
    for (const reject of this.#asking) reject(stopped())
    this.#asking.clear()
  }

  /** Takes an event now, or after those that came before it. What throws is a bug: the node stops here rather than go on with half a step. */
  dispatch(event: CoreEvent): void {
    if (this.#isClosed) return
    this.#queue.push(event)
    if (this.#busy) return
    this.#busy = true
    try {
      this.#run()
    } catch (thrown) {
      this.close()
      throw thrown
    }
    this.#busy = false
    this.#arm()
    for (const then of this.#begun.splice(0)) this.#goOn(then)
  }

  #goOn(then: () => void): void {
    const { clock, buggify } = this.#ports
    const begin = (): void => this.#slices.goOn(() => this.#resume(then))
    if (buggify('runtime.go-on-late')) clock.soon(begin)
    else begin()
  }

  #run(): void {
    const { clock, observe } = this.#ports
    for (let next = this.#queue.shift(); next !== undefined && !this.#isClosed; next = this.#queue.shift()) {
      const effects = this.core.step(next, { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() })
      observe?.(next, effects)
      for (const effect of effects) this.#perform(effect)
    }
  }

  /** Performs a command for somebody outside. Rejects with `stopping` when the node stops before it has answered. */
  request<K extends CommandName>(name: K, input: unknown, actor: string): Promise<CommandTypes[K]['result']> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(stopped())
      this.#asking.add(reject)
      this.ask(name, input, {
        actor,
        ok: value => {
          this.#asking.delete(reject)
          resolve(value)
        },
        fail: error => {
          this.#asking.delete(reject)
          reject(error)
        },
      })
    })
  }

  /** The same, answered by a call. Of many that are asked in one turn of the loop some wait for the next ones. */
  ask<K extends CommandName>(name: K, input: unknown, to: AnswerTo<CommandTypes[K]['result']>): void {
    const isTaken = this.#slices.run(() => this.dispatch({ kind: 'run', run: () => perform(this.core, name, input, to) }))
    if (!isTaken) to.fail(new WeftError('full', `${REQUESTS_WAITING_MAX} requests are waiting`))
  }

  /** One timer for everything that waits for a time; waking early does no harm, so it is only ever set earlier. */
  #arm(): void {
    if (this.#isClosed) return
    const atMs = this.core.nextWakeMs
    if (atMs === Infinity || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return
    this.#timer?.timer.cancel()
    const timer = this.#ports.clock.after(Math.max(0, atMs - this.#ports.clock.monotonicMs()), () => {
      this.#timer = undefined
      this.dispatch({ kind: 'wake' })
    })
    this.#timer = { timer, atMs }
  }

  #resume(run: () => void): void {
    this.dispatch({ kind: 'run', run })
  }

  #perform(effect: Effect): void {
    const { transport, journal, index, log, clock, embedder } = this.#ports
    switch (effect.kind) {
      case 'send':
        // What a peer is too slow or too far away for is dropped and counted by the transport; every protocol recovers by itself.
        transport.send(effect.to, effect.protocol, effect.frame)
        return
      case 'dial':
        return transport.dial(effect.peer, effect.addresses)
      case 'answer-greeting':
        return transport.answer(effect.connection, { accept: effect.accept, reply: effect.reply })
      case 'close':
        return transport.close(effect.peer, effect.code)
      case 'commit':
        return this.#commit(effect.staged)
      case 'read':
        return journal.read(effect.log, effect.from, effect.maxRecords, effect.maxBytes, (error, records) =>
          this.#handOver(error, records, effect.then),
        )
      case 'read-places':
        return journal.readPlaces(effect.places, (error, records) => this.#handOver(error, records, effect.then))
      case 'read-each':
        return this.#readEach(effect.refs, records => this.#resume(() => effect.then(records)))
      case 'forget-places':
        return journal.truncate(effect.log, effect.size)
      case 'index':
        return index.add(effect.records)
      case 'find':
        return index.find(effect.prefix, found => this.#resume(() => effect.then(found)))
      case 'vector-open':
      case 'vector-add':
      case 'vector-retire':
      case 'vector-revive':
      case 'vector-erase':
      case 'vector-search':
      case 'vector-status':
        return performVector(this.#ports.vectors, effect, run => this.#resume(run))
      case 'work':
        return clock.soon(() => this.#work(effect.run, effect.then))
      case 'save':
        return this.#save(effect.file, effect.content, ok => {
          if (effect.then !== undefined) this.#resume(() => effect.then?.(ok))
        })
      case 'erase':
        return this.#erase(effect)
      case 'await':
        // A promise of our own around it: what user code calls one may throw, or answer twice.
        Promise.resolve(effect.promise).then(
          value => this.#resume(() => effect.then(true, value)),
          (reason: unknown) => this.#resume(() => effect.then(false, reason)),
        )
        return
      case 'tell':
        return effect.call()
      case 'embed':
        return embedder?.embed(effect.texts, effect.purpose, result => this.#resume(() => effect.then(result)))
      case 'load':
        return this.#ports.load(effect.path, loaded => this.#resume(() => effect.then(loaded)))
      case 'verify':
        return this.#verify(result => this.#resume(() => effect.then(result)))
      case 'block': {
        transport.block(effect.peers)
        const bytes = utf8(JSON.stringify(effect.peers))
        return this.#save(
          BLOCKED_FILE,
          () => bytes,
          () => this.#resume(effect.then),
        )
      }
      case 'stop':
        return this.#ports.onStop()
      case 'go-on':
        this.#begun.push(effect.then)
        return
      case 'yield':
        return clock.soon(() => this.dispatch({ kind: 'run', run: () => {} }))
      case 'log':
        return log(effect.level, effect.event, effect.fields)
    }
  }

  #work(run: () => void, then: (tookMs: number) => void): void {
    if (this.#isClosed) return
    const { clock } = this.#ports
    const startMs = clock.monotonicMs()
    run()
    const tookMs = clock.monotonicMs() - startMs
    this.#resume(() => then(tookMs))
  }

  #commit(staged: StagedCommit): void {
    const { journal, clock, buggify, log } = this.#ports
    const { segment } = journal.end
    const begin = (): void =>
      journal.commit(staged.commit, error => {
        if (segment > 0 && journal.end.segment > segment) log('info', 'chain.new-segment', { segment: journal.end.segment })
        this.dispatch({ kind: 'committed', staged, error })
      })
    if (!buggify('runtime.commit-late')) return begin()
    // Whoever starts next on this disk must not find somebody else writing.
    clock.after(COMMIT_LATE_MS, () => (this.#isClosed ? undefined : begin()))
  }

  #save(file: string, content: () => Uint8Array, done: (ok: boolean) => void): void {
    this.#files.save(file, content, error => {
      if (error !== undefined) this.#ports.log('warn', 'file.not-saved', { file, message: error.message })
      done(error === undefined)
    })
  }

  #erase({ erasures, then }: Extract<Effect, { kind: 'erase' }>): void {
    this.#ports.journal.erase(erasures, (error, erased) => this.#resume(() => then(error, erased)))
  }

  #handOver(error: WeftError | undefined, records: readonly StoredRecord[], then: (records: readonly StoredRecord[]) => void): void {
    if (error !== undefined) this.#ports.log('error', 'chain.read-failed', { code: error.code, message: error.message })
    this.#resume(() => then(records))
  }

  /** Records from all over; one that cannot be read leaves a gap and takes no other with it. */
  #readEach(refs: readonly RecordRef[], done: (records: readonly (StoredRecord | undefined)[]) => void): void {
    const { journal } = this.#ports
    const records: (StoredRecord | undefined)[] = []
    let begun = 0
    let left = refs.length
    const next = (): void => {
      const at = begun++
      const ref = refs[at]
      if (ref === undefined) return
      journal.read(ref.log, ref.seq, 1, Infinity, (_, [record]) => {
        records[at] = record
        if (--left === 0) done(records)
        else next()
      })
    }
    if (left === 0) done(records)
    for (let i = 0; i < READS_MAX; i++) next()
  }

  #verify(done: (result: VerifyResult) => void): void {
    const { journal, disk, clock } = this.#ports
    verifyJournal(
      disk,
      { cluster: this.core.chain.cluster, self: this.core.self, until: journal.end, pause: resume => clock.soon(resume) },
      done,
    )
  }
}

function stopped(): WeftError {
  return new WeftError('stopping', 'this node has stopped')
}
