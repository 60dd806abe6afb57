import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { hostname, networkInterfaces } from 'node:os'
import { hostHeaderValidation, type NodeIncomingMessageLike, originValidation, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { WeftError } from '../../base/errors.ts'
import { MCP_MESSAGE_MAX_BYTES } from '../../base/limits.ts'
import type { Request } from '../../node/commands/types.ts'
import { isBearer } from '../../node/http/bearer.ts'
import { talk } from '../output.ts'
import { createMcpServer } from './server.ts'

/** Where to listen: on this machine, at a free port, unless said otherwise. */
export interface HttpAddress {
  readonly host: string
  readonly port: number
}

export interface HttpServer {
  /** What clients are given. */
  readonly url: string
  readonly close: () => Promise<void>
}

const PATH = '/mcp'

/**
 * Many clients, over streamable HTTP, each request by itself: nothing is kept between them. Host and
 * Origin are checked before anything is read, so that no web page reaches in through a browser by a name
 * of its own; then the token.
 */
export async function serveHttp(request: Request, { host, port }: HttpAddress, token: string): Promise<HttpServer> {
  const onerror = (error: Error): void => talk(`weft mcp: ${error.message}`)
  const handler = createMcpHandler(() => createMcpServer(request), { onerror, maxRequestBodySize: MCP_MESSAGE_MAX_BYTES })
  const handle = toNodeHandler(handler, { onerror, maxRequestBodySize: MCP_MESSAGE_MAX_BYTES })
  const names = namesOf(host)
  const isOurHost = hostHeaderValidation(names)
  const isOurOrigin = originValidation(names)
  const server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
    if (!isOurHost(incoming, response) || !isOurOrigin(incoming, response)) return
    if (incoming.url?.split('?', 1)[0] !== PATH) return void response.writeHead(404).end(`MCP is at ${PATH}\n`)
    if (!isBearer(incoming.headers.authorization, token))
      return void response.writeHead(401, { 'www-authenticate': 'Bearer' }).end('the token is missing or wrong\n')
    void handle(incoming as NodeIncomingMessageLike, response)
  })
  const bound = await new Promise<number>((resolve, reject) => {
    server.once('error', error => reject(refusal(error, host, port)))
    server.listen(port, host, () => resolve((server.address() as { readonly port: number }).port))
  })
  server.on('error', onerror)
  return {
    url: `http://${bracketed(host)}:${bound}${PATH}`,
    close: async () => {
      await handler.close()
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

/** `PORT`, `HOST` or `HOST:PORT`; an IPv6 address stands in brackets. */
export function parseHttpAddress(text: string): HttpAddress | undefined {
  const found = /^(?:(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*[A-Za-z.-][A-Za-z0-9.-]*)(?::(\d{1,5}))?|(\d{1,5}))$/.exec(text)
  const port = Number(found?.[2] ?? found?.[3] ?? 0)
  return found === null || port > 65_535 ? undefined : { host: (found[1] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port }
}

export function isLoopback(host: string): boolean {
  return /^(localhost|127\.[0-9.]+|::1)$/.test(host)
}

/** What a client may call this server in `Host`: where it listens, and on an address that means all of them, all of them. */
function namesOf(host: string): string[] {
  const here = ['localhost', '127.0.0.1', '[::1]']
  if (host !== '0.0.0.0' && host !== '::') return [...here, bracketed(host)]
  const addresses = Object.values(networkInterfaces()).flatMap(rows => (rows ?? []).map(row => bracketed(row.address)))
  return [...here, hostname(), ...addresses]
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function refusal(error: Error, host: string, port: number): WeftError {
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    ? new WeftError('port_in_use', `port ${port} of ${host} is in use`, { cause: error, next: 'choose another one with --http' })
    : new WeftError('invalid_argument', `cannot listen on ${host}, port ${port}: ${error.message}`, { cause: error })
}
