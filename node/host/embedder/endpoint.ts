import { concatBytes, textOf } from '../../../base/bytes.ts'
import { WeftError } from '../../../base/errors.ts'
import { EMBED_ANSWER_SLACK_BYTES, EMBED_NUMBER_CHARACTERS } from '../../../base/limits.ts'
import { type Answer, readAnswer } from './answer.ts'

/** Where an OpenAI-compatible server answers `POST <url>/embeddings`. */
export interface Endpoint {
  /** http or https, without user and password, e.g. `http://127.0.0.1:11434/v1`. */
  readonly url: string
  readonly model: string
  readonly dims: number
  /** Ask for that many numbers: models that can be shortened. Others refuse. */
  readonly sendDims: boolean
  /** Sent as a bearer token, and shown nowhere. */
  readonly key: string | undefined
  /** For one request, from the first byte sent to the last one received. */
  readonly timeoutMs: number
}

/** `again`: the same request can succeed later; `afterMs`: not before, says the server. */
export type Outcome =
  | Extract<Answer, { ok: true }>
  | { readonly ok: false; readonly error: WeftError; readonly again: boolean; readonly afterMs?: number | undefined }

/** 200 characters of what a server says of its refusal: one line of a log. */
const SAID_MAX = 200

/** One request. Redirects are not followed: whoever may redirect could collect keys and texts. Never rejects. */
export async function ask(endpoint: Endpoint, texts: readonly string[], closing: AbortSignal, wallMs: () => number): Promise<Outcome> {
  const { model, dims, sendDims, key, timeoutMs } = endpoint
  const tooLate = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(embeddingsUrl(endpoint.url), {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.any([tooLate, closing]),
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify({ model, input: texts, ...(sendDims ? { dimensions: dims } : {}) }),
    })
    const body = await bodyOf(response, texts.length * dims * EMBED_NUMBER_CHARACTERS + EMBED_ANSWER_SLACK_BYTES)
    if (!response.ok) return refusal(response, body, key, wallMs())
    if (body === undefined) return invalid('it is too long, or not UTF-8 text')
    const answer = readAnswer(body, texts.length, dims)
    // Half an answer may be a server that ran out of something: the next one can be whole.
    return answer.ok ? answer : { ...answer, again: answer.error.code === 'embedder_failed' }
  } catch (thrown) {
    if (closing.aborted) return { ok: false, again: false, error: new WeftError('stopping', 'the embedder was closed') }
    const reason = tooLate.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(thrown)
    return { ok: false, again: true, error: new WeftError('embedder_unavailable', `${originOf(endpoint.url)}: ${reason}`) }
  }
}

/** @throws WeftError `config_invalid` for an address that nothing should be sent to */
export function checkUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const fault =
    url === undefined
      ? 'is no URL'
      : url.protocol !== 'http:' && url.protocol !== 'https:'
        ? 'is neither http nor https'
        : url.username !== '' || url.password !== ''
          ? 'has a user or a password in it'
          : undefined
  if (fault !== undefined)
    throw new WeftError('config_invalid', `embedder_url ${fault}`, {
      next: 'use an address like http://127.0.0.1:11434/v1, and embedder_key_env for a key',
    })
}

function embeddingsUrl(text: string): URL {
  const url = new URL(text)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/embeddings`
  return url
}

/** Undefined beyond `maxBytes`, at which reading ends. */
async function bodyOf(response: Response, maxBytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > maxBytes) return undefined
    chunks.push(chunk)
  }
  return textOf(concatBytes(...chunks))
}

function refusal({ status, headers }: Response, body: string | undefined, key: string | undefined, wallMs: number): Outcome {
  if (status >= 300 && status < 400)
    return { ok: false, again: false, error: new WeftError('embedder_refused', `status ${status}: redirects are not followed`) }
  const again = status === 408 || status === 429 || status >= 500
  // What is said about a key may repeat it.
  const said = status === 401 || status === 403 ? '' : saidIn(body, key)
  const error = new WeftError(again ? 'embedder_unavailable' : 'embedder_refused', `status ${status}${said}`, { details: { status } })
  return { ok: false, again, error, afterMs: again ? afterMs(headers.get('retry-after'), wallMs) : undefined }
}

function saidIn(body: string | undefined, key: string | undefined): string {
  const line = (body ?? '').replaceAll(/[\p{Cc}\s]+/gu, ' ').trim()
  if (line === '') return ''
  return `: ${(key === undefined ? line : line.replaceAll(key, '***')).slice(0, SAID_MAX)}`
}

/** `Retry-After`: seconds, or a date. */
function afterMs(header: string | null, wallMs: number): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - wallMs
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

function invalid(reason: string): Outcome {
  return { ok: false, again: true, error: new WeftError('embedder_failed', `the embedder's answer cannot be used: ${reason}`) }
}

/** What fetch hides in causes: `connect ECONNREFUSED 127.0.0.1:11434`. */
function reasonOf(thrown: unknown): string {
  let error = thrown as Error
  while (error.cause instanceof Error) error = error.cause
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0].message
  return error.message || (error as NodeJS.ErrnoException).code || 'it cannot be reached'
}

function originOf(url: string): string {
  return new URL(url).origin
}
