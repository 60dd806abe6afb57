import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { toHex } from '../../base/bytes.ts'
import { type Cbor, decode, encode } from '../../base/codec.ts'
import { logIdOf, memoryStream, nodeIdOf, type Pid } from '../../base/ids.ts'
import { encodeMessage, type OutgoingMessage } from '../../node/messages.ts'
import { behavioursOf, HOSTILE_BEHAVIOURS } from '../../sim/byzantine/behaviours.ts'
import { Mutator, placesIn } from '../../sim/byzantine/mutation.ts'
import { unhooked } from '../cli/weft.ts'
import { codeOf } from './helpers.ts'
import { seedOf } from './seeds.ts'
import { besiege, faultsUnder } from './siege.ts'

const SIEGE_PROGRAM = fileURLToPath(new URL('./siege-program.js', import.meta.url))
const SEED = seedOf(1)
const DEFENDED: readonly string[] = HOSTILE_BEHAVIOURS.filter(({ isDefended }) => isDefended).map(({ name }) => name)

/** One check of the product, taken out; the behaviour that must notice, and what is then not as it ought to be. */
interface Hole {
  readonly check: string
  /** As it was compiled. */
  readonly file: string
  readonly code: string
  readonly instead: string
  readonly behaviour: string
  readonly says: RegExp
}

const HOLES: readonly Hole[] = [
  {
    check: 'a checkpoint bears the signature of its author',
    file: 'chain/checkpoint.js',
    code: "return verify(key, concatBytes(tagOf('checkpoint'), checkpoint.bytes), checkpoint.signature)",
    instead: 'return true',
    behaviour: 'usurp',
    says: /forged: a record of|conflict/,
  },
  {
    check: 'a signature is one of a checkpoint',
    file: 'chain/checkpoint.js',
    code: "return verify(key, concatBytes(tagOf('checkpoint'), checkpoint.bytes), checkpoint.signature)",
    instead:
      "return [concatBytes(tagOf('checkpoint'), checkpoint.bytes), checkpoint.bytes].some(signed => verify(key, signed, checkpoint.signature))",
    behaviour: 'unsigned',
    says: /forged: records of memory\/unsigned/,
  },
  {
    check: 'a checkpoint that was verified is known by all of its bytes',
    file: 'chain/run-intake.js',
    code: 'equalBytes(last.bytes, checkpoint.bytes) && ',
    instead: '',
    behaviour: 'unsigned',
    says: /forged: records of memory\/unsigned/,
  },
  {
    check: 'a checkpoint is of this cluster',
    file: 'chain/checkpoint.js',
    code: ' || !equalBytes(ofCluster, digestOf(cluster))',
    instead: '',
    behaviour: 'replay',
    says: /forged|conflict/,
  },
  {
    check: 'the records of a run have the root that was signed',
    file: 'chain/run.js',
    code: 'if (!isPrefix || ',
    instead: 'if (',
    behaviour: 'misroot',
    says: /blamed: bad_proof|forged/,
  },
  {
    check: 'the newest record of a run is the one that was signed',
    file: 'chain/run.js',
    code: '!equalBytes(log.head, checkpoint.headLeaf)',
    instead: 'false',
    behaviour: 'misroot',
    says: /conflict|forged/,
  },
  {
    check: 'a checkpoint names the key of its author',
    file: 'chain/checkpoint.js',
    code: '!equalBytes(checkpoint.keyId, keyIdOf(key))',
    instead: 'false',
    behaviour: 'misroot',
    says: /forged: records of memory\/misroot/,
  },
  {
    check: 'a checkpoint names the log that it is of',
    file: 'chain/checkpoint.js',
    code: ' || !equalBytes(ofLog, digestOf(log))',
    instead: '',
    behaviour: 'misroot',
    says: /forged: records of memory\/misroot/,
  },
  {
    check: 'a beginning of a log is proved up to the root that was signed',
    file: 'chain/tree.js',
    code: ' && equalBytes(fromNewer, newerRoot)',
    instead: '',
    behaviour: 'alter',
    says: /forged|conflict/,
  },
  {
    check: 'only the node that was asked answers',
    file: 'node/ipc/ipc.js',
    code: ' || pending.peer !== peer',
    instead: '',
    behaviour: 'answer',
    says: /call: /,
  },
  {
    check: 'a log begins with its genesis',
    file: 'chain/run-intake.js',
    code: '!isGenesis(run, identity)',
    instead: 'false',
    behaviour: 'misroot',
    says: /forged: records of memory\/misroot/,
  },
  {
    check: 'a fork is proved',
    file: 'chain/fork-search.js',
    code: '!isWitnessed(witnessed, seq, log.key)',
    instead: 'false',
    behaviour: 'usurp',
    says: /conflict/,
  },
  {
    check: 'that others know more of an own log is proved',
    file: 'chain/sync.js',
    code: '!isWitnessed(witnessed, seq, keyOf(this.#chain.self))',
    instead: 'false',
    behaviour: 'usurp',
    says: /refused: recovering/,
  },
  {
    check: 'a record is later than what it follows',
    file: 'chain/applied.js',
    code: "this.#isLate(log, record) ? 'clock' : undefined",
    instead: 'undefined',
    behaviour: 'future',
    says: /forged: records of memory\/late/,
  },
  {
    check: 'what is ahead of the clock is not stored',
    file: 'chain/run.js',
    code: 'if (hlc.ms > aheadMs)',
    instead: 'if (false)',
    behaviour: 'future',
    says: /clock: moved/,
  },
  {
    check: 'a run costs credit',
    file: 'chain/sync.js',
    code: 'if (!peer.take(cost))',
    instead: 'if (false)',
    behaviour: 'overrun',
    says: /nobody hung up/,
  },
  {
    check: 'a peer speaks of no more logs than there can be',
    file: 'chain/sync-peer.js',
    code: 'this.theirs.size >= LOGS_MAX',
    instead: 'false',
    behaviour: 'lie-digests',
    says: /nobody hung up/,
  },
  {
    check: 'a value has one encoding',
    file: 'base/codec.js',
    code: 'if (!writer.makes(value, bytes))',
    instead: 'if (false)',
    behaviour: 'poison-memory',
    says: /forged: a memory/,
  },
  {
    check: 'nesting is bounded',
    file: 'base/codec.js',
    code: 'if (depth >= DEPTH_MAX)\n                    return this.#fail',
    instead: 'if (false)\n                    return this.#fail',
    behaviour: 'non-canonical',
    says: /thrown: nested deeper/,
  },
  {
    check: 'whoever goes on is disconnected',
    file: 'node/peers.js',
    code: 'if (score < PEER_SCORE_MAX)',
    instead: 'if (true)',
    behaviour: 'forge',
    says: /nobody hung up/,
  },
  {
    check: 'only its author takes a memory back',
    file: 'ecc/retraction.js',
    code: 'log.at(target) === log.at(owner) && seq.at(target) < seq.at(owner) && ',
    instead: '',
    behaviour: 'poison-memory',
    says: /lost: a memory/,
  },
  {
    check: 'a memory of others is taken back by nobody',
    file: 'ecc/retraction.js',
    code: 'log.at(target) === log.at(owner) && ',
    instead: '',
    behaviour: 'meddle',
    says: /lost: a memory/,
  },
  {
    check: 'labels have a size',
    file: 'ecc/records.js',
    code: "said === '' || metaFault(meta) !== undefined",
    instead: "said === ''",
    behaviour: 'poison-memory',
    says: /forged: a memory/,
  },
  {
    check: 'an admin has signed what it decided',
    file: 'discovery/membership.js',
    code: ' || !isSignedByAdmin(signed)',
    instead: '',
    behaviour: 'impersonate',
    says: /membership: decided by no admin/,
  },
]

t.test('correct nodes stand every hostile behaviour that there is an answer to', { timeout: 120_000 }, t => {
  for (const name of DEFENDED) t.strictSame(faultsUnder(name, SEED), [], name)
  t.end()
})

t.test('and all of them at once, in the same way each time', { timeout: 120_000 }, t => {
  const { violations, hungUp, hash } = besiege(DEFENDED, SEED)
  t.strictSame(violations, [])
  t.ok(hungUp > 0, `${hungUp} times somebody hung up`)
  t.equal(besiege(DEFENDED, SEED).hash, hash)
  t.end()
})

t.test('an author with two histories is found out', t => {
  const { violations } = besiege(['equivocate'], SEED)
  t.ok(violations.includes('conflict'))
  t.notOk(
    violations.some(says => /blamed|forged|lost|damage|call/.test(says)),
    'and it is nobody else who suffers',
  )
  t.end()
})

t.test('a check that is missing is noticed', { timeout: 240_000 }, async t => {
  for (let i = 0; i < HOLES.length; i += 2) {
    const holes = HOLES.slice(i, i + 2)
    const told = await Promise.all(holes.map(throughHole))
    for (const [at, { check, says }] of holes.entries()) t.match(told[at], says, check)
  }
})

t.test('behaviours are known by their names', t => {
  t.equal(new Set(HOSTILE_BEHAVIOURS.map(({ name }) => name)).size, HOSTILE_BEHAVIOURS.length)
  t.strictSame(
    behavioursOf(['replay', 'forge']).map(({ name }) => name),
    ['replay', 'forge'],
  )
  t.equal(
    codeOf(() => behavioursOf(['forge', 'none'])),
    'invalid_argument',
  )
  t.end()
})

t.test('in time every place of a message is changed, and nothing else with it', t => {
  for (const message of MESSAGES) {
    const frame = encodeMessage(message)
    const honest = leavesOf(valueOf(frame))
    const mutator = new Mutator()
    const alone = new Set<string>()
    for (let i = 0; i < 6 * placesIn(valueOf(frame)).length; i++) {
      const wrong = mutator.next(frame) as Uint8Array
      const leaves = leavesOf(valueOf(wrong))
      const changed = [...honest].filter(([place, leaf]) => leaves.get(place) !== leaf).map(([place]) => place)
      if (toHex(wrong) === toHex(frame)) t.fail(`${message.kind}: nothing was changed`)
      if (leaves.size === honest.size && changed.length === 1) alone.add(changed[0] as string)
    }
    t.strictSame(
      [...honest.keys()].filter(place => place !== '.0' && !alone.has(place)),
      [],
      message.kind,
    )
  }
  t.end()
})

/** What a siege brings to light in a process of its own, in which the product is loaded with a hole. */
function throughHole({ file, code, instead, behaviour }: Hole): Promise<string> {
  const loader = `export async function load(url, context, next) {
    const loaded = await next(url, context)
    if (!url.endsWith(${JSON.stringify(`/${file}`)})) return loaded
    const source = String(loaded.source)
    if (!source.includes(${JSON.stringify(code)})) throw new Error('not in ${file}: ' + ${JSON.stringify(code)})
    return { ...loaded, source: source.replace(${JSON.stringify(code)}, () => ${JSON.stringify(instead)}) }
  }`
  const register = `import { register } from 'node:module'; register(${JSON.stringify(moduleOf(loader))})`
  return new Promise(resolve => {
    const args = ['--import', moduleOf(register), SIEGE_PROGRAM, behaviour, String(SEED)]
    const child = spawn(...unhooked(process.execPath, args), { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.on('close', () => resolve(said))
  })
}

function moduleOf(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`
}

const BYTES = new Uint8Array(32).fill(7)
const LOG = logIdOf(BYTES)
const ENTRY = { log: LOG, size: 3, head: BYTES } as const

/** One of each shape: bytes, numbers, text, lists, and an encoded value within. */
const MESSAGES: readonly OutgoingMessage[] = [
  { kind: 'peer.pong', number: 5, wallMs: 6 },
  { kind: 'peer.known', peers: [{ id: nodeIdOf(BYTES), addresses: ['/sim/x', '/sim/y'] }] },
  { kind: 'sync.equal' },
  {
    kind: 'sync.ask',
    scope: [{ stream: memoryStream('main'), buckets: BYTES }],
    entries: [ENTRY, { ...ENTRY, size: 4 }],
    buckets: [{ stream: memoryStream('other'), digests: new Uint8Array(2048).fill(1) }],
  },
  {
    kind: 'sync.run',
    fields: [
      BYTES,
      2,
      encode([1, 2, [BYTES, 'text']]),
      BYTES,
      [BYTES],
      [[50, 1, 2, ['actor'], [[BYTES, 1, BYTES]], new Uint8Array(0), BYTES]],
    ],
  },
  { kind: 'ipc.call', number: 2, from: 3 as Pid, target: 'agent', method: 'ask', value: '[1]', remainingMs: 5000 },
]

function valueOf(frame: Uint8Array): Cbor {
  const decoded = decode(frame)
  if (!decoded.ok) throw new Error(decoded.why)
  return decoded.value
}

/** Numbers, texts and byte strings by where they are; a byte string that encodes a list is looked into. */
function leavesOf(value: Cbor, at: string = ''): Map<string, string> {
  const inside = value instanceof Uint8Array && value.length > 1 ? decode(value) : undefined
  const items = inside?.ok === true && Array.isArray(inside.value) ? inside.value : value
  if (!Array.isArray(items)) return new Map([[at, toHex(encode(value))]])
  return new Map((items as readonly Cbor[]).flatMap((item, i) => [...leavesOf(item, `${at}.${i}`)]))
}
