import { parse, TomlError } from 'smol-toml'
import { z } from 'zod'
import { WeftError } from '../base/errors.ts'
import { isSpace, type NodeId, parseNodeId } from '../base/ids.ts'
import { EMBED_TIMEOUT_MAX_MS, EMBED_TIMEOUT_MS, VECTOR_DIMS_MAX } from '../base/limits.ts'
import type { LogLevel } from '../base/ports.ts'
import { policyName, policyShape } from './commands/policy-shape.ts'
import type { Policy } from './memory/policy.ts'
import type { KnownPeer } from '../discovery/peer-book.ts'
import type { SettingInfo } from './api.ts'

/**
 * A node's settings. Each value comes from the first of: a flag (or an option of `createNode`), the
 * environment, `weft.toml` in the node directory, the default; and says from which.
 */
export interface Config {
  /** What people call this node; no identity. */
  readonly name: Setting<string>
  /** Multiaddrs to listen on. A port of 0 is a free one, kept from then on. */
  readonly listen: Setting<readonly string[]>
  /** Multiaddrs to tell others instead, where they cannot reach the ones above. */
  readonly announce: Setting<readonly string[]>
  /** Members to dial first: multiaddrs that end in `/p2p/<NodeId>`. */
  readonly bootstrap: Setting<readonly string[]>
  /** Find members on the local network. `auto`: when listening beyond this machine. */
  readonly mdns: Setting<'on' | 'off' | 'auto'>
  /** Where the control interface listens: a loopback address and port. */
  readonly http: Setting<string>
  readonly logLevel: Setting<LogLevel>
  /** Who must vouch for this node's logs before it signs again after a start. */
  readonly guard: Setting<'one' | 'majority'>
  /** The spaces of which this node keeps a copy, besides `main`; empty for all. */
  readonly replicateSpaces: Setting<readonly string[]>
  /** Or those of which it keeps none. */
  readonly replicateExcept: Setting<readonly string[]>
  /** `label=value` -> the space of memories with that label, unless whoever writes them says. */
  readonly memoryRoute: Setting<Readonly<Record<string, string>>>
  /** How far what members wrote is trusted when something is recalled, 0 to 1, by NodeId; the others wholly. */
  readonly memoryTrust: Setting<Readonly<Record<string, number>>>
  /** Whether this node looks at what is new in the memory by itself, and raises impulses. */
  readonly cognitionTick: Setting<'on' | 'off'>
  /** What that may take of the loop. */
  readonly cognitionShare: Setting<number>
  /** `[memory.forget.NAME]`: what this node forgets by itself. */
  readonly forget: Setting<Readonly<Record<string, Policy>>>
  /** What makes vectors of memories. `builtin` knows how words are spelt, the others what they mean. */
  readonly embedder: Setting<'none' | 'openai' | 'transformers' | 'builtin'>
  /** `openai`: where it answers `POST <url>/embeddings`. */
  readonly embedderUrl: Setting<string>
  /** The model's name; part of the name that its vectors go by. Empty for none. */
  readonly embedderModel: Setting<string>
  /** How many numbers the model gives; 0 when it was not said. */
  readonly embedderDims: Setting<number>
  /** `openai`: ask for so many numbers, of a model that can be shortened. */
  readonly embedderSendDims: Setting<'on' | 'off'>
  /** `openai`: the environment variable that holds the key. */
  readonly embedderKeyEnv: Setting<string>
  /** For one request. */
  readonly embedderTimeoutMs: Setting<number>
  /** What the model wants to see in front of a memory, and of a question. */
  readonly embedderDocumentPrefix: Setting<string>
  readonly embedderQueryPrefix: Setting<string>
  /** `transformers`: the folder that holds models. */
  readonly embedderPath: Setting<string>
  /** `transformers`: how a text's vector is made of those of its words. */
  readonly embedderPooling: Setting<'mean' | 'cls' | 'last_token'>
  /** `transformers`: which of the model's files; the package's choice when empty. */
  readonly embedderDtype: Setting<string>
}

export interface Setting<T> {
  readonly value: T
  /** `default`, `weft.toml line 3`, `WEFT_LISTEN`, `--listen`. */
  readonly from: string
}

export type ConfigValues = { readonly [K in keyof Config]?: Config[K]['value'] | undefined }

export const CONFIG_FILE = 'weft.toml'

const address = z.string().regex(/^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/[0-9]{1,5}(\/.*)?$/, 'a multiaddr like /ip4/192.0.2.1/tcp/4001')
const trust = z.record(
  z.string().refine(text => parseNodeId(text) !== undefined, 'a NodeId'),
  z.coerce.number('a number from 0 to 1').min(0, 'a number from 0 to 1').max(1, 'a number from 0 to 1'),
  'how far each NodeId is trusted, from 0 to 1',
)
const peerAddress = address.refine(text => seedOf(text) !== undefined, 'an address that ends in /p2p/<NodeId>')

const visible = z.string().regex(/^[!-~]{1,96}$/, '1 to 96 visible ASCII characters')
const prefix = z.string().max(256, 'at most 256 characters')

function whole(min: number, max: number): z.ZodType<number> {
  const number = z.int(`a whole number from ${min} to ${max}`).min(min, `${min} or more`).max(max, `${max} or less`)
  return z.preprocess(value => (typeof value === 'string' && /^[0-9]{1,9}$/.test(value) ? Number(value) : value), number)
}

const space = z.string().refine(isSpace, 'names of spaces: 1 to 64 of a-z 0-9 . _ -')

/** Per setting: its name in weft.toml (`table.name` within a table; flags and environment leave out `memory.`), its shape, its default. */
const SETTINGS: {
  readonly [K in keyof Config]: {
    readonly key: string
    readonly shape: z.ZodType<Config[K]['value']>
    readonly fallback: Config[K]['value']
  }
} = {
  name: {
    key: 'name',
    shape: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name of 1 to 64 letters, digits, . _ or -'),
    fallback: 'node',
  },
  listen: { key: 'listen', shape: z.array(address), fallback: ['/ip4/127.0.0.1/tcp/0'] },
  announce: { key: 'announce', shape: z.array(address), fallback: [] },
  bootstrap: { key: 'bootstrap', shape: z.array(peerAddress), fallback: [] },
  mdns: { key: 'mdns', shape: z.enum(['on', 'off', 'auto']), fallback: 'auto' },
  http: {
    key: 'http',
    shape: z.string().regex(/^(127\.[0-9.]+|localhost|\[::1\]):[0-9]{1,5}$/, 'a loopback address with a port, like 127.0.0.1:0'),
    fallback: '127.0.0.1:0',
  },
  logLevel: { key: 'log_level', shape: z.enum(['debug', 'info', 'warn', 'error']), fallback: 'info' },
  guard: { key: 'guard', shape: z.enum(['one', 'majority']), fallback: 'one' },
  replicateSpaces: { key: 'replicate.spaces', shape: z.array(space), fallback: [] },
  replicateExcept: { key: 'replicate.except', shape: z.array(space), fallback: [] },
  memoryRoute: { key: 'memory.route', shape: z.record(z.string().regex(/^[^=]+=/, 'rules like "label=value"'), space), fallback: {} },
  memoryTrust: { key: 'memory.trust', shape: trust, fallback: {} },
  cognitionTick: { key: 'cognition.tick', shape: z.enum(['on', 'off']), fallback: 'off' },
  cognitionShare: {
    key: 'cognition.share',
    shape: z.coerce.number('a share of the loop, above 0 and at most 1').gt(0).max(1),
    fallback: 0.3,
  },
  forget: { key: 'memory.forget', shape: z.record(policyName, policyShape), fallback: {} },
  embedder: { key: 'memory.embedder', shape: z.enum(['none', 'openai', 'transformers', 'builtin']), fallback: 'none' },
  embedderUrl: { key: 'memory.embedder_url', shape: z.string(), fallback: '' },
  embedderModel: { key: 'memory.embedder_model', shape: visible, fallback: '' },
  embedderDims: { key: 'memory.embedder_dims', shape: whole(1, VECTOR_DIMS_MAX), fallback: 0 },
  embedderSendDims: { key: 'memory.embedder_send_dims', shape: z.enum(['on', 'off']), fallback: 'off' },
  embedderKeyEnv: {
    key: 'memory.embedder_key_env',
    shape: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable, not the key itself'),
    fallback: '',
  },
  embedderTimeoutMs: { key: 'memory.embedder_timeout_ms', shape: whole(1, EMBED_TIMEOUT_MAX_MS), fallback: EMBED_TIMEOUT_MS },
  embedderDocumentPrefix: { key: 'memory.embedder_document_prefix', shape: prefix, fallback: '' },
  embedderQueryPrefix: { key: 'memory.embedder_query_prefix', shape: prefix, fallback: '' },
  embedderPath: { key: 'memory.embedder_path', shape: z.string(), fallback: '' },
  embedderPooling: { key: 'memory.embedder_pooling', shape: z.enum(['mean', 'cls', 'last_token']), fallback: 'mean' },
  embedderDtype: {
    key: 'memory.embedder_dtype',
    shape: z.string().regex(/^[a-z0-9]{1,16}$/, 'a name like fp32 or q8'),
    fallback: '',
  },
}

type Name = keyof Config

/** @param file the text of weft.toml, undefined when there is none */
export function resolveConfig(
  flags: ConfigValues,
  environment: Readonly<Record<string, string | undefined>>,
  file: string | undefined,
): Config {
  const rows = file === undefined ? {} : parseFile(file)
  const names = Object.keys(SETTINGS) as Name[]
  const config = Object.fromEntries(names.map(name => [name, resolve(name, flags, environment, rows, file)])) as unknown as Config
  const { replicateSpaces, replicateExcept } = config
  if (replicateSpaces.value.length > 0 && replicateExcept.value.length > 0)
    throw new WeftError(
      'config_invalid',
      `replicate.spaces (${replicateSpaces.from}) and replicate.except (${replicateExcept.from}): one of them says which spaces this node keeps`,
    )
  return config
}

function resolve(
  name: Name,
  flags: ConfigValues,
  environment: Readonly<Record<string, string | undefined>>,
  rows: Readonly<Record<string, unknown>>,
  file: string | undefined,
): Setting<unknown> {
  const { key, fallback } = SETTINGS[name]
  const flag = flags[name]
  const called = key.replace(/^memory\.(?=embedder)/, '')
  if (flag !== undefined) return checked(name, flag, `--${called.replaceAll(/[._]/g, '-')}`)
  const variable = `WEFT_${called.replaceAll('.', '_').toUpperCase()}`
  const text = environment[variable]
  if (text !== undefined && text !== '') return checked(name, typeof fallback === 'object' ? valueIn(text, fallback) : text, variable)
  if (Object.hasOwn(rows, key)) return checked(name, rows[key], lineOf(file as string, key))
  return { value: fallback, from: 'default' }
}

/** `a,b,c`, or `rule=value,rule=value`. */
function valueIn(text: string, fallback: object): unknown {
  const parts = text.split(',').map(part => part.trim())
  return Array.isArray(fallback)
    ? parts
    : Object.fromEntries(parts.map(part => [part.slice(0, part.lastIndexOf('=')), part.slice(part.lastIndexOf('=') + 1)]))
}

function checked(name: Name, value: unknown, from: string): Setting<unknown> {
  const parsed = SETTINGS[name].shape.safeParse(value)
  if (parsed.success) return { value: parsed.data, from }
  const { key } = SETTINGS[name]
  throw new WeftError(
    'config_invalid',
    `${key} (${from}): expected ${parsed.error.issues[0]?.message ?? 'another value'}, got ${JSON.stringify(value)}`,
    { details: { key, from } },
  )
}

function parseFile(text: string): Readonly<Record<string, unknown>> {
  let rows: Readonly<Record<string, unknown>>
  try {
    rows = parse(text)
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown
    throw new WeftError('config_invalid', `${CONFIG_FILE} line ${thrown.line}: ${thrown.message.split('\n')[0]}`, {
      details: { line: thrown.line },
    })
  }
  const known = Object.values(SETTINGS).map(({ key }) => key)
  const flat = flattened(rows, known)
  for (const key of Object.keys(flat)) {
    if (!known.includes(key))
      throw new WeftError('config_invalid', `${key} (${lineOf(text, key)}): there is no such setting; there are ${known.join(', ')}`, {
        details: { key },
      })
  }
  return flat
}

/** What stands in a table that holds settings, by `table.name`; of one that is a setting itself, the rest as that setting. */
function flattened(rows: Readonly<Record<string, unknown>>, known: readonly string[]): Readonly<Record<string, unknown>> {
  const isTable = (name: string, value: unknown): value is object =>
    known.some(key => key.startsWith(`${name}.`)) && typeof value === 'object' && value !== null && !Array.isArray(value)
  return Object.fromEntries(
    Object.entries(rows).flatMap(([name, value]) =>
      isTable(name, value) ? settingsIn(name, Object.entries(value), known) : [[name, value]],
    ),
  )
}

function settingsIn(
  table: string,
  entries: readonly (readonly [string, unknown])[],
  known: readonly string[],
): readonly (readonly [string, unknown])[] {
  const isOwn = ([key]: readonly [string, unknown]): boolean => known.includes(`${table}.${key}`) || !known.includes(table)
  const rest = entries.filter(entry => !isOwn(entry))
  return [
    ...entries.filter(isOwn).map(([key, value]) => [`${table}.${key}`, value] as const),
    ...(rest.length === 0 ? [] : [[table, Object.fromEntries(rest)] as const]),
  ]
}

function lineOf(text: string, key: string): string {
  const lines = text.split('\n')
  const header = lines.findIndex(row => row.replaceAll(/[\s"']/g, '').startsWith(`[${key}]`))
  if (header >= 0) return `${CONFIG_FILE} line ${header + 1}`
  const [table, name] = key.includes('.') ? key.split('.') : [undefined, key]
  const from = table === undefined ? 0 : lines.findIndex(row => new RegExp(`^\\s*\\[\\s*["']?${table}["']?\\s*\\]`).test(row)) + 1
  const ofItsOwn = lines.findIndex(row => new RegExp(`^\\s*\\[\\s*["']?${table}["']?\\s*\\.\\s*["']?${name}["']?\\s*[\\].]`).test(row))
  if (ofItsOwn >= 0) return `${CONFIG_FILE} line ${ofItsOwn + 1}`
  const inTable = lines.slice(from).findIndex(row => new RegExp(`^\\s*(\\[?)["']?${name}["']?\\s*[=\\].]`).test(row))
  const line = inTable >= 0 ? from + inTable : lines.findIndex(row => row.trimStart().startsWith(table ?? key))
  return line < 0 ? CONFIG_FILE : `${CONFIG_FILE} line ${line + 1}`
}

/** Every setting with its value as text; those of an embedder when there is one. */
export function settingsOf(config: Config): SettingInfo[] {
  return Object.entries(config)
    .filter(([setting]) => setting === 'embedder' || !setting.startsWith('embedder') || config.embedder.value !== 'none')
    .map(([setting, { value, from }]) => ({ setting, value: shown(value), from }))
}

function shown(value: Config[Name]['value']): string | readonly string[] {
  if (typeof value === 'number') return String(value || '')
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value as readonly string[]
  // Rules as they are, policies by their names.
  return Object.entries(value).map(([name, to]: [string, string | number | Policy]) => (typeof to === 'object' ? name : `${name}=${to}`))
}

export function trustIn(table: Readonly<Record<string, number>>): ReadonlyMap<NodeId, number> {
  return new Map(Object.entries(table) as [NodeId, number][])
}

/** A bootstrap address as a peer to dial. */
export function seedOf(text: string): KnownPeer | undefined {
  const cut = text.lastIndexOf('/p2p/')
  const id: NodeId | undefined = cut < 0 ? undefined : parseNodeId(text.slice(cut + 5))
  return id && { id, addresses: [text.slice(0, cut)] }
}

/** True when some address can be reached from another machine. */
export function listensBeyondLoopback(listen: readonly string[]): boolean {
  return listen.some(text => !/^\/(ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(text))
}
