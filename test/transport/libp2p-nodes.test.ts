import { memory } from '@libp2p/memory'
import t from 'tap'
import { type ErrorCode, WeftError } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/ports.ts'
import { boot } from '../../node/boot.ts'
import { spawn } from '../../node/commands/process.ts'
import type { CommandName, CommandTypes } from '../../node/commands/types.ts'
import { hostClock } from '../../node/host/clock.ts'
import { foundCluster, type Identity } from '../../node/identity.ts'
import { joinCluster } from '../../node/join.ts'
import type { Program } from '../../node/process/behaviour.ts'
import type { Runtime } from '../../node/runtime.ts'
import { SimDisk } from '../../sim/disk.ts'
import { SimIndex } from '../../sim/index.ts'
import { SimVectorStore } from '../../sim/vector-store.ts'
import { SimRandom } from '../../sim/random.ts'
import type { Timeline } from '../../sim/scheduler.ts'
import { World } from '../../sim/world.ts'
import { createLibp2pTransport, type Libp2pTransportOptions } from '../../transport/libp2p/libp2p-transport.ts'
import type { Transport } from '../../transport/transport.ts'
import { seedOf, seedsOf } from '../sim/seeds.ts'

/**
 * The same story on both transports. The node cores are the same and so are their keys; under one cluster are
 * the wires of the simulator, under the other libp2p: its connections, Noise and Yamux over memory, and once over
 * loopback. What is delivered in the end, and what everybody was told on the way, must be the same, or one of the
 * two is not what the node takes it for. The seed decides who is cut off, who writes what, and how much.
 *
 *     WEFT_SEEDS=50 node build/test/transport/libp2p-nodes.test.js
 */
interface Cluster {
  /** A new machine: it founds the cluster, or joins with `token`, and starts. @returns the code of a refusal */
  add(name: string, token?: string): Promise<'ok' | ErrorCode>
  /** Starts a process. */
  spawn(name: string, program: Program, process: string): Promise<void>
  ask<K extends CommandName>(name: string, command: K, input: CommandTypes[K]['input']): Promise<CommandTypes[K]['result']>
  /** Lets time go by. */
  pass(ms: number): Promise<void>
  /** For what nodes have rejected what their peers sent. */
  readonly rejected: readonly string[]
  stop(): Promise<void>
}

function simulated(seed: number): Cluster {
  const rejected: string[] = []
  const onLog = (_name: string, ...[, event, fields]: Parameters<Logger>): void => note(rejected, event, fields)
  const world = new World({ seed, observers: [{ onLog }] })
  return {
    add: (name, token) =>
      outcome(() => {
        if (token === undefined) world.init(name)
        else world.join(name, token)
        world.start(name)
      }),
    spawn: async (name, program, process) => {
      world.wait(done => start(world.runtime(name), program, process, done))
    },
    ask: async (name, command, input) => world.ask(name, command, input),
    pass: async ms => world.run(ms),
    rejected,
    stop: async () => {},
  }
}

/** Disks and indexes of the simulator in real time: nothing but the transport differs. */
const REAL_TIME: Timeline = {
  get nowUs() {
    return Math.round(performance.now() * 1000)
  },
  after: (delayUs, run) => {
    const timer = setTimeout(run, delayUs / 1000)
    return { cancel: () => clearTimeout(timer) }
  },
}

/** What libp2p runs over, and where a machine listens then. */
interface Carrier {
  readonly options: Pick<Libp2pTransportOptions, 'transports'>
  addressOf(name: string): string
}

/** Addresses are shared by the whole process: a seed has its own. */
const overMemory = (seed: number): Carrier => ({ options: { transports: [memory()] }, addressOf: name => `/memory/${seed}-${name}` })
const OVER_LOOPBACK: Carrier = { options: {}, addressOf: () => '/ip4/127.0.0.1/tcp/0' }

function real(seed: number, { options, addressOf }: Carrier): Cluster {
  const runtimes = new Map<string, Runtime>()
  const rejected: string[] = []
  const runtimeOf = (name: string): Runtime => runtimes.get(name) as Runtime
  const transport = ({ seed }: Identity, listen: readonly string[]): Transport =>
    createLibp2pTransport({ ...options, seed, listen, announce: [], log: () => {} })

  return {
    add: (name, token) =>
      outcome(async () => {
        const disk = new SimDisk(REAL_TIME, new SimRandom(seed, `${name}/disk`))
        const random = new SimRandom(seed, `${name}/init`)
        if (token === undefined) await called(done => foundCluster(disk, random, 'sim', done))
        else
          await called(done => joinCluster({ disk, random, clock: hostClock, transport: identity => transport(identity, []) }, token, done))
        const runtime = await called<Runtime>(done =>
          boot(
            {
              clock: hostClock,
              random: new SimRandom(seed, `${name}/1`),
              disk,
              index: new SimIndex(REAL_TIME, new SimRandom(seed, `${name}/index`)),
              vectors: new SimVectorStore(REAL_TIME),
              log: (_level, event, fields) => note(rejected, event, fields),
              load: path => t.fail(`nothing is loaded: ${path}`),
              onStop: () => {},
              transport: identity => transport(identity, [addressOf(name)]),
            },
            { name, version: 'sim', seeds: [], strictGuard: false, settings: [] },
            done,
          ),
        )
        runtimes.set(name, runtime)
      }),
    spawn: async (name, program, process) => {
      await called(done => start(runtimeOf(name), program, process, done))
    },
    ask: (name, command, input) => runtimeOf(name).request(command, input, name),
    pass: ms => new Promise(resolve => setTimeout(resolve, ms)),
    rejected,
    stop: async () => {
      await Promise.all([...runtimes.values()].map(runtime => new Promise<void>(resolve => runtime.stop(resolve))))
    },
  }
}

function note(rejected: string[], event: string, fields: Parameters<Logger>[2]): void {
  if (event === 'peer.rejected') rejected.push(String(fields?.['code']))
}

type Done<T> = (error: WeftError | undefined, value: T | undefined) => void

function called<T>(begin: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => begin((error, value) => (error === undefined ? resolve(value as T) : reject(error))))
}

/** `ok`, or with which code it was refused. */
async function outcome(run: () => unknown): Promise<'ok' | ErrorCode> {
  try {
    await run()
    return 'ok'
  } catch (thrown) {
    if (thrown instanceof WeftError) return thrown.code
    throw thrown
  }
}

function start({ core }: Runtime, program: Program, process: string, done: Done<true>): void {
  core.run(() => spawn(core, program, process, 'inline', { ok: () => done(undefined, true), fail: error => done(error, undefined) }))
}

/** A process that keeps what it is sent. */
const ledger: Program = () => {
  const heard: unknown[] = []
  return {
    onMessage: message => void heard.push(message),
    onCall: {
      heard: () => heard,
      fail: () => {
        throw new Error('not today')
      },
    },
  }
}

/** What one node holds in the end, without what a clock decides. */
interface Held {
  readonly memories: readonly string[]
  readonly edges: readonly string[]
  readonly conflicts: readonly string[]
  readonly logs: readonly string[]
  readonly verified: boolean
}

interface Told {
  readonly held: readonly Held[]
  /** The messages that reached the process on each node. */
  readonly heard: readonly unknown[]
  /** What came of everything that could have been refused. */
  readonly answers: readonly string[]
  readonly rejected: readonly string[]
}

const FOUNDERS = ['n1', 'n2', 'n3'] as const
const LATE = 'n4'
const LOOK_EVERY_MS = 10
/** 20 s: a redial waits for half a second, everything else for less. */
const LIMIT_MS = 20_000

async function story(cluster: Cluster, seed: number): Promise<Told> {
  const random = new SimRandom(seed, 'story')
  const names: string[] = []
  const ids = new Map<string, NodeId>()
  const answers: string[] = []
  const add = async (name: string, token?: string): Promise<void> => {
    const added = await cluster.add(name, token)
    if (added !== 'ok') throw new Error(`${name} is not added: ${added}`)
    names.push(name)
    ids.set(name, (await cluster.ask(name, 'node.id', {})).nodeId as NodeId)
    await cluster.spawn(name, ledger, 'ledger')
  }
  const invite = async (): Promise<string> => (await cluster.ask('n1', 'member.invite', {})).token
  const idOf = (name: string): NodeId => ids.get(name) as NodeId
  const nameOf = (id: NodeId): string => names.find(name => idOf(name) === id) as string
  const remember = async (name: string, text: string): Promise<string> => (await cluster.ask(name, 'memory.remember', { text })).id
  const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    for (let passedMs = 0; !(await holds()); passedMs += LOOK_EVERY_MS) {
      if (passedMs > LIMIT_MS) throw new Error(`not within ${LIMIT_MS} ms: ${what}`)
      await cluster.pass(LOOK_EVERY_MS)
    }
  }
  const connected = (peersOf: (name: string) => number): Promise<void> =>
    until('as many are connected', async () => {
      const lists = await Promise.all(names.map(name => cluster.ask(name, 'peer.list', {})))
      return names.every((name, i) => lists[i]?.peers.filter(({ state }) => state === 'up').length === peersOf(name))
    })
  const equal = (): Promise<void> =>
    until('all are equal', async () => {
      const all = await Promise.all(names.map(name => cluster.ask(name, 'node.status', {})))
      return all.every(({ frontier, publishing }) => publishing && frontier === all[0]?.frontier)
    })
  /** Messages to the process on every other node; then calls of what is there, and of what is not. */
  const talk = async (from: string, when: string): Promise<void> => {
    for (const to of names.filter(name => name !== from)) {
      const sent = await Promise.all(
        [1, 2, 3].map(n => cluster.ask(from, 'process.send', { to: `${idOf(to)}:ledger`, message: `${from} ${when}, ${n}` })),
      )
      answers.push(`${from} sends to ${to} ${when}: ${sent.map(({ result }) => result).join(' ')}`)
      for (const [process, method] of [
        ['ledger', 'heard'],
        ['ledger', 'fail'],
        ['ledger', 'nothing'],
        ['nobody', 'heard'],
      ] as const) {
        const answer = await outcome(() => cluster.ask(from, 'process.call', { to: `${idOf(to)}:${process}`, method }))
        answers.push(`${from} calls ${process}.${method} on ${to} ${when}: ${answer}`)
      }
    }
  }

  await add('n1')
  await add('n2', await invite())
  await add('n3', await invite())
  await connected(() => 2)
  for (const name of names) await remember(name, `${name} is here`)
  const old = await remember(random.pick(names), 'the pool holds 100 connections')
  await equal()
  await talk(random.pick(names), 'together')

  // The connections between one and the others close, and none may open.
  const [alone, other, another] = random.shuffle(FOUNDERS) as [string, string, string]
  await cluster.ask(alone, 'node.block', { peers: [idOf(other), idOf(another)] })
  await connected(name => (name === alone ? 0 : 1))
  const left = await remember(alone, 'the pool holds 200 connections')
  await cluster.ask(alone, 'memory.supersede', { old, by: left, reason: 'measured' })
  const right = await remember(other, 'the pool holds 300 connections')
  await cluster.ask(other, 'memory.supersede', { old, by: right, reason: 'configured' })
  const count = 10 + random.below(20)
  for (let i = 0; i < count; i++) {
    const name = random.pick(names)
    const seen = await remember(name, `seen while apart, ${i}`)
    await cluster.ask(name, 'memory.link', { from: old, type: random.pick(['causes', 'enables', 'inhibits']), to: seen })
  }
  for (const name of [alone, another])
    await cluster.ask(name, 'memory.forget', { id: await remember(name, `not worth keeping, thinks ${name}`) })
  await talk(alone, 'while apart')
  await talk(other, 'while apart')

  await cluster.ask(alone, 'node.block', { peers: [] })
  await connected(() => 2)
  await equal()
  await talk(alone, 'again')

  const token = await invite()
  await add(LATE, token)
  answers.push(`a stranger joins with the same invite: ${await cluster.add('n5', token)}`)
  await connected(() => 3)
  await equal()
  await remember(LATE, 'better late than never')
  await talk(LATE, 'late')
  await equal()

  return {
    held: await Promise.all(names.map(held)),
    heard: await Promise.all(names.map(name => cluster.ask(name, 'process.call', { to: 'ledger', method: 'heard' }))),
    answers,
    rejected: cluster.rejected,
  }

  async function held(name: string): Promise<Held> {
    const { memories } = await cluster.ask(name, 'memory.list', { limit: 500 })
    const textOf = new Map(memories.map(({ id, text }) => [id, text]))
    const { conflicts } = await cluster.ask(name, 'memory.conflicts', {})
    const { edges } = await cluster.ask(name, 'memory.edges', { ids: memories.map(({ id }) => id) })
    const { logs } = await cluster.ask(name, 'chain.head', {})
    return {
      memories: memories.map(({ author, seq, state, text }) => `${nameOf(author)} ${seq} ${state} ${text}`).sort(),
      edges: edges.map(({ from, type, to }) => `${textOf.get(from)} ${type} ${textOf.get(to)}`).sort(),
      conflicts: conflicts.map(
        ({ target, current }) =>
          `${textOf.get(target)}: ${current
            .map(id => textOf.get(id))
            .sort()
            .join(' | ')}`,
      ),
      logs: logs
        .filter(({ stream }) => stream.startsWith('memory/'))
        .map(({ author, size }) => `${nameOf(author)} ${size}`)
        .sort(),
      verified: (await cluster.ask(name, 'chain.verify', { all: true })).valid,
    }
  }
}

async function told(cluster: Cluster, seed: number): Promise<Told> {
  try {
    return await story(cluster, seed)
  } finally {
    await cluster.stop()
  }
}

const SEEDS = seedsOf(5)
/** A story on libp2p waits half of its time, mostly for a redial: so a few are told at once. */
const AT_ONCE = 5
const TIMEOUT_MS = 30_000 + SEEDS.length * 5_000
t.setTimeout(TIMEOUT_MS)

t.test('cores on libp2p in memory deliver the same as cores on simulated wires', { timeout: TIMEOUT_MS }, async t => {
  t.jobs = AT_ONCE
  for (const seed of SEEDS) {
    void t.test(`seed ${seed}`, { buffered: true }, async t => {
      const expected = await told(simulated(seed), seed)
      const [first] = expected.held
      t.equal(first?.memories.length, 7 + (first?.edges.length as number), 'each that was seen while apart has its edge')
      t.same(first?.conflicts, ['the pool holds 100 connections: the pool holds 200 connections | the pool holds 300 connections'])
      t.same(
        expected.held,
        expected.held.map(() => first),
        'all hold the same',
      )
      t.equal(first?.verified, true)
      t.same(expected.rejected, [])
      t.ok(expected.answers.includes('a stranger joins with the same invite: invite_used'))
      t.same(await told(real(seed, overMemory(seed)), seed), expected)
    })
  }
})

t.test('and so do cores on libp2p over loopback', async t => {
  const seed = seedOf(1)
  t.same(await told(real(seed, OVER_LOOPBACK), seed), await told(simulated(seed), seed))
})
