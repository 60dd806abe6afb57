import { asWeftError, type ErrorCode, WeftError } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import { CHUNK_BYTES } from '../../base/limits.ts'
import { decodeHeader, type RecordHeader, type StoredRecord } from '../../chain/record.ts'
import type { Spawned } from '../../node/api.ts'
import { spawn } from '../../node/commands/process.ts'
import type { CommandName, CommandTypes } from '../../node/commands/types.ts'
import type { Core } from '../../node/core.ts'
import type { Program } from '../../node/process/behaviour.ts'
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
    return cores.every(
      core => core.pending === 0 && core.guard.isOpen && isPublished(core) && core.frontierAll === (cores[0] as Core).frontierAll,
    )
  })
}

/** Nothing of a node's own waits for its signature, or for the disk. */
function isPublished({ chain, self }: Core): boolean {
  return [...chain.logs.values()].every(log => log.identity.author !== self || log.conflict !== undefined || log.size === log.published)
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

/** Where `dialAs` dials from. */
export const STRANGER = 'stranger'

/** Dials a node from outside of the cluster, as `self`, and says `greeting`. */
export function dialAs(world: World, self: NodeId, to: string, greeting: Uint8Array): Dialled {
  const transport = new SimTransport(world.network, STRANGER, self)
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
    transport.start(handlers, () => transport.dial(world.nodeId(to), [`/sim/${to}`]))
  })
  world.wait<boolean>(done => transport.stop(() => done(undefined, true)))
  return dialled
}

/** Starts a process whose program is at hand. */
export function spawnOn(world: World, node: string, program: Program, name?: string): Spawned {
  return world.wait<Spawned>(done => {
    const fail = (error: WeftError): void => done(error, undefined)
    world.runtime(node).dispatch({
      kind: 'run',
      run: () => {
        try {
          spawn(coreOf(world, node), program, name, 'inline', { ok: spawned => done(undefined, spawned), fail })
        } catch (thrown) {
          fail(asWeftError(thrown))
        }
      },
    })
  })
}

/** Runs until `holds`, for what waits for promises too: they go on between two milliseconds. */
export async function untilTold(world: World, what: string, holds: () => boolean, limitMs: number = 60_000): Promise<void> {
  for (const endMs = world.nowMs + limitMs; ; world.run(1)) {
    await new Promise(resolve => setImmediate(resolve))
    if (holds()) return
    if (world.nowMs > endMs) throw new Error(`not within ${limitMs} ms: ${what}`)
  }
}

/** A command whose answer waits for promises. */
export async function askLater<K extends CommandName>(
  world: World,
  node: string,
  command: K,
  input: CommandTypes[K]['input'],
): Promise<CommandTypes[K]['result']> {
  let outcome: { readonly error: WeftError | undefined; readonly value: CommandTypes[K]['result'] | undefined } | undefined
  world.askSoon(node, command, input, (error, value) => (outcome = { error, value }))
  await untilTold(world, `${command} to be answered`, () => outcome !== undefined)
  if (outcome?.error !== undefined) throw outcome.error
  return outcome?.value as CommandTypes[K]['result']
}

export async function codeLater(answer: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await answer
    return undefined
  } catch (thrown) {
    if (thrown instanceof WeftError) return thrown.code
    throw thrown
  }
}

/** The records of one of this node's own logs, as they are on its disk. */
export function recordsOf(
  world: World,
  node: string,
  stream: string,
): readonly { readonly header: RecordHeader; readonly body: Uint8Array }[] {
  const core = coreOf(world, node)
  const log = [...core.chain.logs.values()].find(({ identity }) => identity.author === core.self && identity.stream === stream)
  if (log === undefined) return []
  const records: StoredRecord[] = []
  while (records.length < log.durable) {
    const some = world.wait<readonly StoredRecord[]>(done => {
      const from = records.length
      world.runtime(node).dispatch({
        kind: 'run',
        run: () =>
          core.context.emit({
            kind: 'read',
            log: log.identity.id,
            from,
            maxRecords: 1024,
            maxBytes: CHUNK_BYTES,
            then: read => done(undefined, read),
          }),
      })
    })
    records.push(...some)
  }
  return records.map(({ header, body }) => ({ header: decodeHeader(header) as RecordHeader, body }))
}
