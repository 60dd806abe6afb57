import { createServer, type Server, type Socket } from 'node:net'
import { listenOnLoopback, portOf } from './listen.ts'
import { ProxiedConnection } from './proxied-connection.ts'
import { Wire } from './wire.ts'

/**
 * The network between real nodes of one machine. Each node has a door, which is where others are told to dial
 * it, and between any two ends there is a wire for each way. Everybody dials the same door, so a connection begins with a
 * line that says who dials (`dialler.ts` puts it there): whoever of the two dialled, what n4 sends to n5 is on the wire from n4 to n5.
 */
export class Exchange {
  readonly #doors: Map<string, Door> = new Map()
  /** By who sends, and who receives. */
  readonly #wires: Map<string, Map<string, Wire>> = new Map()

  /** Opens the door of `name`. @returns its port on 127.0.0.1, the same from then on */
  async open(name: string): Promise<number> {
    const door = this.#doors.get(name) ?? new Door(client => void this.#accept(client, name))
    this.#doors.set(name, door)
    return door.open()
  }

  /** To which port the door of `name` leads from now on: until the first time, whoever comes is reset. */
  lead(name: string, port: number): void {
    const door = this.#doors.get(name)
    if (door !== undefined) door.target = port
  }

  wire(from: string, to: string): Wire {
    let wires = this.#wires.get(from)
    if (wires === undefined) this.#wires.set(from, (wires = new Map()))
    let wire = wires.get(to)
    if (wire === undefined) wires.set(to, (wire = new Wire()))
    return wire
  }

  async close(): Promise<void> {
    await Promise.all([...this.#doors.values()].map(door => door.close()))
  }

  async #accept(client: Socket, to: string): Promise<void> {
    const from = await nameOf(client)
    const door = this.#doors.get(to)
    if (from === undefined || !this.#doors.has(from) || door === undefined) return void client.destroy()
    door.connect(client, this.wire(from, to), this.wire(to, from))
  }
}

class Door {
  target = 0
  readonly #server: Server
  readonly #clients: Set<Socket> = new Set()
  readonly #open: Set<ProxiedConnection> = new Set()
  #listening: Promise<void> | undefined

  constructor(accept: (client: Socket) => void) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, client => {
      this.#clients.add(client)
      client.once('close', () => this.#clients.delete(client))
      accept(client)
    })
  }

  async open(): Promise<number> {
    await (this.#listening ??= listenOnLoopback(this.#server))
    return portOf(this.#server)
  }

  connect(client: Socket, up: Wire, down: Wire): void {
    const connection = new ProxiedConnection({
      client,
      target: this.target,
      up,
      down,
      truncateAfterBytes: () => Number.POSITIVE_INFINITY,
      onClosed: () => this.#open.delete(connection),
    })
    this.#open.add(connection)
  }

  async close(): Promise<void> {
    for (const connection of this.#open) connection.reset()
    for (const client of this.#clients) client.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** 64 bytes: a name and its end. */
const LINE_MAX_BYTES = 64
/** 5 s: the line is sent with the first byte. */
const LINE_TIMEOUT_MS = 5_000

/** Reads the first line, and nothing beyond it. Undefined for one who does not say who dials. */
function nameOf(client: Socket): Promise<string | undefined> {
  return new Promise(resolve => {
    let head = Buffer.alloc(0)
    const finish = (name: string | undefined): void => {
      clearTimeout(deadline)
      client.off('data', onData).off('end', onEnd).off('error', onEnd)
      resolve(name)
    }
    const onEnd = (): void => finish(undefined)
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\n')
      if (end < 0) return head.length > LINE_MAX_BYTES ? finish(undefined) : undefined
      client.pause()
      if (end + 1 < head.length) client.unshift(head.subarray(end + 1))
      finish(head.toString('utf8', 0, end))
    }
    const deadline = setTimeout(onEnd, LINE_TIMEOUT_MS)
    client.on('data', onData).on('end', onEnd).on('error', onEnd)
  })
}
