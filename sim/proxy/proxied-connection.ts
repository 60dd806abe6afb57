import { Socket } from 'node:net'
import type { Wire } from './wire.ts'

/** What a connection through a proxy is made of. */
export interface ConnectionInit {
  readonly client: Socket
  /** A port of this machine. */
  readonly target: number
  /** From the client to the target, and back. */
  readonly up: Wire
  readonly down: Wire
  /** Ends the connection with a reset when so many bytes have passed, both ways together. */
  readonly truncateAfterBytes: () => number
  readonly onClosed: () => void
}

/**
 * Two sockets and what is under way between them. The target is dialled when the first thing gets through:
 * who is cut off knocks at no door.
 */
export class ProxiedConnection {
  readonly #pipes: readonly Pipe[]
  readonly #sockets: readonly Socket[]
  readonly #onClosed: () => void
  #passed = 0
  #isOpen = false

  constructor({ client, target, up, down, truncateAfterBytes, onClosed }: ConnectionInit) {
    const upstream = new Socket({ allowHalfOpen: true })
    this.#sockets = [client, upstream]
    this.#onClosed = onClosed
    const count = (bytes: number): void => {
      this.#passed += bytes
      if (this.#passed >= truncateAfterBytes()) this.reset()
    }
    const open = (): void => {
      this.#isOpen = true
      upstream.connect({ port: target, host: '127.0.0.1', noDelay: true })
    }
    this.#pipes = [new Pipe(up, client, upstream, count, open), new Pipe(down, upstream, client, count)]
    // One that gives up before it got through was never there.
    for (const event of ['end', 'error']) client.once(event, () => this.#isOpen || this.reset())
    for (const socket of this.#sockets) {
      socket.on('close', () => {
        if (this.#sockets.every(({ destroyed }) => destroyed)) this.#close()
      })
    }
  }

  reset(): void {
    for (const socket of this.#sockets) abort(socket)
    this.#close()
  }

  #close(): void {
    for (const pipe of this.#pipes) pipe.stop()
    this.#onClosed()
  }
}

type Item = Buffer | 'open' | 'end' | 'reset'

/** One way of one connection: a queue of what was read and when it may leave. */
class Pipe {
  readonly #wire: Wire
  readonly #source: Socket
  readonly #sink: Socket
  readonly #onPassed: (bytes: number) => void
  readonly #open: (() => void) | undefined
  readonly #forget: () => void
  readonly #queue: { readonly dueMs: number; readonly item: Item }[] = []
  #queuedBytes = 0
  #lastDueMs = 0
  #timer: NodeJS.Timeout | undefined

  /** @param open dials the sink */
  constructor(wire: Wire, source: Socket, sink: Socket, onPassed: (bytes: number) => void, open?: () => void) {
    this.#wire = wire
    this.#source = source
    this.#sink = sink
    this.#onPassed = onPassed
    this.#open = open
    this.#forget = wire.onFree(() => this.run())
    if (open !== undefined) this.#push('open')
    source.on('data', chunk => this.#push(chunk))
    source.on('end', () => this.#push('end'))
    source.on('error', () => this.#push('reset'))
    sink.on('drain', () => this.run())
  }

  stop(): void {
    this.#forget()
    clearTimeout(this.#timer)
    this.#queue.length = 0
  }

  /** Passes on what is due; called again when the next item is. */
  run(): void {
    clearTimeout(this.#timer)
    for (;;) {
      const next = this.#queue[0]
      if (next === undefined || this.#wire.isHeld || this.#sink.writableNeedDrain) break
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

  #push(item: Item): void {
    const size = typeof item === 'string' ? 0 : item.length
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#wire.arrivalMs(size))
    this.#queue.push({ dueMs: this.#lastDueMs, item })
    this.#queuedBytes += size
    if (this.#queuedBytes >= QUEUE_MAX_BYTES) this.#source.pause()
    this.run()
  }

  #pass(item: Item): void {
    if (item === 'open') {
      this.#open?.()
    } else if (item === 'reset') {
      abort(this.#sink)
    } else if (item === 'end') {
      this.#sink.end()
    } else {
      this.#queuedBytes -= item.length
      this.#wire.passed(item.length)
      this.#sink.write(item)
      this.#onPassed(item.length)
    }
  }
}

/** A reset; a mere close where the socket has been ended already, which libuv cannot reset. */
function abort(socket: Socket): void {
  if (socket.writableEnded || socket.pending) socket.destroy()
  else if (!socket.destroyed) socket.resetAndDestroy()
}

/** 1 MiB for one way of one connection; then the source waits, as on a link that is full. */
const QUEUE_MAX_BYTES = 1 << 20
