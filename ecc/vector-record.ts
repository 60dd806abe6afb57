import { decode, encode } from '../base/codec.ts'
import { WeftError } from '../base/errors.ts'
import { type CausalId, digestOf } from '../base/ids.ts'
import { BODY_MAX_BYTES, EMBEDDER_MAX_BYTES, VECTOR_DIMS_MAX } from '../base/limits.ts'
import { bytes, text, tuple, uint } from '../base/shape.ts'
import { halfOf, numberOfHalf } from './half-float.ts'

/**
 * The body of a `memory.vector`: where a memory stands in the space of one embedder.
 *
 * ```
 * [memory, embedder, dims, encoding, numbers]
 * ```
 *
 * `numbers` are little-endian, and of length 1 together: as exactly as they can be written, so that every node indexes the
 * same ones. No number is infinite, none, or minus zero; anything else is void.
 */

/** How numbers are written. Append only. */
export const VECTOR_ENCODING = {
  /** 32 bits. */
  f32: 0,
  /** 16 bits: the nearest ten are the same in 9,995 of 10,000 cases, for half of the bytes. */
  f16: 1,
} as const

export type VectorEncoding = keyof typeof VECTOR_ENCODING

export interface VectorRecord {
  readonly node: Uint8Array
  readonly embedder: string
  readonly encoding: VectorEncoding
  /** Of length 1. */
  readonly vector: Float32Array
  /** As they were written. */
  readonly numbers: Uint8Array
}

export interface VectorInput {
  readonly embedder: string
  /** Any length but 0: it is brought to 1. */
  readonly vector: ArrayLike<number>
  /** `f16` unless said otherwise. */
  readonly encoding?: VectorEncoding | undefined
}

/** @throws WeftError `embedder_invalid`, `vector_invalid` */
export function encodeVector(node: CausalId, input: VectorInput): Uint8Array {
  return ofNode(writtenVector(input), node)
}

/** A vector as it is written, whatever memory it will be of. */
export type WrittenVector = Pick<VectorRecord, 'embedder' | 'encoding' | 'numbers'>

/**
 * Numbers that were written before (`numbersIn`) are written the same again, wherever they come from.
 *
 * @throws WeftError `embedder_invalid`, `vector_invalid`
 */
export function writtenVector({ embedder, vector, encoding = 'f16' }: VectorInput): WrittenVector {
  checkEmbedder(embedder, vector.length)
  const unit = unitVector(vector)
  return { embedder, encoding, numbers: numbersOf(isWritten(vector, encoding) ? vector : unit, encoding) }
}

/** As they were written, and not brought to length 1: for whoever writes them again. */
export function numbersIn({ encoding, numbers }: WrittenVector): number[] {
  const view = new DataView(numbers.buffer, numbers.byteOffset, numbers.length)
  return Array.from({ length: numbers.length / SIZE[encoding] }, (_, i) => numberAt(view, i, encoding))
}

export function decodeVector(body: Uint8Array): VectorRecord | undefined {
  if (body.length > BODY_MAX_BYTES) return undefined
  const decoded = decode(body)
  const row = decoded.ok ? VECTOR.parse(decoded.value) : undefined
  if (row === undefined) return undefined
  const [node, embedder, dims, number, numbers] = row
  const encoding: VectorEncoding = number === VECTOR_ENCODING.f16 ? 'f16' : 'f32'
  if (dims === 0 || embedderFault(embedder, dims) !== undefined || numbers.length !== dims * SIZE[encoding]) return undefined
  const vector = vectorOf(numbers, dims, encoding)
  return vector === undefined ? undefined : { node, embedder, encoding, vector, numbers }
}

/** The body for a memory; the same vector again when that has another id now. */
export function ofNode({ embedder, encoding, numbers }: WrittenVector, node: CausalId): Uint8Array {
  return encode([digestOf(node), embedder, numbers.length / SIZE[encoding], VECTOR_ENCODING[encoding], numbers])
}

/** The vector in the direction of `numbers`, of length 1. @throws WeftError `vector_invalid` */
export function unitVector(numbers: ArrayLike<number>): Float32Array {
  const { length } = numbers
  if (length < 1 || length > VECTOR_DIMS_MAX)
    throw new WeftError('vector_invalid', `a vector has 1 to ${VECTOR_DIMS_MAX} numbers, got ${length}`)
  let most = 0
  for (let i = 0; i < length; i++) {
    const number = numbers[i]
    if (typeof number !== 'number' || !Number.isFinite(number))
      throw new WeftError('vector_invalid', `number ${i} of the vector is ${shown(number)}`)
    most = Math.max(most, Math.abs(number))
  }
  if (most === 0) throw new WeftError('vector_invalid', 'all numbers of the vector are 0')
  // By the largest first: squares of very large or very small numbers are beyond what a number holds.
  let squares = 0
  for (let i = 0; i < length; i++) squares += ((numbers[i] as number) / most) ** 2
  const norm = Math.sqrt(squares)
  const unit = new Float32Array(length)
  for (let i = 0; i < length; i++) unit[i] = (numbers[i] as number) / most / norm
  return unit
}

/** Text as text: the number that it may look like would be good. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX)}...` : value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** 40 characters of what is no number: enough to find it by. */
const SHOWN_MAX = 40

/**
 * An embedder's id says all that decides the numbers. `external:NAME:DIMS` is one that the caller keeps to himself.
 *
 * @throws WeftError `embedder_invalid`, `vector_invalid` when it makes other dimensions
 */
export function checkEmbedder(id: string, dims: number): void {
  if (dims < 1 || dims > VECTOR_DIMS_MAX) throw new WeftError('vector_invalid', `a vector has 1 to ${VECTOR_DIMS_MAX} numbers, got ${dims}`)
  const fault = embedderFault(id, dims)
  if (fault !== undefined) throw new WeftError(fault.code, fault.message)
}

function embedderFault(
  id: string,
  dims: number,
): { readonly code: 'embedder_invalid' | 'vector_invalid'; readonly message: string } | undefined {
  if (!isId(id))
    return {
      code: 'embedder_invalid',
      message: `an embedder's id is 1 to ${EMBEDDER_MAX_BYTES} visible ASCII characters, got ${JSON.stringify(id)}`,
    }
  if (!id.startsWith(EXTERNAL)) return undefined
  const named = /^external:[^:]+:([1-9][0-9]{0,3})$/.exec(id)?.[1]
  if (named === undefined) return { code: 'embedder_invalid', message: `expected external:NAME:DIMENSIONS, got ${id}` }
  return Number(named) === dims ? undefined : { code: 'vector_invalid', message: `${id} has ${named} dimensions, got ${dims} numbers` }
}

/** Before the name of an embedder that a caller keeps to himself. */
export const EXTERNAL = 'external:'

function isId(id: string): boolean {
  return id.length <= EMBEDDER_MAX_BYTES && /^[!-~]+$/.test(id)
}

const SIZE: Readonly<Record<VectorEncoding, number>> = { f32: 4, f16: 2 }

/**
 * How far the square of a written length may be from 1. A half is off by 2^-11 of itself at most, so the square by 2^-10 and what the
 * smallest lose; a number of 32 bits by 2^-24.
 */
const SLACK: Readonly<Record<VectorEncoding, number>> = { f32: 2 ** -20, f16: 2 ** -9 }

const VECTOR = tuple(bytes(32), text(EMBEDDER_MAX_BYTES), uint(VECTOR_DIMS_MAX), uint(1), bytes(1, VECTOR_DIMS_MAX * 4))

/** What `vectorOf` would take as it is. Brought to length 1 once more, its numbers could round to others. */
function isWritten(vector: ArrayLike<number>, encoding: VectorEncoding): boolean {
  let squares = 0
  for (let i = 0; i < vector.length; i++) {
    const number = vector[i] as number
    if (number !== (encoding === 'f32' ? Math.fround(number) : numberOfHalf(halfOf(number)))) return false
    squares += number * number
  }
  return Math.abs(squares - 1) <= SLACK[encoding]
}

function numbersOf(unit: ArrayLike<number>, encoding: VectorEncoding): Uint8Array {
  const numbers = new Uint8Array(unit.length * SIZE[encoding])
  const view = new DataView(numbers.buffer)
  for (let i = 0; i < unit.length; i++) {
    // One zero is enough.
    if (encoding === 'f32') view.setFloat32(4 * i, (unit[i] as number) + 0, true)
    else {
      const half = halfOf(unit[i] as number)
      view.setUint16(2 * i, half === 0x8000 ? 0 : half, true)
    }
  }
  return numbers
}

/** Undefined when a number is none, or the length is not 1. */
function vectorOf(numbers: Uint8Array, dims: number, encoding: VectorEncoding): Float32Array | undefined {
  const view = new DataView(numbers.buffer, numbers.byteOffset, numbers.length)
  const vector = new Float32Array(dims)
  let squares = 0
  for (let i = 0; i < dims; i++) {
    const number = numberAt(view, i, encoding)
    if (Object.is(number, -0)) return undefined
    vector[i] = number
    squares += number * number
  }
  if (!(Math.abs(squares - 1) <= SLACK[encoding])) return undefined
  const norm = Math.sqrt(squares)
  for (let i = 0; i < dims; i++) vector[i] = (vector[i] as number) / norm
  return vector
}

function numberAt(view: DataView, i: number, encoding: VectorEncoding): number {
  return encoding === 'f32' ? view.getFloat32(4 * i, true) : numberOfHalf(view.getUint16(2 * i, true))
}
