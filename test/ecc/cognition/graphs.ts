import { finish } from '../../../ecc/cognition/work.ts'
import { type Net, type NetEdge, netOf } from '../../../ecc/cognition/net.ts'
import type { Laplacian } from '../../../ecc/cognition/connectivity.ts'
import { SimRandom } from '../../../sim/random.ts'

export function net(size: number, edges: readonly (readonly [a: number, b: number, weight?: number])[]): Net {
  return finish(
    netOf(
      size,
      edges.map(([a, b, weight = 1]): NetEdge => ({ a, b, weight })),
    ),
  )
}

export function pathOf(n: number): Net {
  return net(
    n,
    Array.from({ length: n - 1 }, (_, i) => [i, i + 1] as const),
  )
}

export function cycleOf(n: number): Net {
  return net(
    n,
    Array.from({ length: n }, (_, i) => [i, (i + 1) % n] as const),
  )
}

export function starOf(n: number): Net {
  return net(
    n,
    Array.from({ length: n - 1 }, (_, i) => [0, i + 1] as const),
  )
}

export function completeOf(n: number): Net {
  return net(n, Array.from({ length: n }, (_, i) => Array.from({ length: i }, (_unused, j) => [i, j] as const)).flat())
}

export function cubeOf(dimensions: number): Net {
  const n = 2 ** dimensions
  return net(
    n,
    Array.from({ length: n }, (_, v) =>
      Array.from({ length: dimensions }, (_unused, bit) => [v, v ^ (1 << bit)] as const).filter(([a, b]) => a < b),
    ).flat(),
  )
}

export function gridOf(side: number): Net {
  const edges: [number, number][] = []
  for (let v = 0; v < side * side; v++) {
    if ((v + 1) % side !== 0) edges.push([v, v + 1])
    if (v + side < side * side) edges.push([v, v + side])
  }
  return net(side * side, edges)
}

/** Connected by a random tree, with more edges, some of them twice, some to themselves; weights over `decades` orders of magnitude. */
export function anyNet(seed: number, sizeMax: number, decades: number): Net {
  const random = new SimRandom(seed, 'graph')
  const size = 2 + random.below(sizeMax - 1)
  const weight = (): number => (1 + random.below(9)) * 10 ** -random.below(decades + 1)
  const edges: [number, number, number][] = []
  for (let v = 1; v < size; v++) edges.push([v, random.below(v), weight()])
  const more = random.below(3 * size)
  for (let i = 0; i < more; i++) {
    const [a, b] = [random.below(size), random.below(size)]
    edges.push([a, b, weight()])
    if (random.below(4) === 0) edges.push([b, a, weight()])
    if (random.below(8) === 0) edges.push([a, a, weight()])
  }
  return net(size, edges)
}

/** `n` nodes on a random tree, `edges` in all. */
export function largeNet(n: number, edges: number, seed: number): Net {
  const random = new SimRandom(seed, 'graph')
  const list: [number, number, number][] = []
  for (let v = 1; v < n; v++) list.push([v, random.below(v), 1 + random.below(10)])
  while (list.length < edges) list.push([random.below(n), random.below(n), 1 + random.below(10)])
  return net(n, list)
}

/** Groups with `inner` links a member inside, and `outer` in all between each two neighbouring groups. */
export function plantedNet(groups: number, members: number, inner: number, outer: number, seed: number): Net {
  const random = new SimRandom(seed, 'graph')
  const edges: [number, number][] = []
  for (let group = 0; group < groups; group++) {
    const any = (): number => group * members + random.below(members)
    for (let v = 1; v < members; v++) edges.push([group * members + v, group * members + random.below(v)])
    for (let i = 0; i < members * inner; i++) edges.push([any(), any()])
    for (let i = 0; i < outer; i++) edges.push([any(), ((group + 1) % groups) * members + random.below(members)])
  }
  return net(groups * members, edges)
}

export function denseOf({ size, starts, neighbours, weights }: Net, laplacian: Laplacian): number[][] {
  const rows = Array.from({ length: size }, () => Array.from({ length: size }, () => 0))
  const degree = (v: number): number => weights.slice(starts[v], starts[v + 1]).reduce((sum, weight) => sum + weight, 0)
  for (let v = 0; v < size; v++) {
    const scale = (other: number): number => (laplacian === 'plain' ? 1 : Math.sqrt(degree(v) * degree(other)))
    ;(rows[v] as number[])[v] = degree(v) / scale(v)
    for (let i = starts[v] as number; i < (starts[v + 1] as number); i++) {
      const other = neighbours[i] as number
      ;(rows[v] as number[])[other] = -(weights[i] as number) / scale(other)
    }
  }
  return rows
}
