import { concatBytes, EMPTY, utf8 } from '../../base/bytes.ts'
import { type Cbor, decode, encode } from '../../base/codec.ts'
import { BODY_MAX_BYTES, CHUNK_BYTES } from '../../base/limits.ts'
import { WIRE } from '../../node/messages.ts'
import { type Protocol, PROTOCOLS } from '../../transport/protocols.ts'
import type { Attacker, HostileBehaviour, Passing } from './behaviour.ts'

export const NON_CANONICAL: HostileBehaviour = {
  name: 'non-canonical',
  says: 'encodes real frames in other ways: long forms, indefinite lengths, floats, NaN, negatives, null, maps, tags, lone surrogates, lengths beyond the frame, a thousand levels, bytes at the end',
  demands: 'reads nothing but the one encoding of each value, in bounded depth and memory, and hangs up on whoever goes on',
  attacks: 'the codec: canonical form, depth, lengths, UTF-8',
  isDefended: true,
  isPunished: true,
  start(attacker) {
    const newest = new Map<Protocol, Passing>()
    attacker.onSend(passing => {
      newest.set(passing.protocol, passing)
      return [passing.frame]
    })
    let turns = 0
    attacker.every(5, () => {
      const sent = newest.get(attacker.random.pick(['control', 'sync', 'ipc']))
      const decoded = sent === undefined ? undefined : decode(sent.frame)
      if (sent === undefined || decoded?.ok !== true) return
      const { encoding, isWhole } = ODDITIES[turns++ % ODDITIES.length] as Oddity
      const at = attacker.random.below(isWhole ? 1 : 12)
      attacker.inject(attacker.random.pick(attacker.peers), sent.protocol, oddly(decoded.value, at, encoding))
    })
  },
}

/** Another encoding of one value, or one of no value at all. `isWhole`: of the message itself. */
interface Oddity {
  readonly encoding: (canonical: Uint8Array) => Uint8Array
  readonly isWhole: boolean
}

const ODDITIES: readonly Oddity[] = [
  { encoding: longForm, isWhole: false },
  { encoding: longForm, isWhole: true },
  { encoding: canonical => concatBytes(canonical, Uint8Array.of(0)), isWhole: true },
  { encoding: canonical => concatBytes(canonical, canonical), isWhole: true },
  ...[
    [0xf9, 0x7e, 0x00], // NaN
    [0xf9, 0x7c, 0x00], // infinity
    [0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0], // 1.0
    [0x20], // -1
    [0xf6], // null
    [0xf5], // true
    [0xa0], // an empty map
    [0xc0, 0x00], // a tag
    [0x9f, 0x00, 0xff], // an array of indefinite length
    [0x7f, 0x61, 0x61, 0xff], // text of indefinite length
    [0x1c], // a reserved length
    [0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // 2^64 - 1
    [0x5b, 0, 0, 0, 1, 0, 0, 0, 0], // 4 GiB of bytes
    [0x9b, 0, 0, 0, 1, 0, 0, 0, 0], // 4 billion items
    [0x62, 0xc3, 0x28], // invalid UTF-8
    [0x63, 0xed, 0xa0, 0x80], // a lone surrogate
  ].map(bytes => ({ encoding: () => Uint8Array.from(bytes), isWhole: false })),
  { encoding: () => concatBytes(new Uint8Array(1000).fill(0x81), Uint8Array.of(0)), isWhole: false },
]

/** The same value with its length, or number, in more bytes than it takes. */
function longForm(canonical: Uint8Array): Uint8Array {
  const [first = 0] = canonical
  const [info, top] = [first & 31, first & 0xe0]
  if (info < 24) return concatBytes(Uint8Array.of(top | 24, info), canonical.subarray(1))
  if (info === 24) return concatBytes(Uint8Array.of(top | 25, 0), canonical.subarray(1))
  if (info === 25) return concatBytes(Uint8Array.of(top | 26, 0, 0), canonical.subarray(1))
  return concatBytes(canonical, Uint8Array.of(0))
}

/** `value` with one of its parts, the `at`-th from the outside in or the last one, in an odd encoding. */
function oddly(value: Cbor, at: number, encoding: Oddity['encoding']): Uint8Array {
  let left = at
  const write = (part: Cbor): Uint8Array => {
    if (left-- === 0) return encoding(encode(part))
    if (!Array.isArray(part)) return encode(part)
    const items = (part as readonly Cbor[]).map(write)
    return concatBytes(encode(Array.from({ length: items.length }, () => 0)).subarray(0, -items.length || undefined), ...items)
  }
  const bytes = write(value)
  return left < 0 ? bytes : encoding(bytes)
}

export const OVERSIZE: HostileBehaviour = {
  name: 'oversize',
  says: 'sends frames above the limit of their protocol, and records with more than a body takes',
  demands: 'closes the connection without buffering the frame; rejects the record',
  attacks: 'frame limits of the transport, body limits of a run',
  isDefended: true,
  isPunished: true,
  start(attacker) {
    attacker.every(0.5, () => {
      injectOversized(attacker, attacker.random.pick(['control', 'sync', 'ipc']))
    })
    attacker.onSend(({ frame }) => [frame.length < CHUNK_BYTES && attacker.random.chance(100) ? fattened(frame) : frame])
  },
}

/**
 * A transport takes no frame above the limit from its own node. So the frame grows once it has been handed over, as
 * no honest node would let it: the simulator passes it on by reference, and it is too large when it arrives.
 */
function injectOversized(attacker: Attacker, protocol: Protocol): void {
  const { frameMaxBytes } = PROTOCOLS[protocol]
  const buffer = new (ArrayBuffer as unknown as GrowingBuffers)(frameMaxBytes, { maxByteLength: frameMaxBytes + 1 })
  attacker.inject(attacker.random.pick(attacker.peers), protocol, new Uint8Array(buffer))
  buffer.resize(frameMaxBytes + 1)
}

/** What buffers can do on every Node this runs on, and the types of ES2023 do not say. */
type GrowingBuffers = new (
  length: number,
  options: { readonly maxByteLength: number },
) => ArrayBuffer & {
  resize(length: number): void
}

/** The last record of a run gets a body above the limit. */
function fattened(frame: Uint8Array): Uint8Array {
  const decoded = decode(frame)
  const [kind, fields] = (decoded.ok ? decoded.value : []) as readonly [number, readonly Cbor[]]
  if (kind !== WIRE['sync.run'].number) return frame
  const records = fields[5] as readonly (readonly Cbor[])[]
  const last = records.at(-1)
  // Another behaviour may have been at it before.
  if (last === undefined) return frame
  const fat = last.with(6, new Uint8Array(16 + BODY_MAX_BYTES + 1))
  return encode([kind, [...fields.slice(0, 5), [...records.slice(0, -1), fat]]])
}

export const TRUNCATE: HostileBehaviour = {
  name: 'truncate',
  says: 'sends cut frames and empty ones, kinds that nobody knows, and kinds on a protocol that is not theirs',
  demands: 'rejects them, apart from unknown kinds: those may come from a newer version',
  attacks: 'the codec, the table of message kinds',
  isDefended: true,
  isPunished: true,
  start(attacker) {
    const { random } = attacker
    attacker.onSend(({ peer, protocol, frame }) => {
      if (random.chance(50)) attacker.inject(peer, protocol, frame.slice(0, random.below(frame.length)))
      if (random.chance(50)) attacker.inject(peer, random.pick(['control', 'ipc'] as const), frame.subarray(0, CHUNK_BYTES))
      return [frame]
    })
    attacker.every(2, () => {
      const protocol = random.pick(['control', 'sync', 'ipc'] as const)
      const frames = [
        EMPTY,
        utf8('weft'),
        encode([]),
        encode([1000 + random.below(1000), random.bytes(8)]),
        encode('ping'),
        random.bytes(32),
      ]
      attacker.inject(random.pick(attacker.peers), protocol, random.pick(frames))
    })
  },
}
