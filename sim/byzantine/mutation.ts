import { concatBytes, equalBytes } from '../../base/bytes.ts'
import { type Cbor, decode, encode } from '../../base/codec.ts'

/**
 * One change at one place of a decoded frame, encoded again: what comes out is canonical, so only
 * the checks of meaning can tell. Places and changes are taken in turn, kind by kind, so that in time every field of
 * every message has been every kind of wrong; byte strings that hold an encoded value are opened too.
 */
export class Mutator {
  /** Per kind, how many changes were made. */
  readonly #made: Map<number, number> = new Map()

  /** @returns the next wrong version of `frame`; undefined for one that cannot be changed so */
  next(frame: Uint8Array): Uint8Array | undefined {
    const decoded = decode(frame)
    if (!decoded.ok || !Array.isArray(decoded.value)) return undefined
    const places = placesIn(decoded.value)
    const kind = decoded.value[0] as number
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const made = this.#made.get(kind) ?? 0
      this.#made.set(kind, made + 1)
      const place = places[made % places.length] as Place
      const value = change(decoded.value, place, Math.floor(made / places.length) % CHANGES)
      const wrong = value === undefined ? frame : encode(value)
      if (!equalBytes(wrong, frame)) return wrong
    }
    return undefined
  }
}

/** Positions from the outside in; `inside` enters a byte string. */
export type Place = readonly (number | 'inside')[]

/** Every kind of change fits some place of any frame within so many tries. */
const TRIES_MAX = 64

/** The message as a whole, its fields, what is in them and what is encoded within; not its kind. */
export function placesIn(message: Cbor): Place[] {
  return placesBelow(message, []).filter(([field]) => field !== 0)
}

function placesBelow(value: Cbor, at: Place): Place[] {
  if (value instanceof Uint8Array) {
    const inside = openedOf(value)
    return inside === undefined ? [at] : [at, ...placesBelow(inside, [...at, 'inside'])]
  }
  return Array.isArray(value) ? [at, ...value.flatMap((item, i) => placesBelow(item, [...at, i]))] : [at]
}

/** The value that a byte string encodes, if it is an array: a checkpoint, an operation. */
function openedOf(bytes: Uint8Array): readonly Cbor[] | undefined {
  const decoded = bytes.length < 2 ? undefined : decode(bytes)
  return decoded?.ok === true && Array.isArray(decoded.value) ? decoded.value : undefined
}

/** @returns undefined when this change says nothing new there */
function change(value: Cbor, [step, ...rest]: Place, number: number): Cbor | undefined {
  if (step === undefined) return changeHere(value, number)
  if (step === 'inside') {
    const inside = change(openedOf(value as Uint8Array) as readonly Cbor[], rest, number)
    return inside === undefined ? undefined : encode(inside)
  }
  const items = value as readonly Cbor[]
  const item = change(items[step] as Cbor, rest, number)
  return item === undefined ? undefined : items.with(step, item)
}

const CHANGES = 6

function changeHere(value: Cbor, number: number): Cbor | undefined {
  if (typeof value === 'number') return numberAt(value, number)
  if (typeof value === 'string') return textAt(value, number)
  if (value instanceof Uint8Array) return bytesAt(value, number)
  return itemsAt(value, number)
}

function numberAt(value: number, number: number): number | undefined {
  const other = [value + 1, value - 1, 0, Number.MAX_SAFE_INTEGER][number] ?? value
  return other === value || other < 0 || other > Number.MAX_SAFE_INTEGER ? undefined : other
}

function textAt(value: string, number: number): string | undefined {
  const other = [`${value}x`, `x${value.slice(1)}`, '', value.repeat(2), 'x'.repeat(300)][number] ?? value
  return other === value ? undefined : other
}

function bytesAt(value: Uint8Array, number: number): Uint8Array | undefined {
  const { length } = value
  switch (number) {
    case 0:
      return flipped(value, 0)
    case 1:
      return flipped(value, length >> 1)
    case 2:
      return flipped(value, length - 1)
    case 3:
      return length === 0 ? undefined : value.slice(0, length - 1)
    case 4:
      return concatBytes(value, Uint8Array.of(0))
    default:
      return value.every(byte => byte === 0) ? undefined : new Uint8Array(length)
  }
}

function flipped(value: Uint8Array, at: number): Uint8Array | undefined {
  return at >= 0 && at < value.length ? value.with(at, (value[at] as number) ^ 1) : undefined
}

function itemsAt(value: readonly Cbor[], number: number): readonly Cbor[] | undefined {
  const [first, ...others] = value
  if (first === undefined) return number === 0 ? [0] : undefined
  const last = value.at(-1) as Cbor
  return [others, value.slice(0, -1), [...value, last], [], [...others, first]][number]
}
