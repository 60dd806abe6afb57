import { dot } from './dot.ts'
import { Nearest } from './nearest.ts'

/**
 * A hierarchical navigable small world (Malkov and Yashunin, 2018) over unit vectors, on typed arrays: nothing is allocated for a
 * search, and a vector costs its numbers and some 150 bytes of links. The same vectors in the same order make the same graph,
 * since the level of a slot is drawn from a generator that begins anew with each graph.
 *
 * Slots count from 0 and are never used again; what is taken away is left out by `accept`, and goes on to connect others.
 */
interface GraphOptions {
  readonly dims: number
  /** Links of a slot on each upper level; twice as many on the lowest. */
  readonly links?: number
  /** Candidates looked at for each insert: more make a better graph, slower. */
  readonly efConstruction?: number
}

/** 16 and 100: on MNIST and on vectors like embeddings recall as good as with 200, and inserts half as long again faster. */
const LINKS = 16
const EF_CONSTRUCTION = 100

/** A graph of 2^32 slots has some 8 levels with 16 links. */
const LEVELS_MAX = 16
const NO_SLOT = 0xffffffff

interface Found {
  readonly slot: number
  /** Cosine. */
  readonly score: number
}

export interface GraphImage {
  /** Slots, numbers of `upper`, first slot, highest level, state of the generator. */
  readonly numbers: Uint32Array
  readonly levels: Uint8Array
  readonly bottom: Uint32Array
  readonly upperAt: Uint32Array
  readonly upper: Uint32Array
}

export class HnswGraph {
  readonly dims: number
  readonly #links: number
  readonly #lowest: number
  readonly #efConstruction: number
  #capacity: number
  #size = 0
  #vectors: Float32Array
  #levels: Uint8Array
  /** Per slot: how many links, and the slots they lead to. */
  #bottom: Uint32Array
  /** Where the upper levels of a slot begin in `#upper`, one block of the same shape for each level from 1 on. */
  #upperAt: Uint32Array
  #upper: Uint32Array
  #upperSize = 0
  #entry: number = NO_SLOT
  #top = 0
  /** The number of the search that last came by. */
  #visited: Uint32Array
  #search = 0
  #random = 0x9e3779b9
  readonly #open: Nearest = new Nearest(false)
  readonly #best: Nearest = new Nearest(true)
  /** The candidates of an insert, best first, and those that were chosen. */
  readonly #candidates: { slots: Uint32Array; scores: Float64Array; count: number }
  readonly #chosen: Uint32Array

  constructor({ dims, links = LINKS, efConstruction = EF_CONSTRUCTION }: GraphOptions, capacity: number = 1024) {
    this.dims = dims
    this.#links = links
    this.#lowest = 2 * links
    this.#efConstruction = efConstruction
    this.#capacity = capacity
    this.#vectors = new Float32Array(capacity * dims)
    this.#levels = new Uint8Array(capacity)
    this.#bottom = new Uint32Array(capacity * (this.#lowest + 1))
    this.#upperAt = new Uint32Array(capacity)
    this.#upper = new Uint32Array(1024)
    this.#visited = new Uint32Array(capacity)
    const room = Math.max(efConstruction, this.#lowest) + 1
    this.#candidates = { slots: new Uint32Array(room), scores: new Float64Array(room), count: 0 }
    this.#chosen = new Uint32Array(this.#lowest + 1)
  }

  get size(): number {
    return this.#size
  }

  /** @param vector of unit length @returns its slot, the next one */
  add(vector: Float32Array): number {
    if (this.#size === this.#capacity) this.#grow()
    const slot = this.#size++
    this.#vectors.set(vector, slot * this.dims)
    const level = this.#drawLevel()
    this.#levels[slot] = level
    if (level > 0) this.#openUpper(slot, level)
    if (this.#entry === NO_SLOT) {
      this.#entry = slot
      this.#top = level
      return slot
    }
    let near = this.#descend(vector, level)
    for (let at = Math.min(level, this.#top); at >= 0; at--) {
      this.#explore(vector, near, at, this.#efConstruction, undefined)
      this.#sortCandidates()
      near = this.#candidates.slots[0] as number
      this.#connect(slot, at)
    }
    if (level > this.#top) {
      this.#top = level
      this.#entry = slot
    }
    return slot
  }

  /**
   * The most similar slots, best first, of equal ones the lower first.
   *
   * @param ef candidates that are kept: more find more, slower; at least `k`
   * @param accept slots that may be found; the others lead on all the same
   */
  search(vector: Float32Array, k: number, ef: number, accept?: (slot: number) => boolean): Found[] {
    if (this.#entry === NO_SLOT) return []
    const best = this.#best
    this.#explore(vector, this.#descend(vector, 0), 0, Math.max(ef, k), accept)
    while (best.size > k) best.pop()
    const found: Found[] = []
    for (; best.size > 0; best.pop()) found.push({ slot: best.slot, score: best.score })
    return found.reverse()
  }

  /** Cosine of a unit vector and a slot. */
  similarity(vector: Float32Array, slot: number): number {
    return dot(vector, 0, this.#vectors, slot * this.dims, this.dims)
  }

  /** Nothing of the vector is left; the slot goes on to connect others. */
  wipe(slot: number): void {
    this.#vectors.fill(0, slot * this.dims, (slot + 1) * this.dims)
  }

  /** Bytes of the arrays. */
  get bytes(): number {
    return this.#capacity * (4 * this.dims + 4 * (this.#lowest + 1) + 9) + this.#upper.byteLength
  }

  // ---- saving

  /** All but the vectors, in arrays that change with the graph: to be written before anything else happens. */
  get image(): GraphImage {
    const size = this.#size
    return {
      numbers: Uint32Array.of(size, this.#upperSize, this.#entry, this.#top, this.#random >>> 0),
      levels: this.#levels.subarray(0, size),
      bottom: this.#bottom.subarray(0, size * (this.#lowest + 1)),
      upperAt: this.#upperAt.subarray(0, size),
      upper: this.#upper.subarray(0, this.#upperSize),
    }
  }

  /** The graph whose image it is, with vectors of zeros: `setVector` puts them back. The image is what this code wrote: see its checksum. */
  static of(options: GraphOptions, { numbers, levels, bottom, upperAt, upper }: GraphImage): HnswGraph {
    const [size, upperSize, entry, top, random] = numbers as unknown as readonly [number, number, number, number, number]
    const graph = new HnswGraph(options, Math.max(1, size))
    graph.#size = size
    graph.#upperSize = upperSize
    graph.#entry = entry
    graph.#top = top
    graph.#random = random | 0
    graph.#levels.set(levels)
    graph.#bottom.set(bottom)
    graph.#upperAt.set(upperAt)
    graph.#upper = upper.slice()
    return graph
  }

  setVector(slot: number, numbers: Float32Array, from: number): void {
    this.#vectors.set(numbers.subarray(from, from + this.dims), slot * this.dims)
  }

  // ---- walking

  /** Greedily down to the level above `level`: where the search there begins. */
  #descend(vector: Float32Array, level: number): number {
    let near = this.#entry
    let score = dot(vector, 0, this.#vectors, near * this.dims, this.dims)
    for (let at = this.#top; at > level; at--) {
      for (let isBetter = true; isBetter; ) {
        isBetter = false
        const links = this.#linksAt(at)
        const from = this.#linksOf(near, at)
        const count = links[from] as number
        for (let i = 1; i <= count; i++) {
          const other = links[from + i] as number
          const its = dot(vector, 0, this.#vectors, other * this.dims, this.dims)
          if (its <= score) continue
          score = its
          near = other
          isBetter = true
        }
      }
    }
    return near
  }

  /** Leaves the `ef` most similar slots of a level in `#best`. */
  #explore(vector: Float32Array, from: number, level: number, ef: number, accept: ((slot: number) => boolean) | undefined): void {
    const { dims } = this
    const vectors = this.#vectors
    const open = this.#open
    const best = this.#best
    const visited = this.#visited
    const search = this.#nextSearch()
    open.clear()
    best.clear()
    const links = this.#linksAt(level)
    const first = dot(vector, 0, vectors, from * dims, dims)
    visited[from] = search
    open.push(first, from)
    if (accept === undefined || accept(from)) best.push(first, from)
    while (open.size > 0) {
      if (best.size >= ef && open.score < best.score) break
      const at = this.#linksOf(open.slot, level)
      open.pop()
      const count = links[at] as number
      for (let i = 1; i <= count; i++) {
        const other = links[at + i] as number
        if (visited[other] === search) continue
        visited[other] = search
        const score = dot(vector, 0, vectors, other * dims, dims)
        if (best.size >= ef && score <= best.score) continue
        open.push(score, other)
        if (accept !== undefined && !accept(other)) continue
        best.push(score, other)
        if (best.size > ef) best.pop()
      }
    }
  }

  #nextSearch(): number {
    this.#search++
    if (this.#search > 0xffffffff) {
      this.#visited.fill(0)
      this.#search = 1
    }
    return this.#search
  }

  // ---- linking

  #sortCandidates(): void {
    const best = this.#best
    const candidates = this.#candidates
    candidates.count = best.size
    for (let at = best.size - 1; at >= 0; at--) {
      candidates.slots[at] = best.slot
      candidates.scores[at] = best.score
      best.pop()
    }
  }

  /** Links a new slot with the best of the candidates, both ways. */
  #connect(slot: number, level: number): void {
    const count = this.#choose(this.#links)
    const links = this.#linksAt(level)
    const at = this.#linksOf(slot, level)
    links[at] = count
    const chosen = this.#chosen.slice(0, count)
    for (let i = 0; i < count; i++) links[at + 1 + i] = chosen[i] as number
    for (const other of chosen) this.#linkBack(other, slot, level)
  }

  #linkBack(slot: number, to: number, level: number): void {
    const max = level === 0 ? this.#lowest : this.#links
    const links = this.#linksAt(level)
    const at = this.#linksOf(slot, level)
    const count = links[at] as number
    if (count < max) {
      links[at + count + 1] = to
      links[at] = count + 1
      return
    }
    // The candidates are its links and the new one, best first.
    const { dims } = this
    const vectors = this.#vectors
    this.#candidates.count = 0
    this.#insert(dot(vectors, slot * dims, vectors, to * dims, dims), to)
    for (let i = 1; i <= count; i++) {
      const other = links[at + i] as number
      this.#insert(dot(vectors, slot * dims, vectors, other * dims, dims), other)
    }
    const chosen = this.#choose(max)
    links[at] = chosen
    for (let i = 0; i < chosen; i++) links[at + 1 + i] = this.#chosen[i] as number
  }

  #insert(score: number, slot: number): void {
    const { slots, scores } = this.#candidates
    let at = this.#candidates.count++
    while (at > 0 && ((scores[at - 1] as number) < score || (scores[at - 1] === score && (slots[at - 1] as number) > slot))) {
      scores[at] = scores[at - 1] as number
      slots[at] = slots[at - 1] as number
      at--
    }
    scores[at] = score
    slots[at] = slot
  }

  /**
   * Of the candidates those that are nearer to the slot than to any that is chosen already (algorithm 4 of the paper): links
   * lead into different directions. @returns how many, in `#chosen`
   */
  #choose(max: number): number {
    const { dims } = this
    const vectors = this.#vectors
    const { slots, scores, count } = this.#candidates
    let chosen = 0
    for (let i = 0; i < count && chosen < max; i++) {
      const slot = slots[i] as number
      const score = scores[i] as number
      let isNear = true
      for (let j = 0; j < chosen && isNear; j++)
        isNear = dot(vectors, slot * dims, vectors, (this.#chosen[j] as number) * dims, dims) <= score
      if (isNear) this.#chosen[chosen++] = slot
    }
    return chosen
  }

  // ---- places

  #linksAt(level: number): Uint32Array {
    return level === 0 ? this.#bottom : this.#upper
  }

  #linksOf(slot: number, level: number): number {
    return level === 0 ? slot * (this.#lowest + 1) : (this.#upperAt[slot] as number) + (level - 1) * (this.#links + 1)
  }

  #openUpper(slot: number, level: number): void {
    const needed = level * (this.#links + 1)
    if (this.#upperSize + needed > this.#upper.length) this.#upper = grown(this.#upper, 2 * this.#upper.length + needed)
    this.#upperAt[slot] = this.#upperSize
    this.#upperSize += needed
  }

  #grow(): void {
    this.#capacity = Math.ceil(this.#capacity * 1.5)
    this.#vectors = grown(this.#vectors, this.#capacity * this.dims)
    this.#levels = grown(this.#levels, this.#capacity)
    this.#bottom = grown(this.#bottom, this.#capacity * (this.#lowest + 1))
    this.#upperAt = grown(this.#upperAt, this.#capacity)
    this.#visited = grown(this.#visited, this.#capacity)
  }

  /** Level l with a chance of `links` to the power of -l (section 4 of the paper). */
  #drawLevel(): number {
    // xorshift32 (Marsaglia, 2003)
    let x = this.#random
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#random = x
    const share = ((x >>> 0) + 1) / 2 ** 32
    return Math.min(LEVELS_MAX, Math.floor(-Math.log(share) / Math.log(this.#links)))
  }
}

function grown<A extends Float32Array | Uint32Array | Uint8Array>(array: A, length: number): A {
  const out = new (array.constructor as new (length: number) => A)(length)
  out.set(array)
  return out
}
