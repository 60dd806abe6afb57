import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WeftError } from '../../base/errors.ts'
import { LOCAL_NODES_MAX } from '../../base/limits.ts'
import type { NodeId } from '../../base/ids.ts'
import { CONFIG_FILE } from '../../node/config.ts'
import { readControlFile } from '../../node/host/directory.ts'
import { initNode } from '../../node/init-node.ts'
import { BLOCKED_FILE } from '../../node/runtime.ts'
import { isAlive, startInBackground, stopNode } from '../background.ts'
import { isNode, residentOf } from '../directory.ts'
import { nodeIn } from '../node-in.ts'

/**
 * A cluster of real nodes on this machine, for development: `DIR/n1`, `DIR/n2`... are ordinary
 * node directories, made by init, invite and join, and run by `weft start`. There is no other state: what is
 * in the directory is the cluster, and each node can be used by itself with `--dir DIR/n2`.
 */
export interface LocalNode {
  /** `n1`, `n2`... */
  readonly name: string
  readonly nodeId: NodeId
  /** Null while it does not run, as is `http`. */
  readonly osPid: number | null
  readonly dir: string
  readonly http: string | null
  /** It answers. */
  readonly ready: boolean
}

/** 30 s for nodes to find each other, or to lose each other: both take a moment unless the machine is overloaded. */
const MEET_MS = 30_000
const LOOK_MS = 25
const NAME = /^n[1-9][0-9]*$/

/** The nodes in `dir`, by number. */
export async function statusOf(dir: string): Promise<readonly LocalNode[]> {
  return Promise.all(namesIn(dir).map(name => describe(dir, name)))
}

function namesIn(dir: string): readonly string[] {
  if (!existsSync(dir)) return []
  return readdirSync(dir)
    .filter(name => NAME.test(name) && isNode(join(dir, name)))
    .sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)))
}

async function describe(dir: string, name: string): Promise<LocalNode> {
  const own = join(dir, name)
  const { nodeId } = await residentOf(own)
  const control = readControlFile(own)
  // Whoever answers to the token in its file, under its name, is this node and no other process.
  const answer = control === undefined ? undefined : await nodeIn(own)('node.id', {}).catch(() => undefined)
  if (control === undefined || answer?.nodeId !== nodeId) return { name, nodeId, osPid: null, dir: own, http: null, ready: false }
  return { name, nodeId, osPid: control.osPid, dir: own, http: control.url, ready: true }
}

/**
 * Makes and starts what is missing of `n1`..`n<count>`; resolves when all of them are ready and
 * connected to each other, as far as they are not partitioned.
 *
 * @param count as many as there are, or 3, unless given
 */
export async function up(dir: string, count: number | undefined, onStep: (text: string) => void = () => {}): Promise<readonly LocalNode[]> {
  if (isNode(dir))
    throw new WeftError('invalid_argument', `${dir} is the directory of one node`, { next: 'name another --dir for the cluster' })
  if (count !== undefined && count > LOCAL_NODES_MAX)
    throw new WeftError('invalid_argument', `at most ${LOCAL_NODES_MAX} nodes run on one machine this way, got ${count}`)
  const names = Array.from({ length: count ?? (namesIn(dir).length || 3) }, (_, i) => `n${i + 1}`)
  const founder = join(dir, 'n1')
  if (!isNode(founder)) {
    onStep('making n1')
    await initNode({ dir: founder, cluster: clusterName(dir) })
    settle(founder, 'n1')
  }
  const missing = names.filter(name => !isNode(join(dir, name)))
  if (missing.length > 0) {
    await start(dir, 'n1')
    onStep(`joining ${missing.join(', ')}`)
    const { joinNode } = await import('../../node/join-node.ts')
    await Promise.all(
      missing.map(async name => {
        const { token } = await nodeIn(founder)('member.invite', {})
        await joinNode({ dir: join(dir, name), token })
        settle(join(dir, name), name)
      }),
    )
  }
  onStep(`starting ${names.join(', ')}`)
  await allSettled(names.map(name => start(dir, name)))
  onStep('waiting until they are connected')
  await untilConnected(dir)
  return (await statusOf(dir)).filter(node => names.includes(node.name))
}

/** Waits for all before it fails for one: whoever cleans up then finds every node that was started. */
async function allSettled(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(result => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

function clusterName(dir: string): string {
  return (
    basename(dir)
      .replace(/[^A-Za-z0-9._-]/g, '')
      .replace(/^[._-]+/, '')
      .slice(0, 64) || 'cluster'
  )
}

/** What a node of this cluster is called, and that it looks for others nowhere else: so however it is started. */
function settle(dir: string, name: string): void {
  writeFileSync(join(dir, CONFIG_FILE), `name = "${name}"\nmdns = "off"\n`, { mode: 0o600 })
}

/** Starts one node, unless it runs. */
async function start(dir: string, name: string): Promise<void> {
  const { ready, dir: own } = await describe(dir, name)
  if (!ready) await startInBackground(own, [], ownEnvironment())
}

/** Settings in the environment are for a node by itself: with one and the same port for all of them no cluster could start. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WEFT_')))
}

async function untilConnected(dir: string): Promise<void> {
  const nodes = (await statusOf(dir)).filter(node => node.ready)
  const cut = new Map(nodes.map(node => [node.nodeId, cutFrom(node)]))
  await untilAll(nodes, 'connected', (node, up) =>
    nodes.every(
      other =>
        other.nodeId === node.nodeId ||
        up.has(other.nodeId) ||
        cut.get(node.nodeId)?.has(other.nodeId) === true ||
        cut.get(other.nodeId)?.has(node.nodeId) === true,
    ),
  )
}

/** Asks every node for its peers until `holds` is true of all. */
async function untilAll(
  nodes: readonly LocalNode[],
  what: string,
  holds: (node: LocalNode, up: ReadonlySet<string>) => boolean,
): Promise<void> {
  const untilMs = performance.now() + MEET_MS
  for (const node of nodes) {
    for (;;) {
      const { peers } = await nodeIn(node.dir)('peer.list', {})
      if (holds(node, new Set(peers.filter(peer => peer.state === 'up').map(peer => peer.nodeId)))) break
      if (performance.now() > untilMs)
        throw new WeftError('timeout', `${node.name} is not ${what} within ${MEET_MS / 1000} s`, {
          next: `see weft peers --dir ${node.dir}`,
        })
      await sleep(LOOK_MS)
    }
  }
}

// ---- partitions

/**
 * Cuts all connections between the groups. Nodes in no group form one more. Resolves when the
 * sockets are closed; no layer above them is told. It holds across restarts, until `heal`.
 *
 * @returns the groups, by name
 */
export async function partition(dir: string, groups: readonly (readonly string[])[]): Promise<readonly (readonly string[])[]> {
  const nodes = await statusOf(dir)
  const named = groups.flat()
  for (const name of named) {
    requireName(
      nodes.map(node => node.name),
      name,
    )
    if (named.filter(other => other === name).length > 1) throw new WeftError('invalid_argument', `${name} is named twice`)
  }
  const rest = nodes.map(node => node.name).filter(name => !named.includes(name))
  const all = rest.length === 0 ? groups : [...groups, rest]
  const sideOf = (node: LocalNode): number => all.findIndex(group => group.includes(node.name))
  await Promise.all(
    nodes.map(node =>
      block(
        node,
        nodes.filter(other => sideOf(other) !== sideOf(node)),
      ),
    ),
  )
  await untilAll(
    nodes.filter(node => node.ready),
    'cut off',
    (node, up) => !nodes.some(other => sideOf(other) !== sideOf(node) && up.has(other.nodeId)),
  )
  return all
}

/** Allows all connections again. Resolves at once: the nodes find each other by themselves. */
export async function heal(dir: string): Promise<readonly string[]> {
  const nodes = await statusOf(dir)
  await Promise.all(nodes.map(node => block(node, [])))
  return nodes.map(node => node.name)
}

/** From whom a node is cut off from now on. One that does not run finds it in its directory when it starts. */
async function block(node: LocalNode, others: readonly LocalNode[]): Promise<void> {
  const peers = others.map(other => other.nodeId)
  if (node.ready) await nodeIn(node.dir)('node.block', { peers })
  else writeFileSync(join(node.dir, BLOCKED_FILE), JSON.stringify(peers), { mode: 0o600 })
}

function cutFrom({ dir }: LocalNode): ReadonlySet<string> {
  const file = join(dir, BLOCKED_FILE)
  return new Set(existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as string[]) : [])
}

// ---- single nodes

async function nodeNamed(dir: string, name: string): Promise<LocalNode> {
  requireName(namesIn(dir), name)
  return describe(dir, name)
}

function requireName(names: readonly string[], name: string): void {
  if (!names.includes(name)) throw new WeftError('invalid_argument', `there is no node ${name}: there are ${names.join(', ') || 'none'}`)
}

/** Ends a node without warning, as a crash would. Only the process that has just answered under its name is signalled. */
export async function kill(dir: string, name: string): Promise<{ readonly name: string; readonly osPid: number }> {
  const { osPid, dir: own } = await nodeNamed(dir, name)
  if (osPid === null) throw new WeftError('not_running', `${name} does not run`, { next: `weft cluster restart ${name}` })
  process.kill(osPid, 'SIGKILL')
  for (const untilMs = performance.now() + MEET_MS; isAlive(osPid); await sleep(LOOK_MS)) {
    if (performance.now() > untilMs) throw new WeftError('timeout', `process ${osPid} of ${own} has not ended`)
  }
  return { name, osPid }
}

/** Stops a node if it runs, and starts it. Resolves when it is ready. */
export async function restart(dir: string, name: string): Promise<LocalNode> {
  const node = await nodeNamed(dir, name)
  if (node.ready) await stopNode(node.dir)
  await start(dir, name)
  return describe(dir, name)
}

/** Stops all nodes. @param isPurged also deletes their directories, and `dir` when nothing else is in it */
export async function down(dir: string, isPurged: boolean): Promise<readonly string[]> {
  const nodes = await statusOf(dir)
  await Promise.all(nodes.filter(node => node.ready).map(node => stopNode(node.dir)))
  if (isPurged) {
    for (const node of nodes) rmSync(node.dir, { recursive: true, force: true })
    if (existsSync(dir) && readdirSync(dir).length === 0) rmdirSync(dir)
  }
  return nodes.filter(node => node.ready).map(node => node.name)
}
