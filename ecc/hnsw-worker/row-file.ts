import { randomFillSync } from 'node:crypto'
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { VECTOR_FILES_OPEN_MAX } from '../../base/limits.ts'
import { RowCache } from './row-cache.ts'

/**
 * The vectors of an index in one file, a row for each slot, added at its end and never moved:
 *
 *     header  magic u32, format u32, dims u32, generation 2 x u32, 2 x 0, crc32 of what is before it
 *     row     id 32 bytes, vector f32 x dims, crc32 of id and vector, begun with slot and generation
 *
 * in the byte order of the machine: nothing of it ever leaves it. What is erased is overwritten with zeros. A row whose checksum is
 * wrong is not there; neither is one that does not reach its end. No row is synced: a cache that lost some is told so by their checksums.
 *
 * When the disk takes no more, rows are kept in shared memory instead, where the next thread finds them when this one dies.
 */
const MAGIC = 0x77666576
const FORMAT = 1
const HEADER_BYTES = 32
const ID_BYTES = 32
const CRC_BYTES = 4
/** 1 MiB is read at a time: page cache at 4 GB/s, and small beside a graph. */
const CHUNK_BYTES = 1024 * 1024
/** 8 KiB are read in the time of one more call. */
const GAP_BYTES = 8 * 1024
/** Rows of a chunk in memory. */
const CHUNK_ROWS = 256

/** One thread, one scan at a time: `visit` never scans. */
const scratch = new Uint8Array(CHUNK_BYTES)
const scratchNumbers = new Float32Array(scratch.buffer)
const scratchView = new DataView(scratch.buffer)
/** Rows on their way to the file: used again, so that nothing is left to be collected. */
let outgoing = new Uint8Array(CHUNK_BYTES)
/** Oldest first. */
const opened = new Set<RowFile>()

/** Called with the place of a vector in an array that is used again afterwards. */
export type Visit = (slot: number, numbers: Float32Array, from: number) => void

/** What is kept of a file for the next thread. */
export interface RowsKept {
  /** The rows after those of the file are in memory. */
  readonly isInMemory: boolean
  readonly inFile: number
  readonly chunks: readonly SharedArrayBuffer[]
}

export interface RowFileOptions {
  readonly file: string
  readonly dims: number
  /** Told once, when the disk takes no more. */
  readonly onTrouble: (error: Error) => void
  /** Told when there is more in memory than before. */
  readonly onKept: () => void
}

export class RowFile {
  readonly dims: number
  readonly file: string
  readonly #stride: number
  readonly #options: RowFileOptions
  readonly #chunks: SharedArrayBuffer[] = []
  readonly #cache: RowCache
  #descriptor: number | undefined
  #generation: Uint32Array = new Uint32Array(2)
  #inFile = 0
  #count = 0
  #isInMemory = false

  private constructor(options: RowFileOptions) {
    this.#options = options
    this.dims = options.dims
    this.file = options.file
    this.#stride = ID_BYTES + 4 * options.dims + CRC_BYTES
    this.#cache = new RowCache(options.dims)
  }

  /** What is there is kept, cut back to whole rows; what is no such file begins anew. */
  static open(options: RowFileOptions): RowFile {
    const rows = new RowFile(options)
    rows.#tried(() => {
      if (!rows.#adopt()) rows.#begin()
    })
    return rows
  }

  /** Goes on where another thread ended; undefined when the file is not the one it had. */
  static resume(
    options: RowFileOptions,
    { isInMemory, inFile, chunks }: RowsKept,
    generation: Uint32Array,
    count: number,
  ): RowFile | undefined {
    const rows = new RowFile(options)
    rows.#isInMemory = isInMemory
    rows.#chunks.push(...chunks)
    const needed = isInMemory ? inFile : count
    if (needed > 0) {
      try {
        if (!rows.#adopt() || rows.#inFile < needed || rows.#generation.some((half, i) => half !== generation[i])) return undefined
      } catch {
        return undefined
      }
    } else if (!isInMemory) return RowFile.open(options)
    rows.#generation = generation.slice()
    rows.#inFile = needed
    rows.#count = count
    return rows
  }

  /** Drawn when the file was made; another file has another. */
  get generation(): Uint32Array {
    return this.#generation
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#count === 0 ? 0 : HEADER_BYTES + this.#count * this.#stride
  }

  get isInMemory(): boolean {
    return this.#isInMemory
  }

  get kept(): RowsKept {
    return { isInMemory: this.#isInMemory, inFile: this.#inFile, chunks: [...this.#chunks] }
  }

  /** @param places which of the ids (32 bytes each) and vectors (`dims` numbers each, checked) @returns the slot of the first */
  append(places: readonly number[], ids: Uint8Array, vectors: Float32Array): number {
    const first = this.#count
    const count = places.length
    const block = blockOf(count * this.#stride)
    const view = new DataView(block.buffer)
    const bytes = new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength)
    for (const [i, place] of places.entries()) {
      const at = i * this.#stride
      block.set(ids.subarray(place * ID_BYTES, (place + 1) * ID_BYTES), at)
      block.set(bytes.subarray(place * 4 * this.dims, (place + 1) * 4 * this.dims), at + ID_BYTES)
      view.setUint32(at + this.#stride - CRC_BYTES, this.#checksum(block, at, first + i), true)
    }
    if (!this.#isInMemory) {
      this.#tried(() => {
        writeAll(this.#open(), block, HEADER_BYTES + first * this.#stride)
        this.#inFile += count
      })
    }
    if (this.#isInMemory) this.#keep(block, count)
    this.#count += count
    return first
  }

  /** The id of every row, undefined where the row is erased or damaged; `isDamaged` tells which. */
  verify(visit: (slot: number, id: Uint8Array | undefined, isDamaged: boolean) => void): void {
    this.#chunked(0, this.#count, (slot, at) => {
      const end = at + this.#stride
      const isWhole = scratchView.getUint32(end - CRC_BYTES, true) === this.#checksum(scratch, at, slot)
      if (isWhole) visit(slot, scratch.subarray(at, at + ID_BYTES), false)
      else visit(slot, undefined, !isZero(scratch.subarray(at, end)))
    })
  }

  /** @param slots in order of `visit`; those that go up are read at once where little is in between */
  scan(slots: Iterable<number>, visit: Visit): void {
    const gap = Math.max(1, Math.floor(GAP_BYTES / this.#stride))
    const most = Math.floor(CHUNK_BYTES / this.#stride)
    let run: number[] = []
    const flush = (): void => {
      if (run.length === 0) return
      const from = run[0] as number
      const wanted = run
      if (wanted.length === 1) {
        this.#single(from, visit)
        run = []
        return
      }
      let next = 0
      this.#chunked(from, (wanted.at(-1) as number) + 1, (slot, at) => {
        if (slot !== wanted[next]) return
        next++
        visit(slot, scratchNumbers, (at + ID_BYTES) / 4)
      })
      run = []
    }
    for (const slot of slots) {
      const last = run.at(-1)
      if (last !== undefined && (slot <= last || slot - last > gap || slot - (run[0] as number) >= most)) flush()
      run.push(slot)
    }
    flush()
  }

  #single(slot: number, visit: Visit): void {
    const found = this.#cache.find(slot)
    if (found >= 0) return visit(slot, this.#cache.numbers, found)
    this.#chunked(slot, slot + 1, (_, at) => {
      const from = (at + ID_BYTES) / 4
      this.#cache.put(slot, scratchNumbers, from)
      visit(slot, scratchNumbers, from)
    })
  }

  /** Nothing of these rows is left in the file. @throws Error when the disk refuses */
  wipe(slots: readonly number[]): void {
    this.#cache.clear()
    const zeros = new Uint8Array(this.#stride)
    for (const slot of slots) {
      if (slot >= this.#inFile) this.#inMemory(slot).set(zeros)
      else writeAll(this.#open(), zeros, HEADER_BYTES + slot * this.#stride)
    }
    if (slots.some(slot => slot < this.#inFile)) fdatasyncSync(this.#open())
  }

  /** Moves the rows of `slots`, in this order, to a new file that takes the place of this one. @returns false when the disk refused: all is as it was. `announce` gets the number of the new file before it is that */
  compact(slots: readonly number[], announce: (generation: Uint32Array) => void): boolean {
    const next = new RowFile({ ...this.#options, file: `${this.file}.new`, onTrouble: () => {}, onKept: () => {} })
    try {
      rmSync(next.file, { force: true })
      next.#begin()
      for (let from = 0; from < slots.length && !next.#isInMemory; from += CHUNK_ROWS)
        next.#copy(this, slots.slice(from, from + CHUNK_ROWS))
      if (next.#isInMemory) return false
      fdatasyncSync(next.#open())
      announce(next.#generation)
      renameSync(next.file, this.file)
      this.close()
    } catch {
      return false
    } finally {
      next.close()
      rmSync(next.file, { force: true })
    }
    this.#cache.clear()
    this.#generation = next.#generation
    this.#inFile = next.#inFile
    this.#count = next.#count
    return true
  }

  #copy(source: RowFile, slots: readonly number[]): void {
    const ids = new Uint8Array(slots.length * ID_BYTES)
    const vectors = new Float32Array(slots.length * this.dims)
    let i = 0
    for (const slot of slots) {
      source.#chunked(slot, slot + 1, (_, at) => {
        ids.set(scratch.subarray(at, at + ID_BYTES), i * ID_BYTES)
        vectors.set(scratchNumbers.subarray((at + ID_BYTES) / 4, (at + ID_BYTES) / 4 + this.dims), i * this.dims)
        i++
      })
    }
    this.append(
      slots.map((_, place) => place),
      ids,
      vectors,
    )
  }

  sync(): void {
    if (!this.#isInMemory) this.#tried(() => fdatasyncSync(this.#open()))
  }

  close(): void {
    if (this.#descriptor === undefined) return
    opened.delete(this)
    closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #open(): number {
    if (this.#descriptor !== undefined) return this.#descriptor
    mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 })
    this.#descriptor = openSync(this.file, constants.O_RDWR | constants.O_CREAT, 0o600)
    opened.add(this)
    if (opened.size > VECTOR_FILES_OPEN_MAX) for (const oldest of opened) if (opened.size > VECTOR_FILES_OPEN_MAX) oldest.close()
    return this.#descriptor
  }

  /** @returns false when it is not a file of these rows */
  #adopt(): boolean {
    const descriptor = this.#open()
    const bytes = new Uint8Array(HEADER_BYTES)
    if (readAll(descriptor, bytes, 0) < HEADER_BYTES) return false
    const words = new Uint32Array(bytes.buffer)
    if (words[0] !== MAGIC || words[1] !== FORMAT || words[2] !== this.dims) return false
    if (words[7] !== crc32(bytes.subarray(0, HEADER_BYTES - CRC_BYTES))) return false
    this.#generation = words.slice(3, 5)
    const { size } = fstatSync(descriptor)
    this.#inFile = Math.floor((size - HEADER_BYTES) / this.#stride)
    this.#count = this.#inFile
    const whole = HEADER_BYTES + this.#inFile * this.#stride
    if (size > whole && !this.#isInMemory) ftruncateSync(descriptor, whole)
    return true
  }

  #begin(): void {
    const descriptor = this.#open()
    const bytes = new Uint8Array(HEADER_BYTES)
    const words = new Uint32Array(bytes.buffer)
    randomFillSync(this.#generation)
    words.set([MAGIC, FORMAT, this.dims, ...this.#generation])
    words[7] = crc32(bytes.subarray(0, HEADER_BYTES - CRC_BYTES))
    ftruncateSync(descriptor, 0)
    writeAll(descriptor, bytes, 0)
    this.#inFile = 0
    this.#count = 0
  }

  /** Visits rows in order, each with its place in the scratch. */
  #chunked(from: number, to: number, visit: (slot: number, at: number) => void): void {
    const stride = this.#stride
    const most = Math.floor(CHUNK_BYTES / stride)
    for (let slot = from; slot < to; ) {
      if (slot >= this.#inFile) {
        scratch.set(this.#inMemory(slot))
        visit(slot++, 0)
        continue
      }
      const count = Math.min(most, Math.min(to, this.#inFile) - slot)
      const bytes = scratch.subarray(0, count * stride)
      const got = readAll(this.#open(), bytes, HEADER_BYTES + slot * stride)
      if (got < bytes.length) bytes.fill(0, got)
      for (let i = 0; i < count; i++) visit(slot + i, i * stride)
      slot += count
    }
  }

  #checksum(bytes: Uint8Array, at: number, slot: number): number {
    const [a, b] = this.#generation as unknown as readonly [number, number]
    return crc32(bytes.subarray(at, at + this.#stride - CRC_BYTES), (a ^ Math.imul(b, slot + 1)) >>> 0)
  }

  #inMemory(slot: number): Uint8Array {
    const at = slot - this.#inFile
    const chunk = this.#chunks[Math.floor(at / CHUNK_ROWS)] as SharedArrayBuffer
    return new Uint8Array(chunk, (at % CHUNK_ROWS) * this.#stride, this.#stride)
  }

  #keep(block: Uint8Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const at = this.#count + i - this.#inFile
      if (at === this.#chunks.length * CHUNK_ROWS) {
        this.#chunks.push(new SharedArrayBuffer(CHUNK_ROWS * this.#stride))
        this.#options.onKept()
      }
      this.#inMemory(this.#count + i).set(block.subarray(i * this.#stride, (i + 1) * this.#stride))
    }
  }

  #tried(work: () => void): void {
    try {
      work()
    } catch (thrown) {
      const isFirst = !this.#isInMemory
      this.#isInMemory = true
      if (isFirst) this.#options.onTrouble(thrown as Error)
      if (isFirst) this.#options.onKept()
    }
  }
}

function blockOf(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes > outgoing.length) outgoing = new Uint8Array(bytes)
  return outgoing.subarray(0, bytes)
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every(byte => byte === 0)
}

function readAll(descriptor: number, bytes: Uint8Array, position: number): number {
  let got = 0
  while (got < bytes.length) {
    const read = readSync(descriptor, bytes, got, bytes.length - got, position + got)
    if (read === 0) break
    got += read
  }
  return got
}

function writeAll(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done, position + done)
}
