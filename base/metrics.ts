/**
 * Counters and gauges as plain numbers: the hot path adds, a scrape reads. Names follow
 * Prometheus: `weft_<part>_<what>_{total,seconds,bytes}`. Labels have few values: codes and kinds, never ids.
 */
const TABLE = {
  weft_frames_received_total: { type: 'counter', help: 'Frames received from peers', label: 'protocol' },
  weft_frames_sent_total: { type: 'counter', help: 'Frames sent to peers', label: 'protocol' },
  weft_frames_received_bytes_total: { type: 'counter', help: 'Bytes of frames received from peers', label: 'protocol' },
  weft_frames_sent_bytes_total: { type: 'counter', help: 'Bytes of frames sent to peers', label: 'protocol' },
  weft_frames_dropped_total: { type: 'counter', help: 'Frames not sent because a peer was slow or gone', label: 'code' },
  weft_verdicts_total: { type: 'counter', help: 'Messages from peers that were ignored or rejected', label: 'code' },
  weft_peers: { type: 'gauge', help: 'Connected members' },
  weft_chain_records_total: { type: 'counter', help: 'Records stored', label: 'origin' },
  weft_chain_commits_total: { type: 'counter', help: 'Journal commits, each with one sync' },
  weft_chain_commit_failures_total: { type: 'counter', help: 'Journal commits that failed', label: 'code' },
  weft_chain_checkpoints_total: { type: 'counter', help: 'Checkpoints signed' },
  weft_spaces_refused_total: {
    type: 'counter',
    help: 'Spaces that were not learnt of, because whoever brought them up has brought up too many',
    label: 'by',
  },
  weft_chain_waits_total: { type: 'counter', help: 'Records that had to wait for one of another log' },
  weft_chain_void_total: { type: 'counter', help: 'Records kept but void', label: 'code' },
  weft_chain_conflicts: { type: 'gauge', help: 'Logs with divergent records' },
  weft_sync_stalls_total: { type: 'counter', help: 'Times a peer had no credit left for what it is to get' },
  weft_sync_withheld_total: {
    type: 'counter',
    help: 'Runs that ended because an erased record cannot be told to a peer of an older version',
  },
  weft_chain_erased_total: { type: 'counter', help: 'Bodies erased from the journal' },
  weft_sync_pulls_resumed_total: { type: 'counter', help: 'Logs pulled on after the connection they came over was lost' },
  weft_memory_duplicates_total: { type: 'counter', help: 'Memories that were said again and known already' },
  weft_memory_texts_read_total: {
    type: 'counter',
    help: 'Texts of memories that were read from the journal: the others were still in memory',
  },
  weft_memory_nodes: { type: 'gauge', help: 'Causal nodes in the fold' },
  weft_memory_edges: { type: 'gauge', help: 'Causal edges in the fold' },
  weft_memory_refolds_total: { type: 'counter', help: 'Times the memory of a space was folded anew' },
  weft_memory_pending: { type: 'gauge', help: 'Records held but not applied yet' },
  weft_embed_calls_total: { type: 'counter', help: 'Calls of the embedder for memories, by outcome', label: 'result' },
  weft_embed_memories_total: { type: 'counter', help: 'Vectors of memories written' },
  weft_recall_vectors_total: { type: 'counter', help: 'Questions by what became of their vector', label: 'result' },
  weft_cognition_ticks_total: { type: 'counter', help: 'Ticks of cognition' },
  weft_cognition_interval_seconds: { type: 'gauge', help: 'How far apart ticks of cognition are' },
  weft_impulses_total: { type: 'counter', help: 'Impulses raised', label: 'kind' },
  weft_impulses_waiting: { type: 'gauge', help: 'Impulses that nobody has acknowledged' },
  weft_processes: { type: 'gauge', help: 'Processes in the table' },
  weft_messages_total: { type: 'counter', help: 'Messages by outcome of send', label: 'result' },
  weft_inbox_dropped_total: { type: 'counter', help: 'Messages dropped at a full inbox' },
  weft_calls_timed_out_total: { type: 'counter', help: 'Calls and sends without an answer before their deadline' },
  weft_monitors_fired_total: { type: 'counter', help: 'Monitors that told of an end', label: 'reason' },
  weft_calls_late_total: { type: 'counter', help: 'Answers that came after their deadline' },
  weft_dials_total: { type: 'counter', help: 'Dials by outcome', label: 'result' },
  weft_greetings_refused_total: { type: 'counter', help: 'Connections refused before any application protocol', label: 'code' },
} as const

export type MetricName = keyof typeof TABLE
export interface MetricKind {
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly label?: string
}
export const METRICS: Readonly<Record<MetricName, MetricKind>> = TABLE

export class Metrics {
  /** By metric, then by label value: one flat key would be a new string for every frame. */
  readonly #values: Map<MetricName, Map<string, number>> = new Map()

  /** Adds to a counter; `label` is the value of the metric's one label, if it has one. */
  add(name: MetricName, by: number = 1, label: string = ''): void {
    const values = this.#of(name)
    values.set(label, (values.get(label) ?? 0) + by)
  }

  set(name: MetricName, value: number): void {
    this.#of(name).set('', value)
  }

  get(name: MetricName, label: string = ''): number {
    return this.#values.get(name)?.get(label) ?? 0
  }

  /** Every sample so far: metric, label value (empty for none), number. */
  *samples(): Generator<readonly [name: MetricName, label: string, value: number]> {
    for (const [name, values] of this.#values) for (const [label, value] of values) yield [name, label, value]
  }

  #of(name: MetricName): Map<string, number> {
    let values = this.#values.get(name)
    if (values === undefined) {
      values = new Map()
      this.#values.set(name, values)
    }
    return values
  }
}
