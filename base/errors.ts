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

const USAGE = { status: 400, exit: 64 } as const
const INVALID = { status: 400, exit: 1 } as const
const UNKNOWN = { status: 404, exit: 1 } as const
const REFUSED = { status: 403, exit: 1 } as const
const CLASH = { status: 409, exit: 1 } as const
const LATER = { status: 503, exit: 1, retryable: true } as const
const PEER = { status: 400, exit: 1 } as const

const TABLE = {
  // asked wrongly
  usage: { ...USAGE, next: 'see weft --help' },
  invalid_argument: USAGE,
  config_invalid: { ...INVALID, next: 'correct the value named here and start again' },

  // the node directory
  not_initialised: { ...INVALID, next: 'run weft init (a new cluster) or weft join TOKEN (an existing one)' },
  already_initialised: { ...CLASH, next: 'use another --dir, or start this node with weft start' },
  directory_unusable: INVALID,
  already_running: { ...CLASH, next: 'stop the other process with weft stop, or use another --dir' },
  not_running: { ...LATER, exit: 2, next: 'start it with weft start' },
  port_in_use: { ...CLASH, next: 'choose another port with --listen or --http, or leave it out for a free one' },
  identity_damaged: { ...INVALID, next: 'restore identity.pem from a backup; without it this node cannot be itself again' },
  chain_damaged: { ...INVALID, next: 'see weft chain verify; restore the directory, or join again under a new identity' },
  format_newer: { ...INVALID, next: 'upgrade weftmesh: a newer version wrote this file' },
  index_damaged: { ...LATER, next: 'the index is being rebuilt from the journal; try again' },
  disk_full: { ...LATER, status: 507, next: 'free some space: nothing acknowledged was lost, and writing resumes by itself' },
  disk_failed: { ...LATER, next: 'check the disk: nothing acknowledged was lost' },
  stopping: LATER,

  // membership
  not_admin: { ...REFUSED, next: 'ask an admin of this cluster (weft member list)' },
  invite_malformed: { ...INVALID, next: 'copy the whole token that weft invite printed' },
  invite_unknown: { ...REFUSED, next: 'ask for a new invite: this node did not issue it' },
  invite_used: { ...REFUSED, next: 'ask for a new invite: each one admits one node' },
  invite_expired: { ...REFUSED, next: 'ask for a new invite' },
  invite_wrong_node: { ...REFUSED, next: 'ask for an invite for this node: this one names another' },
  wrong_cluster: { ...REFUSED, next: 'check the cluster: this belongs to another one' },
  not_a_member: { ...REFUSED, next: 'join the cluster first: weft invite there, weft join here' },
  revoked: { ...REFUSED, next: 'this node was revoked; join again under a new identity' },
  join_pending: { ...LATER, exit: 2, next: 'have another admin run weft member approve, then weft join again' },
  policy_replaced: { ...CLASH, next: 'the policy changed meanwhile: propose again' },
  unknown_operation: UNKNOWN,
  already_proposed: CLASH,

  // processes and messages
  noproc: UNKNOWN,
  no_method: UNKNOWN,
  denied: REFUSED,
  full: { ...LATER, status: 429 },
  timeout: { ...LATER, status: 504, exit: 2 },
  unreachable: { ...LATER, exit: 2 },
  handler_failed: { status: 500, exit: 1 },
  unsendable: INVALID,
  name_taken: CLASH,
  table_full: LATER,
  module_invalid: INVALID,

  // memory
  text_too_long: { ...INVALID, status: 413 },
  text_invalid: INVALID,
  meta_invalid: INVALID,
  key_invalid: INVALID,
  edge_invalid: INVALID,
  time_invalid: INVALID,
  body_too_large: { ...INVALID, status: 413 },
  unknown_id: UNKNOWN,
  ambiguous_id: { ...INVALID, next: 'use more characters of the id' },
  not_author: { ...REFUSED, next: 'only its author can retract a record' },
  frontier_invalid: { ...INVALID, next: 'use a frontier that weft printed' },
  frontier_ahead: { ...LATER, exit: 2, next: 'this node has not seen that frontier yet' },
  import_invalid: INVALID,
  git_missing: { ...INVALID, next: 'install git' },
  not_a_repository: { ...INVALID, next: 'name a git checkout' },

  // the control interface
  unauthorized: { status: 401, exit: 1, next: 'use the token in control.json of the node directory' },
  foreign_host: REFUSED,
  foreign_origin: REFUSED,
  unknown_route: UNKNOWN,

  // from a peer: verdict codes
  frame_too_large: PEER,
  frame_truncated: PEER,
  not_canonical: PEER,
  unknown_kind: PEER,
  wrong_protocol: PEER,
  impostor: PEER,
  rate_limited: PEER,
  unexpected: PEER,
  duplicate: PEER,
  late: PEER,
  unknown_log: PEER,
  unknown_author: PEER,
  gap: PEER,
  bad_record: PEER,
  bad_proof: PEER,
  bad_signature: PEER,
  clock_ahead: PEER,
  log_conflicted: CLASH,
  incompatible: { ...REFUSED, next: 'run versions of weftmesh that speak the same protocol' },

  internal: { status: 500, exit: 3, next: 'this is a bug in weftmesh: please report it with the log' },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof TABLE

export const ERRORS: Readonly<Record<ErrorCode, ErrorKind>> = TABLE

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
