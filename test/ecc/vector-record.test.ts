import t from 'tap'
import { toHex } from '../../base/bytes.ts'
import { type Cbor, encode } from '../../base/codec.ts'
import { type CausalId, causalIdOf } from '../../base/ids.ts'
import { EMBEDDER_MAX_BYTES, VECTOR_DIMS_MAX } from '../../base/limits.ts'
import { halfOf, numberOfHalf } from '../../ecc/half-float.ts'
import {
  decodeVector,
  encodeVector,
  numbersIn,
  ofNode,
  unitVector,
  VECTOR_ENCODING,
  type VectorInput,
  type VectorRecord,
} from '../../ecc/vector-record.ts'
import fc from '../properties.ts'

const ID: CausalId = causalIdOf(new Uint8Array(32).fill(7))
const OTHER: CausalId = causalIdOf(new Uint8Array(32).fill(8))
const node = new Uint8Array(32).fill(7)

/** What 16 bits mean, by the words of the standard. */
function naive(half: number): number {
  const sign = half >> 15 === 1 ? -1 : 1
  const exponent = (half >> 10) & 31
  const fraction = half & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The halves from the smallest to the largest, to look for the nearest among. */
const ascending: readonly number[] = Array.from({ length: 0x7c00 }, (_, half) => naive(half))

function nearest(value: number): number {
  const size = Math.abs(value)
  let low = 0
  for (let high = ascending.length - 1; low < high; ) {
    const middle = (low + high + 1) >> 1
    if ((ascending[middle] as number) <= size) low = middle
    else high = middle - 1
  }
  const below = size - (ascending[low] as number)
  const above = (ascending[low + 1] ?? 65_536) - size
  const half = above < below || (above === below && low % 2 === 1) ? low + 1 : low
  return half | (Object.is(Math.sign(value), -1) || Object.is(value, -0) ? 0x8000 : 0)
}

t.test('every half is a number, and that number is the half again', async t => {
  const wrong: number[] = []
  for (let half = 0; half < 0x10000; half++) {
    const number = numberOfHalf(half)
    const isRight = Object.is(number, naive(half)) && (Number.isNaN(number) ? halfOf(number) % 0x8000 === 0x7e00 : halfOf(number) === half)
    if (!isRight) wrong.push(half)
  }
  t.same(wrong, [])
})

t.test('a number becomes the nearest half, of two equally near ones the even one', async t => {
  const check = (value: number): boolean => halfOf(value) === nearest(value)
  fc.assert(fc.property(fc.float({ noNaN: true, min: -65_519, max: 65_519 }), check), { numRuns: 3000 })
  fc.assert(fc.property(fc.float({ noNaN: true, min: -(2 ** -13), max: 2 ** -13 }), check), { numRuns: 3000 })
  for (let i = 0; i + 1 < ascending.length; i += 7) {
    const middle = ((ascending[i] as number) + (ascending[i + 1] as number)) / 2
    for (const value of [middle, -middle, Math.fround(middle * (1 + 2 ** -20)), Math.fround(middle * (1 - 2 ** -20))])
      if (!check(value)) t.fail(`${value} became ${halfOf(value)}`)
  }
  for (const [value, half] of [
    [65_519, 0x7bff],
    [65_520, 0x7c00],
    [-1e30, 0xfc00],
    [Infinity, 0x7c00],
    [2 ** -25, 0],
    [Math.fround(2 ** -25 * 1.001), 1],
    [2 ** -14, 0x0400],
    [Math.fround(2 ** -14 * (1 - 2 ** -12)), 0x0400],
    [1, 0x3c00],
  ] as const)
    t.equal(halfOf(value), half, String(value))
})

t.test('a vector comes back as it was, of length 1, with one encoding', async t => {
  for (const encoding of ['f16', 'f32'] as const) {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 }), numbers => {
        if (numbers.every(number => number === 0)) return
        const body = encodeVector(ID, { embedder: 'm', vector: numbers, encoding })
        const said = decodeVector(body) as VectorRecord
        const unit = unitVector(numbers)
        const slack = encoding === 'f16' ? 2 ** -10 : 2 ** -22
        const isNear = said.vector.every((number, i) => Math.abs(number - (unit[i] as number)) < slack)
        const squares = said.vector.reduce((sum, number) => sum + number * number, 0)
        const again = toHex(ofNode(said, ID)) === toHex(body) && toHex(ofNode(said, OTHER)) !== toHex(body)
        // As an export has it: the numbers as JSON.
        const text = JSON.stringify(numbersIn(said))
        const exported = encodeVector(ID, { embedder: 'm', vector: JSON.parse(text) as number[], encoding })
        return isNear && Math.abs(squares - 1) < 1e-6 && said.encoding === encoding && again && toHex(exported) === toHex(body)
      }),
      { numRuns: 500 },
    )
  }
  t.equal(toHex(encodeVector(ID, { embedder: 'm', vector: [-0, 2] })), toHex(encodeVector(ID, { embedder: 'm', vector: [0, 1] })))
  t.equal(
    toHex(encodeVector(ID, { embedder: 'm', vector: Float32Array.of(3, 4), encoding: 'f32' })),
    toHex(encode([node, 'm', 2, VECTOR_ENCODING.f32, new Uint8Array(Float32Array.of(0.6, 0.8).buffer)])),
  )
  const long = encodeVector(ID, { embedder: 'm', vector: new Float32Array(VECTOR_DIMS_MAX).fill(1) })
  t.equal(decodeVector(long)?.vector.length, VECTOR_DIMS_MAX)
  t.ok(long.length < 9000, `${long.length} bytes for the longest`)
})

t.test('what an author gets wrong is said', async t => {
  const rows: readonly (readonly [input: VectorInput, code: string, message: RegExp])[] = [
    [{ embedder: 'm', vector: [] }, 'vector_invalid', /got 0/],
    [{ embedder: 'm', vector: new Float32Array(VECTOR_DIMS_MAX + 1).fill(1) }, 'vector_invalid', /got 4097/],
    [{ embedder: 'm', vector: [1, Number.NaN] }, 'vector_invalid', /number 1 of the vector is NaN/],
    [{ embedder: 'm', vector: [-Infinity] }, 'vector_invalid', /number 0 of the vector is -Infinity/],
    [{ embedder: 'm', vector: [1, null, 2] as unknown as number[] }, 'vector_invalid', /number 1 of the vector is null/],
    [{ embedder: 'm', vector: ['1'] as unknown as number[] }, 'vector_invalid', /number 0 of the vector is "1"$/],
    [{ embedder: 'm', vector: [1, 'a'.repeat(50)] as unknown as number[] }, 'vector_invalid', /is "a{40}\.\.\."$/],
    [{ embedder: 'm', vector: [[1]] as unknown as number[] }, 'vector_invalid', /is a list$/],
    [{ embedder: 'm', vector: [{ x: 1 }] as unknown as number[] }, 'vector_invalid', /is an object$/],
    [{ embedder: 'm', vector: [0, -0] }, 'vector_invalid', /all numbers of the vector are 0/],
    [{ embedder: '', vector: [1] }, 'embedder_invalid', /visible ASCII/],
    [{ embedder: 'two words', vector: [1] }, 'embedder_invalid', /visible ASCII/],
    [{ embedder: 'm'.repeat(EMBEDDER_MAX_BYTES + 1), vector: [1] }, 'embedder_invalid', /1 to 128/],
    [{ embedder: 'external:mine', vector: [1] }, 'embedder_invalid', /external:NAME:DIMENSIONS/],
    [{ embedder: 'external:mine:02', vector: [1, 2] }, 'embedder_invalid', /external:NAME:DIMENSIONS/],
    [{ embedder: 'external:mine:3', vector: [1, 2] }, 'vector_invalid', /has 3 dimensions, got 2/],
  ]
  for (const [input, code, message] of rows) t.throws(() => encodeVector(ID, input), { code, message }, `${input.embedder} ${code}`)
})

t.test('what a peer gets wrong is void', async t => {
  const floats = (...numbers: number[]): Uint8Array => new Uint8Array(Float32Array.from(numbers).buffer)
  const halves = (...numbers: number[]): Uint8Array => new Uint8Array(Uint16Array.from(numbers).buffer)
  const good: readonly Cbor[] = [node, 'm', 2, 0, floats(0.6, 0.8)]
  const but = (at: number, value: Cbor): Uint8Array => encode(good.map((field, i) => (i === at ? value : field)))
  t.ok(decodeVector(encode(good)))
  t.ok(decodeVector(encode([node, 'm', 2, 1, halves(0x3c00, 0)])))
  const rows: readonly (readonly [what: string, body: Uint8Array])[] = [
    ['nothing', new Uint8Array()],
    ['no array', encode('m')],
    ['a field more', encode([...good, 0])],
    ['a field less', encode(good.slice(0, 4))],
    ['bytes behind it', Uint8Array.of(...encode(good), 0)],
    ['a short id', but(0, new Uint8Array(31))],
    ['no embedder', but(1, '')],
    ['an embedder with a space', but(1, 'a b')],
    ['a long embedder', but(1, 'm'.repeat(EMBEDDER_MAX_BYTES + 1))],
    ['an external embedder without dimensions', but(1, 'external:m')],
    ['an external embedder of other dimensions', but(1, 'external:m:3')],
    ['no dimensions', encode([node, 'm', 0, 0, new Uint8Array()])],
    ['too many dimensions', encode([node, 'm', VECTOR_DIMS_MAX + 1, 1, new Uint8Array(2 * VECTOR_DIMS_MAX + 2)])],
    ['dimensions that are not those of the numbers', but(2, 3)],
    ['an encoding that nobody knows', but(3, 2)],
    ['the other encoding', but(3, 1)],
    ['numbers that are text', but(4, '12345678')],
    ['a number short', but(4, floats(1))],
    ['NaN', but(4, floats(Number.NaN, 1))],
    ['infinity', but(4, floats(Infinity, 0))],
    ['minus infinity', but(4, floats(0, -Infinity))],
    ['zero', but(4, floats(0, 0))],
    ['minus zero', but(4, floats(1, -0))],
    ['not of length 1', but(4, floats(3, 4))],
    ['nearly of length 1', but(4, floats(0.6001, 0.8))],
    ['the largest numbers', but(4, floats(3.4e38, 3.4e38))],
    ['the smallest numbers', but(4, floats(1e-45, 1e-45))],
    ['halves: NaN', encode([node, 'm', 2, 1, halves(0x7e00, 0x3c00)])],
    ['halves: infinity', encode([node, 'm', 2, 1, halves(0xfc00, 0)])],
    ['halves: zero', encode([node, 'm', 2, 1, halves(0, 0)])],
    ['halves: minus zero', encode([node, 'm', 2, 1, halves(0x3c00, 0x8000)])],
    ['halves: not of length 1', encode([node, 'm', 2, 1, halves(0x3c00, 0x3c00)])],
  ]
  for (const [what, body] of rows) t.equal(decodeVector(body), undefined, what)
})

t.test('whatever a peer writes, what is taken is a vector of length 1 that encodes to the same bytes', async t => {
  let taken = 0
  const field = fc.oneof(fc.constantFrom<Cbor>('m', 2, 1, 0, node), fc.uint8Array({ maxLength: 12 }), fc.nat(5))
  const bits = fc.uint8Array({ minLength: 4, maxLength: 8 })
  fc.assert(
    fc.property(
      fc.oneof(fc.array(field, { maxLength: 6 }), fc.tuple(fc.constant(node), fc.constant('m'), fc.nat(4), fc.nat(1), bits)),
      fields => {
        const body = encode(fields)
        const said = decodeVector(body)
        if (said === undefined) return true
        taken++
        return Math.abs(said.vector.reduce((sum, number) => sum + number * number, 0) - 1) < 1e-6 && toHex(ofNode(said, ID)) === toHex(body)
      },
    ),
    { numRuns: 3000, examples: [[[node, 'm', 2, 1, new Uint8Array(Uint16Array.of(0x3c00, 0).buffer)]]] },
  )
  t.ok(taken > 0, `${taken} taken`)
})
