import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { isAlive } from '../../cli/background.ts'
import { Exchange } from '../../sim/proxy/exchange.ts'
import { createTcpProxy, type TcpProxy } from '../../sim/proxy/tcp-proxy.ts'
import { Wire } from '../../sim/proxy/wire.ts'
import { until } from './raw-peer.ts'

/** A server that echoes. */
async function echo(onClient: () => void = () => {}): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    onClient()
    socket.on('error', () => {}).pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { server, port: address.port }
}

/** One behind a proxy. */
class Line {
  readonly proxy: TcpProxy
  readonly #server: Server

  private constructor(server: Server, proxy: TcpProxy) {
    this.#server = server
    this.proxy = proxy
  }

  static async open(): Promise<Line> {
    const { server, port } = await echo()
    return new Line(server, await createTcpProxy({ target: port }))
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
  const early = await line.client()
  await until('the proxy has it all', () => line.proxy.connections === 4)
  early.socket.destroy()
  await until('one that gives up before it got through was never there', () => line.proxy.connections === 3)
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

t.test('a delay has a least part and an exponentially distributed one on top', async t => {
  const wire = new Wire()
  wire.shape({ delayMinMs: 50, delayMeanMs: 20 })
  const drawn = Array.from({ length: 20_000 }, () => wire.arrivalMs(100) - performance.now() - 50)
  t.ok(drawn.every(ms => ms > -1))
  const mean = drawn.reduce((sum, ms) => sum + ms, 0) / drawn.length
  t.ok(Math.abs(mean - 20) < 2, `mean ${mean}`)
})

/** Two servers with a door each, and clients who say who they are. */
class Market {
  readonly exchange: Exchange = new Exchange()
  readonly visits: Record<string, number> = { a: 0, b: 0 }
  readonly ports: Record<string, number> = {}
  readonly #servers: Server[] = []

  async open(): Promise<void> {
    for (const name of ['a', 'b']) {
      const { server, port } = await echo(() => (this.visits[name] = (this.visits[name] ?? 0) + 1))
      this.#servers.push(server)
      this.ports[name] = await this.exchange.open(name)
      this.exchange.lead(name, port)
    }
  }

  async client(to: string, first: string): Promise<Client> {
    const socket = connect({ port: this.ports[to] as number, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const client = new Client(socket)
    await once(socket, 'connect')
    socket.write(first)
    return client
  }

  async close(): Promise<void> {
    await this.exchange.close()
    for (const server of this.#servers) server.close()
  }
}

t.test('an exchange knows who dials whom, and holds back one way whichever side dialled', async t => {
  const market = new Market()
  await market.open()
  const { exchange } = market
  const [there, back] = [await market.client('b', 'a\nfrom a'), await market.client('a', 'b\n')]
  await until('the line is not part of what is said', () => there.received === 'from a')
  exchange.wire('a', 'b').hold()
  there.socket.write(' held')
  back.socket.write('from b')
  await until('what b dialled carries the other way', () => exchange.wire('b', 'a').bytes === 6 + 6)
  await new Promise(resolve => setImmediate(resolve))
  t.same([there.received, back.received], ['from a', ''], 'the echo of a goes from a to b')
  const late = await market.client('b', 'a\nlate')
  t.equal(market.visits['b'], 1, 'nobody was let through')
  exchange.wire('a', 'b').release()
  await until('all passes', () => there.received === 'from a held' && back.received === 'from b' && late.received === 'late')
  t.same(market.visits, { a: 1, b: 2 })
  await market.close()
})

t.test('an exchange resets who does not say who dials, or is nobody it knows', async t => {
  const market = new Market()
  await market.open()
  for (const first of ['stranger\nhello', '\n', 'x'.repeat(1000)]) {
    const client = await market.client('b', first)
    await until('it is refused', () => client.isEnded || client.error !== undefined)
  }
  t.same(market.visits, { a: 0, b: 0 })
  await market.close()
})

t.test('a process that was started with the dialler says its name first, and ends when nobody is left who started it', async t => {
  const market = new Market()
  await market.open()
  const dialler = new URL('../../sim/proxy/dialler.js?a', import.meta.url).href
  const talks = `require('node:net').connect(${market.ports['b']}, '127.0.0.1').on('connect', function () { this.write('hello') }).on('data', data => console.log(String(data)))`
  // A process between: when it ends, the one with the dialler has lost its parent.
  const starts = `const child = require('node:child_process').spawn(process.execPath, ['--import', ${JSON.stringify(dialler)}, '-e', ${JSON.stringify(talks)}])
    child.stdout.once('data', data => { console.log(child.pid, String(data)); child.unref(); child.stdout.destroy(); child.stderr.destroy(); child.stdin.destroy(); process.exit() })`
  const between = spawn(process.execPath, ['-e', starts], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await once(between.stdout, 'data')) as [Buffer]
  const [pid, word] = String(said).trim().split(' ')
  t.equal(word, 'hello')
  t.equal(market.exchange.wire('a', 'b').bytes, 5)
  await until('it ends', () => !isAlive(Number(pid)))
  await market.close()
})
