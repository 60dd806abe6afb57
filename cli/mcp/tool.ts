import type { CallToolResult, McpServer, StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import type { z } from 'zod'
import { asWeftError, ERRORS, type ErrorCode, WeftError } from '../../base/errors.ts'
import { MCP_MESSAGE_SHOWN, REQUEST_MAX_BYTES } from '../../base/limits.ts'
import type { Request } from '../../node/commands/types.ts'
import { talk } from '../output.ts'
import { beginningOf } from './recalled.ts'

/** What a tool answers: data that fits its output schema, and the same in words for clients that show only those. */
export interface Answer<O> {
  readonly data: O
  readonly text: string
}

export interface ToolInit<I, O> {
  readonly title: string
  /** Written for a model: what it does, when to call it, what to do with the answer. */
  readonly description: string
  readonly input: z.ZodType<I>
  readonly output: z.ZodType<O>
  readonly isReadOnly?: boolean
  readonly isDestructive?: boolean
  /** Calling it again with the same input changes nothing more. */
  readonly isIdempotent?: boolean
  readonly run: (request: Request, input: I) => Promise<Answer<O>>
}

/** A tool whose input is whatever a client sends. */
export interface Tool extends Omit<ToolInit<unknown, unknown>, 'run'> {
  readonly run: (request: Request, input: unknown) => Promise<Answer<unknown>>
}

export function tool<I, O>(init: ToolInit<I, O>): Tool {
  return { ...init, run: (request, input) => init.run(request, parsed(init.input, input)) }
}

/** Whatever goes wrong in a call is its result: a model reads that, and mends it. */
export function addTool(server: McpServer, name: string, one: Tool, request: Request): void {
  const { title, description, isReadOnly = false, isDestructive = false, isIdempotent = isReadOnly } = one
  server.registerTool(
    name,
    {
      title,
      description,
      inputSchema: advertised(one.input),
      outputSchema: one.output as z.ZodObject,
      annotations: { title, readOnlyHint: isReadOnly, destructiveHint: isDestructive, idempotentHint: isIdempotent, openWorldHint: false },
    },
    async (input): Promise<CallToolResult> => {
      try {
        const { data, text } = await one.run(request, input)
        return { content: [{ type: 'text', text }], structuredContent: data as Record<string, unknown> }
      } catch (thrown) {
        return failed(thrown)
      }
    },
  )
}

/** The schema as clients see it. Input is checked by the tool itself, so that all errors are of one form. */
function advertised(schema: z.ZodType): StandardSchemaWithJSON {
  const { version, vendor, jsonSchema } = schema['~standard']
  return { '~standard': { version, vendor, jsonSchema, validate: value => ({ value }) } }
}

function parsed<I>(schema: z.ZodType<I>, input: unknown): I {
  const result = schema.safeParse(input)
  if (!result.success) {
    const [issue] = result.error.issues
    const field = issue?.path.join('.') ?? ''
    throw new WeftError('invalid_argument', `${field === '' ? 'input' : field}: ${issue?.message ?? 'invalid'}`)
  }
  // Half of what the node takes in one request, so that it is the one who says what of it is too long.
  if (Buffer.byteLength(JSON.stringify(input)) > REQUEST_MAX_BYTES / 2)
    throw new WeftError('body_too_large', `the input of a call is at most ${REQUEST_MAX_BYTES / 2} bytes`)
  return result.data
}

/** Where the code has no advice of its own, or one for people at a terminal. */
const NEXT: Partial<Readonly<Record<ErrorCode, string>>> = {
  invalid_argument: 'correct that field and call again',
  unknown_id: 'use an id that remember, link, supersede or recall returned',
  other_space: 'links and supersedes stay within one space: choose memories of the same one',
  not_author: 'only the node that wrote it can forget it: remember what holds now and supersede it instead',
  text_too_long: 'make it shorter: a summary can say where the whole text is',
  body_too_large: 'make it shorter: a summary can say where the whole text is',
  text_invalid: 'leave out what is not valid Unicode text',
  frontier_ahead: 'call again in a moment',
  timeout: 'call again: nothing is written twice, the same text is kept once',
  internal: 'tell your user: this is a bug in weftmesh',
}

export function failed(thrown: unknown): CallToolResult {
  const { code, message, next } = errorOf(thrown)
  return {
    isError: true,
    content: [{ type: 'text', text: `${code}: ${message}\nNext: ${next}` }],
    // Not `structuredContent`: clients hold that against the output schema.
    _meta: { 'weftmesh/error': { code, message, next } },
  }
}

/** What went wrong, and what to do about it: never without advice. */
export function errorOf(thrown: unknown): { readonly code: ErrorCode; readonly message: string; readonly next: string } {
  const error = asWeftError(thrown)
  const { code } = error
  if (code === 'internal') talk(`weft mcp: ${thrown instanceof Error ? thrown.stack : String(thrown)}`)
  const next = NEXT[code] ?? error.next ?? (ERRORS[code].retryable === true ? 'call again in a moment' : 'correct the input and call again')
  return { code, message: beginningOf(error.message, MCP_MESSAGE_SHOWN).text, next }
}
