import assert from 'node:assert/strict'
import t from 'tap'
import { concatBytes, EMPTY } from '../../base/bytes.ts'
import { CHUNK_BYTES, FRAME_MAX_BYTES } from '../../base/limits.ts'
import { FrameDecoder, FrameEncoder } from '../../transport/frame.ts'
import { RateLimit } from '../../transport/rate-limit.ts'
import { Turn } from '../../transport/turn.ts'
import fc from '../properties.ts'

function encode(frames: readonly Uint8Array[]): Uint8Array {
  const encoder = new FrameEncoder()
  for (const frame of frames) encoder.push(frame)
  const pieces: Uint8Array[] = []
  for (let piece = encoder.take(); piece !== undefined; piece = encoder.take()) pieces.push(piece)
  return concatBytes(...pieces)
}

function decode(decoder: FrameDecoder, chunks: readonly Uint8Array[]): { readonly frames: Uint8Array[]; readonly isFine: boolean } {
  const frames: Uint8Array[] = []
  let isFine = true
  for (const chunk of chunks) isFine = decoder.push(chunk, frame => frames.push(frame))
  return { frames, isFine }
}

t.test('a frame is its length, big-endian, and its bytes', async t => {
  t.same(encode([]), EMPTY)
  t.same(encode([EMPTY]), Uint8Array.of(0, 0, 0, 0))
  t.same(encode([Uint8Array.of(7, 8), Uint8Array.of(9)]), Uint8Array.of(0, 0, 0, 2, 7, 8, 0, 0, 0, 1, 9))
  t.same(encode([new Uint8Array(0x010203)]).subarray(0, 4), Uint8Array.of(0, 1, 2, 3))
})

t.test('however a stream is cut, the frames that went in come out', async t => {
  const bytes = fc.uint8Array({ maxLength: 300 })
  const large = fc.integer({ min: CHUNK_BYTES - 8, max: CHUNK_BYTES + 8 }).map(length => new Uint8Array(length).fill(length))
  const frames = fc.array(fc.oneof({ weight: 20, arbitrary: bytes }, { weight: 1, arbitrary: large }), { maxLength: 40, size: 'max' })
  fc.assert(
    fc.property(frames, fc.array(fc.nat(), { maxLength: 30 }), (frames, cuts) => {
      const stream = encode(frames)
      const at = [0, ...cuts.map(cut => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length]
      const chunks = at.slice(1).map((end, i) => stream.slice(at[i], end))
      const decoder = new FrameDecoder(FRAME_MAX_BYTES)
      const decoded = decode(decoder, chunks)
      assert.deepEqual(decoded.frames, frames)
      assert.equal(decoded.isFine, true)
      assert.equal(decoder.isPartial, false)
    }),
    { numRuns: 300 },
  )
  const few = [Uint8Array.of(1, 2, 3), EMPTY, Uint8Array.of(4)]
  const byBytes = Array.from(encode(few), byte => Uint8Array.of(byte))
  t.same(decode(new FrameDecoder(3), byBytes).frames, few, 'one byte at a time')
})

t.test('frames taken between pushes leave in order, many in one write, a large one alone', async t => {
  const encoder = new FrameEncoder()
  t.equal(encoder.take(), undefined)
  for (let i = 0; i < 1000; i++) encoder.push(Uint8Array.of(i))
  t.equal(encoder.pendingBytes, 5000)
  const first = encoder.take() as Uint8Array
  const second = encoder.take() as Uint8Array
  t.equal(first.length + second.length, 5000, 'a small buffer, then what did not fit it')
  t.equal(encoder.pendingBytes, 0)
  t.equal(encoder.take(), undefined)
  encoder.push(Uint8Array.of(1))
  encoder.push(new Uint8Array(FRAME_MAX_BYTES))
  encoder.push(Uint8Array.of(2))
  t.same([encoder.take()?.length, encoder.take()?.length, encoder.take()?.length], [5, FRAME_MAX_BYTES + 4, 5])
})

t.test("what is pushed may change afterwards, what comes out is the receiver's own", async t => {
  const encoder = new FrameEncoder()
  const frame = Uint8Array.of(1, 2)
  encoder.push(frame)
  frame.fill(9)
  const stream = encoder.take() as Uint8Array
  const { frames } = decode(new FrameDecoder(2), [stream])
  stream.fill(9)
  t.same(frames, [Uint8Array.of(1, 2)])
})

t.test('a frame above the limit ends the stream before it is held', async t => {
  const header = (length: number): Uint8Array => Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length)
  const cases: readonly (readonly [limit: number, announced: number, isFine: boolean])[] = [
    [0, 0, true],
    [0, 1, false],
    [10, 10, true],
    [10, 11, false],
    [FRAME_MAX_BYTES, FRAME_MAX_BYTES, true],
    [FRAME_MAX_BYTES, FRAME_MAX_BYTES + 1, false],
    [FRAME_MAX_BYTES, 2 ** 32 - 1, false],
  ]
  for (const [limit, announced, isFine] of cases) {
    t.equal(decode(new FrameDecoder(limit), [header(announced)]).isFine, isFine, `${announced} bytes where ${limit} are allowed`)
  }
  const decoder = new FrameDecoder(10)
  const good = encode([Uint8Array.of(1)])
  t.same(decode(decoder, [concatBytes(good, header(11), good)]), { frames: [Uint8Array.of(1)], isFine: false })
  t.same(decode(decoder, [good]), { frames: [], isFine: false }, 'it stays ended')
})

t.test('a decoder knows when a stream ended inside a frame', async t => {
  const stream = encode([Uint8Array.of(1, 2, 3)])
  for (let length = 0; length <= stream.length; length++) {
    const decoder = new FrameDecoder(3)
    decode(decoder, [stream.subarray(0, length)])
    t.equal(decoder.isPartial, length > 0 && length < stream.length, `after ${length} bytes`)
  }
})

t.test('a rate limit gives its burst at once and its rate over time, whatever is asked of it', async t => {
  t.throws(() => new RateLimit(0, 1), RangeError)
  t.throws(() => new RateLimit(1, 0), RangeError)
  t.throws(() => new RateLimit(Number.NaN, 1), RangeError)
  const limit = new RateLimit(100, 5)
  for (let i = 0; i < 5; i++) t.equal(limit.take(1000), true)
  t.equal(limit.take(1000), false)
  t.equal(limit.take(1009), false, '10 ms give one')
  t.equal(limit.take(1010), true)
  t.equal(limit.take(900), false, 'a step back gives nothing')
  t.equal(limit.take(1030, 3), false)
  t.equal(limit.take(1030, 2), true, 'a refusal takes nothing')
  t.equal(limit.take(1e9, 6), false, 'never more than the burst')
  t.equal(limit.take(1e9, 5), true)
  const steps = fc.array(fc.tuple(fc.nat({ max: 50 }), fc.integer({ min: 1, max: 4 })), { maxLength: 200 })
  fc.assert(
    fc.property(steps, steps => {
      const bucket = new RateLimit(200, 10)
      let [nowMs, taken] = [0, 0]
      for (const [waitMs, cost] of steps) {
        nowMs += waitMs
        if (bucket.take(nowMs, cost)) taken += cost
        assert.ok(taken <= 10 + nowMs * 0.2 + 1e-6)
      }
    }),
  )
})

t.test('calls of a turn run later, in order, one at a time', async t => {
  const later: (() => void)[] = []
  const turn = new Turn(task => later.push(task))
  const ran: string[] = []
  turn.post(() => {
    ran.push('first')
    turn.post(() => ran.push('posted by first'))
    ran.push('end of first')
  })
  turn.post(() => ran.push('second'))
  t.equal(turn.isIdle, false)
  t.same(ran, [])
  t.equal(later.length, 1, 'one turn for both')
  later.shift()?.()
  t.same(ran, ['first', 'end of first', 'second', 'posted by first'])
  t.equal(turn.isIdle, true)
  turn.post(() => ran.push('third'))
  t.equal(later.length, 1)
})
