import { connect, createServer, type Server, type Socket } from 'node:net'

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
  /** Everything read from now on is passed on `ms` later, in order. */
  delay(ms: number): void
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

const WAYS: readonly Way[] = ['up', 'down']

class RunningProxy implements TcpProxy {
  readonly bytes: Record<Way, number> = { up: 0, down: 0 }
  readonly segments: Record<Way, number> = { up: 0, down: 0 }
  readonly isCut: Record<Way, boolean> = { up: false, down: false }
  /** When the limited link is free again, in ms of `performance.now`. */
  readonly freeAtMs: Record<Way, number> = { up: 0, down: 0 }
  delayMs = 0
  bytesPerSecond: number | undefined
  truncateAfterBytes: number = Number.POSITIVE_INFINITY
  readonly #target: number
  readonly #server: Server
  readonly #open: Set<ProxiedConnection> = new Set()

  constructor(target: number) {
    this.#target = target
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, client => {
      const upstream = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
      const connection = new ProxiedConnection(this, client, upstream, () => this.#open.delete(connection))
      this.#open.add(connection)
    })
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  get connections(): number {
    return this.#open.size
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', resolve)
    })
  }

  delay(ms: number): void {
    this.delayMs = ms
  }

  rate(bytesPerSecond: number | undefined): void {
    this.bytesPerSecond = bytesPerSecond
  }

  cut(ways: Way | 'both' = 'both'): void {
    for (const way of WAYS) if (ways === 'both' || ways === way) this.isCut[way] = true
  }

  restore(): void {
    for (const way of WAYS) this.isCut[way] = false
    for (const connection of this.#open) connection.resume()
  }

  reset(): void {
    for (const connection of this.#open) connection.reset()
  }

  truncate(afterBytes: number): void {
    this.truncateAfterBytes = afterBytes
  }

  async close(): Promise<void> {
    this.reset()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** Two sockets and what is under way between them. */
class ProxiedConnection {
  readonly #pipes: readonly Pipe[]
  readonly #sockets: readonly Socket[]
  readonly #onClosed: () => void
  #passed = 0

  constructor(proxy: RunningProxy, client: Socket, upstream: Socket, onClosed: () => void) {
    this.#sockets = [client, upstream]
    this.#onClosed = onClosed
    const count = (bytes: number): void => {
      this.#passed += bytes
      if (this.#passed >= proxy.truncateAfterBytes) this.reset()
    }
    this.#pipes = [new Pipe(proxy, 'up', client, upstream, count), new Pipe(proxy, 'down', upstream, client, count)]
    for (const socket of this.#sockets) {
      socket.on('close', () => {
        if (this.#sockets.every(({ destroyed }) => destroyed)) this.#onClosed()
      })
    }
  }

  resume(): void {
    for (const pipe of this.#pipes) pipe.run()
  }

  reset(): void {
    for (const socket of this.#sockets) abort(socket)
    for (const pipe of this.#pipes) pipe.stop()
    this.#onClosed()
  }
}

/** One way of one connection: a queue of what was read and when it may leave. */
class Pipe {
  readonly #proxy: RunningProxy
  readonly #way: Way
  readonly #source: Socket
  readonly #sink: Socket
  readonly #onPassed: (bytes: number) => void
  readonly #queue: { readonly dueMs: number; readonly item: Buffer | 'end' | 'reset' }[] = []
  #queuedBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(proxy: RunningProxy, way: Way, source: Socket, sink: Socket, onPassed: (bytes: number) => void) {
    this.#proxy = proxy
    this.#way = way
    this.#source = source
    this.#sink = sink
    this.#onPassed = onPassed
    source.on('data', chunk => this.#push(chunk))
    source.on('end', () => this.#push('end'))
    source.on('error', () => this.#push('reset'))
    sink.on('drain', () => this.run())
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#queue.length = 0
  }

  /** Passes on what is due; called again when the next item is. */
  run(): void {
    clearTimeout(this.#timer)
    for (;;) {
      const next = this.#queue[0]
      if (next === undefined || this.#proxy.isCut[this.#way] || this.#sink.writableNeedDrain) break
      const waitMs = next.dueMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.run(), waitMs)
        break
      }
      this.#queue.shift()
      this.#pass(next.item)
    }
    if (this.#queuedBytes < QUEUE_MAX_BYTES) this.#source.resume()
  }

  #push(item: Buffer | 'end' | 'reset'): void {
    const { delayMs, bytesPerSecond, freeAtMs } = this.#proxy
    const nowMs = performance.now()
    const size = typeof item === 'string' ? 0 : item.length
    if (bytesPerSecond !== undefined) freeAtMs[this.#way] = Math.max(nowMs, freeAtMs[this.#way]) + (size * 1000) / bytesPerSecond
    this.#queue.push({ dueMs: Math.max(nowMs, bytesPerSecond === undefined ? 0 : freeAtMs[this.#way]) + delayMs, item })
    this.#queuedBytes += size
    if (this.#queuedBytes >= QUEUE_MAX_BYTES) this.#source.pause()
    this.run()
  }

  #pass(item: Buffer | 'end' | 'reset'): void {
    if (item === 'reset') {
      abort(this.#sink)
    } else if (item === 'end') {
      this.#sink.end()
    } else {
      this.#queuedBytes -= item.length
      this.#proxy.bytes[this.#way] += item.length
      this.#proxy.segments[this.#way]++
      this.#sink.write(item)
      this.#onPassed(item.length)
    }
  }
}

/** A reset; a mere close where the socket has been ended already, which libuv cannot reset. */
function abort(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else if (!socket.destroyed) socket.resetAndDestroy()
}

/** 1 MiB for one way of one connection; then the source waits, as on a link that is full. */
const QUEUE_MAX_BYTES = 1 << 20
