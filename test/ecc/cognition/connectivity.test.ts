import t from 'tap'
import { connectivityOf, type Laplacian } from '../../../ecc/cognition/connectivity.ts'
import { componentsOf, type Net } from '../../../ecc/cognition/net.ts'
import { splitOf } from '../../../ecc/cognition/split.ts'
import { advance, finish } from '../../../ecc/cognition/work.ts'
import { eigenvaluesOf } from './dense.ts'
import { anyNet, completeOf, cubeOf, cycleOf, denseOf, gridOf, largeNet, net, pathOf, plantedNet, starOf } from './graphs.ts'

const KINDS: readonly Laplacian[] = ['plain', 'normalised']

t.test('known graphs have the connectivity that books give', t => {
  const { cos, PI } = Math
  const rows: readonly (readonly [name: string, graph: Net, plain: number, normalised: number])[] = [
    ['one edge', pathOf(2), 2, 2],
    ...[3, 4, 7, 50, 1000].map(n => [`path of ${n}`, pathOf(n), 2 * (1 - cos(PI / n)), 1 - cos(PI / (n - 1))] as const),
    ...[3, 4, 9, 64, 1000].map(n => [`cycle of ${n}`, cycleOf(n), 2 * (1 - cos((2 * PI) / n)), 1 - cos((2 * PI) / n)] as const),
    ...[3, 10, 500].map(n => [`star of ${n}`, starOf(n), 1, 1] as const),
    ...[3, 4, 5, 40].map(n => [`complete graph of ${n}`, completeOf(n), n, n / (n - 1)] as const),
    ...[2, 3, 6, 9].map(d => [`cube of ${d} dimensions`, cubeOf(d), 2, 2 / d] as const),
    ['grid of 20 x 20', gridOf(20), 2 * (1 - cos(PI / 20)), Number.NaN],
  ]
  for (const [name, graph, plain, normalised] of rows) {
    for (const [laplacian, expected] of [
      ['plain', plain],
      ['normalised', normalised],
    ] as const) {
      if (Number.isNaN(expected)) continue
      const { value, converged } = finish(connectivityOf(graph, laplacian))
      t.ok(converged, `${name}, ${laplacian}: converged`)
      t.ok(Math.abs(value - expected) <= 1e-9 * expected, `${name}, ${laplacian}: ${value}, expected ${expected}`)
    }
  }
  t.end()
})

t.test('hundreds of random graphs have the connectivity that a dense solver finds', t => {
  let worst = 0
  for (let seed = 0; seed < 300; seed++) {
    const graph = anyNet(seed, 24, seed % 7)
    for (const laplacian of KINDS) {
      const expected = eigenvaluesOf(denseOf(graph, laplacian))[1] as number
      const { value, converged } = finish(connectivityOf(graph, laplacian))
      // The dense solver knows eigenvalues to some 1e-15 of the largest.
      const largest = eigenvaluesOf(denseOf(graph, laplacian)).at(-1) as number
      const error = Math.max(0, Math.abs(value - expected) - 1e-14 * largest) / expected
      worst = Math.max(worst, error)
      if (!converged || error > 1e-7) t.fail(`seed ${seed}, ${laplacian}: ${value}, expected ${expected}, converged ${converged}`)
    }
  }
  t.comment(`largest relative difference ${worst.toExponential(1)}`)
  t.ok(worst < 1e-7)
  t.end()
})

t.test('less than two nodes have none, and parts are told apart', t => {
  t.match(finish(connectivityOf(net(0, []), 'plain')), { value: 0, converged: true })
  t.match(finish(connectivityOf(net(1, [[0, 0]]), 'normalised')), { value: 0, converged: true })
  const parts = finish(
    componentsOf(
      net(7, [
        [5, 1],
        [1, 3],
        [0, 6],
        [6, 0],
        [4, 4],
      ]),
    ),
  )
  t.same([...parts.of], [0, 1, 2, 1, 3, 1, 0])
  t.same(parts.sizes, [2, 3, 1, 1])
  t.end()
})

t.test('edges that stand twice add up, and one from a node to itself is none', t => {
  const once = net(3, [
    [0, 1, 3],
    [1, 2, 2],
  ])
  const twice = net(3, [
    [1, 0, 1],
    [2, 1, 2],
    [0, 1, 2],
    [2, 2, 9],
  ])
  t.same(twice, once)
  t.end()
})

t.test('a graph comes apart where it was put together', t => {
  for (let seed = 0; seed < 10; seed++) {
    const [groups, members] = [2, 30]
    const graph = plantedNet(groups, members, 4, 1, seed)
    const { vector } = finish(connectivityOf(graph, 'normalised'))
    const split = finish(splitOf(graph, vector))
    t.same(
      [...(split?.side ?? [])],
      Array.from({ length: members }, (_, i) => members + i),
      `seed ${seed}: the second group, equal in number, without node 0`,
    )
    t.ok((split?.held.length ?? 0) <= 2 && (split?.conductance ?? 1) < 0.02)
  }
  t.equal(finish(splitOf(net(1, []), new Float64Array(1))), undefined)
  t.end()
})

t.test('10,000 nodes and 50,000 edges take slices that are short, and give the same bits every time', t => {
  const graph = largeNet(10_000, 50_000, 1)
  const work = connectivityOf(graph, 'normalised')
  let slices = 0
  let longest = 0
  const startMs = performance.now()
  for (;;) {
    const sliceMs = performance.now()
    const step = advance(work, 100_000)
    longest = Math.max(longest, performance.now() - sliceMs)
    slices++
    if (!step.done) continue
    t.ok(step.value.converged)
    t.comment(
      `${(performance.now() - startMs).toFixed(0)} ms in ${slices} slices, the longest ${longest.toFixed(1)} ms; ${step.value.steps} steps, ${step.value.iterations} iterations`,
    )
    const again = finish(connectivityOf(graph, 'normalised'))
    t.equal(again.value, step.value.value)
    t.same(Buffer.from(again.vector.buffer).equals(Buffer.from(step.value.vector.buffer)), true)
    break
  }
  t.ok(slices > 5, `${slices} slices`)
  t.end()
})

t.test('a chain of 10,000 memories, where plain iteration would need as many steps, is exact', t => {
  const expected = 2 * (1 - Math.cos(Math.PI / 10_000))
  const { value, converged } = finish(connectivityOf(pathOf(10_000), 'plain'))
  t.ok(converged)
  t.ok(Math.abs(value / expected - 1) < 1e-6, `${value}, expected ${expected}`)
  t.end()
})
