import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { asWeftError, ERRORS, WeftError } from '../../base/errors.ts'
import { JSONL_IN_FLIGHT, REQUEST_MAX_BYTES } from '../../base/limits.ts'
import type { Logger } from '../../base/ports.ts'
import { isCommand } from '../commands/table.ts'
import type { Readiness } from '../commands/types.ts'
import { encodeValue } from '../ipc/values.ts'
import type { Runtime } from '../runtime.ts'
import { isBearer } from './bearer.ts'

/**
 * The control interface: HTTP on loopback, for the command line and for `connect`.
 *
 *   POST /v1/<command>   one command, JSON in and out             token needed
 *   POST /v1/batch       [{command, input}] -> one result each    token needed
 *   GET  /healthz /readyz /metrics                                open
 *
 * The token is in a file that only this user can read. Host and Origin are checked, so no web
 * page can reach in through a browser on this machine.
 */
export interface Control {
  readonly url: string
  readonly token: string
  readonly close: () => Promise<void>
}

export interface ControlOptions {
  /** `127.0.0.1:0` for a free port. */
  readonly listen: string
  readonly token: string
  readonly log: Logger
}

/** How long a request may wait for its answer before the caller must ask again: calls may take an hour. */
const REQUEST_TIMEOUT_MS = 3_700_000

/** 200 ms: the answer to `stop` itself is on its way when the interface closes. */
const CLOSE_GRACE_MS = 200

export async function serveControl(runtime: Runtime, { listen, token, log }: ControlOptions): Promise<Control> {
  const cut = listen.lastIndexOf(':')
  const host = listen.slice(0, cut).replace(/^\[|\]$/g, '')
  const answer = getRequestListener(appOf(runtime, token, log).fetch)
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 30_000 }, (request, response) => void answer(request, response))
  server.timeout = REQUEST_TIMEOUT_MS
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', error => {
      const { code } = error as NodeJS.ErrnoException
      reject(
        code === 'EADDRINUSE'
          ? new WeftError('port_in_use', `the control port ${listen} is in use`, { cause: error })
          : new WeftError('invalid_argument', `cannot listen on ${listen}: ${error.message}`, { cause: error }),
      )
    })
    server.listen(Number(listen.slice(cut + 1)), host, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
  server.on('error', error => log('error', 'http.error', { message: error.message }))
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    token,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeIdleConnections()
        setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS).unref()
      }),
  }
}

function appOf(runtime: Runtime, token: string, log: Logger): Hono {
  const app = new Hono()

  app.use(async (context, next) => {
    const host = context.req.header('host') ?? ''
    if (!/^(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?$/.test(host))
      return failed(context, new WeftError('foreign_host', `Host is ${JSON.stringify(host)}: this interface is for this machine only`))
    const origin = context.req.header('origin')
    if (origin !== undefined && origin !== `http://${host}`)
      return failed(context, new WeftError('foreign_origin', `Origin ${JSON.stringify(origin)} may not ask`))
    return next()
  })

  app.get('/healthz', context => context.json({ ok: true }))
  app.get('/readyz', async context => {
    const { ready, checks }: Readiness = await runtime.request('node.ready', {}, 'probe')
    return context.json({ ready, checks }, ready ? 200 : 503)
  })
  app.get('/metrics', async context => {
    const { renderMetrics } = await import('./metrics.ts') // 25 ms that a start does not need
    return context.text(await renderMetrics(runtime.core.metrics))
  })

  app.use('/v1/*', async (context, next) => {
    if (!isBearer(context.req.header('authorization'), token))
      return failed(context, new WeftError('unauthorized', 'the token is missing or wrong'))
    return next()
  })
  app.use(
    '/v1/*',
    bodyLimit({
      maxSize: REQUEST_MAX_BYTES,
      onError: context => failed(context, new WeftError('body_too_large', `a request is at most ${REQUEST_MAX_BYTES} bytes`)),
    }),
  )

  app.post('/v1/batch', async context => {
    const rows = await jsonOf(context)
    if (!Array.isArray(rows) || rows.length > JSONL_IN_FLIGHT)
      throw new WeftError('invalid_argument', `a batch is a list of at most ${JSONL_IN_FLIGHT} commands`)
    const actor = actorOf(context)
    const results = await Promise.all(
      rows.map(async (row: { command?: unknown; input?: unknown } | null) => {
        try {
          return `{"ok":${await ask(runtime, String(row?.command), row?.input, actor)}}`
        } catch (thrown) {
          return JSON.stringify({ error: asWeftError(thrown) })
        }
      }),
    )
    return context.body(`[${results.join()}]`, 200, JSON_TYPE)
  })

  app.post('/v1/:command', async context => {
    const text = await ask(runtime, context.req.param('command'), await jsonOf(context), actorOf(context))
    return context.body(text, 200, JSON_TYPE)
  })

  app.notFound(context => failed(context, new WeftError('unknown_route', `nothing at ${context.req.method} ${context.req.path}`)))
  app.onError((thrown, context) => {
    const error = asWeftError(thrown)
    if (error.code === 'internal') log('error', 'http.failed', { message: error.message, path: context.req.path })
    return failed(context, error)
  })
  return app
}

const JSON_TYPE = { 'content-type': 'application/json' }

/** The answer as JSON. It stays on this machine, so it may be larger than what fits a frame: a page of the longest memories is 24 MB. */
async function ask(runtime: Runtime, command: string, input: unknown, actor: string): Promise<string> {
  if (!isCommand(command)) throw new WeftError('unknown_route', `there is no command ${JSON.stringify(command)}`)
  return encodeValue(await runtime.request(command, input, actor), Infinity)
}

async function jsonOf(context: Context): Promise<unknown> {
  const text = await context.req.text()
  try {
    return text === '' ? {} : (JSON.parse(text) as unknown)
  } catch (thrown) {
    throw new WeftError('invalid_argument', `the request is no JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
  }
}

/** What callers sign with: `cli` for the command line, `mcp` for agents, `api` otherwise. Process names cannot be taken from here. */
function actorOf(context: Context): string {
  const client = context.req.header('x-weft-client')
  return client === 'cli' || client === 'mcp' ? client : 'api'
}

function failed(context: Context, error: WeftError): Response {
  const { status } = ERRORS[error.code]
  const retry = status === 429 || status === 503 || status === 507 ? { 'retry-after': '1' } : {}
  return context.json({ error: { ...error.toJSON(), correlationId: randomUUID() } }, status as 400, retry)
}
