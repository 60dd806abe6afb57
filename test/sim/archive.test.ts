import t from 'tap'
import { fromBase64 } from '../../base/base64.ts'
import { concatBytes } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { type ClusterId, digestOf } from '../../base/ids.ts'
import { ARCHIVE_END, chained, framed, ItemReader } from '../../node/proof/archive.ts'
import { ArchiveJudge, type ArchiveVerdict } from '../../node/proof/verify-archive.ts'
import { World } from '../../sim/world.ts'
import { coreOf, settle, untilConnected, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(51)

/** An archive as a file, item by item. */
function archiveOf(world: World, node: string): readonly Uint8Array[] {
  const { item, logs } = world.ask(node, 'memory.archive', {})
  const items = [fromBase64(item) as Uint8Array]
  for (const { log, size } of logs) {
    for (let from = 0; from < size; ) {
      const frame = world.ask(node, 'memory.archive-frame', { log, from, size })
      items.push(fromBase64(frame.item) as Uint8Array)
      from = frame.end
    }
  }
  const ends = logs.map(({ log, size }) => [digestOf(log), size] as const)
  return [...items, encode([ARCHIVE_END, ends, chainOf(items)])]
}

function chainOf(items: readonly Uint8Array[]): Uint8Array {
  return items.reduce((chain, item) => chained(chain, item), new Uint8Array(0))
}

function judged(bytes: Uint8Array, cluster: ClusterId, pieceBytes: number = 1000): ArchiveVerdict {
  const judge = new ArchiveJudge(cluster)
  const reader = new ItemReader()
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const items = reader.take(bytes.subarray(at, at + pieceBytes))
    if (items === undefined) judge.break()
    if (items === undefined || !items.every(item => judge.take(item))) return judge.finish()
  }
  if (!reader.isDone) judge.break()
  return judge.finish()
}

interface Told {
  readonly world: World
  readonly cluster: ClusterId
  readonly items: readonly Uint8Array[]
  readonly file: Uint8Array
}

function told(): Told {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b'])
  const secret = world.ask('a', 'memory.remember', { text: 'swordfish' })
  const cause = world.ask('b', 'memory.remember', { text: 'the pool is small', key: 'pool' })
  untilEqual(world, ['a', 'b'])
  world.ask('a', 'memory.remember', { text: 'checkout failed', edges: [{ type: 'triggered-by', to: cause.id }] })
  world.ask('a', 'memory.forget', { id: secret.id, erase: true })
  untilEqual(world, ['a', 'b'])
  world.until('b to have erased it', () => coreOf(world, 'b').erasures.pending === 0)
  const items = archiveOf(world, 'b')
  return { world, cluster: coreOf(world, 'a').chain.cluster, items, file: concatBytes(...items.map(framed)) }
}

t.test('all records of all authors are proven by the hash of the genesis, also those without their bodies', t => {
  const { world, cluster, items, file } = told()
  const verdict = judged(file, cluster)
  t.match(verdict, { verdict: 'valid', cluster, erased: 1 })
  t.strictSame(judged(file, cluster, 7), verdict, 'however it is cut')
  t.notOk(Buffer.from(file).includes('swordfish'))
  t.ok(Buffer.from(file).includes('the pool is small'))
  t.equal(judged(file, '0'.repeat(64) as ClusterId).verdict, 'refused')
  t.equal(archiveOf(world, 'a').length, items.length)
  t.end()
})

t.test('any byte that is changed is refused, or not judged where it says that it is of another version', t => {
  const { cluster, file } = told()
  const version = Buffer.from(file).indexOf('weft-archive/1') + 'weft-archive/'.length
  const taken: number[] = []
  for (let at = 0; at < file.length; at++) {
    const altered = file.slice()
    altered[at] = (altered[at] as number) ^ (1 << (at % 8))
    const { verdict } = judged(altered, cluster, Infinity)
    if (verdict !== 'refused' && !(verdict === 'unknown' && at === version)) taken.push(at)
  }
  t.equal(judged(file.with(version, 0x32), cluster).verdict, 'unknown')
  t.comment(`${file.length} bytes`)
  t.strictSame(taken, [])
  t.end()
})

t.test('what is left out, put twice, or in another order is refused, though its end is made to fit', t => {
  const { cluster, items } = told()
  const sealed = (some: readonly Uint8Array[], end: Uint8Array = items.at(-1) as Uint8Array): ArchiveVerdict => {
    const logs = Buffer.from(end)
    const body = logs.subarray(0, -32)
    return judged(concatBytes(...some.map(framed), framed(concatBytes(body, chainOf(some)))), cluster)
  }
  const [head, ...rest] = items.slice(0, -1) as [Uint8Array, ...Uint8Array[]]
  t.equal(sealed([head, ...rest]).verdict, 'valid')
  for (let i = 0; i < rest.length; i++) {
    t.equal(sealed([head, ...rest.filter((_, at) => at !== i)]).verdict, 'refused', `without frame ${i}`)
    t.equal(sealed([head, ...rest.slice(0, i + 1), ...rest.slice(i)]).verdict, 'refused', `frame ${i} twice`)
  }
  t.equal(sealed(rest).verdict, 'refused')
  for (let end = 0; end < items.length; end++)
    t.equal(judged(concatBytes(...items.slice(0, end).map(framed)), cluster).verdict, 'refused', `cut after ${end} items`)
  t.equal(judged(concatBytes(...items.map(framed), framed(new Uint8Array(1))), cluster).verdict, 'refused')
  t.equal(judged(framed(encode(['weft-archive/2', 1])), cluster).verdict, 'unknown')
  t.end()
})

t.test('of a member who was thrown out nothing beyond the cut is shown', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b', 'c'])
  world.ask('c', 'memory.remember', { text: 'said in time' })
  untilEqual(world, ['a', 'b', 'c'])
  world.ask('a', 'member.revoke', { nodeId: world.nodeId('c') })
  world.run(2_000)
  untilConnected(world, ['a', 'b'])
  const items = archiveOf(world, 'b')
  t.match(judged(concatBytes(...items.map(framed)), coreOf(world, 'a').chain.cluster), { verdict: 'valid' })
  t.end()
})
