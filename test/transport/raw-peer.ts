import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { utf8 } from '../../base/bytes.ts'
import { FRAME_MAX_BYTES } from '../../base/limits.ts'
import { FrameDecoder, FrameEncoder } from '../../transport/frame.ts'
import { createLibp2pNode, stopLibp2pNode } from '../../transport/libp2p/libp2p-node.ts'
import { PROTOCOLS, type Protocol } from '../../transport/protocols.ts'
import type { Transport } from '../../transport/transport.ts'

/** A dialler that speaks the wire by hand, to do what our transport never would. */
export class RawPeer {
  readonly id: string
  readonly connection: Connection
  readonly greeting: Stream
  /** What came on the greeting stream. */
  readonly heard: Uint8Array[] = []
  readonly #stop: () => Promise<void>

  private constructor(id: string, connection: Connection, greeting: Stream, stop: () => Promise<void>) {
    this.id = id
    this.connection = connection
    this.greeting = greeting
    this.#stop = stop
    const decoder = new FrameDecoder(FRAME_MAX_BYTES)
    greeting.addEventListener('message', ({ data }) => {
      for (const chunk of data instanceof Uint8Array ? [data] : data) decoder.push(chunk, frame => this.heard.push(frame))
    })
  }

  static async dial(target: Transport, seed: number): Promise<RawPeer> {
    const libp2p = await createLibp2pNode({
      seed: new Uint8Array(32).fill(seed),
      listen: [],
      announce: [],
      peerDiscovery: [],
      isRefused: () => false,
      onDiscovered: () => {},
    })
    await libp2p.start()
    const connection = await libp2p.dial(target.addresses().map(address => multiaddr(address)))
    const greeting = await connection.newStream(PROTOCOLS.greeting.id)
    return new RawPeer(libp2p.peerId.toString(), connection, greeting, () => stopLibp2pNode(libp2p))
  }

  /** Says hello and waits for the answer. */
  async greet(): Promise<void> {
    this.greeting.send(framed(utf8('hello')))
    await until('the greeting is answered', () => this.heard.length > 0)
  }

  /** Comes up. */
  async comeUp(): Promise<void> {
    await this.greet()
    this.greeting.send(framed(Uint8Array.of(1)))
  }

  open(protocol: Protocol): Promise<Stream> {
    return this.connection.newStream(PROTOCOLS[protocol].id)
  }

  get isClosed(): boolean {
    return this.connection.status !== 'open'
  }

  stop(): Promise<void> {
    return this.#stop()
  }
}

/** The bytes of a frame on a stream. */
export function framed(frame: Uint8Array): Uint8Array {
  const encoder = new FrameEncoder()
  encoder.push(frame)
  return encoder.take() as Uint8Array
}

/** The beginning of a frame of `length` bytes. */
export function announced(length: number): Uint8Array {
  const header = new Uint8Array(4)
  new DataView(header.buffer).setUint32(0, length)
  return header
}

/** Looks after every turn of the loop; rejects when it takes longer. */
export async function until(what: string, holds: () => boolean, timeoutMs: number = 20_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await new Promise(resolve => setTimeout(resolve, 1))
  }
}
