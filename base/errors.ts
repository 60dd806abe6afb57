/**
 * Every failure has a code from this table. Codes are few and stable: scripts branch on
 * them, metrics use them as labels, documents list them.
 *
 * `status` is the HTTP status, `exit` the exit code of the command line, `next` what to do about it.
 */
export interface ErrorKind {
  readonly status: number
  readonly exit: 1 | 2 | 3 | 64
  readonly retryable?: true
  readonly next?: string
}

const CLASSES = {
  /** The command was written wrongly. */
  usage: { status: 400, exit: 64 },
  /** What was given cannot be used. */
  invalid: { status: 400, exit: 1 },
  too_large: { status: 413, exit: 1 },
  unauthorized: { status: 401, exit: 1 },
  refused: { status: 403, exit: 1 },
  unknown: { status: 404, exit: 1 },
  clash: { status: 409, exit: 1 },
  /** The same request can succeed later. */
  too_many: { status: 429, exit: 1, retryable: true },
  later: { status: 503, exit: 1, retryable: true },
  no_space: { status: 507, exit: 1, retryable: true },
  /** No answer in time: what was asked may or may not have happened. */
  silent: { status: 503, exit: 2, retryable: true },
  timeout: { status: 504, exit: 2, retryable: true },
  /** A verdict on what a peer sent. */
  peer: { status: 400, exit: 1 },
  /** Code of a user failed. */
  broken: { status: 500, exit: 1 },
  /** Our own code failed. */
  bug: { status: 500, exit: 3 },
} as const satisfies Record<string, Omit<ErrorKind, 'next'>>

/** Code: its class, and the next step where there is one. */
const TABLE = {
  // asked wrongly
  usage: ['usage', 'see weft --help'],
  invalid_argument: ['usage'],
  config_invalid: ['invalid', 'correct the value named here and start again'],

  // the node directory
  not_initialised: ['invalid', 'run weft init (a new cluster) or weft join TOKEN (an existing one)'],
  already_initialised: ['clash', 'use another --dir, or start this node with weft start'],
  directory_unusable: ['invalid'],
  already_running: ['clash', 'stop the other process with weft stop, or use another --dir'],
  not_running: ['silent', 'start it with weft start'],
  port_in_use: ['clash', 'choose another port with --listen or --http, or leave it out for a free one'],
  identity_damaged: ['invalid', 'restore identity.pem from a backup; without it this node cannot be itself again'],
  chain_damaged: ['invalid', 'see weft chain verify; restore the directory, or join again under a new identity'],
  format_newer: ['invalid', 'upgrade weftmesh: a newer version wrote this file'],
  index_damaged: ['later', 'the index is being rebuilt from the journal; try again'],
  disk_full: ['no_space', 'free some space: nothing acknowledged was lost, and writing resumes by itself'],
  disk_failed: ['later', 'check the disk: nothing acknowledged was lost'],
  recovering: ['later', 'try again in a moment'],
  stopping: ['later'],

  // membership
  not_admin: ['refused', 'ask an admin of this cluster (weft member list)'],
  invite_malformed: ['invalid', 'copy the whole token that weft invite printed'],
  invite_unknown: ['refused', 'ask for a new invite: this node did not issue it'],
  invite_used: ['refused', 'ask for a new invite: each one admits one node'],
  invite_expired: ['refused', 'ask for a new invite'],
  invite_wrong_node: ['refused', 'ask for an invite for this node: this one names another'],
  wrong_cluster: ['refused', 'check the cluster: this belongs to another one'],
  not_a_member: ['refused', 'join the cluster first: weft invite there, weft join here'],
  revoked: ['refused', 'this node was revoked; join again under a new identity'],
  retired: ['refused', 'this node has left the cluster; join again under a new identity'],
  join_pending: ['silent', 'have another admin run weft member approve, then weft join again'],
  policy_replaced: ['clash', 'the policy changed meanwhile: propose again'],
  policies_exhausted: ['too_large', 'found a new cluster: no greeting could prove one more change of policy'],
  unknown_operation: ['unknown'],
  already_proposed: ['clash'],

  // processes and messages
  noproc: ['unknown'],
  no_method: ['unknown'],
  denied: ['refused'],
  full: ['too_many'],
  timeout: ['timeout'],
  unreachable: ['silent'],
  handler_failed: ['broken'],
  unsendable: ['invalid'],
  name_taken: ['clash'],
  table_full: ['later'],
  module_invalid: ['invalid'],

  // memory
  text_too_long: ['too_large', 'say it in parts, and link them; weft mem import markdown does so by headings'],
  text_invalid: ['invalid'],
  meta_invalid: ['invalid'],
  key_invalid: ['invalid'],
  edge_invalid: ['invalid'],
  time_invalid: ['invalid'],
  vector_invalid: ['invalid'],
  embedder_invalid: ['invalid', 'name it like external:NAME:DIMENSIONS'],
  embedder_unknown: ['unknown', 'weft mem status lists the embedders that have vectors here'],
  body_too_large: ['too_large'],
  unknown_id: ['unknown', 'it may not have arrived yet: weft peers shows who is connected'],
  ambiguous_id: ['invalid', 'use more characters of the id'],
  not_granted: ['refused', 'ask an admin of the space, or of the cluster (weft space show NAME)'],
  no_key: ['later', 'have an admin of the space run weft space rotate'],
  not_taken: ['refused', 'ask another node, or start this one with other settings (replicate in weft.toml)'],
  space_exists: ['clash'],
  other_space: ['invalid', 'name the space of the record, or remember there what belongs to it'],
  unknown_space: ['unknown', 'weft space list shows which spaces there are'],
  not_author: ['refused', 'only its author can retract a record'],
  not_signed: ['later', 'try again in a moment: a node signs what it writes within a second'],
  not_erasable: ['refused', 'erase what was said instead'],
  erased: ['unknown', 'nothing brings it back: its author had it erased on every node'],
  not_provable: ['invalid', 'weft mem why shows it all the same'],
  frontier_invalid: ['invalid', 'use a frontier that weft printed'],
  frontier_ahead: ['silent', 'wait longer with --deadline; weft peers shows whether those who have it are connected'],
  import_invalid: ['invalid'],
  embedder_none: ['invalid', 'set embedder under [memory] in weft.toml and start the node again'],
  embedder_unavailable: ['later', 'recall goes on by words; weft doctor asks the embedder again'],
  embedder_failed: ['later', 'recall goes on by words; weft doctor asks the embedder again'],
  embedder_refused: ['invalid', 'check embedder_url, embedder_model and the key; weft doctor asks again'],
  embedder_missing: ['invalid'],
  embedder_changed: ['clash', 'set embedder_model and embedder_dims to what it is now, start again, then weft mem reembed'],
  git_missing: ['invalid', 'install git'],
  not_a_repository: ['invalid', 'name a git checkout'],

  // the simulator, whose commands exit with 1 when a promise was broken or two runs differ, and for nothing else
  scenario_invalid: ['usage', 'correct what is named here; weft sim list shows scenarios that work'],
  report_invalid: ['usage', 'run the scenario again: this file is not one that weft sim run wrote'],
  report_unwritable: ['usage', 'write somewhere else with --out'],

  // the control interface
  unauthorized: ['unauthorized', 'use the token in control.json of the node directory'],
  foreign_host: ['refused'],
  foreign_origin: ['refused'],
  unknown_route: ['unknown'],

  // from a peer: verdict codes
  frame_too_large: ['peer'],
  frame_truncated: ['peer'],
  not_canonical: ['peer'],
  unknown_kind: ['peer'],
  wrong_protocol: ['peer'],
  impostor: ['peer'],
  rate_limited: ['peer'],
  unexpected: ['peer'],
  duplicate: ['peer'],
  late: ['peer'],
  unknown_log: ['peer'],
  unknown_author: ['peer'],
  gap: ['peer'],
  bad_record: ['peer'],
  bad_proof: ['peer'],
  bad_signature: ['peer'],
  clock_ahead: ['peer'],
  log_conflicted: ['clash'],
  incompatible: ['refused', 'run versions of weftmesh that speak the same protocol'],

  internal: ['bug', 'this is a bug in weftmesh: please report it with the log'],
} as const

export type ErrorCode = keyof typeof TABLE

export const ERRORS: Readonly<Record<ErrorCode, ErrorKind>> = Object.fromEntries(
  Object.entries(TABLE).map(([code, [kind, next]]) => [code, next === undefined ? CLASSES[kind] : { ...CLASSES[kind], next }]),
) as Record<ErrorCode, ErrorKind>

export interface WeftErrorInit {
  /** Replaces the table's advice where the place knows better. */
  readonly next?: string
  readonly cause?: unknown
  /** Fields for machines: positions, limits, candidates. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** What a caller gets when something outside the program is wrong: a code, what happened, what to do next. */
export class WeftError extends Error {
  override readonly name = 'WeftError'
  readonly code: ErrorCode
  readonly next: string | undefined
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(code: ErrorCode, message: string, init: WeftErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause })
    this.code = code
    this.next = init.next ?? ERRORS[code].next
    this.details = init.details
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable === true
  }

  /** The one form in which errors leave the program. */
  toJSON(): { code: ErrorCode; message: string; retryable: boolean; next?: string; details?: Readonly<Record<string, unknown>> } {
    return {
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      ...(this.next === undefined ? {} : { next: this.next }),
      ...(this.details === undefined ? {} : { details: this.details }),
    }
  }
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(TABLE, text)
}

/** Any thrown value as a WeftError; what is not one already is `internal`. */
export function asWeftError(thrown: unknown): WeftError {
  if (thrown instanceof WeftError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new WeftError('internal', message, { cause: thrown })
}
