import { assert } from '../../base/assert.ts'
import type { ChainHeads, NodeStatus, PeerList } from '../../node/api.ts'
import { perform } from '../../node/commands/table.ts'
import type { CommandTypes } from '../../node/commands/types.ts'
import type { Core } from '../../node/core.ts'
import type { Observer } from '../../sim/observer.ts'
import type { EventFields, Happening } from '../../sim/report/event.ts'
import { plain, shortened } from '../../sim/report/plain-text.ts'
import { styled } from '../output.ts'
import { columns, plural, short } from '../text.ts'

/** What a node is like at a moment: whoever debugs a run stops it there and looks. */
export interface NodeState {
  readonly node: string
  /** Why it is not up; null when it is. */
  readonly down: 'power' | 'process' | 'stopped' | 'not started' | null
  /** How often it has been started. */
  readonly lives: number
  /** What it says of itself, as far as its last step; null when it is down. */
  readonly status: NodeStatus | null
  /** With the names by which the scenario knows them. */
  readonly peers: readonly (PeerList['peers'][number] & { readonly node: string })[]
  readonly heads: readonly (ChainHeads['logs'][number] & { readonly node: string })[]
  /** The last lines of its log, in all its lives. */
  readonly log: readonly { readonly atMs: number; readonly level: string; readonly event: string; readonly fields: EventFields }[]
}

/** Ten lines say what a node was busy with. */
const LOG_LINES = 10
/** Ids are known by less. */
const FIELD_CHARACTERS = 40

/** Looks at one node while a run goes on, so that in the end it can be told what it is like. */
export class NodeWatch implements Observer {
  readonly #node: string
  readonly #names: Map<string, string> = new Map()
  readonly #log: Happening[] = []
  #core: Core | undefined
  #down: NodeState['down'] = 'not started'
  #lives = 0

  constructor(node: string) {
    this.#node = node
  }

  onBoot(node: string, core: Core): void {
    this.#names.set(core.self, node)
    if (node !== this.#node) return
    this.#core = core
    this.#down = null
    this.#lives++
  }

  onEnd(node: string, how: 'power' | 'process' | 'stopped'): void {
    if (node !== this.#node) return
    this.#core = undefined
    this.#down = how
  }

  /** What the recorder tells, which knows the time. */
  note(event: Happening): void {
    if (event.node !== this.#node || event.kind !== 'log') return
    this.#log.push(event)
    if (this.#log.length > LOG_LINES) this.#log.shift()
  }

  /** A paused node would not answer, so it is not asked: what it would say is looked up. */
  state(): NodeState {
    const core = this.#core
    const named = (id: string): string => this.#names.get(id) ?? short(id)
    return {
      node: this.#node,
      down: this.#down,
      lives: this.#lives,
      status: core === undefined ? null : answerOf(core, 'node.status'),
      peers: core === undefined ? [] : answerOf(core, 'peer.list').peers.map(peer => ({ node: named(peer.nodeId), ...peer })),
      heads: core === undefined ? [] : answerOf(core, 'chain.head').logs.map(log => ({ node: named(log.author), ...log })),
      log: this.#log.map(({ atMs, what, fields: { level, ...fields } }) => ({ atMs, level: String(level), event: what, fields })),
    }
  }
}

/** These three only look, and answer at once. */
function answerOf<K extends 'node.status' | 'peer.list' | 'chain.head'>(core: Core, command: K): CommandTypes[K]['result'] {
  let answer: CommandTypes[K]['result'] | undefined
  perform(
    core,
    command,
    {},
    {
      actor: 'simulator',
      ok: value => (answer = value),
      fail: error => {
        throw error
      },
    },
  )
  assert(answer !== undefined, `${command} answers at once`)
  return answer
}

const DOWN: Readonly<Record<NonNullable<NodeState['down']>, string>> = {
  power: 'down since its power failed',
  process: 'down since its process was killed',
  stopped: 'stopped',
  'not started': 'not started yet',
}

export function renderState({ node, down, lives, status, peers, heads, log }: NodeState, atMs: number): string {
  const what =
    down === null
      ? `${status?.state}, life ${lives}${status?.publishing === false ? ', not publishing yet' : ''}`
      : `${DOWN[down]}, after ${plural(lives, 'life', 'lives')}`
  const rows = (title: string, lines: string): readonly string[] =>
    lines === '' ? [] : [styled('dim', title), lines.replaceAll(/^/gm, '  ')]
  return [
    `${styled('bold', node)} at ${(atMs / 1000).toFixed(3)} s: ${what}`,
    ...(status === null
      ? []
      : [
          `  ${plural(status.records, 'record')}, ${plural(status.memories, 'memory', 'memories')}, ${plural(status.processes, 'process', 'processes')}, ${plural(status.conflicts, 'conflict')}, frontier ${short(status.frontierAll)}`,
        ]),
    ...rows(
      'peers',
      columns(
        peers.map(({ node: name, state, status: member, clockOffsetMs }) => [
          name,
          state,
          member,
          clockOffsetMs == null ? '' : `clock ${clockOffsetMs.toFixed(1)} ms off`,
        ]),
      ),
    ),
    ...rows(
      'logs',
      columns(
        heads.map(({ node: name, stream, size, published, head, conflict }) => [
          name,
          stream,
          `${size} records`,
          `${published} signed`,
          `head ${short(head)}`,
          conflict ? 'two histories' : '',
        ]),
      ),
    ),
    ...rows(
      'last log lines',
      columns(log.map(({ atMs: ms, level, event, fields }) => [(ms / 1000).toFixed(3), level, event, detailsOf(fields)])),
    ),
  ].join('\n')
}

function detailsOf(fields: EventFields): string {
  return plain(
    Object.entries(fields)
      .map(([name, value]) => `${name}=${shortened(String(value), FIELD_CHARACTERS)}`)
      .join(' '),
  )
}
