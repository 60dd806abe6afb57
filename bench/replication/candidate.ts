/** What is measured beside each other: two peers of the same kind, each in a process of its own. */
export interface Candidate {
  start(options: StartOptions): Promise<Peer>
}

export interface StartOptions {
  /** A folder of its own, which is not there yet. */
  readonly dir: string
  /** The one that listens: its port on 127.0.0.1, and the one that leads there `through` the proxy. The other one only dials. */
  readonly listen?: { readonly port: number; readonly through: number }
  /** What the first peer gave: the other one is made with it. */
  readonly invitation?: unknown
}

/** Everything here resolves when it is so; what fails throws. */
export interface Peer {
  /** What a newcomer has to know of this one. */
  invitation(): Promise<unknown>
  /** What this one has to be told of the newcomer. */
  introduction?(): Promise<unknown>
  meet?(introduction: unknown): Promise<void>
  /** Dials, and resolves when it is connected. */
  connect(port: number): Promise<void>
  /** Resolves when the connection is gone; none is made until `connect`. */
  disconnect(): Promise<void>
  /** Writes these, one operation each, as many at a time as it likes. */
  add(texts: readonly string[]): Promise<void>
  /** Resolves when so many records are here and can be read, its own included. Without it, `state` is asked until both are equal. */
  wait?(records: number): Promise<void>
  /** The same text on two peers exactly when they hold the same. */
  state(): Promise<string>
  count(): Promise<number>
  stop(): Promise<void>
}
