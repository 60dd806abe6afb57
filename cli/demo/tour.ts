import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { asWeftError, WeftError } from '../../base/errors.ts'
import type { Explanation, RecallHit, Recollection } from '../../node/api.ts'
import type { Request } from '../../node/commands/types.ts'
import { heal, type LocalNode, partition, up } from '../cluster/local-cluster.ts'
import { renderHits } from '../commands/mem-recall.ts'
import { renderWhy } from '../commands/mem-why.ts'
import { type Entry, ItemImport } from '../import/import-items.ts'
import { nodeIn } from '../node-in.ts'
import { elapsed, plural, short } from '../text.ts'
import type { Narrator } from './narrator.ts'
import type { Source } from './source.ts'

/** What `weft demo --json` prints. */
export interface Story {
  readonly nodes: number
  readonly source: string
  readonly imported: number
  readonly recall: {
    readonly node: string
    readonly query: string
    readonly hits: readonly RecallHit[]
    readonly why: Explanation['paths']
  }
  readonly partition: { readonly sides: readonly (readonly string[])[]; readonly writes: Readonly<Record<string, string>> }
  readonly converged: boolean
  readonly convergeMs: number
  readonly frontier: string
  readonly chains: { readonly valid: boolean; readonly logs: number; readonly records: number }
}

const NODES = 5
const HITS = 3
/** 30 s; on an idle machine it takes a second or two, most of which is dialling again. */
const CONVERGE_MS = 30_000
const LOOK_MS = 20
const SCRIBE = fileURLToPath(new URL('./scribe.js', import.meta.url))

/** Five nodes learn, are asked, are cut apart, write on both sides, and agree again. Throws when anything of it does not hold. */
export async function tour(dir: string, source: Source, tell: Narrator): Promise<Story> {
  tell.step(
    'Five nodes',
    'Five processes on this machine, each with a key, a journal and a memory of its own. The first founds a cluster, the others join with an invite; from then on they talk over TCP and Noise.',
  )
  const nodes = await up(dir, NODES, step => tell.progress(() => step))
  tell.endProgress()
  tell.say(nodes.map(node => `${node.name}  ${node.nodeId}  process ${node.osPid}`).join('\n'))
  tell.byHand('n2', 'peers')
  const ask = (name: string): Request => nodeIn(join(dir, name))

  const { imported, question, frontier } = await learn(ask('n1'), source, tell)
  const recall = await recallElsewhere(ask('n5'), question, frontier, tell)
  await callAcross(nodes, ask, tell)
  const cut = await splitAndWrite(dir, nodes, ask, tell)
  const { convergeMs, frontier: healed } = await agreeAgain(dir, nodes, ask, tell)
  await sameAnswers(nodes, ask, question, cut.disputed, tell)
  const chains = await proveIt(nodes, ask, tell)
  return {
    nodes: nodes.length,
    source: source.what,
    imported,
    recall: { node: 'n5', ...recall },
    partition: { sides: cut.sides, writes: cut.writes },
    converged: true,
    convergeMs,
    frontier: healed,
    chains,
  }
}

async function learn(
  n1: Request,
  source: Source,
  tell: Narrator,
): Promise<{ readonly imported: number; readonly question: string; readonly frontier: string }> {
  tell.step(
    'n1 learns',
    `It imports ${source.what}: every entry becomes a signed record, linked to what it follows, fixes or was caused by.`,
  )
  const beganMs = performance.now()
  const { entries, total } = await source.open(n1)
  const texts: string[] = []
  const work = new ItemImport(n1, 0, done => tell.progress(() => `imported ${done}${total === undefined ? '' : ` of ${total}`}`))
  const { imported, failed } = await work.run(noting(entries, texts))
  tell.endProgress()
  const { edges, frontier } = await n1('memory.status', {})
  tell.say(
    `${plural(imported, 'memory', 'memories')} and ${plural(edges, 'link')} in ${elapsed(performance.now() - beganMs)}${failed.length === 0 ? '' : `; ${plural(failed.length, 'entry', 'entries')} could not be read in full`}`,
  )
  tell.byHand('n1', source.byHand)
  return { imported, question: source.question(texts), frontier }
}

/** The entries as they are, their texts kept aside. */
async function* noting(entries: AsyncIterable<readonly Entry[]>, texts: string[]): AsyncGenerator<readonly Entry[]> {
  for await (const some of entries) {
    for (const entry of some) if ('item' in entry) texts.push(entry.item.text)
    yield some
  }
}

async function recallElsewhere(
  n5: Request,
  query: string,
  after: string,
  tell: Narrator,
): Promise<{ readonly query: string; readonly hits: readonly RecallHit[]; readonly why: Explanation['paths'] }> {
  tell.step(
    'n5 knows it too',
    'The records have travelled by themselves. Another node is asked, and answers from its own memory: what matches, and what that rests on.',
  )
  const found = await n5('memory.recall', { query, k: HITS, after, deadlineMs: CONVERGE_MS })
  tell.say(`"${query}"\n${renderHits(found)}`)
  tell.byHand('n5', `mem recall ${JSON.stringify(query)}`)
  const why = await firstReasons(n5, found)
  if (why !== undefined) {
    tell.say(`\nand why:\n${renderWhy(why)}`)
    tell.byHand('n5', `mem why ${short(why.id)}`)
  }
  return { query, hits: found.hits, why: why?.paths ?? [] }
}

/** Of the best hit that has reasons. */
async function firstReasons(request: Request, { hits, frontier }: Recollection): Promise<Explanation | undefined> {
  for (const { id } of hits) {
    const found = await request('memory.why', { id, asOf: frontier })
    if (found.paths.length > 0) return found
  }
  return undefined
}

async function callAcross(nodes: readonly LocalNode[], ask: (name: string) => Request, tell: Narrator): Promise<void> {
  tell.step(
    'A process, called from elsewhere',
    'n2 runs a process that writes down what it is told. n4 calls it by the name of its node; the answer comes back over the mesh, typed, with a deadline.',
  )
  await ask('n2')('process.spawn', { path: SCRIBE, name: 'scribe' })
  const to = `${idOf(nodes, 'n2')}:scribe`
  const { result } = await ask('n4')('process.call', {
    to,
    method: 'write',
    argument: 'n4 asked the scribe of n2 to write this down',
    deadlineMs: 5000,
  })
  tell.say(`n4 called ${to} write(..)\nand got ${JSON.stringify(result)}`)
  tell.byHand('n4', `call ${to} write '"something to keep"'`)
}

interface Cut {
  readonly sides: readonly (readonly string[])[]
  /** By the node that wrote: the id of what it wrote. */
  readonly writes: Readonly<Record<string, string>>
  /** What both sides replaced. */
  readonly disputed: string
}

async function splitAndWrite(dir: string, nodes: readonly LocalNode[], ask: (name: string) => Request, tell: Narrator): Promise<Cut> {
  tell.step(
    'The network splits',
    'All connections between n1, n2 and n3, n4, n5 are cut. Both sides go on: each writes, and each replaces the same memory by another, which nobody can prevent now.',
  )
  const { id: disputed } = await ask('n1')('memory.remember', { text: 'The maintenance window is on Tuesday.' })
  await equalFrontiers(nodes, ask)
  const sides = await partition(dir, [
    ['n1', 'n2'],
    ['n3', 'n4', 'n5'],
  ])
  const writes: Record<string, string> = {}
  for (const [name, text] of [
    ['n1', 'The maintenance window moves to Thursday, says the left side.'],
    ['n4', 'The maintenance window moves to Friday, says the right side.'],
  ] as const) {
    const { id } = await ask(name)('memory.remember', { text })
    await ask(name)('memory.supersede', { old: disputed, by: id, reason: 'decided while the network was split' })
    writes[name] = id
    tell.say(`${name} writes: ${text}`)
  }
  const to = `${idOf(nodes, 'n2')}:scribe`
  const refused = await ask('n4')('process.call', { to, method: 'write', argument: 'over there?', deadlineMs: 2000 }).then(
    () => undefined,
    thrown => asWeftError(thrown),
  )
  if (refused === undefined) throw new WeftError('internal', 'a call went through although the network is split')
  tell.say(`n4 calls the scribe of n2 and is told: ${refused.message} (${refused.code})`)
  tell.byHand('', 'cluster partition n1,n2 n3,n4,n5')
  return { sides, writes, disputed }
}

async function agreeAgain(
  dir: string,
  nodes: readonly LocalNode[],
  ask: (name: string) => Request,
  tell: Narrator,
): Promise<{ readonly convergeMs: number; readonly frontier: string }> {
  tell.step(
    'It heals',
    'The cut is lifted, nothing else. The nodes find each other, compare what they hold in one round trip, and send only what the other lacks.',
  )
  const healedAtMs = performance.now()
  await heal(dir)
  const frontier = await equalFrontiers(nodes, ask)
  const convergeMs = Math.round(performance.now() - healedAtMs)
  tell.say(`all five are equal after ${elapsed(convergeMs)}: frontier ${frontier.length > 40 ? `${frontier.slice(0, 37)}...` : frontier}`)
  tell.byHand('', 'cluster heal')
  return { convergeMs, frontier }
}

/** @returns the frontier that all nodes have */
async function equalFrontiers(nodes: readonly LocalNode[], ask: (name: string) => Request): Promise<string> {
  for (const untilMs = performance.now() + CONVERGE_MS; performance.now() < untilMs; await sleep(LOOK_MS)) {
    const all = await Promise.all(nodes.map(({ name }) => ask(name)('node.status', {})))
    const [first] = all
    if (first !== undefined && all.every(each => each.frontier === first.frontier && each.frontierAll === first.frontierAll))
      return first.frontier
  }
  throw new WeftError('timeout', `the nodes are not equal within ${CONVERGE_MS / 1000} s`)
}

async function sameAnswers(
  nodes: readonly LocalNode[],
  ask: (name: string) => Request,
  query: string,
  disputed: string,
  tell: Narrator,
): Promise<void> {
  tell.step(
    'They agree, also about what they disagree on',
    "Equal frontiers mean equal answers. Where both sides replaced the same memory, nobody's clock decides: both are current, and the conflict is listed until somebody settles it.",
  )
  const answers = await Promise.all(
    nodes.map(async ({ name }) =>
      JSON.stringify([await ask(name)('memory.recall', { query, k: HITS }), (await ask(name)('memory.conflicts', {})).conflicts]),
    ),
  )
  if (new Set(answers).size > 1) throw new WeftError('internal', 'nodes with equal frontiers give different answers')
  const { conflicts } = await ask('n3')('memory.conflicts', {})
  const current = conflicts.find(conflict => conflict.target === disputed)?.current
  if (current === undefined) throw new WeftError('internal', 'the conflict of the two sides is not listed')
  for (const id of current) tell.say(`${short(id)}  ${(await ask('n3')('memory.get', { id })).text}`)
  tell.byHand('n3', 'mem conflicts')
  tell.byHand('n3', `mem supersede ${current.map(short).at(-1)} --by ${current.map(short)[0]}`)
}

async function proveIt(nodes: readonly LocalNode[], ask: (name: string) => Request, tell: Narrator): Promise<Story['chains']> {
  tell.step('And it can be proven', 'Every node checks every record of every author that it holds: bytes, order, hashes and signatures.')
  const verified = await Promise.all(nodes.map(async ({ name }) => ({ name, result: await ask(name)('chain.verify', { all: true }) })))
  let last = { logs: 0, records: 0 }
  for (const { name, result } of verified) {
    if (!result.valid)
      throw new WeftError(
        'chain_damaged',
        `${name} holds a chain that does not verify: log ${result.log}, record ${result.seq}: ${result.reason}`,
      )
    last = { logs: result.logs.length, records: result.logs.reduce((sum, log) => sum + log.size, 0) }
    tell.say(`${name}  ${plural(last.logs, 'log')}, ${plural(last.records, 'record')}: valid`)
  }
  tell.byHand('n4', 'chain verify --all')
  return { valid: true, ...last }
}

function idOf(nodes: readonly LocalNode[], name: string): string {
  return nodes.find(node => node.name === name)?.nodeId ?? ''
}
