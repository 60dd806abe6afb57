import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createTcpProxy, type TcpProxy } from '../../sim/proxy/tcp-proxy.ts'
import { until } from './raw-peer.ts'

/** A server that echoes, behind a proxy. */
class Line {
  readonly proxy: TcpProxy
  readonly #server: Server

  private constructor(server: Server, proxy: TcpProxy) {
    this.#server = server
    this.proxy = proxy
  }

  static async open(): Promise<Line> {
    const server = createServer({ allowHalfOpen: true }, socket => socket.on('error', () => {}).pipe(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return new Line(server, await createTcpProxy({ target: address.port }))
  }

  async client(): Promise<Client> {
    const socket = connect({ port: this.proxy.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const client = new Client(socket)
    await once(socket, 'connect')
    return client
  }

  async close(): Promise<void> {
    await this.proxy.close()
    this.#server.close()
  }
}

class Client {
  readonly socket: Socket
  received = ''
  error: string | undefined
  isEnded = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1').on('data', chunk => (this.received += String(chunk)))
    socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code))
    socket.on('end', () => (this.isEnded = true))
  }
}

function test(sentence: string, body: (t: Test, line: Line) => Promise<void>): void {
  t.test(sentence, async t => {
    const line = await Line.open()
    await body(t, line)
    await line.close()
  })
}

test('it passes on what it gets, counts it, and closes when both have', async (t, line) => {
  const client = await line.client()
  const big = 'x'.repeat(3_000_000)
  client.socket.write(big)
  await until('the echo comes back', () => client.received.length === big.length)
  t.ok(client.received === big)
  t.same(line.proxy.bytes, { up: big.length, down: big.length })
  t.ok(line.proxy.segments.up >= 3 && line.proxy.segments.down >= 3)
  t.equal(line.proxy.connections, 1)
  client.socket.end('bye')
  await until('a half-closed connection still carries the other way', () => client.isEnded)
  t.equal(client.received.slice(big.length), 'bye')
  await until('it is gone', () => line.proxy.connections === 0)
})

test('a delay holds everything back for so long, in order', async (t, line) => {
  const client = await line.client()
  line.proxy.delay(40)
  const startMs = performance.now()
  for (const word of ['one ', 'two ', 'three']) client.socket.write(word)
  await until('the echo comes back', () => client.received === 'one two three')
  t.ok(performance.now() - startMs >= 79, 'forty there and forty back')
})

test('a rate is kept to', async (t, line) => {
  const client = await line.client()
  line.proxy.rate(1_000_000)
  const startMs = performance.now()
  client.socket.write('x'.repeat(200_000))
  await until('the echo comes back', () => client.received.length === 200_000)
  t.ok(performance.now() - startMs >= 190)
  line.proxy.rate(undefined)
})

test('a cut is silent, even when an end closes; what was sent passes once it is restored', async (t, line) => {
  const [client, closer] = [await line.client(), await line.client()]
  line.proxy.cut()
  client.socket.write('held')
  closer.socket.end('and gone')
  const late = await line.client()
  late.socket.write('late')
  await until('the proxy has it all', () => line.proxy.connections === 3)
  await new Promise(resolve => setImmediate(resolve))
  t.same([client.received, closer.received, late.received], ['', '', ''])
  t.same(line.proxy.bytes, { up: 0, down: 0 })
  line.proxy.restore()
  await until('all arrives', () => client.received === 'held' && closer.received === 'and gone' && late.received === 'late')
  await until('the close is passed on', () => closer.isEnded)
  line.proxy.cut('down')
  client.socket.write('!')
  await until('one way passes', () => line.proxy.bytes.up === 17)
  t.equal(client.received, 'held')
  line.proxy.restore()
  await until('the other too', () => client.received === 'held!')
})

test('a reset ends all connections on both sides; new ones pass', async (t, line) => {
  const client = await line.client()
  client.socket.write('x')
  await until('it works', () => client.received === 'x')
  line.proxy.reset()
  await until('the client sees it', () => client.error !== undefined)
  t.equal(client.error, 'ECONNRESET')
  t.equal(line.proxy.connections, 0)
  const next = await line.client()
  next.socket.write('y')
  await until('a new one works', () => next.received === 'y')
})

test('truncation ends a connection in the middle of what it carries', async (t, line) => {
  line.proxy.truncate(10)
  const client = await line.client()
  client.socket.write('0123456789')
  await until('the client sees it', () => client.error !== undefined)
  t.equal(client.error, 'ECONNRESET')
  t.equal(client.received, '')
})

t.test('where nothing listens behind it, clients are reset', async t => {
  const line = await Line.open()
  await line.close()
  const proxy = await createTcpProxy({ target: line.proxy.port === 0 ? 1 : line.proxy.port })
  const client = new Client(connect({ port: proxy.port, host: '127.0.0.1' }))
  await until('the client sees it', () => client.error !== undefined)
  t.equal(client.error, 'ECONNRESET')
  await proxy.close()
})
