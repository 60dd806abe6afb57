import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createTcpProxy, type TcpProxy } from '../../sim/proxy/tcp-proxy.ts'
import { listenOnLoopback, portOf } from '../../sim/proxy/listen.ts'
import type { StartOptions } from './candidate.ts'
import type { Answer, Question, Spent } from './peer.ts'

const PEER = fileURLToPath(new URL('./peer.js', import.meta.url))
/** 5 minutes for whatever a peer is asked to do: one that takes longer has failed. */
const ANSWER_TIMEOUT_MS = 300_000

/** A peer in a process of its own. */
class Side {
  readonly #child: ChildProcess
  readonly #waiting: Map<number, (answer: Answer) => void> = new Map()
  #next = 0

  private constructor(module: string) {
    this.#child = fork(PEER, [module], { stdio: ['ignore', 2, 2, 'ipc'] })
    this.#child.on('message', (answer: Answer | 'ready') => {
      if (answer !== 'ready') this.#waiting.get(answer.id)?.(answer)
    })
    this.#child.on('exit', code => {
      for (const [id, waiting] of this.#waiting)
        waiting({ id, result: undefined, error: `the peer ended with ${code}`, fromMs: 0, toMs: 0 })
    })
  }

  static async start(module: string, options: StartOptions): Promise<Side> {
    const side = new Side(module)
    await Promise.race([
      once(side.#child, 'message'),
      once(side.#child, 'exit').then(([code]) => Promise.reject(new Error(`the peer ended with ${code}`))),
    ])
    await side.ask('start', options)
    return side
  }

  async ask(name: Question['name'], argument?: unknown): Promise<Answer> {
    const id = this.#next++
    const answer = await new Promise<Answer>(resolve => {
      this.#waiting.set(id, resolve)
      const deadline = setTimeout(
        () => resolve({ id, result: undefined, error: `no answer to ${name}`, fromMs: 0, toMs: 0 }),
        ANSWER_TIMEOUT_MS,
      )
      this.#waiting.set(id, given => {
        clearTimeout(deadline)
        resolve(given)
      })
      this.#child.send({ id, name, argument } satisfies Question)
    })
    this.#waiting.delete(id)
    if (answer.error !== undefined) throw new Error(`${name}: ${answer.error}`)
    return answer
  }

  async spent(): Promise<Spent> {
    return (await this.ask('spent')).result as Spent
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = once(this.#child, 'exit')
    this.ask('stop').catch(() => {})
    await Promise.race([ended, sleep(5000, undefined, { ref: false })])
    this.#child.kill('SIGKILL')
    await ended
  }
}

/** The listening peer, the proxy in front of it, and the newcomers that dial it. */
export class Pair {
  readonly proxy: TcpProxy
  readonly #module: string
  readonly #dir: string
  readonly #near: Side
  /** It says by itself when it has what it waits for; one that does not is asked for its state again and again. */
  readonly #canWait: boolean
  #far: Side | undefined
  #newcomers = 0

  private constructor(module: string, dir: string, proxy: TcpProxy, near: Side, canWait: boolean) {
    this.#module = module
    this.#dir = dir
    this.proxy = proxy
    this.#near = near
    this.#canWait = canWait
  }

  static async start(module: string): Promise<Pair> {
    const dir = mkdtempSync(join(tmpdir(), 'weft-bench-replication-'))
    const port = await freePort()
    const proxy = await createTcpProxy({ target: port })
    const near = await Side.start(module, { dir: join(dir, 'near'), listen: { port, through: proxy.port } })
    const { result: canWait } = await near.ask('canWait')
    return new Pair(module, dir, proxy, near, canWait === true)
  }

  /** The one that listens, and was there first. */
  get near(): Side {
    return this.#near
  }

  /** The newest newcomer. */
  get far(): Side {
    if (this.#far === undefined) throw new Error('there is no newcomer')
    return this.#far
  }

  /** One that has nothing yet and is not connected. The one before it is gone. */
  async newcomer(): Promise<void> {
    await this.#far?.stop()
    this.proxy.delay(0)
    const { result: invitation } = await this.#near.ask('invitation')
    this.#far = await Side.start(this.#module, { dir: join(this.#dir, `far${this.#newcomers++}`), invitation })
    const { result: introduction } = await this.#far.ask('introduction')
    await this.#near.ask('meet', introduction)
    await this.#gone()
  }

  async connect(): Promise<Answer> {
    return this.far.ask('connect', this.proxy.port)
  }

  async disconnect(): Promise<void> {
    await this.far.ask('disconnect')
    await this.#gone()
  }

  async #gone(): Promise<void> {
    while (this.proxy.connections > 0) await sleep(1)
    await sleep(50) // the one that was dialled notices too
  }

  /** Resolves when `done` is and both have so many records and hold the same. @returns when that was, on the clock of the answers */
  async settled(records: number, done: Promise<unknown>): Promise<number> {
    const waits = await Promise.all([this.near.ask('wait', records), this.far.ask('wait', records)])
    await done
    for (let tries = 0; ; tries++) {
      const states = await Promise.all([this.near.ask('state'), this.far.ask('state')])
      const reached = tries === 0 && this.#canWait ? waits : states
      if (states[0].result === states[1].result) return Math.max(...reached.map(({ toMs }) => toMs))
      await sleep(1)
    }
  }

  /** Throws unless both have exactly so many. */
  async counted(records: number): Promise<void> {
    const counts = await Promise.all([this.near.ask('count'), this.far.ask('count')])
    if (counts.some(({ result }) => result !== records))
      throw new Error(`${counts.map(({ result }) => result).join(' and ')} records instead of ${records}`)
  }

  get bytes(): number {
    return this.proxy.bytes.up + this.proxy.bytes.down
  }

  async stop(): Promise<void> {
    await this.#far?.stop()
    await this.#near.stop()
    await this.proxy.close()
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await listenOnLoopback(server)
  const port = portOf(server)
  await new Promise(resolve => server.close(resolve))
  return port
}
