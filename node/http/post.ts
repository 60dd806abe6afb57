import { Agent, request } from 'node:http'

/** 64 connections to the node at most: what a pipeline of commands spreads over. */
const agent = new Agent({ keepAlive: true, maxSockets: 64 })

export interface PostReply {
  readonly status: number
  readonly text: string
}

/** One request to a control interface. Rejects when nobody answers. */
export function post(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<PostReply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method: 'POST', agent, headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } },
      reply => {
        let text = ''
        reply.setEncoding('utf8')
        reply.on('data', (chunk: string) => (text += chunk))
        reply.on('end', () => resolve({ status: reply.statusCode ?? 0, text }))
        reply.on('error', reject)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
