import t from 'tap'
import { type Signer } from '../../base/crypto/crypto-suite.ts'
import { suite } from '../../base/crypto/suite.ts'
import { logIdOf, type NodeId, nodeIdOf } from '../../base/ids.ts'
import { createGenesis } from '../../discovery/genesis.ts'
import { Membership } from '../../discovery/membership.ts'
import { type Op, operationOf, parseOperation, type SpaceOp, type SpaceRole, signOperation } from '../../discovery/operation.ts'
import { covers, type Spans } from '../../discovery/spans.ts'
import fc from '../properties.ts'

const signers: readonly Signer[] = Array.from({ length: 6 }, (_, i) => suite.signer(new Uint8Array(32).fill(i + 1)))
const signerOf = (i: number): Signer => signers[i] as Signer
const idOf = (i: number): NodeId => nodeIdOf(signerOf(i).publicKey)
const genesis = createGenesis('test', [signerOf(0), signerOf(1)], 1, new Uint8Array(16))
const { cluster } = genesis
const LOGS = signers.map((_, i) => logIdOf(new Uint8Array(32).fill(i + 1)))

/** A decision about space `s`, in the order in which it is made here; `after` are places of earlier ones. */
interface Decision {
  readonly by: number
  readonly op: 'create' | 'grant' | 'revoke'
  readonly on: number
  readonly role?: Exclude<SpaceRole, 'none'>
  readonly at?: number
  readonly isPrivate?: boolean
  readonly after?: readonly number[]
}

interface Said {
  readonly id: string
  readonly tell: (membership: Membership) => void
}

function say(decisions: readonly Decision[]): readonly Said[] {
  const said: Said[] = []
  decisions.forEach((decision, i) => {
    const { by, on, role = 'read', at = 0, isPrivate = true } = decision
    const after = (decision.after ?? (i === 0 ? [] : [i - 1])).map(place => (said[place] as Said).id).sort()
    const ops: Readonly<Record<Decision['op'], SpaceOp>> = {
      create: { op: 'space.create', space: 's', owner: idOf(on), isPrivate, isEncrypted: false, after },
      grant: { op: 'space.grant', space: 's', node: idOf(on), role, at, after },
      revoke: { op: 'space.revoke', space: 's', node: idOf(on), at, after },
    }
    const signed = signOperation(operationOf(cluster, cluster, ops[decision.op]), signerOf(by))
    said.push({ id: signed.operation.id, tell: membership => void membership.add(signed, { log: LOGS[by] as never, seq: i }) })
  })
  return said
}

function told(said: readonly Said[]): Membership {
  const membership = new Membership(genesis)
  for (const { tell } of said) tell(membership)
  return membership
}

function rolesAfter(decisions: readonly Decision[]): string {
  const state = told(say(decisions)).spaces.get('s')
  return state === undefined ? 'open' : signers.map((_, i) => state.roleOf(idOf(i))).join(' ')
}

const CREATE: Decision = { by: 0, op: 'create', on: 0 }

t.test('what was decided later holds; where two did not know of each other, the lesser right', t => {
  const rows: readonly (readonly [what: string, decisions: readonly Decision[], roles: string])[] = [
    ['nobody has created it', [], 'open'],
    ['a stranger cannot create it', [{ by: 3, op: 'create', on: 3 }], 'open'],
    ['the owner is its admin', [CREATE], 'admin none none none none none'],
    [
      'open to all, but for the one that was put out',
      [
        { ...CREATE, isPrivate: false },
        { by: 0, op: 'revoke', on: 2 },
      ],
      'admin write none write write write',
    ],
    ['a grant', [CREATE, { by: 0, op: 'grant', on: 2, role: 'write' }], 'admin none write none none none'],
    [
      'and another after it',
      [CREATE, { by: 0, op: 'grant', on: 2, role: 'write' }, { by: 1, op: 'grant', on: 2 }],
      'admin none read none none none',
    ],
    [
      'a revocation, and a grant again',
      [CREATE, { by: 0, op: 'grant', on: 2 }, { by: 0, op: 'revoke', on: 2 }, { by: 0, op: 'grant', on: 2 }],
      'admin none read none none none',
    ],
    ['a stranger grants nothing', [CREATE, { by: 3, op: 'grant', on: 3, role: 'admin' }], 'admin none none none none none'],
    [
      'nor does a writer',
      [CREATE, { by: 0, op: 'grant', on: 3, role: 'write' }, { by: 3, op: 'grant', on: 4 }],
      'admin none none write none none',
    ],
    [
      'an admin of the space does',
      [CREATE, { by: 0, op: 'grant', on: 3, role: 'admin' }, { by: 3, op: 'grant', on: 4 }],
      'admin none none admin read none',
    ],
    [
      'not before it knows that it is one',
      [CREATE, { by: 0, op: 'grant', on: 3, role: 'admin' }, { by: 3, op: 'grant', on: 4, after: [0] }],
      'admin none none admin none none',
    ],
    [
      'a grant and a revocation that do not know of each other: none',
      [
        CREATE,
        { by: 0, op: 'grant', on: 2, role: 'write' },
        { by: 0, op: 'revoke', on: 2 },
        { by: 1, op: 'grant', on: 2, role: 'admin', after: [1] },
      ],
      'admin none none none none none',
    ],
    [
      'until a later one that knows both',
      [
        CREATE,
        { by: 0, op: 'grant', on: 2 },
        { by: 0, op: 'revoke', on: 2 },
        { by: 1, op: 'grant', on: 2, after: [1] },
        { by: 0, op: 'grant', on: 2, after: [2, 3] },
      ],
      'admin none read none none none',
    ],
    [
      'what an admin gives while another admin puts it down is void',
      [
        CREATE,
        { by: 0, op: 'grant', on: 3, role: 'admin' },
        { by: 0, op: 'grant', on: 4, role: 'admin' },
        { by: 3, op: 'revoke', on: 4 },
        { by: 4, op: 'grant', on: 5, after: [2] },
      ],
      'admin none none admin none none',
    ],
    [
      'what it takes away meanwhile stays taken',
      [
        CREATE,
        { by: 0, op: 'grant', on: 3, role: 'admin' },
        { by: 0, op: 'grant', on: 4, role: 'admin' },
        { by: 0, op: 'grant', on: 5 },
        { by: 3, op: 'revoke', on: 4 },
        { by: 4, op: 'revoke', on: 5, after: [3] },
      ],
      'admin none none admin none none',
    ],
    [
      'but not when the cluster has put it down: nobody locks the others out',
      [
        CREATE,
        { by: 0, op: 'grant', on: 4, role: 'admin' },
        { by: 0, op: 'grant', on: 5 },
        { by: 0, op: 'revoke', on: 4 },
        { by: 4, op: 'revoke', on: 5, after: [2] },
      ],
      'admin none none none none read',
    ],
    [
      'two admins put each other down: both fall',
      [
        CREATE,
        { by: 0, op: 'grant', on: 3, role: 'admin' },
        { by: 0, op: 'grant', on: 4, role: 'admin' },
        { by: 3, op: 'revoke', on: 4 },
        { by: 4, op: 'revoke', on: 3, after: [2] },
      ],
      'admin none none none none none',
    ],
    [
      'created twice, once private: private',
      [
        { ...CREATE, isPrivate: false },
        { by: 1, op: 'create', on: 1, after: [] },
      ],
      'admin admin none none none none',
    ],
  ]
  for (const [what, decisions, roles] of rows) t.equal(rolesAfter(decisions), roles, what)
  t.end()
})

t.test('records count while their author may write', t => {
  const spansOf = (decisions: readonly Decision[]): Spans | undefined => told(say(decisions)).spaces.get('s')?.writesOf(idOf(2))
  const writes = (at: number): Decision => ({ by: 0, op: 'grant', on: 2, role: 'write', at })
  const ends = (at: number): Decision => ({ by: 0, op: 'revoke', on: 2, at })
  const rows: readonly (readonly [decisions: readonly Decision[], spans: Spans])[] = [
    [[CREATE], []],
    [[{ ...CREATE, isPrivate: false }], [[0, Infinity]]],
    [[{ ...CREATE, isPrivate: false }, ends(4)], [[0, 4]]],
    [[CREATE, writes(0)], [[0, Infinity]]],
    [[CREATE, writes(0), ends(5)], [[0, 5]]],
    [
      [CREATE, writes(0), ends(5), writes(9)],
      [
        [0, 5],
        [9, Infinity],
      ],
    ],
    [
      [CREATE, writes(0), ends(5), writes(9), ends(20)],
      [
        [0, 5],
        [9, 20],
      ],
    ],
    [[CREATE, writes(0), { by: 0, op: 'grant', on: 2, role: 'read', at: 3 }], [[0, 3]]],
    [[CREATE, writes(0), ends(5), { ...ends(3), by: 1, after: [1] }], [[0, 3]]],
    [[CREATE, writes(0), ends(5), { ...writes(7), by: 1, after: [1] }], [[0, 5]]],
  ]
  for (const [decisions, spans] of rows) t.strictSame(spansOf(decisions), spans)
  t.strictSame(
    [
      covers(
        [
          [0, 5],
          [9, 20],
        ],
        4,
      ),
      covers(
        [
          [0, 5],
          [9, 20],
        ],
        5,
      ),
      covers(
        [
          [0, 5],
          [9, 20],
        ],
        9,
      ),
    ],
    [true, false, true],
  )
  t.end()
})

t.test('what a revoked member has decided counts as far as its log does', t => {
  const decisions: readonly Decision[] = [
    CREATE,
    { by: 0, op: 'grant', on: 3, role: 'admin' },
    { by: 3, op: 'grant', on: 4 },
    { by: 3, op: 'grant', on: 5 },
  ]
  const said = say(decisions)
  const cut = (size: number): Op => ({
    op: 'revoke',
    node: idOf(3),
    cut: [{ log: LOGS[3] as never, size, head: new Uint8Array(32) }],
    reason: '',
  })
  const membership = told(said)
  const roles = (): string => [4, 5].map(i => membership.spaces.get('s')?.roleOf(idOf(i))).join(' ')
  t.equal(roles(), 'read read')
  membership.add(signOperation(membership.propose({ op: 'admit', node: idOf(3), role: 'member', invite: new Uint8Array(0) }), signerOf(0)))
  membership.add(signOperation(membership.propose(cut(3)), signerOf(0)))
  t.equal(roles(), 'read none', 'the record with the second one is beyond the cut')
  const shown = new Membership(genesis)
  for (const { tell } of said.slice(0, 2)) tell(shown)
  const signed = signOperation(
    operationOf(cluster, cluster, { op: 'space.grant', space: 's', node: idOf(5), role: 'read', at: 0, after: [(said[1] as Said).id] }),
    signerOf(3),
  )
  shown.add(signed)
  t.equal(shown.spaces.get('s')?.roleOf(idOf(5)), 'none', 'shown without its record it says nothing')
  shown.add(signed, { log: LOGS[3] as never, seq: 4 })
  t.equal(shown.spaces.get('s')?.roleOf(idOf(5)), 'read')
  t.end()
})

t.test('whatever is decided, the result does not depend on the order in which it arrives', t => {
  const decision = fc.record({
    by: fc.integer({ min: 0, max: 5 }),
    op: fc.constantFrom('create' as const, 'grant' as const, 'grant' as const, 'revoke' as const),
    on: fc.integer({ min: 0, max: 5 }),
    role: fc.constantFrom('read' as const, 'write' as const, 'admin' as const, 'admin' as const),
    at: fc.integer({ min: 0, max: 9 }),
    isPrivate: fc.boolean(),
    back: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 2 }),
  })
  const summary = (membership: Membership): string =>
    JSON.stringify(
      [...membership.spaces].map(([space, state]) => [
        space,
        state.isPrivate,
        state.heads,
        signers.map((_, i) => [state.roleOf(idOf(i)), state.writesOf(idOf(i))]),
      ]),
    )
  let created = 0
  fc.assert(
    fc.property(fc.array(decision, { minLength: 1, maxLength: 10 }), fc.infiniteStream(fc.nat()), (rows, chance) => {
      const said = say(
        [CREATE, ...rows].map(({ back = [], ...row }: Decision & { readonly back?: readonly number[] }, i) => ({
          ...row,
          after: i === 0 ? [] : [...new Set(back.map(steps => Math.max(0, i - steps)))],
        })),
      )
      const shuffled = said
        .map(one => ({ one, key: chance.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ one }) => one)
      const step = new Membership(genesis)
      for (const { tell } of shuffled) {
        tell(step)
        step.spaces.get('s')?.roleOf(idOf(2))
      }
      if (step.spaces.size > 0) created++
      return summary(step) === summary(told(said))
    }),
    { numRuns: 150 },
  )
  t.ok(created > 50)
  t.end()
})

t.test('only the canonical bytes of an operation are one', t => {
  const ids = ['11'.repeat(32), '22'.repeat(32)]
  const good: readonly SpaceOp[] = [
    { op: 'space.create', space: 's', owner: idOf(1), isPrivate: true, isEncrypted: false, after: [] },
    { op: 'space.create', space: 's', owner: idOf(1), isPrivate: true, isEncrypted: true, after: ids },
    { op: 'space.grant', space: 'a.b-c_d', node: idOf(1), role: 'relay', at: 7, after: ids },
    { op: 'space.revoke', space: 's', node: idOf(1), at: 0, after: [] },
    {
      op: 'space.key',
      space: 's',
      passing: new Uint8Array(32).fill(1),
      boxes: [{ node: idOf(1), key: '33'.repeat(16), box: new Uint8Array(48).fill(2) }],
      after: ids,
    },
  ]
  for (const op of good) t.strictSame(parseOperation(operationOf(cluster, cluster, op).bytes, cluster)?.op, op)
  const [first, , grant] = good as readonly [SpaceOp, SpaceOp, Extract<SpaceOp, { op: 'space.grant' }>]
  const bad: readonly (readonly [string, SpaceOp])[] = [
    ['main is open to all', { ...first, space: 'main' }],
    ['encrypted, and not private', { ...first, isPrivate: false, isEncrypted: true } as SpaceOp],
    ['no name', { ...first, space: '' }],
    ['out of order', { ...first, after: [...ids].reverse() }],
    ['twice', { ...first, after: [ids[0] as string, ids[0] as string] }],
    ['no such role', { ...grant, role: 'none' as never }],
  ]
  for (const [why, op] of bad) t.equal(parseOperation(operationOf(cluster, cluster, op).bytes, cluster), undefined, why)
  t.end()
})
