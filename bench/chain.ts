/**
 * What the chain costs, beside the primitive each step rests on, measured in the same run:
 * one JSON line each.
 *
 *     node build/bench/chain.js [RECORDS]
 *
 * RECORDS is how many are verified cold, 1,000,000 unless said; bodies have 200 bytes. Rates per second of CPU, but for
 * what waits for the disk (rates per second of time). Files go to a temporary folder that is removed again.
 */
import { appendFileSync, closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../base/crypto/suite.ts'
import { hash } from '../base/crypto/hash.ts'
import { verify } from '../base/crypto/ed25519.ts'
import { type ClusterId, clusterIdOf, memoryStream, nodeIdOf } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { COMMIT_RECORDS_MAX } from '../base/limits.ts'
import { Chain, type Draft, type StagedCommit } from '../chain/chain.ts'
import { type Journal, openJournal, type OpenedJournal } from '../chain/journal.ts'
import { nextKeyCommitOf } from '../chain/record.ts'
import { encodeCommit } from '../chain/segment.ts'
import { verifyConsistency, verifyInclusion } from '../chain/tree.ts'
import { type Verification, verifyJournal } from '../chain/verify.ts'
import { openDisk } from '../node/host/disk.ts'
import { hostRandom } from '../node/host/random.ts'
import { print, round } from './measure.ts'

const RECORDS = Number(process.argv[2] ?? 1_000_000)
const REOPENED = 100_000
/** A commit with room for the genesis. */
const GROUP: number = COMMIT_RECORDS_MAX - 1
const BODY_BYTES = 200
const WALL_MS = 1_767_225_600_000

const cluster: ClusterId = clusterIdOf(hash('cluster', new Uint8Array(1)))
const signer = suite.signer(new Uint8Array(32).fill(1))
const self = nodeIdOf(signer.publicKey)
const stream = memoryStream('main')
const body = new Uint8Array(BODY_BYTES).fill(0x61)
const draft: Draft = { kind: KIND['memory.remember'], actor: 'bench', body, parents: [] }
const scratch = mkdtempSync(join(tmpdir(), 'weft-bench-chain-'))

try {
  await measure()
} finally {
  rmSync(scratch, { recursive: true })
}

async function measure(): Promise<void> {
  print({ bench: 'chain', node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, bodyBytes: BODY_BYTES })
  const raw = primitives()
  print({ bench: 'primitives', ...raw })
  append(raw.hashesPerS)
  await durable()
  await cold(raw.verifiesPerS)
  proofs(raw.verifiesPerS)
}

/** Calls a second of the three primitives everything is made of. */
function primitives(): { readonly hashesPerS: number; readonly signsPerS: number; readonly verifiesPerS: number } {
  const input = new Uint8Array(64)
  const signature = signer.sign(input)
  return {
    hashesPerS: rate(200_000, () => suite.shake256(input)),
    signsPerS: rate(5_000, () => signer.sign(input)),
    verifiesPerS: rate(5_000, () => verify(signer.publicKey, input, signature)),
  }
}

/** Records appended, hashed into the tree, encoded for the disk; a signature per commit. */
function append(hashesPerS: number): void {
  const chain = newChain(undefined)
  const perS =
    rate(200, () => {
      for (let i = 0; i < GROUP; i++) chain.append(stream, [draft], WALL_MS)
      const staged = chain.takeCommit(true, WALL_MS) as StagedCommit
      encodeCommit(staged.commit.entries, 0, 1)
      chain.committed(staged)
    }) * GROUP
  print({ bench: 'append', recordsPerS: Math.round(perS), ratioToHash: ratio(perS, hashesPerS) })
}

/** A sync per record, then a sync per commit while the next one fills; beside a plain file that gets the same bytes. */
async function durable(): Promise<void> {
  const { journal, chain, close } = await open('durable')
  const one = await alone(journal, chain, 200)
  const plain = plainSyncs(1, 200)
  print({ bench: 'durable one by one', recordsPerS: Math.round(one), plainFilePerS: Math.round(plain), ratio: ratio(one, plain) })
  const grouped = await together(journal, chain, 200)
  const plainGrouped = plainSyncs(COMMIT_RECORDS_MAX, 200) * COMMIT_RECORDS_MAX
  print({
    bench: 'durable in groups',
    recordsPerS: Math.round(grouped),
    plainFilePerS: Math.round(plainGrouped),
    ratio: ratio(grouped, plainGrouped),
    ratioToOneByOne: ratio(grouped, one),
  })
  await close()
}

async function alone(journal: Journal, chain: Chain, rounds: number): Promise<number> {
  const startMs = performance.now()
  for (let i = 0; i < rounds; i++) {
    chain.append(stream, [draft], WALL_MS)
    await commit(journal, chain)
  }
  return (rounds * 1000) / (performance.now() - startMs)
}

async function together(journal: Journal, chain: Chain, rounds: number): Promise<number> {
  const startMs = performance.now()
  let underWay = Promise.resolve()
  for (let i = 0; i < rounds; i++) {
    for (let k = 0; k < COMMIT_RECORDS_MAX; k++) chain.append(stream, [draft], WALL_MS)
    await underWay
    underWay = commit(journal, chain)
  }
  await underWay
  return (rounds * COMMIT_RECORDS_MAX * 1000) / (performance.now() - startMs)
}

/** Appends and syncs of as many bytes as `records` take, a second. */
function plainSyncs(records: number, rounds: number): number {
  const file = openSync(join(scratch, 'plain'), 'w')
  const bytes = new Uint8Array(records * (BODY_BYTES + 220))
  const startMs = performance.now()
  for (let i = 0; i < rounds; i++) {
    appendFileSync(file, bytes)
    fdatasyncSync(file)
  }
  const perS = (rounds * 1000) / (performance.now() - startMs)
  closeSync(file)
  return perS
}

/** Everything checked from the bytes on: what `weft chain verify` does; and the replay of an ordinary start. */
async function cold(verifiesPerS: number): Promise<void> {
  await fill('verified', RECORDS)
  await fill('reopened', REOPENED)
  const disk = openDisk(join(scratch, 'verified'))
  const start = usage()
  const verification = await new Promise<Verification>(resolve =>
    verifyJournal(disk, { cluster, self }, result => resolve(result.ok ? result.value : never(result.error))),
  )
  const seconds = cpuSince(start)
  if (!verification.valid || verification.records !== RECORDS) throw new Error(JSON.stringify(verification))
  await new Promise<void>(resolve => disk.close(resolve))
  print({
    bench: 'cold verify',
    records: RECORDS,
    cpuSeconds: round(seconds),
    recordsPerS: Math.round(RECORDS / seconds),
    ratioToVerify: ratio(RECORDS / seconds, verifiesPerS),
  })

  const began = usage()
  const opened = await open('reopened')
  const openSeconds = cpuSince(began)
  print({
    bench: 'open',
    records: REOPENED,
    cpuSeconds: round(openSeconds),
    recordsPerS: Math.round(REOPENED / openSeconds),
  })
  await opened.close()
}

async function fill(name: string, records: number): Promise<void> {
  const { journal, chain, close } = await open(name)
  // The genesis is a record too.
  for (let left = records - 1; left > 0; ) {
    const count = Math.min(left, GROUP)
    for (let k = 0; k < count; k++) chain.append(stream, [draft], WALL_MS)
    await commit(journal, chain)
    left -= count
  }
  await close()
}

function proofs(verifiesPerS: number): void {
  const chain = newChain(undefined)
  for (let left = RECORDS; left > 0; left -= GROUP) {
    chain.append(
      stream,
      Array.from({ length: Math.min(left, GROUP) }, () => draft),
      WALL_MS,
    )
    chain.committed(chain.takeCommit(false, WALL_MS) as StagedCommit)
  }
  const { tree, size } = chain.ownLog(stream) as NonNullable<ReturnType<Chain['ownLog']>>
  const root = tree.root()
  let seed = 1
  const any = (): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) % size
  const index = any()
  const inclusion = tree.inclusionProof(index, size)
  const older = any() + 1
  const consistency = tree.consistencyProof(older, size)
  const olderRoot = tree.root(older)
  const leaf = tree.leaf(index)
  print({
    bench: 'inclusion',
    size,
    bytes: 32 * inclusion.length,
    madePerS: rate(20_000, () => tree.inclusionProof(any(), size)),
    ...checked(() => verifyInclusion(leaf, index, size, inclusion, root)),
  })
  print({
    bench: 'consistency',
    size,
    bytes: 32 * consistency.length,
    madePerS: rate(20_000, () => tree.consistencyProof(any() + 1, size)),
    ...checked(() => verifyConsistency(older, olderRoot, size, root, consistency)),
  })

  function checked(check: () => boolean): { readonly checkedPerS: number; readonly ratioToVerify: number } {
    if (!check()) throw new Error('a proof that does not verify')
    const checkedPerS = rate(20_000, check)
    return { checkedPerS, ratioToVerify: ratio(checkedPerS, verifiesPerS) }
  }
}

interface Opened {
  readonly journal: Journal
  readonly chain: Chain
  readonly close: () => Promise<void>
}

async function open(name: string): Promise<Opened> {
  const disk = openDisk(join(scratch, name))
  const opened = await new Promise<OpenedJournal>(resolve =>
    openJournal(disk, hostRandom, { cluster, self, full: false }, result => resolve(result.ok ? result.value : never(result.error))),
  )
  return { journal: opened.journal, chain: newChain(opened), close: () => new Promise(resolve => disk.close(resolve)) }
}

function newChain(opened: OpenedJournal | undefined): Chain {
  return new Chain({
    cluster,
    self,
    logs: opened?.replay.logs ?? new Map(),
    signer,
    nextKeyCommit: nextKeyCommitOf(signer.publicKey),
    random: hostRandom,
  })
}

/** Everything staged becomes durable, with a checkpoint. */
async function commit(journal: Journal, chain: Chain): Promise<void> {
  for (let staged = chain.takeCommit(true, WALL_MS); staged !== undefined; staged = chain.takeCommit(true, WALL_MS)) {
    const taken = staged
    await new Promise<void>(resolve => journal.commit(taken.commit, error => resolve(error === undefined ? undefined : never(error))))
    chain.committed(taken)
  }
}

/** Calls per second of CPU; a tenth as many warm up. */
function rate(calls: number, call: () => unknown): number {
  for (let i = 0; i < calls / 10; i++) call()
  const start = usage()
  for (let i = 0; i < calls; i++) call()
  return Math.round(calls / cpuSince(start))
}

function usage(): NodeJS.CpuUsage {
  return process.cpuUsage()
}

/** Seconds of CPU, of all threads. */
function cpuSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1e6
}

function ratio(value: number, baseline: number): number {
  return round(value / baseline)
}

function never(error: Error): never {
  throw error
}
