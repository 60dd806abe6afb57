import { join } from 'node:path'
import { inSpace } from '../../node/client/space.ts'
import { WeftError } from '../../base/errors.ts'
import type { CommandName, CommandTypes, Request } from '../../node/commands/types.ts'
import { reportFailure } from '../failure.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { requireSpaceName } from '../mcp/space-name.ts'
import { ANSWER_MS, nodeIn } from '../node-in.ts'
import { talk } from '../output.ts'
import { SPACE_OPTION } from '../routes.ts'

export const define: Define = command =>
  command
    .option(...SPACE_OPTION)
    .option('--http [host:port]', 'serve over HTTP instead of stdio (default: this machine only, at a free port)')
    .addHelpText(
      'after',
      '\nAI clients start this by themselves: see weft mcp-config. Over stdio, stdout belongs to the protocol. Over HTTP, clients send the\ntoken that stands in mcp-token in the node directory, as `Authorization: Bearer TOKEN`.',
    )
    .action(
      action(async (cli, _, { http }: { readonly http?: string | true }) => {
        const request = inSpace(requestTo(cli.dir), cli.space)
        try {
          requireSpaceName(cli.space)
          await request('node.id', {})
          await (http === undefined ? overStdio(request) : overHttp(cli, request, http))
          return 0
        } catch (thrown) {
          return reportFailure(thrown, cli.isJson && http !== undefined)
        }
      }),
    )

/** Errors of a node that does not run name the command that starts it from wherever the client is. */
function requestTo(dir: string): Request {
  const request = nodeIn(dir, ANSWER_MS, 'mcp')
  return async <K extends CommandName>(name: K, input: CommandTypes[K]['input']) => {
    try {
      return await request(name, input)
    } catch (thrown) {
      if (!(thrown instanceof WeftError)) throw thrown
      const { code, message } = thrown
      if (code === 'not_running') throw new WeftError(code, message, { next: `start it: weft start -d --dir ${dir}` })
      if (code === 'not_initialised')
        throw new WeftError(code, message, { next: `make one: weft init --dir ${dir}, or weft join TOKEN --dir ${dir}` })
      throw thrown
    }
  }
}

async function overStdio(request: Request): Promise<void> {
  const { serveStdio } = await import('../mcp/stdio.ts')
  const { ended, close } = serveStdio(request)
  onSignals(close)
  await ended
}

async function overHttp(cli: Invocation, request: Request, http: string | true): Promise<void> {
  const { isLoopback, parseHttpAddress, serveHttp } = await import('../mcp/http.ts')
  const { TOKEN_FILE, tokenIn } = await import('../mcp/token.ts')
  const address = parseHttpAddress(http === true ? '0' : http)
  if (address === undefined)
    throw new WeftError('usage', `${JSON.stringify(http)} is no HOST:PORT`, { next: 'for example --http 127.0.0.1:7700' })
  const server = await serveHttp(request, address, tokenIn(cli.dir))
  if (!isLoopback(address.host)) talk('weft: other machines can connect, and the token travels in clear: put TLS in front, or use a tunnel')
  cli.print({ url: server.url, tokenFile: join(cli.dir, TOKEN_FILE) }, ({ url, tokenFile }) => `url    ${url}\ntoken  in ${tokenFile}`)
  await new Promise<void>(resolve => onSignals(async () => resolve(await server.close())))
}

function onSignals(close: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void close())
}
