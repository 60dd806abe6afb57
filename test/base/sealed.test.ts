import t from 'tap'
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { montgomeryOf } from '../../base/crypto/montgomery.ts'
import { bodyContext, nameOfKey, open, passingKeyOf, receivingSecretOf, seal, unwrapKey, wrapKey } from '../../base/crypto/sealed.ts'
import { sealing, suite } from '../../base/crypto/suite.ts'
import { nodeIdOf } from '../../base/ids.ts'

t.test('ChaCha20-Poly1305 as in RFC 8439, 2.8.2', t => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i)
  const nonce = fromHex('070000004041424344454647')
  const context = fromHex('50515253c0c1c2c3c4c5c6c7')
  const text = utf8("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.")
  const box = sealing.seal(key, nonce, context, text)
  t.equal(toHex(box.subarray(text.length)), '1ae10b594f09e26a7e902ecbd0600691')
  t.equal(toHex(box.subarray(0, 16)), 'd31a8d34648e60db7b86afbc53ef7ec2')
  t.same(sealing.open(key, nonce, context, box), text)
  t.end()
})

t.test('X25519 as in RFC 7748, 6.1, and nothing is agreed on with a key that everybody agrees with', t => {
  const alice = fromHex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a')
  const bob = fromHex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb')
  t.equal(toHex(sealing.agreementKeyOf(alice)), '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
  t.equal(toHex(sealing.agreementKeyOf(bob)), 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
  for (const [mine, theirs] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    const shared = sealing.agree(mine, sealing.agreementKeyOf(theirs)) as Uint8Array
    t.equal(toHex(shared), '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742')
  }
  t.equal(sealing.agree(alice, new Uint8Array(32)), undefined)
  t.end()
})

t.test('the key of a node in Montgomery form is that of its receiving secret', t => {
  for (let n = 1; n <= 32; n++) {
    const seed = new Uint8Array(32).fill(n)
    const there = montgomeryOf(suite.publicKeyOf(seed))
    t.same(there, sealing.agreementKeyOf(receivingSecretOf(seed)), `seed ${n}`)
  }
  const one = new Uint8Array(32)
  one[0] = 1
  t.equal(montgomeryOf(one), undefined)
  t.end()
})

t.test('a text opens with its key, for what it was sealed for, as it was', t => {
  const [key, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const nonce = new Uint8Array(24).fill(3)
  const context = bodyContext(new Uint8Array(32).fill(4), 50)
  for (const length of [0, 1, 1000]) {
    const text = new Uint8Array(length).fill(7)
    const box = seal(key, nonce, context, text)
    t.equal(box.length, length + 16)
    t.same(open(key, nonce, context, box), text)
    const rows: readonly (readonly [why: string, opened: Uint8Array | undefined])[] = [
      ['another key', open(other, nonce, context, box)],
      ['another nonce', open(key, new Uint8Array(24), context, box)],
      ['another log', open(key, nonce, bodyContext(new Uint8Array(32), 50), box)],
      ['another kind', open(key, nonce, bodyContext(new Uint8Array(32).fill(4), 51), box)],
      ['cut', open(key, nonce, context, box.subarray(0, box.length - 1))],
      ['short', open(key, nonce, context, box.subarray(0, 15))],
      [
        'altered',
        open(
          key,
          nonce,
          context,
          Uint8Array.from(box, (byte, i) => (i === 0 ? byte ^ 1 : byte)),
        ),
      ],
    ]
    for (const [why, opened] of rows) t.equal(opened, undefined, `${length}: ${why}`)
  }
  t.end()
})

t.test('a key opens for the node that it was given to, and for no other', t => {
  const seeds = [5, 6].map(n => new Uint8Array(32).fill(n)) as [Uint8Array, Uint8Array]
  const [mine, theirs] = seeds.map(seed => nodeIdOf(suite.publicKeyOf(seed))) as [ReturnType<typeof nodeIdOf>, ReturnType<typeof nodeIdOf>]
  const key = new Uint8Array(32).fill(8)
  const passing = new Uint8Array(32).fill(9)
  const context = utf8('plans')
  const box = wrapKey(key, mine, passing, context) as Uint8Array
  const secret = receivingSecretOf(seeds[0])
  const name = nameOfKey(key)
  const passingKey = passingKeyOf(passing)
  t.same(unwrapKey(box, name, mine, secret, passingKey, context), key)
  t.equal(unwrapKey(box, name, theirs, receivingSecretOf(seeds[1]), passingKey, context), undefined)
  t.equal(unwrapKey(box, nameOfKey(passing), mine, secret, passingKey, context), undefined, 'under another name')
  t.equal(unwrapKey(box, name, mine, secret, passingKeyOf(key), context), undefined)
  t.equal(unwrapKey(box, name, mine, secret, passingKey, utf8('other')), undefined, 'for another space')
  t.end()
})
