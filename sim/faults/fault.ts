/**
 * EVERYTHING THAT CAN GO WRONG, as data. A scenario is a list of these with times: written by hand, drawn
 * from a seed, made smaller by the shrinker, drawn in the report. Nodes are named (`n1`). A fault with `forMs` ends by
 * itself; `heal` ends every fault of the network at once.
 */
export type Fault = NetworkFault | LifeFault | DiskFault | ClockFault | HostileFault

export type NetworkFault =
  /** Silence between nodes of different groups; nodes in no group keep all their ways. */
  | { readonly verb: 'partition'; readonly groups: Groups }
  /** Silence on one way: what is sent or under way vanishes. */
  | { readonly verb: 'cut'; readonly way: Way }
  | { readonly verb: 'restore'; readonly way: Way }
  /** Silence between one node and all others. */
  | { readonly verb: 'isolate'; readonly node: string }
  /** A partition of `groups`, with `node` connected to every one of them. */
  | { readonly verb: 'bridge'; readonly node: string; readonly groups: Groups }
  /** Each node reaches its two neighbours only. */
  | { readonly verb: 'ring'; readonly nodes: readonly string[] }
  /** Cut and restored in turns, `everyMs` each. */
  | { readonly verb: 'flap'; readonly way: Way; readonly everyMs: number; readonly forMs: number }
  /** What is sent waits, in order, and arrives when it ends. */
  | { readonly verb: 'clog'; readonly way: Way; readonly forMs: number }
  /** Swizzle-clog (FoundationDB): a random subset of `nodes` is clogged one by one, and let go in another order. */
  | { readonly verb: 'swizzle'; readonly nodes: readonly string[]; readonly forMs: number }
  /** Another quality of the wires: of one way, or of all. */
  | { readonly verb: 'net'; readonly way: Way | null; readonly quality: WireQuality }
  /** From the first message of this kind on, a connection is silent: what a broken middlebox does. `sync.run`, or a protocol: `sync`. */
  | { readonly verb: 'block'; readonly message: string; readonly way: Way | null }
  /** Ends every cut, clog, flap, block and changed quality. */
  | { readonly verb: 'heal' }

export type LifeFault =
  /** `power` loses what was not synced; `process` is SIGKILL. `torn`: the last unsynced write is torn for certain. */
  | { readonly verb: 'crash'; readonly node: string; readonly how: 'power' | 'process'; readonly torn: boolean }
  | { readonly verb: 'restart'; readonly node: string }
  /** In good order. */
  | { readonly verb: 'stop'; readonly node: string }
  /** Dead for ever, with its disk. */
  | { readonly verb: 'kill'; readonly node: string }
  /** Does nothing for a while, and then what was due: a gray node. */
  | { readonly verb: 'pause'; readonly node: string; readonly forMs: number }
  /** Every step of the node takes so many times as long. */
  | { readonly verb: 'slow'; readonly node: string; readonly factor: number; readonly forMs: number }
  /** It hears and works, but nothing that it sends arrives. */
  | { readonly verb: 'mute'; readonly node: string; readonly forMs: number }
  /** A new node is invited by `by` and joins. */
  | { readonly verb: 'join'; readonly node: string; readonly by: string }
  /** An admin lets it go (`member.retire`), or throws it out (`member.revoke`). */
  | { readonly verb: 'retire'; readonly node: string }
  | { readonly verb: 'revoke'; readonly node: string }
  /** Stops, and starts again with the newest version of the software. */
  | { readonly verb: 'upgrade'; readonly node: string }

export type DiskFault =
  /** The next sync fails. */
  | { readonly verb: 'disk-sync-fails'; readonly node: string }
  /** No room for more than `bytes` from now on. */
  | { readonly verb: 'disk-full'; readonly node: string; readonly bytes: number }
  | { readonly verb: 'disk-slow'; readonly node: string; readonly latencyMs: number; readonly forMs: number }
  /** One bit of one file is flipped. */
  | { readonly verb: 'disk-rot'; readonly node: string }
  /** Full and slow end. */
  | { readonly verb: 'disk-ok'; readonly node: string }
  /** A backup is taken; put back while the node is down (the node crashes for it); everything but the key is lost. */
  | { readonly verb: 'backup'; readonly node: string }
  | { readonly verb: 'restore-backup'; readonly node: string }
  | { readonly verb: 'reformat'; readonly node: string }

export type ClockFault =
  | { readonly verb: 'clock-step'; readonly node: string; readonly stepMs: number }
  | { readonly verb: 'clock-drift'; readonly node: string; readonly driftPpm: number }
  | { readonly verb: 'clock-freeze'; readonly node: string; readonly forMs: number }

export type HostileFault =
  /** The node turns hostile: from now on it does these things besides its work. */
  | { readonly verb: 'turn'; readonly node: string; readonly behaviours: readonly string[] }
  /** A second node with the same key and the same disk starts at the same address as far as `beside` can see, and the first elsewhere. */
  | { readonly verb: 'twin'; readonly node: string; readonly beside: readonly string[] }

export type Groups = readonly (readonly string[])[]

export interface Way {
  readonly from: string
  readonly to: string
  /** `from -- to` is both ways, `from -> to` one. */
  readonly both: boolean
}

/** What is not given stays as it is. */
export interface WireQuality {
  readonly delayMinMs?: number
  readonly delayMeanMs?: number
  /** Packets lost, 0 to 1: on a connection each costs a retransmission. */
  readonly loss?: number
  /** Packets that arrive twice, 0 to 1; on a connection that goes unnoticed. */
  readonly duplicates?: number
  readonly bytesPerSecond?: number
  /** What may wait for the wire; more is refused. */
  readonly queueBytes?: number
}

export interface TimedFault {
  /** Since the story began, which is when all first nodes were connected. */
  readonly atMs: number
  readonly fault: Fault
}

export type Verb = Fault['verb']
