import type { WeftError } from '../../base/errors.ts'
import { CLUSTER_FILE, IDENTITY_FILE, NEXT_IDENTITY_FILE } from '../../node/identity.ts'
import type { Machine } from '../machine.ts'
import type { SimTimer } from '../scheduler.ts'
import type { World } from '../world.ts'
import type { Fault, Verb, Way } from './fault.ts'

/**
 * Makes things go wrong: one row for each verb. A fault that cannot happen (a restart of a node that is up, a
 * crash of one that is down) changes nothing and is noted where that node would log, so that a list of faults from
 * which some were taken away is still a list of faults.
 */
export function performFault(world: World, fault: Fault): void {
  world.audience.onFault(fault)
  const perform = PERFORM[fault.verb] as (world: World, fault: Fault) => void
  perform(world, fault)
}

/** Ends all that lasts: pause, slow, mute, a slow or full disk, a clock that stands still. What is down stays down. */
export function stopMachineFaults(world: World, name: string): void {
  const { spells, disk } = world.machine(name)
  spells.endAll()
  disk.mend()
}

/** Ends every fault of these machines and of the ways between them, and starts those that are down. Ways to others stay as they are. */
export function mend(world: World, names: readonly string[]): void {
  world.spells.endAll(({ places }) => places.filter(place => names.includes(place)).length > 1)
  world.network.healAmong(names)
  for (const name of names) {
    stopMachineFaults(world, name)
    if (world.machine(name).phase === 'off') start(world, name)
  }
}

const PERFORM: { readonly [V in Verb]: (world: World, fault: Extract<Fault, { verb: V }>) => void } = {
  // ---- network

  partition: (world, { groups }) => world.network.partition(groups),
  cut: (world, { way }) => world.network.cut(way.from, way.to, directionOf(way)),
  restore: (world, { way }) => world.network.restore(way.from, way.to, directionOf(way)),
  isolate: (world, { node }) => world.network.partition([[node], world.machines.map(({ name }) => name).filter(name => name !== node)]),
  bridge: (world, { node, groups }) => world.network.partition(groups.map(group => group.filter(name => name !== node))),
  ring: (world, { nodes }) => {
    for (const [i, node] of nodes.entries()) {
      const neighbours = [nodes.at(i - 1), nodes[(i + 1) % nodes.length]]
      for (const other of nodes.slice(i + 1)) if (!neighbours.includes(other)) world.network.cut(node, other)
    }
  },
  flap: (world, { way, everyMs, forMs }) => flap(world, way, everyMs, forMs),
  clog: (world, { way, forMs }) => {
    const { network } = world
    for (const { from, to } of oneWays(way)) {
      world.spells.begin({
        name: `clog ${from} ${to}`,
        places: [from, to],
        forMs,
        begin: () => network.clog(from, to, 'clog'),
        end: () => network.unclog(from, to, 'clog'),
      })
    }
  },
  swizzle: (world, { nodes, forMs }) => swizzle(world, nodes, forMs),
  net: (world, { way, quality }) => {
    for (const one of way === null ? [null] : oneWays(way)) world.network.change(one, quality)
  },
  block: (world, { message, way }) => {
    for (const one of way === null ? [null] : oneWays(way)) world.network.block(message, one)
  },
  heal: world => world.heal(),

  // ---- life

  crash: (world, { verb, node, how, torn }) => {
    if (isAlive(world, node, verb)) world.crash(node, how, torn)
  },
  restart: (world, { verb, node }) => {
    if (isIn(world, node, verb, 'off')) start(world, node)
  },
  stop: (world, { verb, node }) => {
    if (isIn(world, node, verb, 'up')) world.stopSoon(node, () => {})
  },
  kill: (world, { verb, node }) => {
    if (world.machine(node).phase === 'dead') skip(world, node, verb, 'it is dead')
    else world.kill(node)
  },
  pause: (world, { node, forMs }) => {
    const { gate } = world.machine(node)
    last(
      world,
      node,
      'pause',
      forMs,
      () => gate.pause(),
      () => gate.resume(),
    )
  },
  slow: (world, { node, factor, forMs }) => {
    const { gate } = world.machine(node)
    last(
      world,
      node,
      'slow',
      forMs,
      () => gate.slow(factor),
      () => gate.slow(0),
    )
  },
  mute: (world, { node, forMs }) => {
    const { network } = world
    last(
      world,
      node,
      'mute',
      forMs,
      () => network.mute(node, true),
      () => network.mute(node, false),
    )
  },
  join: (world, { verb, node, by }) => {
    if (isIn(world, by, verb, 'up') && isIn(world, node, verb, 'off')) join(world, node, by)
  },
  retire: (world, { node }) => dismiss(world, node, 'retire'),
  revoke: (world, { node }) => dismiss(world, node, 'revoke'),
  upgrade: (world, { verb, node }) => {
    const machine = world.machine(node)
    machine.version = 'current'
    if (isIn(world, node, verb, 'up')) world.stopSoon(node, () => start(world, node))
  },

  // ---- disk

  'disk-sync-fails': (world, { node }) => world.machine(node).disk.failSync(),
  'disk-full': (world, { node, bytes }) => {
    const { disk } = world.machine(node)
    disk.full(disk.usedBytes + bytes)
  },
  'disk-slow': (world, { node, latencyMs, forMs }) => {
    const { disk } = world.machine(node)
    last(
      world,
      node,
      'disk-slow',
      forMs,
      () => disk.slow(latencyMs * 1000),
      () => disk.slow(null),
    )
  },
  'disk-rot': (world, { verb, node }) => {
    const place = world.machine(node).disk.rot(name => name.endsWith('.seg'))
    if (place === undefined) skip(world, node, verb, 'its disk is empty')
    else world.note(node, 'sim.disk-rot', place)
  },
  'disk-ok': (world, { node }) => {
    const { disk, spells } = world.machine(node)
    spells.end('disk-slow')
    disk.mend()
  },
  backup: (world, { node }) => {
    const machine = world.machine(node)
    machine.backup = machine.disk.snapshot()
  },
  'restore-backup': (world, { verb, node }) => {
    const { backup } = world.machine(node)
    if (backup === undefined) skip(world, node, verb, 'there is no backup')
    else replaceDisk(world, node, verb, () => backup)
  },
  reformat: (world, { verb, node }) =>
    replaceDisk(world, node, verb, ({ disk }) => new Map([...disk.snapshot()].filter(([name]) => KEPT.includes(name)))),

  // ---- clock

  'clock-step': (world, { node, stepMs }) => world.machine(node).clock.step(stepMs),
  'clock-drift': (world, { node, driftPpm }) => world.machine(node).clock.drift(driftPpm),
  'clock-freeze': (world, { node, forMs }) => {
    const machine = world.machine(node)
    last(
      world,
      node,
      'clock-freeze',
      forMs,
      () => machine.clock.freeze(),
      () => machine.clock.thaw(),
    )
  },

  // ---- hostile

  turn: (world, { node, behaviours }) => world.turn(node, behaviours),
  twin: (world, { verb, node, beside }) => {
    const { disk, nodeId, version } = world.machine(node)
    const twin = world.machine(`${node}'`)
    if (nodeId === undefined) return skip(world, node, verb, 'it has never been up')
    if (!isIn(world, twin.name, verb, 'off')) return
    twin.disk.rollback(disk.snapshot())
    twin.nodeId = nodeId
    twin.version = version
    world.network.twin(node, twin.name, new Set(beside))
    start(world, twin.name)
  },
}

/** What a reformatted machine still knows: who it is. */
const KEPT: readonly string[] = [IDENTITY_FILE, NEXT_IDENTITY_FILE, CLUSTER_FILE]

// ---- what lasts

/** Of two such faults of one machine the later one counts. */
function last(world: World, node: string, name: string, forMs: number, begin: () => void, end: () => void): void {
  world.machine(node).spells.begin({ name, places: [node], forMs, begin, end })
}

function flap(world: World, way: Way, everyMs: number, forMs: number): void {
  const { network, scheduler, spells } = world
  const ways = oneWays(way)
  let isSilent = false
  let timer = { cancel: () => {} }
  const turn = (): void => {
    isSilent = !isSilent
    for (const { from, to } of ways) {
      if (isSilent) network.silence(from, to, 'flap')
      else network.unsilence(from, to, 'flap')
    }
    timer = scheduler.after(everyMs * 1000, turn)
  }
  spells.begin({
    name: `flap ${way.from} ${way.to}`,
    places: [way.from, way.to],
    forMs,
    begin: turn,
    end: () => {
      timer.cancel()
      for (const { from, to } of ways) network.unsilence(from, to, 'flap')
    },
  })
}

/** One by one in the first half of the time, and let go in another order in the second. */
function swizzle(world: World, nodes: readonly string[], forMs: number): void {
  const { network, scheduler, spells } = world
  const random = world.random(`swizzle/${scheduler.nowUs}`)
  const chosen = random.shuffle(nodes).slice(0, 1 + random.below(nodes.length))
  const clogged = new Set<string>()
  const apply = (node: string): void => {
    for (const { name } of world.machines) {
      if (name === node) continue
      const call = clogged.has(node) || clogged.has(name) ? 'clog' : 'unclog'
      network[call](node, name, 'swizzle')
      network[call](name, node, 'swizzle')
    }
  }
  const atUs = (step: number): number => Math.round((step * forMs * 1000) / (2 * chosen.length))
  const order = [...chosen, ...random.shuffle(chosen)]
  let timers: readonly SimTimer[] = []
  const turn = (node: string, step: number): void => {
    if (step < chosen.length) clogged.add(node)
    else clogged.delete(node)
    apply(node)
  }
  spells.begin({
    name: 'swizzle',
    places: nodes,
    forMs,
    begin: () => {
      timers = order.map((node, step) => scheduler.after(atUs(step), () => turn(node, step)))
    },
    end: () => {
      for (const timer of timers) timer.cancel()
      clogged.clear()
      for (const node of chosen) apply(node)
    },
  })
}

// ---- lives

function start(world: World, node: string): void {
  world.startSoon(node, error => {
    if (error !== undefined) failed(world, node, 'start', error)
  })
}

function join(world: World, node: string, by: string): void {
  world.askSoon(by, 'member.invite', {}, (error, invite) => {
    if (invite === undefined) return failed(world, node, 'invite', error)
    if (!isIn(world, node, 'join', 'off')) return
    world.joinSoon(node, invite.token, refused => {
      if (refused === undefined) start(world, node)
      else failed(world, node, 'join', refused)
    })
  })
}

/** Asked of an admin that is up; where several must agree, the others are not. */
function dismiss(world: World, node: string, how: 'retire' | 'revoke'): void {
  const { nodeId } = world.machine(node)
  if (nodeId === undefined) return skip(world, node, how, 'it has never been up')
  const admin = world.running.find(
    ({ name, phase, runtime }) =>
      phase === 'up' && name !== node && runtime?.core.cluster.membership.policy.admins.includes(runtime.core.self) === true,
  )
  if (admin === undefined) return skip(world, node, how, 'no other admin is up')
  world.askSoon(admin.name, `member.${how}`, { nodeId }, (error, answer) => {
    if (error !== undefined) failed(world, node, how, error)
    else if (answer?.decided === true) world.note(node, 'sim.dismissed', { how })
  })
}

/** The node dies for it, and stays down. */
function replaceDisk(world: World, node: string, verb: Verb, filesOf: (machine: Machine) => ReadonlyMap<string, Uint8Array>): void {
  const machine = world.machine(node)
  if (machine.phase === 'dead') return skip(world, node, verb, 'it is dead')
  if (machine.phase !== 'off') world.crash(node)
  machine.disk.rollback(filesOf(machine))
  machine.index.destroy()
}

// ---- what cannot be

function isAlive(world: World, node: string, verb: Verb): boolean {
  const { phase } = world.machine(node)
  const isDown = phase === 'off' || phase === 'dead'
  if (isDown) skip(world, node, verb, `it is ${phase}`)
  return !isDown
}

function isIn(world: World, node: string, verb: Verb, phase: Machine['phase']): boolean {
  const machine = world.machine(node)
  if (machine.phase !== phase) skip(world, node, verb, `it is ${machine.phase}`)
  return machine.phase === phase
}

function skip(world: World, node: string, verb: Verb, because: string): void {
  world.note(node, 'sim.skipped', { verb, because })
}

function failed(world: World, node: string, what: string, error: WeftError | undefined): void {
  world.note(node, 'sim.failed', { what, code: error?.code })
}

// ---- ways

function directionOf({ both }: Way): 'both' | 'forward' {
  return both ? 'both' : 'forward'
}

function oneWays({ from, to, both }: Way): readonly { readonly from: string; readonly to: string }[] {
  return both
    ? [
        { from, to },
        { from: to, to: from },
      ]
    : [{ from, to }]
}
