import { type Buggify, never } from '../base/buggify.ts'
import { textOf } from '../base/bytes.ts'
import { receivingSecretOf } from '../base/crypto/sealed.ts'
import { WeftError } from '../base/errors.ts'
import { type NodeId, parseNodeId } from '../base/ids.ts'
import { Metrics } from '../base/metrics.ts'
import type { Clock, Disk, Index, Logger, Random } from '../base/ports.ts'
import { CURRENT, type Version } from '../base/version.ts'
import { type OpenedJournal, openJournal } from '../chain/journal.ts'
import type { Takes } from '../chain/sharing.ts'
import type { KnownPeer } from '../discovery/peer-book.ts'
import type { Embedder } from '../ecc/embedder.ts'
import type { VectorStore } from '../ecc/vector-store.ts'
import type { Transport } from '../transport/transport.ts'
import { COGNITION_FILE } from './cognition/cognition.ts'
import { type CognitionSettings, QUIET } from './cognition/settings.ts'
import { Core } from './core.ts'
import { IdIndex } from './id-index.ts'
import { type ClusterFile, type Identity, loadCluster, loadIdentity } from './identity.ts'
import { restoreMemory, type SavedMemory, SNAPSHOT_FOLDER, snapshotFile, spaceOfSnapshot } from './memory/memory.ts'
import { PEERS_FILE } from './peers.ts'
import { parsePolicies } from './commands/policy-shape.ts'
import { POLICIES_FILE, type SavedPolicies } from './memory/policies.ts'
import type { Policy } from './memory/policy.ts'
import { BLOCKED_FILE, Runtime, type RuntimePorts } from './runtime.ts'
import type { SettingInfo } from './api.ts'
import { loadFile } from './save-file.ts'

/**
 * From a directory to a running node, on whatever ports: real ones (`create-node.ts`) or
 * simulated ones (`sim/`). Identity, journal, fold, core, index, transport: in this order, each
 * checked before the next relies on it.
 */
export interface BootPorts {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly index: Index
  readonly vectors: VectorStore
  readonly log: Logger
  readonly load: RuntimePorts['load']
  readonly onStop: () => void
  /** What makes vectors of memories and questions. */
  readonly embedder?: Embedder | undefined
  /** Which rare branches are taken; none on a real node. */
  readonly buggify?: Buggify
  /** Gets the core before its first step. What it returns is `observe` of the runtime. */
  readonly observe?: (core: Core) => RuntimePorts['observe']
  /** Made once the identity is known. */
  readonly transport: (identity: Identity, cluster: ClusterFile, metrics: Metrics, runtime: () => Runtime | undefined) => Transport
}

export interface BootOptions {
  readonly name: string
  readonly version: string
  readonly seeds: readonly KnownPeer[]
  readonly strictGuard: boolean
  /** Which spaces it keeps a copy of; all unless it says otherwise. */
  readonly takes?: Takes | undefined
  /** Where memories go by their labels. */
  readonly routes?: Readonly<Record<string, string>>
  readonly trust?: ReadonlyMap<NodeId, number> | undefined
  readonly cognition?: CognitionSettings
  /** What this node forgets by itself; nothing unless given. */
  readonly policies?: Readonly<Record<string, Policy>>
  /** The newest version unless it is to behave as an earlier one. */
  readonly speaks?: Version
  /** What the node was started with, to be shown. */
  readonly settings: readonly SettingInfo[]
}

export type BootDone = (error: WeftError | undefined, runtime: Runtime | undefined) => void

export function boot(ports: BootPorts, options: BootOptions, done: BootDone): void {
  const { disk, log, buggify = never } = ports
  const { speaks = CURRENT } = options
  const metrics = new Metrics()
  const fail = (error: WeftError): void => done(error, undefined)

  loadIdentity(disk, (error, identity) => {
    if (error !== undefined) return fail(error)
    loadCluster(disk, (unread, cluster) => {
      if (unread !== undefined) return fail(unread)
      if (identity === undefined || cluster === undefined)
        return fail(new WeftError('not_initialised', 'there is no node in this directory'))
      log('info', 'boot.identity', { node: identity.nodeId, cluster: cluster.genesis.cluster })
      const pause = (resume: () => void): void => ports.clock.soon(resume)
      openJournal(disk, ports.random, { cluster: cluster.genesis.cluster, self: identity.nodeId, full: false, buggify, pause }, opened => {
        if (!opened.ok) return fail(opened.error)
        const { torn, replay } = opened.value
        if (torn !== undefined) log('warn', 'chain.torn-tail-cut', { segment: torn.segment, offset: torn.offset, bytes: torn.bytes })
        log('info', 'boot.chain', { logs: replay.logs.size, records: replay.records })
        loadSnapshots(identity.nodeId, memories => {
          loadFile(disk, PEERS_FILE, (_unread, peers) => {
            loadFile(disk, BLOCKED_FILE, (_missing, blocked) => {
              loadFile(disk, COGNITION_FILE, (_none, thoughts) => {
                loadFile(disk, POLICIES_FILE, (_never, policies) => {
                  assemble(identity, cluster, opened.value, memories, {
                    peers: parseJson(peers),
                    cognition: parseJson(thoughts),
                    blocked: blockedOf(parseJson(blocked)),
                    policies: parsePolicies(parseJson(policies)),
                  })
                })
              })
            })
          })
        })
      })
    })
  })

  /** Of every space. One that cannot be used is no loss: its records are folded again. */
  function loadSnapshots(self: NodeId, then: (snapshots: ReadonlyMap<string, SavedMemory>) => void): void {
    const snapshots = new Map<string, SavedMemory>()
    const load = (spaces: readonly string[]): void => {
      const [space, ...others] = spaces
      if (space === undefined) return then(snapshots)
      loadFile(disk, snapshotFile(space), (_, saved) => {
        const restored = saved === undefined ? undefined : restoreMemory(saved, self, speaks.fold)
        if (restored === 'damaged') log('warn', 'memory.snapshot-damaged', { space })
        else if (restored === 'older') log('info', 'memory.folding-anew', { space, foldVersion: speaks.fold })
        else if (restored !== undefined) snapshots.set(space, restored)
        load(others)
      })
    }
    disk.list(SNAPSHOT_FOLDER, listed => load(listed.ok ? listed.value.map(spaceOfSnapshot).filter(space => space !== undefined) : []))
  }

  function assemble(
    identity: Identity,
    cluster: ClusterFile,
    { journal, replay }: OpenedJournal,
    snapshots: ReadonlyMap<string, SavedMemory>,
    saved: {
      readonly peers: unknown
      readonly cognition: unknown
      readonly blocked: readonly NodeId[]
      readonly policies: SavedPolicies
    },
  ): void {
    let runtime: Runtime | undefined
    const transport = ports.transport(identity, cluster, metrics, () => runtime)
    const core = new Core({
      self: identity.nodeId,
      name: options.name,
      version: options.version,
      speaks,
      signer: identity.signer,
      receivingSecret: receivingSecretOf(identity.seed),
      nextKeyCommit: identity.nextKeyCommit,
      genesis: cluster.genesis,
      evidence: cluster.evidence,
      random: ports.random,
      metrics,
      buggify,
      logs: replay.logs,
      displaced: replay.displaced,
      snapshots,
      savedPeers: saved.peers,
      cognition: options.cognition ?? QUIET,
      savedCognition: saved.cognition,
      savedPolicies: saved.policies,
      policies: options.policies ?? {},
      seeds: options.seeds,
      strictGuard: options.strictGuard,
      takes: options.takes,
      routes: options.routes ?? {},
      trust: options.trust,
      settings: options.settings,
      embedder: ports.embedder,
      ownAddresses: () => transport.addresses(),
      enter: run => runtime?.dispatch({ kind: 'run', run }),
    })
    const index = new IdIndex(ports.index, core.chain, log, buggify)
    const { clock, vectors, load, embedder, onStop } = ports
    const observe = ports.observe?.(core)
    const parts = { clock, disk, transport, log, journal, index, vectors, load, embedder, onStop, observe, buggify }
    const started = new Runtime(core, parts)
    runtime = started
    transport.block(saved.blocked)
    index.catchUp(() => {
      started.start(error => {
        if (error !== undefined) return fail(error)
        done(undefined, started)
      })
    })
  }
}

function parseJson(bytes: Uint8Array | undefined): unknown {
  try {
    return bytes === undefined ? undefined : (JSON.parse(textOf(bytes) ?? '') as unknown)
  } catch {
    return undefined
  }
}

function blockedOf(saved: unknown): readonly NodeId[] {
  if (!Array.isArray(saved)) return []
  return saved.map(text => parseNodeId(String(text))).filter(node => node !== undefined)
}
