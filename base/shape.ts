import type { Cbor } from './codec.ts'

/**
 * Shapes of decoded values: what a peer sent becomes a typed value or `undefined`, never an
 * exception. Arrays have fixed arity: a field more or less is another version, not a default.
 */
export interface Shape<T> {
  parse(value: Cbor): T | undefined
}

/** The type a shape yields. */
export type Shaped<S> = S extends Shape<infer T> ? T : never

export function uint(max: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return { parse: value => (typeof value === 'number' && value <= max ? value : undefined) }
}

/** A byte string of `min` to `max` bytes; one argument means exactly that length. */
export function bytes(min: number, max: number = min): Shape<Uint8Array> {
  return { parse: value => (value instanceof Uint8Array && value.length >= min && value.length <= max ? value : undefined) }
}

/** Text of at most `max` UTF-16 units. */
export function text(max: number): Shape<string> {
  return { parse: value => (typeof value === 'string' && value.length <= max ? value : undefined) }
}

export function literal<const T extends number | string>(expected: T): Shape<T> {
  return { parse: value => (value === expected ? expected : undefined) }
}

export function list<T>(item: Shape<T>, max: number): Shape<readonly T[]> {
  return {
    parse: value => {
      if (!Array.isArray(value) || value.length > max) return undefined
      const out: T[] = []
      for (const entry of value) {
        const parsed = item.parse(entry)
        if (parsed === undefined) return undefined
        out.push(parsed)
      }
      return out
    },
  }
}

/** `[]` or `[value]`: absence without null. */
export function optional<T>(item: Shape<T>): Shape<T | null> {
  return {
    parse: value => {
      if (!Array.isArray(value)) return undefined
      if (value.length === 0) return null
      return value.length === 1 ? item.parse(value[0]) : undefined
    },
  }
}

/** The encoded form of an optional field, the inverse of `optional`. */
export function option(value: Cbor | null | undefined): readonly Cbor[] {
  return value === null || value === undefined ? [] : [value]
}

export function tuple<const T extends readonly Shape<unknown>[]>(...items: T): Shape<{ readonly [I in keyof T]: Shaped<T[I]> }> {
  return {
    parse: value => {
      if (!Array.isArray(value) || value.length !== items.length) return undefined
      const out: unknown[] = []
      for (let i = 0; i < items.length; i++) {
        const parsed = (items[i] as Shape<unknown>).parse(value[i] as Cbor)
        if (parsed === undefined) return undefined
        out.push(parsed)
      }
      return out as { readonly [I in keyof T]: Shaped<T[I]> }
    },
  }
}
