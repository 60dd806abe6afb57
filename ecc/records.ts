import { compareBytes, equalBytes, isWellFormed, utf8 } from '../base/bytes.ts'
import { decode, encode } from '../base/codec.ts'
import { type ErrorCode, WeftError } from '../base/errors.ts'
import { type CausalId, digestOf, isHexId } from '../base/ids.ts'
import {
  BODY_MAX_BYTES,
  COMMIT_RECORDS_MAX,
  KEY_MAX_BYTES,
  META_MAX_BYTES,
  META_PAIRS_MAX,
  SUPERSEDE_TARGETS_MAX,
  TEXT_MAX_BYTES,
} from '../base/limits.ts'
import { bytes, list, option, optional, type Shape, text, tuple, uint } from '../base/shape.ts'
import { EDGE_TYPES, edgeTypeOf, type EdgeType, isEdgeType } from './edge-types.ts'
import { timeFault } from './import/import-item.ts'

/**
 * The bodies of memory records: deterministic CBOR arrays, one encoding per content, so that
 * equal content has equal bytes on every node and a hash over them finds what is said twice.
 *
 * ```
 * remember   [text, [[name, value], ...], key?, validFrom?, validTo?, source?]    x? = [] or [x]
 * link       [from, to, edgeType, millionths]
 * supersede  [[target, ...], by, reason]
 * retract    [target, erase]
 * join       []
 * ```
 *
 * What a vector looks like is said in `vector-record.ts`.
 *
 * `encode...` is for callers and says what is wrong with their input. `decode...` is for what a
 * peer wrote: the value, or undefined; it accepts exactly what `encode...` can produce.
 */

/** Weights travel as integers: 1,000,000 is certainty. */
export const WEIGHT_ONE = 1_000_000

export interface Remember {
  readonly text: string
  /** Ascending by name. */
  readonly meta: readonly (readonly [name: string, value: string])[]
  readonly key: string | null
  readonly validFrom: string | null
  readonly validTo: string | null
  readonly source: string | null
}

export interface RememberInput {
  /** 1 character or more. */
  readonly text: string
  readonly meta?: Readonly<Record<string, string>> | undefined
  /** The author's name for this memory: another remember with the same key replaces it. */
  readonly key?: string | undefined
  /** When it became true, as `Date.prototype.toISOString` prints. */
  readonly validFrom?: string | undefined
  /** When it stopped being true; later than `validFrom`. */
  readonly validTo?: string | undefined
  /** Where it was read or heard: a URL, a file, a name. */
  readonly source?: string | undefined
}

/** @throws WeftError `text_invalid`, `text_too_long`, `meta_invalid`, `key_invalid`, `time_invalid`, `body_too_large` */
export function encodeRemember(input: RememberInput): Uint8Array {
  const meta = Object.entries(input.meta ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  checkText(input.text)
  checkMeta(meta)
  checkName('key', input.key, 'key_invalid')
  checkName('source', input.source, 'meta_invalid')
  checkTime('validFrom', input.validFrom)
  checkTime('validTo', input.validTo)
  if (isReversed(input.validFrom, input.validTo)) {
    throw new WeftError('time_invalid', `validTo ${input.validTo} is not later than validFrom ${input.validFrom}`)
  }
  const { text, key, validFrom, validTo, source } = input
  return bounded(
    encode([text, meta, option(key), option(validFrom), option(validTo), option(source)]),
    'text, labels, key, times and source',
  )
}

export function decodeRemember(body: Uint8Array): Remember | undefined {
  const row = parse(REMEMBER, body)
  if (row === undefined) return undefined
  const [said, meta, key, validFrom, validTo, source] = row
  if (said === '' || metaFault(meta) !== undefined) return undefined
  if (nameFault(key) !== undefined || nameFault(source) !== undefined) return undefined
  if (!isTimeOrNone(validFrom) || !isTimeOrNone(validTo) || isReversed(validFrom, validTo)) return undefined
  for (let i = 1; i < meta.length; i++) if ((meta[i - 1] as Pair)[0] >= (meta[i] as Pair)[0]) return undefined
  return { text: said, meta, key, validFrom, validTo, source }
}

export interface Link {
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly type: EdgeType
  /** Millionths, 1 to WEIGHT_ONE. */
  readonly weight: number
}

export interface LinkInput {
  readonly from: CausalId
  readonly to: CausalId
  readonly type: EdgeType
  /** Above 0, at most 1; 1 unless said otherwise. */
  readonly weight?: number | undefined
}

/** @throws WeftError `edge_invalid` */
export function encodeLink(input: LinkInput): Uint8Array {
  if (!isEdgeType(input.type)) {
    throw new WeftError('edge_invalid', `an edge is one of ${Object.keys(EDGE_TYPES).join(', ')}, got ${JSON.stringify(input.type)}`)
  }
  return encode([digest('from', input.from), digest('to', input.to), EDGE_TYPES[input.type], weightOf(input.weight ?? 1)])
}

/** A fraction in millionths, as it travels. @throws WeftError `edge_invalid` */
export function weightOf(fraction: number): number {
  if (!(fraction > 0 && fraction <= 1)) throw new WeftError('edge_invalid', `a weight is above 0 and at most 1, got ${fraction}`)
  return Math.max(1, Math.round(fraction * WEIGHT_ONE))
}

export function decodeLink(body: Uint8Array): Link | undefined {
  const row = parse(LINK, body)
  if (row === undefined) return undefined
  const [from, to, number, weight] = row
  const type = edgeTypeOf(number)
  return type === undefined || weight === 0 ? undefined : { from, to, type, weight }
}

export interface Supersede {
  /** Ascending, 1 to SUPERSEDE_TARGETS_MAX. */
  readonly targets: readonly Uint8Array[]
  readonly by: Uint8Array
  readonly reason: string
}

export interface SupersedeInput {
  readonly targets: readonly CausalId[]
  readonly by: CausalId
  readonly reason?: string | undefined
}

/** @throws WeftError `edge_invalid`, `text_invalid`, `body_too_large` */
export function encodeSupersede(input: SupersedeInput): Uint8Array {
  const targets = [...input.targets].sort()
  const reason = input.reason ?? ''
  if (targets.length < 1 || targets.length > SUPERSEDE_TARGETS_MAX) {
    throw new WeftError('edge_invalid', `1 to ${SUPERSEDE_TARGETS_MAX} memories are superseded at once, got ${targets.length}`)
  }
  for (let i = 0; i < targets.length; i++) {
    if (targets[i] === targets[i - 1]) throw new WeftError('edge_invalid', `${targets[i]} is named twice`)
    if (targets[i] === input.by) throw new WeftError('edge_invalid', `${input.by} cannot supersede itself`)
  }
  if (!isWellFormed(reason)) throw new WeftError('text_invalid', 'the reason holds a lone surrogate')
  return bounded(encode([targets.map(target => digest('target', target)), digest('by', input.by), reason]), 'ids and reason')
}

export function decodeSupersede(body: Uint8Array): Supersede | undefined {
  const row = parse(SUPERSEDE, body)
  if (row === undefined) return undefined
  const [targets, by, reason] = row
  if (targets.length === 0 || targets.some(target => equalBytes(target, by))) return undefined
  for (let i = 1; i < targets.length; i++) if (compareBytes(targets[i - 1] as Uint8Array, targets[i] as Uint8Array) >= 0) return undefined
  return { targets, by, reason }
}

export interface Retract {
  readonly target: Uint8Array
  /** The target's body is to be dropped on every node, for ever. */
  readonly erase: boolean
}

/** @throws WeftError `edge_invalid` */
export function encodeRetract(target: CausalId, erase: boolean): Uint8Array {
  return encode([digest('target', target), erase ? 1 : 0])
}

export function decodeRetract(body: Uint8Array): Retract | undefined {
  const row = parse(RETRACT, body)
  return row === undefined ? undefined : { target: row[0], erase: row[1] === 1 }
}

/** What joins more heads than one record can name: parents are all it has. */
export function encodeJoin(): Uint8Array {
  return encode([])
}

/** Pairs [old id, new id] of own records that were appended again, undefined when malformed. */
export function decodeRebase(body: Uint8Array): readonly (readonly [Uint8Array, Uint8Array])[] | undefined {
  return parse(REBASE, body)
}

type Pair = readonly [name: string, value: string]

const ID = bytes(32)
const ANY_TEXT = text(BODY_MAX_BYTES)
const NAME = optional(ANY_TEXT)
const REMEMBER = tuple(ANY_TEXT, list(tuple(ANY_TEXT, ANY_TEXT), META_PAIRS_MAX), NAME, NAME, NAME, NAME)
const LINK = tuple(ID, ID, uint(), uint(WEIGHT_ONE))
const SUPERSEDE = tuple(list(ID, SUPERSEDE_TARGETS_MAX), ID, ANY_TEXT)
const RETRACT = tuple(ID, uint(1))
const REBASE = list(tuple(ID, ID), COMMIT_RECORDS_MAX)

function parse<T>(shape: Shape<T>, body: Uint8Array): T | undefined {
  if (body.length > BODY_MAX_BYTES) return undefined
  const decoded = decode(body)
  return decoded.ok ? shape.parse(decoded.value) : undefined
}

function bounded(body: Uint8Array, what: string): Uint8Array {
  if (body.length > BODY_MAX_BYTES)
    throw new WeftError('body_too_large', `${what} take ${body.length} bytes together, at most ${BODY_MAX_BYTES}`)
  return body
}

function digest(field: string, id: string): Uint8Array {
  if (!isHexId(id)) throw new WeftError('edge_invalid', `${field} is 64 lower-case hex digits, got ${JSON.stringify(id)}`)
  return digestOf(id as CausalId)
}

function checkText(value: unknown): void {
  if (typeof value !== 'string' || value === '') throw new WeftError('text_invalid', 'a memory has text of 1 character or more')
  if (!isWellFormed(value)) throw new WeftError('text_invalid', 'the text holds a lone surrogate')
  const length = utf8(value).length
  if (length > TEXT_MAX_BYTES) throw new WeftError('text_too_long', `${length} bytes of text, at most ${TEXT_MAX_BYTES}`)
}

function checkMeta(meta: readonly Pair[]): void {
  for (const [name, value] of meta) {
    if (typeof value !== 'string') throw new WeftError('meta_invalid', `meta ${JSON.stringify(name)} is text, got ${typeof value}`)
    if (!isWellFormed(name) || !isWellFormed(value))
      throw new WeftError('meta_invalid', `meta ${JSON.stringify(name)} holds a lone surrogate`)
  }
  const fault = metaFault(meta)
  if (fault !== undefined) throw new WeftError('meta_invalid', fault)
}

function metaFault(meta: readonly Pair[]): string | undefined {
  if (meta.length > META_PAIRS_MAX) return `${meta.length} pairs of meta, at most ${META_PAIRS_MAX}`
  let length = 0
  for (const [name, value] of meta) {
    if (name === '') return 'a name in meta is empty'
    length += utf8(name).length + utf8(value).length
  }
  return length > META_MAX_BYTES ? `${length} bytes of meta, at most ${META_MAX_BYTES}` : undefined
}

function checkName(field: string, value: unknown, code: ErrorCode): void {
  if (value === undefined) return
  if (typeof value !== 'string') throw new WeftError(code, `${field} is text, got ${typeof value}`)
  if (!isWellFormed(value)) throw new WeftError(code, `the ${field} holds a lone surrogate`)
  const fault = nameFault(value)
  if (fault !== undefined) throw new WeftError(code, `the ${field} ${fault}`)
}

/** The bound of keys and sources. */
function nameFault(value: string | null): string | undefined {
  if (value === null) return undefined
  if (value === '') return 'is empty'
  const length = utf8(value).length
  return length > KEY_MAX_BYTES ? `has ${length} bytes, at most ${KEY_MAX_BYTES}` : undefined
}

/** A record holds one form of a moment; of what people write, a date too, whoever takes it in has made that. */
function checkTime(field: string, value: string | undefined): void {
  if (value === undefined || isTimeOrNone(value)) return
  throw timeFault(field, value)
}

function isTimeOrNone(value: string | null): boolean {
  if (value === null) return true
  const ms = Date.parse(value)
  return !Number.isNaN(ms) && new Date(ms).toISOString() === value
}

function isReversed(from: string | null | undefined, to: string | null | undefined): boolean {
  return typeof from === 'string' && typeof to === 'string' && Date.parse(from) >= Date.parse(to)
}
