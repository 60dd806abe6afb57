import t from 'tap'
import type { WeftError } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import { boot } from '../../node/boot.ts'
import type { CommandName, CommandTypes } from '../../node/commands/types.ts'
import { hostClock } from '../../node/host/clock.ts'
import { foundCluster, type Identity } from '../../node/identity.ts'
import { joinCluster } from '../../node/join.ts'
import type { Runtime } from '../../node/runtime.ts'
import { SimDisk } from '../../sim/disk.ts'
import { SimIndex } from '../../sim/index.ts'
import { SimRandom } from '../../sim/random.ts'
import type { Timeline } from '../../sim/scheduler.ts'
import { World } from '../../sim/world.ts'
import { createLibp2pTransport } from '../../transport/libp2p/libp2p-transport.ts'
import type { Transport } from '../../transport/transport.ts'
import { until } from './raw-peer.ts'

/**
 * The same story on both transports. The node cores are the same and so are their keys; under one cluster are
 * the wires of the simulator, under the other libp2p on loopback. What is delivered in the end must be the same, or one of
 * the two is not what the node takes it for.
 */
interface Cluster {
  ask<K extends CommandName>(name: string, command: K, input: CommandTypes[K]['input']): Promise<CommandTypes[K]['result']>
  until(what: string, holds: () => Promise<boolean>): Promise<void>
  stop(): Promise<void>
}

const NAMES = ['n1', 'n2', 'n3'] as const

function simulated(seed: number): Cluster {
  const world = new World({ seed })
  world.cluster(NAMES)
  return {
    ask: (name, command, input) => Promise.resolve(world.ask(name, command, input)),
    until: async (what, holds) => {
      const limitMs = world.nowMs + 60_000
      while (!(await holds())) {
        if (world.nowMs > limitMs) throw new Error(`not within a minute of virtual time: ${what}`)
        world.run(10)
      }
    },
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

async function real(seed: number): Promise<Cluster> {
  const runtimes = new Map<string, Runtime>()
  const disks = new Map(NAMES.map(name => [name, new SimDisk(REAL_TIME, new SimRandom(seed, `${name}/disk`))]))
  const transport = ({ seed }: Identity, listen: readonly string[]): Transport =>
    createLibp2pTransport({ seed, listen, announce: [], log: () => {} })
  const ask: Cluster['ask'] = (name, command, input) => (runtimes.get(name) as Runtime).request(command, input, name)

  for (const name of NAMES) {
    const disk = disks.get(name) as SimDisk
    const random = new SimRandom(seed, `${name}/init`)
    if (name === 'n1') {
      await called<unknown>(done => foundCluster(disk, random, 'sim', done))
    } else {
      const { token } = await ask('n1', 'member.invite', {})
      await called<unknown>(done =>
        joinCluster({ disk, random, clock: hostClock, transport: identity => transport(identity, []) }, token, done),
      )
    }
    const runtime = await called<Runtime>(done =>
      boot(
        {
          clock: hostClock,
          random: new SimRandom(seed, `${name}/1`),
          disk,
          index: new SimIndex(REAL_TIME, new SimRandom(seed, `${name}/index`)),
          log: () => {},
          load: path => t.fail(`nothing is loaded: ${path}`),
          onStop: () => {},
          transport: identity => transport(identity, ['/ip4/127.0.0.1/tcp/0']),
        },
        { name, version: 'sim', seeds: [], strictGuard: false, settings: [] },
        done,
      ),
    )
    runtimes.set(name, runtime)
  }
  return {
    ask,
    until: async (what, holds) => {
      let does = false
      let looking = false
      await until(what, () => {
        if (!looking && !does) {
          looking = true
          void holds().then(answer => {
            does = answer
            looking = false
          })
        }
        return does
      })
    },
    stop: async () => {
      await Promise.all([...runtimes.values()].map(runtime => new Promise<void>(resolve => runtime.stop(resolve))))
    },
  }
}

function called<T>(start: (done: (error: WeftError | undefined, value: T | undefined) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => start((error, value) => (error === undefined ? resolve(value as T) : reject(error))))
}

/** What one node holds in the end, without what a clock decides. */
interface Delivered {
  readonly memories: readonly string[]
  readonly edges: number
  readonly conflicts: readonly string[]
  readonly logs: readonly string[]
}

async function story(cluster: Cluster): Promise<readonly Delivered[]> {
  const ids = await Promise.all(NAMES.map(async name => (await cluster.ask(name, 'node.id', {})).nodeId))
  const nameOf = (id: NodeId): string => NAMES[ids.indexOf(id)] as string
  const remember = async (name: string, text: string): Promise<string> => (await cluster.ask(name, 'memory.remember', { text })).id
  const connected = (peers: Readonly<Record<string, number>>): Promise<void> =>
    cluster.until('as many are connected', async () => {
      const lists = await Promise.all(NAMES.map(name => cluster.ask(name, 'peer.list', {})))
      return NAMES.every((name, i) => lists[i]?.peers.filter(({ state }) => state === 'up').length === peers[name])
    })
  const equal = (): Promise<void> =>
    cluster.until('all are equal', async () => {
      const all = await Promise.all(NAMES.map(name => cluster.ask(name, 'node.status', {})))
      return all.every(({ frontier, publishing }) => publishing && frontier === all[0]?.frontier)
    })

  await connected({ n1: 2, n2: 2, n3: 2 })
  const old = await remember('n1', 'the pool holds 100 connections')
  await equal()
  // The connections between n1 and the others close, and none may open.
  await cluster.ask('n1', 'node.block', { peers: [ids[1] as string, ids[2] as string] })
  await connected({ n1: 0, n2: 1, n3: 1 })
  const left = await remember('n1', 'the pool holds 200 connections')
  await cluster.ask('n1', 'memory.supersede', { old, by: left, reason: 'measured' })
  const right = await remember('n2', 'the pool holds 300 connections')
  await cluster.ask('n2', 'memory.supersede', { old, by: right, reason: 'configured' })
  for (let i = 0; i < 30; i++) {
    const text = `seen while apart, ${i}`
    const seen = await remember(NAMES[i % 3] as string, text)
    await cluster.ask(NAMES[i % 3] as string, 'memory.link', { from: old, type: 'causes', to: seen })
  }
  const gone = await remember('n3', 'not worth keeping')
  await cluster.ask('n3', 'memory.forget', { id: gone })
  await cluster.ask('n1', 'node.block', { peers: [] })
  await connected({ n1: 2, n2: 2, n3: 2 })
  await equal()

  return Promise.all(
    NAMES.map(async name => {
      const { memories } = await cluster.ask(name, 'memory.list', { limit: 500 })
      const textOf = new Map(memories.map(({ id, text }) => [id, text]))
      const { conflicts } = await cluster.ask(name, 'memory.conflicts', {})
      const { edges } = await cluster.ask(name, 'memory.edges', { ids: memories.map(({ id }) => id) })
      const { logs } = await cluster.ask(name, 'chain.head', {})
      return {
        memories: memories.map(({ author, seq, state, text }) => `${nameOf(author)} ${seq} ${state} ${text}`).sort(),
        edges: edges.length,
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
      }
    }),
  )
}

t.test('three cores on libp2p deliver the same as three on simulated wires', async t => {
  for (const seed of [1, 2, 3]) {
    const clusters = [simulated(seed), await real(seed)]
    try {
      const [virtual, loopback] = await Promise.all(clusters.map(story))
      t.equal(virtual?.[0]?.memories.length, 33)
      t.same(virtual?.[0]?.conflicts, ['the pool holds 100 connections: the pool holds 200 connections | the pool holds 300 connections'])
      t.same(virtual?.slice(1), [virtual?.[0], virtual?.[0]], 'all three hold the same')
      t.same(loopback, virtual, `seed ${seed}`)
    } finally {
      for (const cluster of clusters) await cluster.stop()
    }
  }
})
