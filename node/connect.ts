import { isErrorCode, WeftError } from '../base/errors.ts'
import type { ClusterId, NodeId } from '../base/ids.ts'
import type { WeftNode } from './api.ts'
import { clientOf } from './client/client.ts'
import type { CommandName, CommandTypes, Request } from './commands/types.ts'
import { absolutePath, readControlFile } from './host/directory.ts'
import { post } from './http/post.ts'

export interface ConnectOptions {
  /** The directory of a running node. */
  readonly dir: string
}

/** The same API as `createNode`, to a node that runs elsewhere on this machine. */
export async function connect({ dir }: ConnectOptions): Promise<WeftNode> {
  const path = absolutePath(dir)
  const request = requestTo(path)
  const { nodeId, cluster } = await request('node.id', {})
  return clientOf({
    nodeId: nodeId as NodeId,
    cluster: cluster as ClusterId,
    dir: path,
    request,
    spawnHere: undefined,
    stop: () => Promise.resolve(),
  })
}

/** Who asks: records name it as their actor. */
export type Client = 'cli' | 'mcp' | 'api'

/** A way to perform commands on the node that runs in `dir`. */
export function requestTo(dir: string, client: Client = 'api'): Request {
  return async <K extends CommandName>(name: K, input: CommandTypes[K]['input']) =>
    (await ask(dir, client, `/v1/${name}`, inJson(input))) as CommandTypes[K]['result']
}

/** Vectors as they travel: typed arrays are no JSON. */
function inJson(input: object): object {
  const { vector, items } = input as { readonly vector?: unknown; readonly items?: unknown }
  return {
    ...input,
    ...(vector instanceof Float32Array || vector instanceof Float64Array ? { vector: [...vector] } : {}),
    ...(Array.isArray(items)
      ? { items: items.map((item: unknown) => (typeof item === 'object' && item !== null ? inJson(item) : item)) }
      : {}),
  }
}

export type BatchResult = { readonly ok: unknown } | { readonly error: { readonly code: string; readonly message: string } }

/** Several commands in one request; each has its own outcome. */
export async function batchTo(
  dir: string,
  client: Client,
  commands: readonly { readonly command: CommandName; readonly input: unknown }[],
): Promise<readonly BatchResult[]> {
  return (await ask(dir, client, '/v1/batch', commands)) as readonly BatchResult[]
}

async function ask(dir: string, client: string, path: string, body: unknown): Promise<unknown> {
  const control = readControlFile(dir)
  if (control === undefined) throw new WeftError('not_running', `no node is running in ${dir}`)
  const { status, text } = await post(
    control.url + path,
    { authorization: `Bearer ${control.token}`, 'x-weft-client': client },
    JSON.stringify(body),
  ).catch((thrown: unknown) => {
    throw new WeftError('not_running', `the node in ${dir} does not answer`, { cause: thrown })
  })
  const value = parse(text)
  if (status === 200) return value
  const error = (value as { error?: { code?: string; message?: string; next?: string; details?: Record<string, unknown> } } | undefined)
    ?.error
  if (error?.code === undefined || !isErrorCode(error.code))
    throw new WeftError('unexpected', `the node answered ${status}: ${text.slice(0, 200)}`)
  throw new WeftError(error.code, error.message ?? error.code, {
    ...(error.next === undefined ? {} : { next: error.next }),
    ...(error.details === undefined ? {} : { details: error.details }),
  })
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}
