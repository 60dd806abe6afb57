import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { shake256 } from '@noble/hashes/sha3.js'
import t from 'tap'
import { concatBytes, equalBytes, fromHex, toHex, utf8 } from '../../base/bytes.ts'
import type { CryptoSuite } from '../../base/crypto/crypto-suite.ts'
import { isStrictKey, rememberVerified, verify } from '../../base/crypto/ed25519.ts'
import { hash, tagOf, USES } from '../../base/crypto/hash.ts'
import { nobleSuite } from '../../base/crypto/noble-suite.ts'
import { nodeSuite } from '../../base/crypto/node-suite.ts'
import { suite } from '../../base/crypto/suite.ts'
import fc from '../properties.ts'

const SUITES: readonly CryptoSuite[] = [nodeSuite, nobleSuite]

/** From the source tree: the compiled tests stand in a folder beside it, whatever its name. */
function vectors(file: string): string {
  return readFileSync(new URL(`../../../test/vectors/${file}`, import.meta.url), 'utf8')
}

interface SignatureCase {
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

const cctv: readonly SignatureCase[] = (JSON.parse(vectors('cctv_ed25519vectors.json')) as { key: string; msg: string; sig: string }[]).map(
  ({ key, msg, sig }) => ({
    key: fromHex(key),
    message: utf8(msg),
    signature: fromHex(sig),
  }),
)

const speccheck: readonly SignatureCase[] = (
  JSON.parse(vectors('speccheck_cases.json')) as { pub_key: string; message: string; signature: string }[]
).map(each => ({
  key: fromHex(each.pub_key),
  message: fromHex(each.message),
  signature: fromHex(each.signature),
}))

interface WycheproofFile {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string }
    readonly tests: readonly { readonly tcId: number; readonly msg: string; readonly sig: string; readonly result: string }[]
  }[]
}

const wycheproof: readonly (SignatureCase & { readonly id: number; readonly isValid: boolean })[] = (
  JSON.parse(vectors('wycheproof_ed25519_test.json')) as WycheproofFile
).testGroups.flatMap(group =>
  group.tests.map(({ tcId, msg, sig, result }) => ({
    key: fromHex(group.publicKey.pk),
    message: fromHex(msg),
    signature: fromHex(sig),
    id: tcId,
    isValid: result === 'valid',
  })),
)

/** One letter per case: V accepted, x refused. */
function verdicts(cases: readonly SignatureCase[], by: CryptoSuite = suite): string {
  return cases.map(({ key, message, signature }) => (verify(key, message, signature, by) ? 'V' : 'x')).join('')
}

/** SHAKE-256 of the verdicts on speccheck, CCTV and Wycheproof in this order. Another one means that nodes would disagree. */
const VERDICTS_DIGEST = '4e87df79b2a180b0ec6eb6e485d1c8491a0e8422f31f0fc9da5420683d580b64'

const nodeVerdicts: string = verdicts([...speccheck, ...cctv, ...wycheproof], nodeSuite)

t.test('this process uses node:crypto', t => {
  t.equal(suite, nodeSuite)
  t.end()
})

t.test('signature verdicts', t => {
  t.test('ed25519-speccheck: only case 3 is valid', t => {
    t.equal(speccheck.length, 12)
    t.equal(verdicts(speccheck, nodeSuite), 'xxxVxxxxxxxx')
    t.end()
  })

  t.test('CCTV: exactly 43 of 914 edge cases are valid', t => {
    t.equal(cctv.length, 914)
    t.equal(verdicts(cctv, nodeSuite).replaceAll('x', '').length, 43)
    t.end()
  })

  t.test('Wycheproof: every one of 151 verdicts is right', t => {
    t.equal(wycheproof.length, 151)
    for (const { id, key, message, signature, isValid } of wycheproof) t.equal(verify(key, message, signature), isValid, `case ${id}`)
    t.end()
  })

  t.test('node:crypto and noble give the same verdicts', t => {
    t.equal(verdicts([...speccheck, ...cctv, ...wycheproof], nobleSuite), nodeVerdicts)
    t.end()
  })

  t.test('every Node version gives the same verdicts', t => {
    t.equal(
      toHex(nodeSuite.shake256(utf8(nodeVerdicts))),
      VERDICTS_DIGEST,
      `on Node ${process.version} with OpenSSL ${process.versions.openssl}`,
    )
    t.end()
  })
  t.end()
})

t.test('signatures', t => {
  t.test('both suites derive the same keys and sign the same bytes, and each verifies the other', t => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 300 }), (seed, message) => {
        const [node, noble] = SUITES.map(each => each.signer(seed))
        if (node === undefined || noble === undefined) throw new Error('two suites')
        const signature = node.sign(message)
        return (
          equalBytes(node.publicKey, noble.publicKey) &&
          equalBytes(nodeSuite.publicKeyOf(seed), nobleSuite.publicKeyOf(seed)) &&
          equalBytes(signature, noble.sign(message)) &&
          SUITES.every(by => verify(node.publicKey, message, signature, by))
        )
      }),
      { numRuns: 50 },
    )
    t.pass('50 keys')
    t.end()
  })

  t.test('a signature holds for its key, its message and its bytes only', t => {
    const { publicKey, sign } = nodeSuite.signer(new Uint8Array(32).fill(7))
    const message = utf8('transfer 10')
    const signature = sign(message)
    for (const by of SUITES) {
      t.ok(verify(publicKey, message, signature, by))
      t.notOk(verify(publicKey, utf8('transfer 11'), signature, by))
      t.notOk(verify(nodeSuite.publicKeyOf(new Uint8Array(32)), message, signature, by))
      for (const bytes of [publicKey, signature]) {
        for (let i = 0; i < bytes.length; i += by === nodeSuite ? 1 : 9) {
          const flipped = new Uint8Array(bytes)
          flipped[i] = (flipped[i] as number) ^ (1 << (i % 8))
          const [key, other] = bytes === publicKey ? [flipped, signature] : [publicKey, flipped]
          if (verify(key, message, other, by)) t.fail(`${by.name}: accepted with byte ${i} flipped`)
        }
      }
    }
    t.end()
  })

  t.test('keys and signatures of another length are refused', t => {
    const { publicKey, sign } = nodeSuite.signer(new Uint8Array(32).fill(7))
    const message = utf8('message')
    const signature = sign(message)
    const cases: readonly (readonly [name: string, key: Uint8Array, signature: Uint8Array])[] = [
      ['empty signature', publicKey, new Uint8Array(0)],
      ['signature cut', publicKey, signature.subarray(0, 63)],
      ['signature with a byte more', publicKey, concatBytes(signature, Uint8Array.of(0))],
      ['empty key', new Uint8Array(0), signature],
      ['key cut', publicKey.subarray(0, 31), signature],
      ['key with a byte more', concatBytes(publicKey, Uint8Array.of(0)), signature],
    ]
    for (const [name, key, other] of cases) for (const by of SUITES) t.notOk(verify(key, message, other, by), `${by.name}: ${name}`)
    for (const by of SUITES)
      for (const length of [0, 31, 33]) t.throws(() => by.signer(new Uint8Array(length)), Error, `${by.name}: a seed of ${length} bytes`)
    t.end()
  })

  t.test('a key may be admitted unless it is not canonical or of small order', t => {
    t.ok(isStrictKey(nodeSuite.publicKeyOf(new Uint8Array(32).fill(1))))
    const ff = 'ff'.repeat(30)
    const refused: Readonly<Record<string, string>> = {
      'the neutral element': `01${'00'.repeat(31)}`,
      'the neutral element with a sign': `01${'00'.repeat(30)}80`,
      'order 2': `ec${ff}7f`,
      'order 4': '00'.repeat(32),
      'order 4 with a sign': `${'00'.repeat(31)}80`,
      'order 8': '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      'order 8, other sign': '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
      'order 8, other': 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      'y = p': `ed${ff}7f`,
      'y = p + 1 with a sign': `ee${ff}ff`,
      'y = 2^255 - 1': `ff${ff}7f`,
    }
    for (const [name, hex] of Object.entries(refused)) t.notOk(isStrictKey(fromHex(hex)), name)
    t.ok(isStrictKey(fromHex(`eb${ff}7f`)), 'y = p - 2 is canonical')
    for (const length of [0, 31, 33]) t.notOk(isStrictKey(new Uint8Array(length).fill(9)))
    t.end()
  })

  t.test('more keys than the cache holds change nothing', t => {
    const message = utf8('message')
    const { publicKey, sign } = nodeSuite.signer(new Uint8Array(32).fill(3))
    const signature = sign(message)
    t.ok(verify(publicKey, message, signature))
    const other = new Uint8Array(32).fill(9)
    for (let i = 0; i < 4200; i++) {
      new DataView(other.buffer).setUint32(0, i)
      if (verify(other, message, signature)) t.fail(`key ${i} accepted`)
    }
    t.ok(verify(publicKey, message, signature))
    t.end()
  })
  t.end()
})

t.test('SHAKE-256', t => {
  t.test('NIST: 273 digests of 32 bytes from both suites', t => {
    const cases = [...vectors('nist_cavp_SHAKE256ShortMsg.rsp').matchAll(/Len = (\d+)\r?\nMsg = ([0-9a-f]+)\r?\nOutput = ([0-9a-f]+)/g)]
    t.equal(cases.length, 273)
    for (const [, bits, message, output] of cases) {
      const input = fromHex(message as string).subarray(0, Number(bits) / 8)
      for (const by of SUITES) t.equal(toHex(by.shake256(input)), output, `${by.name}: ${bits} bits`)
    }
    t.end()
  })

  t.test('NIST: 200 digests of other lengths, of which ours is a prefix or a continuation', t => {
    const cases = [
      ...vectors('nist_cavp_SHAKE256VariableOut_first200.rsp').matchAll(
        /Outputlen = (\d+)\r?\nMsg = ([0-9a-f]+)\r?\nOutput = ([0-9a-f]+)/g,
      ),
    ]
    t.equal(cases.length, 200)
    for (const [, bits, message, output = ''] of cases) {
      const input = fromHex(message as string)
      const outputLength = Number(bits) / 8
      t.equal(createHash('shake256', { outputLength }).update(input).digest('hex'), output, `node: ${bits} bits`)
      t.equal(toHex(shake256(input, { dkLen: outputLength })), output, `noble: ${bits} bits`)
      const shared = Math.min(64, output.length)
      for (const by of SUITES) t.equal(toHex(by.shake256(input)).slice(0, shared), output.slice(0, shared), by.name)
    }
    t.end()
  })

  t.test('no tag is a prefix of another, and none is used twice', t => {
    for (const [i, use] of USES.entries()) {
      const tag = tagOf(use)
      t.same(tag, utf8(`weft/v1/${use}\0`))
      for (const [j, other] of USES.entries()) {
        if (i !== j && equalBytes(tagOf(other).subarray(0, tag.length), tag)) t.fail(`${use} begins ${other}`)
      }
    }
    t.end()
  })

  t.test('a hash covers its tag and its parts in order, however large', t => {
    for (const length of [0, 1, 31, 1000, 65_000, 65_537, 200_000, 5]) {
      const parts = [utf8('first'), new Uint8Array(length).map((_, i) => i), utf8('last')]
      for (const by of SUITES)
        t.same(toHex(hash('leaf', ...parts)), toHex(by.shake256(concatBytes(tagOf('leaf'), ...parts))), `${by.name}: ${length} bytes`)
    }
    const digests = USES.map(use => toHex(hash(use, utf8('the same'))))
    t.equal(new Set(digests).size, USES.length, 'every use hashes the same bytes differently')
    t.equal(
      toHex(hash('leaf', utf8('ab'), utf8('c'))),
      toHex(hash('leaf', utf8('abc'))),
      "parts are joined: their lengths are the caller's to fix",
    )
    t.end()
  })
  t.end()
})

t.test('answers that a simulator remembers are those of the suite, also for another key or message with the same signature', t => {
  const before = verdicts(wycheproof)
  rememberVerified()
  for (const time of ['first', 'second']) t.equal(verdicts(wycheproof), before, `the ${time} time`)
  const signer = nodeSuite.signer(new Uint8Array(32).fill(7))
  const other = nodeSuite.publicKeyOf(new Uint8Array(32))
  const message = utf8('transfer 10')
  const signature = signer.sign(message)
  for (let i = 0; i < 2; i++) {
    t.equal(verify(signer.publicKey, message, signature), true)
    t.equal(verify(other, message, signature), false)
    t.equal(verify(signer.publicKey, utf8('transfer 11'), signature), false)
  }
  t.end()
})

t.test('CRC-32: both suites agree, with the check value of the standard, in pieces too', t => {
  for (const by of SUITES) t.equal(by.crc32(utf8('123456789')), 0xcbf43926, by.name)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
      const whole = nodeSuite.crc32(bytes)
      return SUITES.every(by => by.crc32(bytes) === whole && by.crc32(bytes.subarray(cut), by.crc32(bytes.subarray(0, cut))) === whole)
    }),
  )
  t.end()
})
