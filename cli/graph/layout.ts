/**
 * Places boxes in layers, from causes on the left to what rests on them on the right (Sugiyama, Tagawa and Toda, 1981): rings are
 * opened, layers are filled to a width, crossings are swept away, and boxes are drawn towards their neighbours without ever
 * overlapping. Pure, and in a fixed order of everything, so equal graphs make equal pictures.
 */
export interface Box {
  readonly id: string
  readonly height: number
}

/** `from` stands left of `to`, unless that would close a ring. */
export interface Arrow {
  readonly from: string
  readonly to: string
}

export interface Placed {
  /** By id: the left upper corner. */
  readonly boxes: ReadonlyMap<string, { readonly x: number; readonly y: number }>
  /** Per arrow, in its order: points from the right side of the left box to the left side of the right one. */
  readonly ways: readonly { readonly points: readonly (readonly [x: number, y: number])[]; readonly isReversed: boolean }[]
  readonly width: number
  readonly height: number
}

export const BOX_WIDTH = 216
const LAYER_GAP = 84
const BOX_GAP = 18
/** What a way takes between two boxes. */
const LANE = 16
const SWEEPS = 16

interface Item {
  readonly id: string
  readonly height: number
  readonly isBox: boolean
  layer: number
  y: number
  readonly before: Item[]
  readonly after: Item[]
}

export function layOut(boxes: readonly Box[], arrows: readonly Arrow[]): Placed {
  const ids = new Set(boxes.map(({ id }) => id))
  const known = arrows.map(arrow => (ids.has(arrow.from) && ids.has(arrow.to) && arrow.from !== arrow.to ? arrow : undefined))
  const reversed = backwards(boxes, known)
  const pairs = known.map((arrow, i): Arrow | undefined =>
    arrow !== undefined && reversed.has(i) ? { from: arrow.to, to: arrow.from } : arrow,
  )
  const layers = layersOf(boxes, pairs)
  const items = new Map(boxes.map(({ id, height }): [string, Item] => [id, itemOf(id, height, true, layers.get(id) as number)]))
  const rows: Item[][] = []
  const put = (item: Item): void => void (rows[item.layer] ??= []).push(item)
  for (const item of items.values()) put(item)
  const chains = pairs.map((pair): readonly Item[] => {
    if (pair === undefined) return []
    const chain = [items.get(pair.from) as Item]
    const last = items.get(pair.to) as Item
    for (let layer = (chain[0] as Item).layer + 1; layer < last.layer; layer++) {
      const lane = itemOf(`${pair.from} ${pair.to}`, LANE, false, layer)
      put(lane)
      chain.push(lane)
    }
    chain.push(last)
    chain.forEach((item, i) => {
      const next = chain[i + 1]
      if (next === undefined) return
      item.after.push(next)
      next.before.push(item)
    })
    return chain
  })
  order(rows)
  align(rows)
  const top = Math.min(...rows.flat().map(({ y }) => y))
  for (const item of rows.flat()) item.y = Math.round(item.y - top)
  const x = (layer: number): number => layer * (BOX_WIDTH + LAYER_GAP)
  const ports = portsOf(chains)
  return {
    boxes: new Map([...items.values()].map(item => [item.id, { x: x(item.layer), y: item.y }])),
    ways: chains.map((chain, i) => ({
      isReversed: reversed.has(i),
      points: chain.flatMap((item, at): readonly (readonly [number, number])[] => {
        const middle = item.y + item.height / 2
        if (at === 0) return [[x(item.layer) + BOX_WIDTH, ports.get(`${i} out`) ?? middle]]
        if (at === chain.length - 1) return [[x(item.layer), ports.get(`${i} in`) ?? middle]]
        return [
          [x(item.layer), middle],
          [x(item.layer) + BOX_WIDTH, middle],
        ]
      }),
    })),
    width: x(rows.length - 1) + BOX_WIDTH,
    height: Math.max(...rows.flat().map(({ y, height }) => y + height)),
  }
}

function itemOf(id: string, height: number, isBox: boolean, layer: number): Item {
  return { id, height, isBox, layer, y: 0, before: [], after: [] }
}

/** Arrows that close a ring, going deep from the first box on. */
function backwards(boxes: readonly Box[], arrows: readonly (Arrow | undefined)[]): ReadonlySet<number> {
  const out = new Map<string, { readonly to: string; readonly at: number }[]>()
  arrows.forEach((arrow, at) => {
    if (arrow === undefined) return
    const list = out.get(arrow.from) ?? []
    list.push({ to: arrow.to, at })
    out.set(arrow.from, list)
  })
  const found = new Set<number>()
  const state = new Map<string, 'open' | 'done'>()
  const visit = (id: string): void => {
    state.set(id, 'open')
    for (const { to, at } of out.get(id) ?? []) {
      if (state.get(to) === 'open') found.add(at)
      else if (state.get(to) === undefined) visit(to)
    }
    state.set(id, 'done')
  }
  for (const { id } of boxes) if (state.get(id) === undefined) visit(id)
  return found
}

/** Each box right of all that leads to it, and no layer much higher than the picture is wide. */
function layersOf(boxes: readonly Box[], arrows: readonly (Arrow | undefined)[]): ReadonlyMap<string, number> {
  const most = Math.max(5, Math.ceil(Math.sqrt(boxes.length) * 1.5))
  const waits = new Map(boxes.map(({ id }) => [id, 0]))
  const out = new Map<string, string[]>(boxes.map(({ id }) => [id, []]))
  for (const arrow of arrows) {
    if (arrow === undefined) continue
    waits.set(arrow.to, (waits.get(arrow.to) as number) + 1)
    out.get(arrow.from)?.push(arrow.to)
  }
  const least = new Map(boxes.map(({ id }) => [id, 0]))
  const layers = new Map<string, number>()
  const filled: number[] = []
  const left = new Set(boxes.map(({ id }) => id))
  while (left.size > 0) {
    for (const id of left) {
      if ((waits.get(id) as number) > 0) continue
      left.delete(id)
      let layer = least.get(id) as number
      while ((filled[layer] ?? 0) >= most) layer++
      filled[layer] = (filled[layer] ?? 0) + 1
      layers.set(id, layer)
      for (const next of out.get(id) as string[]) {
        waits.set(next, (waits.get(next) as number) - 1)
        least.set(next, Math.max(least.get(next) as number, layer + 1))
      }
    }
  }
  // What nothing leads to stands beside what it leads to, not at the far left.
  const led = new Set(arrows.map(arrow => arrow?.to))
  for (const { id } of boxes) {
    const nexts = (out.get(id) as string[]).map(next => layers.get(next) as number)
    const wanted = Math.min(...nexts) - 1
    const now = layers.get(id) as number
    if (led.has(id) || nexts.length === 0 || wanted <= now || (filled[wanted] ?? 0) >= most) continue
    filled[now] = (filled[now] as number) - 1
    filled[wanted] = (filled[wanted] ?? 0) + 1
    layers.set(id, wanted)
  }
  const used = [...new Set(layers.values())].sort((a, b) => a - b)
  return new Map([...layers].map(([id, layer]) => [id, used.indexOf(layer)]))
}

/** Sweeps to and fro: each item goes to the middle of its neighbours; the order with the fewest crossings stays. */
function order(rows: Item[][]): void {
  let best = rows.map(row => [...row])
  let fewest = crossings(rows)
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    const isForward = sweep % 2 === 0
    const indices = rows.map((_, i) => (isForward ? i : rows.length - 1 - i))
    for (const index of indices) {
      const places = new Map<Item, number>()
      for (const row of rows) row.forEach((item, i) => places.set(item, i / Math.max(1, row.length - 1)))
      const row = rows[index] as Item[]
      const middles = new Map(
        row.map(item => {
          const neighbours = isForward ? item.before : item.after
          const sum = neighbours.reduce((total, other) => total + (places.get(other) as number), 0)
          return [item, neighbours.length === 0 ? (places.get(item) as number) : sum / neighbours.length]
        }),
      )
      rows[index] = [...row].sort((a, b) => (middles.get(a) as number) - (middles.get(b) as number))
    }
    const count = crossings(rows)
    if (count >= fewest) continue
    fewest = count
    best = rows.map(row => [...row])
  }
  best.forEach((row, i) => (rows[i] = row))
}

function crossings(rows: readonly (readonly Item[])[]): number {
  let count = 0
  for (const [index, row] of rows.entries()) {
    const places = new Map((rows[index + 1] ?? []).map((item, i) => [item, i]))
    const ends = row.flatMap((item, i) => item.after.map(other => [i, places.get(other) as number] as const))
    for (const [a, b] of ends) for (const [c, d] of ends) if (a < c && b > d) count++
  }
  return count
}

/** Items go towards the middle of their neighbours as far as their order and the gaps between them allow. */
function align(rows: readonly (readonly Item[])[]): void {
  for (const row of rows) {
    let y = 0
    for (const item of row) {
      item.y = y
      y += item.height + BOX_GAP
    }
    for (const item of row) item.y -= y / 2
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isForward = sweep % 2 === 0
    for (const row of isForward ? rows : [...rows].reverse()) {
      const neighboursOf = (item: Item): readonly Item[] =>
        sweep < SWEEPS - 2 ? (isForward ? item.before : item.after) : [...item.before, ...item.after]
      settle(
        row,
        row.map(item => {
          const neighbours = neighboursOf(item)
          if (neighbours.length === 0) return item.y
          return neighbours.reduce((sum, other) => sum + other.y + other.height / 2, 0) / neighbours.length - item.height / 2
        }),
      )
    }
  }
}

/** The nearest places to those wanted that keep order and gaps: least squares, by pooling those that would overlap. */
function settle(row: readonly Item[], wanted: readonly number[]): void {
  const offsets: number[] = []
  let offset = 0
  for (const item of row) {
    offsets.push(offset)
    offset += item.height + BOX_GAP
  }
  const pools: { sum: number; count: number }[] = []
  row.forEach((_, i) => {
    pools.push({ sum: (wanted[i] as number) - (offsets[i] as number), count: 1 })
    for (let last = pools.length - 1; last > 0; last--) {
      const [a, b] = [pools[last - 1], pools[last]] as [{ sum: number; count: number }, { sum: number; count: number }]
      if (a.sum / a.count <= b.sum / b.count) break
      a.sum += b.sum
      a.count += b.count
      pools.pop()
    }
  })
  let i = 0
  for (const { sum, count } of pools)
    for (let left = count; left > 0; left--, i++) (row[i] as Item).y = sum / count + (offsets[i] as number)
}

/** Where ways leave and reach a box: spread over its side, in the order of what is at their other end. */
function portsOf(chains: readonly (readonly Item[])[]): ReadonlyMap<string, number> {
  const ends = new Map<Item, { readonly key: string; readonly other: number; readonly side: 'in' | 'out' }[]>()
  chains.forEach((chain, i) => {
    const [first, second] = chain
    const [last, before] = [chain.at(-1), chain.at(-2)]
    if (first === undefined || second === undefined || last === undefined || before === undefined) return
    ends.set(first, [...(ends.get(first) ?? []), { key: `${i} out`, other: second.y + second.height / 2, side: 'out' }])
    ends.set(last, [...(ends.get(last) ?? []), { key: `${i} in`, other: before.y + before.height / 2, side: 'in' }])
  })
  const ports = new Map<string, number>()
  for (const [item, rows] of ends) {
    for (const side of ['in', 'out'] as const) {
      const mine = rows.filter(row => row.side === side).sort((a, b) => a.other - b.other || (a.key < b.key ? -1 : 1))
      const step = Math.min(14, (item.height - 16) / Math.max(1, mine.length - 1))
      mine.forEach(({ key }, i) => ports.set(key, item.y + item.height / 2 + (i - (mine.length - 1) / 2) * step))
    }
  }
  return ports
}
