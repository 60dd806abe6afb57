import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { decode, encode } from '../base/codec.ts'
import {
  bodyContext,
  KEY_NAME_BYTES,
  nameOfKey,
  open,
  passingKeyOf,
  seal,
  SEAL_NONCE_BYTES,
  SEAL_TAG_BYTES,
  SPACE_KEY_BYTES,
  unwrapKey,
  wrapKey,
} from '../base/crypto/sealed.ts'
import { WeftError } from '../base/errors.ts'
import { digestOf, type LogId, type NodeId } from '../base/ids.ts'
import { BODY_MAX_BYTES, SPACE_BOXES_MAX } from '../base/limits.ts'
import type { Random } from '../base/ports.ts'
import { bytes, literal, tuple } from '../base/shape.ts'
import type { KeyBox, SpaceOp } from '../discovery/operation.ts'
import type { SpaceState } from '../discovery/spaces.ts'

/**
 * The keys of encrypted spaces that this node was given. They stand in the `cluster` logs, each sealed for its reader,
 * so nothing is kept beside them: what the identity opens is opened again at every start.
 *
 *   sealed body = [1, key name, nonce24, box]
 */
export class Keyring {
  readonly #self: NodeId
  readonly #secret: Uint8Array
  readonly #random: Random
  readonly #keys: Map<string, Map<string, Uint8Array>> = new Map()
  /** Boxes that did not open: they are not tried again. */
  readonly #useless: Set<string> = new Set()

  constructor(self: NodeId, secret: Uint8Array, random: Random) {
    this.#self = self
    this.#secret = secret
    this.#random = random
  }

  /** Takes the keys that were given to this node. */
  learn(state: SpaceState): void {
    const keys = this.#of(state.space)
    for (const { key: name, box, passing } of state.boxesFor(this.#self)) {
      if (keys.has(name) || this.#useless.has(toHex(box))) continue
      const key = unwrapKey(box, fromHex(name), this.#self, this.#secret, passing, utf8(state.space))
      if (key === undefined) this.#useless.add(toHex(box))
      else keys.set(name, key)
    }
  }

  has(space: string, name: string): boolean {
    return this.#keys.get(space)?.has(name) === true
  }

  /** Names of the keys held of a space. */
  names(space: string): readonly string[] {
    return [...this.#of(space).keys()].sort()
  }

  // ---- giving keys

  /** Operations that give a new key to these nodes. This one holds it once they are recorded, if it is among them. */
  giveNew(space: string, to: readonly NodeId[], after: readonly string[]): readonly Extract<SpaceOp, { op: 'space.key' }>[] {
    const key = this.#random.bytes(SPACE_KEY_BYTES)
    const name = toHex(nameOfKey(key))
    const keys = this.#of(space)
    keys.set(name, key)
    const operations = this.give(space, [name], to, after)
    keys.delete(name)
    return operations
  }

  /** Operations that give these keys, which are held here, to these nodes. */
  give(
    space: string,
    names: readonly string[],
    to: readonly NodeId[],
    after: readonly string[],
  ): readonly Extract<SpaceOp, { op: 'space.key' }>[] {
    const passing = this.#random.bytes(SPACE_KEY_BYTES)
    const boxes = to.flatMap(node =>
      names.flatMap((name): KeyBox[] => {
        const key = this.#of(space).get(name)
        const box = key === undefined ? undefined : wrapKey(key, node, passing, utf8(space))
        return box === undefined ? [] : [{ node, key: name, box }]
      }),
    )
    const operations: Extract<SpaceOp, { op: 'space.key' }>[] = []
    for (let from = 0; from < boxes.length; from += SPACE_BOXES_MAX)
      operations.push({ op: 'space.key', space, passing: passingKeyOf(passing), boxes: boxes.slice(from, from + SPACE_BOXES_MAX), after })
    return operations
  }

  // ---- bodies

  /** @throws WeftError `no_key`, `body_too_large` */
  seal(state: SpaceState, mayRead: (node: NodeId) => boolean, log: LogId, kind: number, body: Uint8Array): Uint8Array {
    const name = state.writingKeys(mayRead).find(one => this.has(state.space, one))
    if (name === undefined)
      throw new WeftError('no_key', `this node holds no key of space ${state.space} that readers of now, and nobody else, hold`, {
        next: `as an admin of it: weft space rotate ${state.space}`,
      })
    const nonce = this.#random.bytes(SEAL_NONCE_BYTES)
    const box = seal(this.#of(state.space).get(name) as Uint8Array, nonce, bodyContext(digestOf(log), kind), body)
    return encode([SEALED, fromHex(name), nonce, box])
  }

  /** A body as its author wrote it; one that is not sealed as it is. */
  open(space: string, log: LogId, kind: number, body: Uint8Array): Opened {
    const sealed = sealedIn(body)
    if (sealed === undefined) return { body }
    const [, name, nonce, box] = sealed
    const key = this.#keys.get(space)?.get(toHex(name))
    if (key === undefined) return { missing: toHex(name) }
    return { body: open(key, nonce, bodyContext(digestOf(log), kind), box) ?? NOTHING }
  }

  #of(space: string): Map<string, Uint8Array> {
    let keys = this.#keys.get(space)
    if (keys === undefined) {
      keys = new Map()
      this.#keys.set(space, keys)
    }
    return keys
  }
}

/** `missing`: the key that it takes is not held here yet. */
export type Opened = { readonly body: Uint8Array; readonly missing?: never } | { readonly body?: never; readonly missing: string }

const SEALED = 1
/** No body of a memory: what was altered, or sealed for another log, says nothing. */
const NOTHING: Uint8Array = new Uint8Array(0)
const sealedShape = tuple(literal(SEALED), bytes(KEY_NAME_BYTES), bytes(SEAL_NONCE_BYTES), bytes(SEAL_TAG_BYTES, BODY_MAX_BYTES))

type Sealed = readonly [1, Uint8Array, Uint8Array, Uint8Array]

export function sealedIn(body: Uint8Array): Sealed | undefined {
  // The beginning of such a list: most bodies are none, and need not be decoded to know that.
  if (body[0] !== 0x84 || body[1] !== SEALED || body[2] !== 0x50) return undefined
  const decoded = decode(body)
  return decoded.ok ? sealedShape.parse(decoded.value) : undefined
}
