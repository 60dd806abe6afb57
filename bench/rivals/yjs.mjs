import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'
import * as Y from 'yjs'

const STATE = 0
const UPDATE = 1

/** Yjs over WebSockets: both say their state vectors, and what the other lacks. Nothing is signed, encrypted or stored. */
export async function start({ listen }) {
  const doc = new Y.Doc()
  const records = doc.getArray('records')
  let socket
  let changed = () => {}
  records.observe(() => changed())
  const say = (kind, bytes) => socket?.readyState === WebSocket.OPEN && socket.send(Buffer.concat([Buffer.from([kind]), bytes]))
  doc.on('update', (update, origin) => origin === 'peer' || say(UPDATE, update))
  const carry = stream => {
    socket = stream
    stream.on('error', () => {})
    stream.on('message', message => {
      const bytes = message.subarray(1)
      if (message[0] === STATE) say(UPDATE, Y.encodeStateAsUpdate(doc, bytes))
      else Y.applyUpdate(doc, bytes, 'peer')
    })
    const begin = () => say(STATE, Y.encodeStateVector(doc))
    if (stream.readyState === WebSocket.OPEN) begin()
    else stream.on('open', begin)
  }
  if (listen !== undefined) {
    const server = new WebSocketServer({ port: listen.port, host: '127.0.0.1', maxPayload: 2 ** 30, perMessageDeflate: false })
    server.on('connection', carry)
    await once(server, 'listening')
  }
  return {
    invitation: async () => null,
    connect: async port => {
      const stream = new WebSocket(`ws://127.0.0.1:${port}`, { maxPayload: 2 ** 30, perMessageDeflate: false })
      carry(stream)
      await once(stream, 'open')
    },
    disconnect: async () => {
      if (socket === undefined || socket.readyState === WebSocket.CLOSED) return
      socket.terminate()
      await once(socket, 'close')
    },
    add: async texts => {
      for (const text of texts) records.push([text])
    },
    wait: count =>
      new Promise(resolve => {
        changed = () => {
          if (records.length < count) return
          changed = () => {}
          resolve()
        }
        changed()
      }),
    state: async () => createHash('sha256').update(JSON.stringify(records.toArray())).digest('hex'),
    count: async () => records.length,
    stop: async () => {},
  }
}
