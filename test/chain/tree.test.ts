import t from 'tap'
import { concatBytes, equalBytes, toHex, utf8 } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'
import { beyondOf, EMPTY_ROOT, MerkleTree, verifyConsistency, verifyInclusion } from '../../chain/tree.ts'

/** RFC 9162 section 2.1, word for word, but for the leaves, which are hashes already. */
class Naive {
  readonly leaves: readonly Uint8Array[]
  readonly #known: Map<string, Uint8Array> = new Map()

  constructor(leaves: readonly Uint8Array[]) {
    this.leaves = leaves
  }

  /** MTH(D[first:end]) */
  root(first: number, end: number): Uint8Array {
    if (end === first) return hash('empty')
    if (end - first === 1) return this.leaves[first] as Uint8Array
    const name = `${first}-${end}`
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const k = first + split(end - first)
    const root = hash('node', this.root(first, k), this.root(k, end))
    this.#known.set(name, root)
    return root
  }

  /** PATH(m, D[first:end]) */
  path(m: number, first: number, end: number): Uint8Array[] {
    if (end - first === 1) return []
    const k = first + split(end - first)
    return m < k ? [...this.path(m, first, k), this.root(k, end)] : [...this.path(m, k, end), this.root(first, k)]
  }

  /** SUBPROOF(m, D[first:end], b); PROOF(m, D_n) is that of the whole with b true. */
  proof(m: number, first: number, end: number, isComplete: boolean): Uint8Array[] {
    if (m === end) return isComplete ? [] : [this.root(first, end)]
    const k = first + split(end - first)
    return m <= k ? [...this.proof(m, first, k, isComplete), this.root(k, end)] : [...this.proof(m, k, end, false), this.root(first, k)]
  }
}

/** The largest power of two below n. */
function split(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

const SIZE_MAX = 300
const leaves: readonly Uint8Array[] = Array.from({ length: SIZE_MAX }, (_, i) => hash('leaf', utf8(`${i}`)))
const naive = new Naive(leaves)

function treeOf(size: number): MerkleTree {
  const tree = new MerkleTree()
  for (const leaf of leaves.slice(0, size)) tree.append(leaf)
  return tree
}

function hex(proof: readonly Uint8Array[]): string {
  return proof.map(toHex).join(' ')
}

t.test('roots, leaves and proofs are those of RFC 9162, at every size up to 300', t => {
  const tree = treeOf(SIZE_MAX)
  const grown = new MerkleTree()
  const wrong: string[] = []
  t.equal(hex([EMPTY_ROOT]), hex([naive.root(0, 0)]))
  for (let n = 0; n <= SIZE_MAX; n++) {
    const root = naive.root(0, n)
    if (!equalBytes(tree.root(n), root) || !equalBytes(grown.root(), root) || grown.size !== n) wrong.push(`root ${n}`)
    for (let i = 0; i < n; i++) {
      const proof = tree.inclusionProof(i, n)
      if (hex(proof) !== hex(naive.path(i, 0, n))) wrong.push(`inclusion of ${i} in ${n}`)
      if (!verifyInclusion(leaves[i] as Uint8Array, i, n, proof, root)) wrong.push(`check of the inclusion of ${i} in ${n}`)
      const older = i + 1
      const consistency = tree.consistencyProof(older, n)
      if (hex(consistency) !== hex(older === n ? [] : naive.proof(older, 0, n, true))) wrong.push(`consistency of ${older} with ${n}`)
      if (!verifyConsistency(older, naive.root(0, older), n, root, consistency))
        wrong.push(`check of the consistency of ${older} with ${n}`)
    }
    if (n === SIZE_MAX) break
    grown.append(leaves[n] as Uint8Array)
    if (!equalBytes(grown.leaf(n), leaves[n] as Uint8Array)) wrong.push(`leaf ${n}`)
  }
  t.same(wrong, [])
  t.end()
})

t.test('whoever has a prefix and its proof can prove whatever is in it as a holder of everything would, at every size up to 70', t => {
  const whole = treeOf(SIZE_MAX)
  const wrong: string[] = []
  for (let size = 1; size <= 70; size++) {
    for (let held = 1; held <= size; held++) {
      const beyond = beyondOf(held, size, whole.consistencyProof(held, size))
      const tree = treeOf(held)
      // What comes behind it later, of another history even, is none of its business.
      for (let i = 0; i < size % 3; i++) tree.append(hash('leaf', utf8(`other ${i}`)))
      for (let i = 0; i < held; i++) {
        if (hex(tree.inclusionProof(i, size, beyond)) !== hex(naive.path(i, 0, size))) wrong.push(`${i} of ${held} in ${size}`)
        const proof = i + 1 === size ? [] : naive.proof(i + 1, 0, size, true)
        if (hex(tree.consistencyProof(i + 1, size, beyond)) !== hex(proof)) wrong.push(`${i + 1} of ${held} with ${size}`)
      }
    }
  }
  t.same(wrong, [])
  t.end()
})

t.test('a tree that was cut back and grew again is the tree of what it holds now', t => {
  const other: readonly Uint8Array[] = leaves.map(leaf => hash('leaf', leaf))
  const wrong: string[] = []
  for (let size = 0; size <= 70; size++) {
    for (let kept = 0; kept <= size; kept++) {
      const tree = treeOf(size)
      tree.truncate(kept)
      if (!equalBytes(tree.root(), naive.root(0, kept))) wrong.push(`${size} cut to ${kept}`)
      const now = new Naive([...leaves.slice(0, kept), ...other.slice(kept, 80)])
      for (const leaf of other.slice(kept, 80)) tree.append(leaf)
      if (!equalBytes(tree.root(), now.root(0, 80)) || hex(tree.inclusionProof(kept, 80)) !== hex(now.path(kept, 0, 80)))
        wrong.push(`${size} cut to ${kept} and grown to 80`)
    }
  }
  t.same(wrong, [])
  t.end()
})

t.test('what a tree gives is the own of who asked, and stays as it was', t => {
  const tree = treeOf(5)
  const [leaf, [sibling], [first]] = [tree.leaf(4), tree.inclusionProof(0, 2), tree.consistencyProof(1, 2)]
  tree.truncate(0)
  for (let i = 0; i < 5; i++) tree.append(hash('leaf', utf8(`other ${i}`)))
  t.same(leaf, leaves[4])
  t.same(sibling, leaves[1])
  t.same(first, leaves[1])
  t.end()
})

/** Everything that can be done to a list of hashes and is not the list. */
function* spoiled(proof: readonly Uint8Array[]): Generator<readonly [how: string, proof: readonly Uint8Array[]]> {
  for (const [i, digest] of proof.entries()) {
    for (let at = 0; at < 32; at++) {
      const changed = digest.slice()
      changed[at] = (changed[at] as number) ^ (1 << (at % 8))
      yield [`hash ${i}, byte ${at}`, proof.with(i, changed)]
    }
    yield [`hash ${i} dropped`, proof.toSpliced(i, 1)]
    yield [`hash ${i} twice`, proof.toSpliced(i, 0, digest)]
    yield [`hash ${i} of 31 bytes`, proof.with(i, digest.subarray(1))]
    yield [`hash ${i} of 33 bytes`, proof.with(i, concatBytes(digest, Uint8Array.of(0)))]
    for (let j = i + 1; j < proof.length; j++) yield [`hashes ${i} and ${j} swapped`, proof.with(i, proof[j] as Uint8Array).with(j, digest)]
  }
  yield ['a hash added in front', [hash('leaf', utf8('x')), ...proof]]
  yield ['a hash added at the end', [...proof, hash('leaf', utf8('x'))]]
  yield ['a root in its place', [EMPTY_ROOT]]
}

t.test('of spoiled inclusion proofs none is accepted', t => {
  const tree = treeOf(SIZE_MAX)
  const accepted: string[] = []
  let tried = 0
  const attempt = (what: string, leaf: Uint8Array, index: number, size: number, proof: readonly Uint8Array[], root: Uint8Array): void => {
    tried++
    if (verifyInclusion(leaf, index, size, proof, root)) accepted.push(what)
  }
  for (const [index, size] of [
    [0, 1],
    [0, 2],
    [1, 2],
    [2, 3],
    [4, 7],
    [6, 7],
    [7, 8],
    [77, 100],
    [255, 256],
    [256, 257],
    [0, 300],
    [299, 300],
    [128, 300],
  ] as const) {
    const leaf = leaves[index] as Uint8Array
    const proof = tree.inclusionProof(index, size)
    const root = tree.root(size)
    t.ok(verifyInclusion(leaf, index, size, proof, root))
    for (const [how, wrong] of spoiled(proof))
      if (hex(wrong) !== hex(proof)) attempt(`${index} in ${size}: ${how}`, leaf, index, size, wrong, root)
    for (let other = 0; other <= size; other++)
      if (other !== index) attempt(`${index} in ${size}, as ${other}`, leaf, other, size, proof, root)
    for (let at = 0; at < 32; at++) {
      attempt(`${index} in ${size}: another leaf`, leaf.with(at, (leaf[at] as number) ^ 1), index, size, proof, root)
      attempt(`${index} in ${size}: another root`, leaf, index, size, proof, root.with(at, (root[at] as number) ^ 1))
    }
    attempt(`${index} in ${size}: an index of 2^53 - 1`, leaf, Number.MAX_SAFE_INTEGER, size, proof, root)
    attempt(`${index} in ${size}: a size of 0`, leaf, index, 0, proof, root)
  }
  t.same(accepted, [])
  t.ok(tried > 3000, `${tried} tried`)
  t.end()
})

t.test('a proof for another size is refused wherever the two trees differ', t => {
  // The path alone cannot tell sizes whose trees have one shape above the leaf; their roots can, and those are signed with the size.
  const tree = treeOf(SIZE_MAX)
  const accepted: string[] = []
  for (const [index, size] of [
    [0, 2],
    [4, 7],
    [77, 100],
    [255, 256],
    [128, 300],
  ] as const) {
    const proof = tree.inclusionProof(index, size)
    for (let other = index + 1; other <= SIZE_MAX; other++) {
      if (other !== size && verifyInclusion(leaves[index] as Uint8Array, index, other, proof, tree.root(other)))
        accepted.push(`${index} in ${size}, as of ${other}`)
    }
  }
  t.same(accepted, [])
  t.end()
})

t.test('of spoiled consistency proofs none is accepted', t => {
  const tree = treeOf(SIZE_MAX)
  const accepted: string[] = []
  let tried = 0
  const attempt = (
    what: string,
    older: number,
    olderRoot: Uint8Array,
    newer: number,
    newerRoot: Uint8Array,
    proof: readonly Uint8Array[],
  ): void => {
    tried++
    if (verifyConsistency(older, olderRoot, newer, newerRoot, proof)) accepted.push(what)
  }
  for (const [older, newer] of [
    [1, 2],
    [2, 3],
    [3, 7],
    [4, 7],
    [6, 8],
    [7, 8],
    [64, 100],
    [77, 100],
    [128, 256],
    [255, 256],
    [256, 300],
    [257, 300],
    [299, 300],
  ] as const) {
    const proof = tree.consistencyProof(older, newer)
    const [olderRoot, newerRoot] = [tree.root(older), tree.root(newer)]
    const what = `${older} with ${newer}`
    t.ok(verifyConsistency(older, olderRoot, newer, newerRoot, proof))
    for (const [how, wrong] of spoiled(proof))
      if (hex(wrong) !== hex(proof)) attempt(`${what}: ${how}`, older, olderRoot, newer, newerRoot, wrong)
    for (let other = 0; other <= SIZE_MAX; other++) {
      if (other !== older)
        attempt(`${what}, as from ${other}`, other, other <= newer ? tree.root(other) : olderRoot, newer, newerRoot, proof)
      if (other !== newer) attempt(`${what}, as to ${other}`, older, olderRoot, other, tree.root(other), proof)
    }
    for (let at = 0; at < 32; at++) {
      attempt(`${what}: another older root`, older, olderRoot.with(at, (olderRoot[at] as number) ^ 1), newer, newerRoot, proof)
      attempt(`${what}: another newer root`, older, olderRoot, newer, newerRoot.with(at, (newerRoot[at] as number) ^ 1), proof)
    }
    attempt(`${what}: backwards`, newer, newerRoot, older, olderRoot, proof)
    attempt(`${what}: from nothing`, 0, EMPTY_ROOT, newer, newerRoot, proof)
    attempt(`${what}: equal sizes`, newer, olderRoot, newer, newerRoot, [])
    attempt(`${what}: equal roots need no proof`, newer, newerRoot, newer, newerRoot, proof)
  }
  t.same(accepted, [])
  t.ok(tried > 8000, `${tried} tried`)
  t.end()
})

t.test('sizes up to 2^53, where logarithms are rounded, are told from powers of two', t => {
  const root = hash('leaf', utf8('older'))
  const sibling = hash('leaf', utf8('sibling'))
  for (const power of [2 ** 48, 2 ** 49, 2 ** 50, 2 ** 52]) {
    // One hash proves the left half of a whole tree, and nothing about one leaf more or less.
    t.ok(verifyConsistency(power, root, 2 * power, hash('node', root, sibling), [sibling]), `${power}`)
    for (const near of [power - 1, power + 1])
      t.notOk(verifyConsistency(near, root, 2 * power, hash('node', root, sibling), [sibling]), `${near}`)
  }
  t.end()
})

t.test('in a log of a million records an inclusion takes 640 bytes and a consistency 672 at most', t => {
  const size = 1_000_000
  const tree = new MerkleTree()
  const leaf = new Uint8Array(32)
  for (let i = 0; i < size; i++) {
    new DataView(leaf.buffer).setUint32(0, i)
    tree.append(leaf)
  }
  const root = tree.root()
  let [inclusion, consistency] = [0, 0]
  const wrong: number[] = []
  const picked = [0, 1, 2, 524_287, 524_288, 524_289, 983_040, 999_936, 999_998, 999_999]
  for (let i = 0; i < 2000; i++) picked.push((i * 7_919 * 131) % size)
  for (const index of picked) {
    const included = tree.inclusionProof(index, size)
    const consistent = tree.consistencyProof(index + 1, size)
    inclusion = Math.max(inclusion, 32 * included.length)
    consistency = Math.max(consistency, 32 * consistent.length)
    if (!verifyInclusion(tree.leaf(index), index, size, included, root)) wrong.push(index)
    if (!verifyConsistency(index + 1, tree.root(index + 1), size, root, consistent)) wrong.push(index)
  }
  t.same(wrong, [])
  t.equal(inclusion, 640)
  t.equal(consistency, 672)
  t.end()
})
