import type { Connection as Libp2pConnection, Stream } from '@libp2p/interface'
import type { ErrorCode } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import { CLOSE_FLUSH_MS, GREETING_TIMEOUT_MS, OUTBOUND_MAX_BYTES } from '../../base/limits.ts'
import type { Connection, ConnectionTable } from '../connection-table.ts'
import { FRAME_HEADER_BYTES } from '../frame.ts'
import type { Direction, Link } from '../link.ts'
import { PROTOCOLS, type Protocol } from '../protocols.ts'
import { readFrames } from './stream-reader.ts'
import { StreamWriter } from './stream-writer.ts'

/**
 * One libp2p connection as a link. The dialler opens the greeting stream, which stays open
 * and is read both ways; each side opens a stream of its own for every protocol it sends on. That of `sync` is
 * negotiated while the greeting is: the first hello then needs no round trip of its own for it.
 *
 * Closing in good order: the closer says on the greeting stream how many frames it has sent on
 * each protocol. The other side, once it has that many, closes the connection. libp2p's
 * own `close` would not do: it closes the socket while encrypted bytes wait in front of it.
 */
export class Libp2pLink implements Link {
  readonly peer: NodeId
  readonly direction: Direction
  readonly #libp2p: Libp2pConnection
  readonly #table: ConnectionTable
  readonly #connection: Connection
  readonly #greeting: StreamWriter
  readonly #writers: Map<Protocol, StreamWriter> = new Map()
  readonly #sent: FrameCounts = { control: 0, sync: 0, ipc: 0 }
  readonly #received: FrameCounts = { control: 0, sync: 0, ipc: 0 }
  /** What the peer has sent in all, once it has said that it closes. */
  #expected: FrameCounts | undefined
  #queuedBytes = 0
  #isFull = false
  #isClosed = false
  #deadline: NodeJS.Timeout | undefined

  constructor(libp2p: Libp2pConnection, peer: NodeId, table: ConnectionTable) {
    this.peer = peer
    this.direction = libp2p.direction
    this.#libp2p = libp2p
    this.#table = table
    this.#greeting = this.#writer()
    this.#connection = table.opened(this)
    if (this.direction === 'outbound') {
      const use = (stream: Stream): void => this.#readGreeting(stream, this.#greeting)
      this.#open('greeting', use, code => table.lost(this.#connection, code))
    }
    this.#writerOf('sync')
  }

  greet(message: Uint8Array): void {
    this.#queuedBytes += this.#greeting.push(message)
  }

  send(protocol: Protocol, frame: Uint8Array): boolean {
    if (this.#queuedBytes + FRAME_HEADER_BYTES + frame.length > OUTBOUND_MAX_BYTES) {
      this.#isFull = true
      return false
    }
    this.#queuedBytes += this.#writerOf(protocol).push(frame)
    this.#sent[protocol] = (this.#sent[protocol] + 1) >>> 0
    return true
  }

  finish(): void {
    this.greet(encodeCounts(this.#sent))
    this.#deadline = setTimeout(() => this.reset(), CLOSE_FLUSH_MS)
  }

  reset(): void {
    if (!this.#isClosed) this.#libp2p.abort(new Error('closed by this node'))
  }

  /** The peer has opened the greeting stream. */
  acceptGreeting(stream: Stream): void {
    if (this.direction === 'outbound') stream.abort(new Error('the dialler greets'))
    else this.#readGreeting(stream, this.#greeting)
  }

  /** The peer has opened the stream of a protocol; nothing may come on it before its greeting was accepted. */
  accept(protocol: Protocol, stream: Stream): void {
    const onFrame = (frame: Uint8Array): void => {
      if (this.#connection.state === 'greeting') return this.#table.lost(this.#connection, 'unexpected')
      this.#received[protocol] = (this.#received[protocol] + 1) >>> 0
      this.#table.received(this.#connection, protocol, frame)
      this.#closeWhenComplete()
    }
    readFrames(stream, PROTOCOLS[protocol].frameMaxBytes, onFrame, code => this.#table.lost(this.#connection, code))
  }

  /** The connection is gone. */
  closed(): void {
    this.#isClosed = true
    clearTimeout(this.#deadline)
    this.#table.lost(this.#connection, 'unreachable')
  }

  #readGreeting(stream: Stream, writer: StreamWriter): void {
    // One byte more than a greeting: the reply has the decision in front.
    const frameMaxBytes = PROTOCOLS.greeting.frameMaxBytes + 1
    readFrames(
      stream,
      frameMaxBytes,
      message => this.#onGreeting(message),
      code => this.#table.lost(this.#connection, code),
    )
    writer.attach(stream)
  }

  #onGreeting(message: Uint8Array): void {
    // Both sides close: neither wants what the other still has under way.
    if (this.#deadline !== undefined) return this.reset()
    if (this.#connection.state !== 'up') {
      this.#table.greeted(this.#connection, message)
      return
    }
    this.#expected = decodeCounts(message)
    if (this.#expected === undefined) this.#table.lost(this.#connection, 'unexpected')
    else this.#closeWhenComplete()
  }

  #closeWhenComplete(): void {
    const expected = this.#expected
    if (expected === undefined || COUNTED.some(protocol => this.#received[protocol] !== expected[protocol])) return
    this.#table.lost(this.#connection, 'unreachable')
  }

  #writerOf(protocol: Protocol): StreamWriter {
    const known = this.#writers.get(protocol)
    if (known !== undefined) return known
    const writer = this.#writer(this.#greeting)
    this.#writers.set(protocol, writer)
    const use = (stream: Stream): void => {
      stream.addEventListener('close', () => this.#table.lost(this.#connection, 'unreachable'))
      writer.attach(stream)
    }
    this.#open(protocol, use, code => {
      // Opened before it was needed: it is tried again when it is.
      if (writer.isEmpty) this.#writers.delete(protocol)
      else this.#table.lost(this.#connection, code)
    })
    return writer
  }

  #open(protocol: Protocol | 'greeting', use: (stream: Stream) => void, fail: (code: ErrorCode) => void): void {
    this.#libp2p.newStream(PROTOCOLS[protocol].id, { signal: AbortSignal.timeout(GREETING_TIMEOUT_MS) }).then(
      stream => (stream.status === 'open' ? use(stream) : fail('unreachable')),
      (error: Error) => fail(error.name === 'UnsupportedProtocolError' ? 'incompatible' : 'unreachable'),
    )
  }

  #writer(before?: StreamWriter): StreamWriter {
    const onLeft = (bytes: number): void => {
      this.#queuedBytes -= bytes
      if (!this.#isFull || this.#queuedBytes > OUTBOUND_MAX_BYTES / 2) return
      this.#isFull = false
      this.#table.drained(this.#connection)
    }
    return new StreamWriter(onLeft, before)
  }
}

/** Frames so far, modulo 2^32. */
type FrameCounts = Record<Protocol, number>

/** The order of the counts on the wire: append only. */
const COUNTED: readonly Protocol[] = ['control', 'sync', 'ipc']

function encodeCounts(counts: FrameCounts): Uint8Array {
  const message = new Uint8Array(4 * COUNTED.length)
  const view = new DataView(message.buffer)
  for (const [i, protocol] of COUNTED.entries()) view.setUint32(4 * i, counts[protocol])
  return message
}

function decodeCounts(message: Uint8Array): FrameCounts | undefined {
  if (message.length !== 4 * COUNTED.length) return undefined
  const view = new DataView(message.buffer, message.byteOffset)
  const counts: FrameCounts = { control: 0, sync: 0, ipc: 0 }
  for (const [i, protocol] of COUNTED.entries()) counts[protocol] = view.getUint32(4 * i)
  return counts
}
