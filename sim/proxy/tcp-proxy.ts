import { createServer, type Server } from 'node:net'
import { listenOnLoopback, portOf } from './listen.ts'
import { ProxiedConnection } from './proxied-connection.ts'
import { PERFECT, Wire } from './wire.ts'

/**
 * A proxy in front of one TCP port of this machine that makes a network go bad: real sockets,
 * real time. `up` is from the clients to the target, `down` back.
 */
export async function createTcpProxy({ target }: { readonly target: number }): Promise<TcpProxy> {
  const proxy = new RunningProxy(target)
  await proxy.listen()
  return proxy
}

export interface TcpProxy {
  /** On 127.0.0.1, for the clients. */
  readonly port: number
  /** Bytes and segments passed on so far; a segment is what one read returned. */
  readonly bytes: Readonly<Record<Way, number>>
  readonly segments: Readonly<Record<Way, number>>
  /** Open ones. */
  readonly connections: number
  /** Everything read from now on is passed on so much later, in order: `ms`, and on top an exponentially distributed time of mean `meanMs`. */
  delay(ms: number, meanMs?: number): void
  /** At most so many bytes a second each way, of all connections together; undefined for no limit. */
  rate(bytesPerSecond: number | undefined): void
  /**
   * Nothing passes any more and nobody is told, not even that the other end has closed. As with
   * TCP on a dead link, what was sent is not lost: it passes after `restore`.
   */
  cut(ways?: Way | 'both'): void
  restore(): void
  /** Ends all connections with a reset, on both sides. */
  reset(): void
  /** Ends each connection with a reset once so many bytes have passed on it, both ways together. */
  truncate(afterBytes: number): void
  close(): Promise<void>
}

export type Way = 'up' | 'down'

class RunningProxy implements TcpProxy {
  readonly #wires: Readonly<Record<Way, Wire>> = { up: new Wire(), down: new Wire() }
  readonly #server: Server
  readonly #open: Set<ProxiedConnection> = new Set()
  #truncateAfterBytes: number = Number.POSITIVE_INFINITY

  constructor(target: number) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, client => {
      const connection = new ProxiedConnection({
        client,
        target,
        ...this.#wires,
        truncateAfterBytes: () => this.#truncateAfterBytes,
        onClosed: () => this.#open.delete(connection),
      })
      this.#open.add(connection)
    })
  }

  get port(): number {
    return portOf(this.#server)
  }

  get bytes(): Record<Way, number> {
    return { up: this.#wires.up.bytes, down: this.#wires.down.bytes }
  }

  get segments(): Record<Way, number> {
    return { up: this.#wires.up.segments, down: this.#wires.down.segments }
  }

  get connections(): number {
    return this.#open.size
  }

  listen(): Promise<void> {
    return listenOnLoopback(this.#server)
  }

  delay(ms: number, meanMs: number = 0): void {
    for (const wire of this.#both) wire.shape({ delayMinMs: ms, delayMeanMs: meanMs })
  }

  rate(bytesPerSecond: number | undefined): void {
    for (const wire of this.#both) wire.shape({ bytesPerSecond: bytesPerSecond ?? PERFECT.bytesPerSecond })
  }

  cut(ways: Way | 'both' = 'both'): void {
    for (const wire of ways === 'both' ? this.#both : [this.#wires[ways]]) wire.hold()
  }

  restore(): void {
    for (const wire of this.#both) wire.release()
  }

  reset(): void {
    for (const connection of this.#open) connection.reset()
  }

  truncate(afterBytes: number): void {
    this.#truncateAfterBytes = afterBytes
  }

  async close(): Promise<void> {
    this.reset()
    await new Promise(resolve => this.#server.close(resolve))
  }

  get #both(): readonly Wire[] {
    return [this.#wires.up, this.#wires.down]
  }
}
