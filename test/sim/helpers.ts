import { type ErrorCode, WeftError } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Core } from '../../node/core.ts'
import { SimTransport } from '../../sim/transport.ts'
import type { World } from '../../sim/world.ts'

/** The code with which something is refused; undefined when it is not. */
export function codeOf(run: () => unknown): ErrorCode | undefined {
  try {
    run()
    return undefined
  } catch (thrown) {
    if (thrown instanceof WeftError) return thrown.code
    throw thrown
  }
}

export function coreOf(world: World, name: string): Core {
  return world.runtime(name).core
}

/** Runs until each of these nodes is connected to all the others. */
export function untilConnected(world: World, names: readonly string[]): void {
  const ids = names.map(name => world.nodeId(name))
  const isConnected = (name: string, id: NodeId): boolean => world.nodeId(name) === id || coreOf(world, name).peers.connected.has(id)
  world.until(`${names.join(', ')} to be connected`, () => names.every(name => ids.every(id => isConnected(name, id))))
}

/** Runs until these nodes hold and have applied the same. */
export function untilEqual(world: World, names: readonly string[]): void {
  world.until(`${names.join(', ')} to be equal`, () => {
    const cores = names.map(name => coreOf(world, name))
    return cores.every(core => core.pending === 0 && core.guard.isOpen && core.frontierAll === (cores[0] as Core).frontierAll)
  })
}

/** A cluster of these nodes, connected and equal. */
export function settle(world: World, names: readonly string[]): void {
  world.cluster(names)
  untilConnected(world, names)
  untilEqual(world, names)
}

/** All memories that a node lists, oldest first, by their text. */
export function textsOf(world: World, name: string): readonly string[] {
  return world.ask(name, 'memory.list', { limit: 500 }).memories.map(({ text }) => text)
}

/** What came of dialling a node as somebody else. */
export interface Dialled {
  readonly accepted: boolean
  readonly reply: Uint8Array
}

/** Dials a node from outside of the cluster, as `self`, and says `greeting`. */
export function dialAs(world: World, self: NodeId, to: string, greeting: Uint8Array): Dialled {
  const transport = new SimTransport(world.network, self)
  const dialled = world.wait<Dialled>(done => {
    const handlers = {
      greeting: () => greeting,
      onGreeting: () => {},
      onGreeted: (_connection: number, _from: NodeId, accepted: boolean, reply: Uint8Array) => done(undefined, { accepted, reply }),
      onUp: () => {},
      onDown: () => {},
      onFrame: () => {},
      onDrain: () => {},
      onDialFailed: () => {},
    }
    transport.start(handlers, () => transport.dial(world.nodeId(to), [`/sim/${world.nodeId(to)}`]))
  })
  world.wait<boolean>(done => transport.stop(() => done(undefined, true)))
  return dialled
}
