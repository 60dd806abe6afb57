import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import Corestore from 'corestore'

/** Hypercore: one signed log a peer, each downloads all blocks of the other's. Its storage is RocksDB, which it does not sync. */
export async function start({ dir, listen, invitation }) {
  let changed = () => {}
  const store = new Corestore(dir)
  const own = store.get({ name: 'records' })
  await own.ready()
  own.on('append', () => changed())
  let other
  let socket
  const follow = async key => {
    other = store.get({ key: Buffer.from(key, 'hex') })
    await other.ready()
    other.on('append', () => changed())
    other.on('download', () => changed())
    other.download({ start: 0, end: -1 })
  }
  const carry = (stream, isInitiator) => {
    socket = stream
    stream.on('error', () => {})
    const replication = store.replicate(isInitiator, { keepAlive: false })
    replication.on('error', () => {})
    stream.pipe(replication).pipe(stream)
    return replication
  }
  if (invitation !== undefined) await follow(invitation)
  if (listen !== undefined) {
    const server = createServer({ noDelay: true }, stream => carry(stream, false)).listen(listen.port, '127.0.0.1')
    await once(server, 'listening')
  }
  const key = async () => own.key.toString('hex')
  const held = () => own.length + (other?.contiguousLength ?? 0)
  return {
    invitation: key,
    introduction: key,
    meet: follow,
    connect: async port => {
      const stream = connect({ port, host: '127.0.0.1', noDelay: true })
      await once(stream, 'connect')
      await carry(stream, true).noiseStream.opened
    },
    disconnect: async () => {
      if (socket === undefined || socket.closed) return
      socket.destroy()
      await once(socket, 'close')
    },
    add: async texts => {
      const waiting = []
      for (const text of texts) {
        waiting.push(own.append(Buffer.from(text)))
        if (waiting.length === 1024) await Promise.all(waiting.splice(0))
      }
      await Promise.all(waiting)
    },
    wait: records =>
      new Promise(resolve => {
        changed = () => {
          if (held() < records) return
          changed = () => {}
          resolve()
        }
        changed()
      }),
    state: async () => {
      const sizes = [own, other].filter(core => core !== undefined).map(core => `${core.key.toString('hex')} ${core.contiguousLength}`)
      return sizes.sort().join('\n')
    },
    count: async () => held(),
    stop: () => store.close(),
  }
}
