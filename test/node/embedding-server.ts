import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { hashEmbedder768 } from '../../ecc/hash-embedder.ts'

export interface Asked {
  readonly path: string
  readonly authorization: string | undefined
  readonly model: string
  readonly input: readonly string[]
  readonly dimensions: number | undefined
}

/** What the server does with one request: answers, or leaves it hanging. */
export type Way = (response: ServerResponse, asked: Asked) => void

export interface EmbeddingServer {
  readonly url: string
  readonly port: number
  readonly asked: Asked[]
  /** What it does with the next requests; afterwards as `usually`. */
  readonly next: Way[]
  usually: Way
  close(): Promise<void>
}

/** An OpenAI-compatible server on this machine that embeds by the spelling of words, and fails as it is told. */
export async function embeddingServer(t: Pick<Test, 'teardown'>, port: number = 0): Promise<EmbeddingServer> {
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>(resolve => void server.listen(port, '127.0.0.1', resolve))
  const bound = (server.address() as AddressInfo).port
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise<void>(resolve => void server.close(() => resolve()))
  }
  const face: EmbeddingServer = { url: `http://127.0.0.1:${bound}/v1`, port: bound, asked: [], next: [], usually: embed(), close }
  t.teardown(close)
  return face

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { model, input, dimensions } = JSON.parse(body) as Asked
    const asked = { path: request.url ?? '', authorization: request.headers.authorization, model, input, dimensions }
    face.asked.push(asked)
    const way = face.next.shift() ?? face.usually
    way(response, asked)
  }
}

/** As it should be, but for what is told otherwise. */
export function embed({ dims = 768, model }: { readonly dims?: number; readonly model?: string } = {}): Way {
  return (response, asked) => say(answerOf(asked, dims, model))(response, asked)
}

export function answerOf(
  asked: Asked,
  dims: number = 768,
  model: string = asked.model,
): { data: { index: number; embedding: number[] }[]; model: string } {
  return { data: asked.input.map((text, index) => ({ index, embedding: vectorOf(text).slice(0, dims) })), model }
}

export function vectorOf(text: string): number[] {
  let vector: number[] = []
  hashEmbedder768.embed([text], 'document', result => {
    if (result.ok) vector = [...(result.vectors[0] as Float32Array)]
  })
  return vector
}

export function say(value: unknown): Way {
  return response =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(typeof value === 'string' ? value : JSON.stringify(value))
}

export function refuse(status: number, headers: Readonly<Record<string, string>> = {}, body: string = ''): Way {
  return response => void response.writeHead(status, headers).end(body)
}

/** Takes the request and never answers. */
export const hang: Way = () => {}
/** Drops the connection. */
export const drop: Way = response => void response.destroy()
