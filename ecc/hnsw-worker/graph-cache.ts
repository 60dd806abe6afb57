import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import type { VectorIndexName } from '../vector-store.ts'
import { EF_CONSTRUCTION, LINKS, type SlotGraph } from './slot-graph.ts'

/**
 * The graph of an index in a file, and beside it a manifest that says what it is and what its bytes hash to. It makes a start fast and
 * nothing more: on any doubt it is thrown away, and the graph is made again from the rows.
 *
 * A graph is written to another name, checked, synced and renamed; then so is the manifest that names it. A crash in between
 * leaves the older pair, or none.
 */
const MANIFEST = 'manifest'
const GRAPHS = ['graph-0', 'graph-1'] as const
const TEMPORARY = 'new'
const FORMAT = 1
/** 1 MiB at a time is hashed. */
const BLOCK_BYTES = 1024 * 1024

export type Engine = 'hnswlib' | 'typescript'

/** What a graph must have been made of, to be of use. */
export interface Wanted {
  readonly engine: Engine
  readonly name: VectorIndexName
  readonly generation: Uint32Array
  /** Rows there are: the graph may know fewer, not more. */
  readonly rows: number
}

export interface Manifest {
  readonly format: number
  readonly engine: Engine
  readonly space: string
  readonly embedder: string
  readonly dims: number
  readonly metric: string
  readonly links: number
  readonly efConstruction: number
  readonly generation: string
  readonly rows: number
  /** Slots of the graph. */
  readonly count: number
  /** Those that are hidden, bits in base64. */
  readonly hidden: string
  readonly file: string
  readonly bytes: number
  readonly sha256: string
}

export type Cached =
  | { readonly kind: 'none' }
  | { readonly kind: 'doubt'; readonly reason: string }
  | { readonly kind: 'graph'; readonly file: string; readonly count: number; readonly hidden: Uint8Array }

export class GraphCache {
  readonly #directory: string
  #bytes = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Of the file that was saved or read last. */
  get bytes(): number {
    return this.#bytes
  }

  /** Reads and checks everything but what is in the graph. */
  read(wanted: Wanted): Cached {
    let text: string
    try {
      text = readFileSync(this.#path(MANIFEST), 'utf8')
    } catch (thrown) {
      return (thrown as NodeJS.ErrnoException).code === 'ENOENT'
        ? { kind: 'none' }
        : { kind: 'doubt', reason: 'the manifest cannot be read' }
    }
    try {
      const [line = '', checksum = '', ...rest] = text.split('\n')
      if (checksum !== sha256Of(line) || rest.join('') !== '') return { kind: 'doubt', reason: 'the checksum of the manifest is wrong' }
      const manifest = JSON.parse(line) as Manifest
      const fault = faultOf(manifest, wanted) ?? this.#fileFault(manifest)
      if (fault !== undefined) return { kind: 'doubt', reason: fault }
      this.#bytes = manifest.bytes
      return {
        kind: 'graph',
        file: this.#path(manifest.file),
        count: manifest.count,
        hidden: new Uint8Array(Buffer.from(manifest.hidden, 'base64')),
      }
    } catch {
      return { kind: 'doubt', reason: 'the graph cannot be read' }
    }
  }

  /** @throws Error when the disk did not take it; what was there before is still there */
  save(graph: SlotGraph, hidden: Uint8Array, { engine, name, generation, rows }: Wanted): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    const temporary = this.#path(TEMPORARY)
    rmSync(temporary, { force: true })
    // hnswlib would let everybody read it.
    writeFileSync(temporary, '', { mode: 0o600 })
    const least = graph.save(temporary)
    const { size: bytes } = statSync(temporary)
    if (bytes < least) throw new Error(`${bytes} bytes were written of ${least}`)
    const file = this.#current() === GRAPHS[0] ? GRAPHS[1] : GRAPHS[0]
    const manifest: Manifest = {
      format: FORMAT,
      engine,
      space: name.space,
      embedder: name.embedder,
      dims: name.dims,
      metric: 'cosine',
      links: LINKS,
      efConstruction: EF_CONSTRUCTION,
      generation: hexOf(generation),
      rows,
      count: graph.size,
      hidden: Buffer.from(hidden).toString('base64'),
      file,
      bytes,
      sha256: sha256Of(temporary, true),
    }
    synced(temporary)
    renameSync(temporary, this.#path(file))
    const line = JSON.stringify(manifest)
    writeFileSync(temporary, `${line}\n${sha256Of(line)}\n`, { mode: 0o600 })
    synced(temporary)
    renameSync(temporary, this.#path(MANIFEST))
    synced(this.#directory)
    for (const other of GRAPHS) if (other !== file) rmSync(this.#path(other), { force: true })
    this.#bytes = bytes
  }

  /** Nothing of a graph is left on the disk. @throws Error when the disk refuses */
  discard(): void {
    for (const name of [MANIFEST, ...GRAPHS, TEMPORARY]) rmSync(this.#path(name), { force: true, recursive: true })
    this.#bytes = 0
  }

  #current(): string | undefined {
    try {
      return (JSON.parse(readFileSync(this.#path(MANIFEST), 'utf8').split('\n')[0] as string) as Manifest).file
    } catch {
      return undefined
    }
  }

  #fileFault({ file, bytes, sha256 }: Manifest): string | undefined {
    const path = this.#path(file)
    const size = statSync(path, { throwIfNoEntry: false })?.size
    if (size === undefined) return 'the graph is missing'
    if (size !== bytes) return `the graph has ${size} bytes, not ${bytes}`
    return sha256Of(path, true) === sha256 ? undefined : 'the checksum of the graph is wrong'
  }

  #path(name: string): string {
    return join(this.#directory, name)
  }
}

function faultOf(manifest: Manifest, { engine, name, generation, rows }: Wanted): string | undefined {
  const expected = {
    format: FORMAT,
    engine,
    space: name.space,
    embedder: name.embedder,
    dims: name.dims,
    metric: 'cosine',
    links: LINKS,
    efConstruction: EF_CONSTRUCTION,
    generation: hexOf(generation),
  }
  for (const [key, value] of Object.entries(expected))
    if (manifest[key as keyof Manifest] !== value) return `${key} is ${manifest[key as keyof Manifest]}, not ${value}`
  if (!isCount(manifest.rows) || manifest.rows > rows) return `it knows ${manifest.rows} rows of ${rows}`
  if (!isCount(manifest.count) || manifest.count > manifest.rows) return `it has ${manifest.count} slots of ${manifest.rows} rows`
  if (typeof manifest.hidden !== 'string' || !GRAPHS.some(graph => graph === manifest.file)) return 'the manifest is none'
  return undefined
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function hexOf(generation: Uint32Array): string {
  return toHex(new Uint8Array(generation.buffer, generation.byteOffset, generation.byteLength))
}

function sha256Of(text: string, isFile: boolean = false): string {
  const hash = createHash('sha256')
  if (!isFile) return hash.update(text).digest('hex')
  const descriptor = openSync(text, 'r')
  try {
    const block = new Uint8Array(BLOCK_BYTES)
    for (let read = 0; (read = readSync(descriptor, block, 0, block.length, null)) > 0; ) hash.update(block.subarray(0, read))
    return hash.digest('hex')
  } finally {
    closeSync(descriptor)
  }
}

function synced(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
