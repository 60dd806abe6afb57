import { asWeftError, type WeftError } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import { spawn } from '../node/commands/process.ts'
import type { CommandName, CommandTypes } from '../node/commands/types.ts'
import type { Program } from '../node/process/behaviour.ts'
import type { Fault, WireQuality } from './faults/fault.ts'
import { mend, performFault } from './faults/perform.ts'
import type { AskDone, Stage } from './stage.ts'
import type { World } from './world.ts'

const SOUND: WireQuality = { loss: 0, duplicates: 0, bytesPerSecond: Infinity, queueBytes: Infinity }

/** A scenario in virtual time. */
export class SimStage implements Stage {
  readonly #world: World
  readonly #untilMs: number
  readonly isReal = false

  /** @param untilMs time stands still from there on */
  constructor(world: World, untilMs: number = Infinity) {
    this.#world = world
    this.#untilMs = untilMs
  }

  get nowMs(): number {
    return this.#world.nowMs
  }

  get acting(): string | undefined {
    return this.#world.acting
  }

  run(ms: number): Promise<void> {
    return this.#world.runAsync(Math.min(ms, Math.max(0, this.#untilMs - this.nowMs)))
  }

  after(ms: number, task: () => void): void {
    this.#world.scheduler.after(Math.round(ms * 1000), task)
  }

  found(names: readonly string[]): Promise<void> {
    // A cluster is founded on sound wires: an invitation that is lost is asked for again by people.
    const { network } = this.#world
    network.change(null, SOUND)
    this.#world.cluster(names)
    network.heal()
    return Promise.resolve()
  }

  get up(): readonly string[] {
    return this.#world.running.map(({ name }) => name)
  }

  nodeId(name: string): NodeId | undefined {
    return this.#world.machine(name).nodeId
  }

  life(name: string): number {
    return this.#world.machine(name).lives
  }

  ask<K extends CommandName>(name: string, command: K, input: CommandTypes[K]['input'], done: AskDone<K>): void {
    if (this.#world.machine(name).runtime !== undefined) this.#world.askSoon(name, command, input, done)
  }

  spawn(name: string, program: Program, process: string, done: (error: WeftError | undefined) => void): void {
    const { core } = this.#world.runtime(name)
    core.run(() => {
      try {
        spawn(core, program, process, 'inline', { ok: () => done(undefined), fail: done })
      } catch (thrown) {
        done(asWeftError(thrown))
      }
    })
  }

  perform(fault: Fault): void {
    performFault(this.#world, fault)
  }

  mend(names: readonly string[]): void {
    mend(this.#world, names)
  }

  stop(): Promise<void> {
    return Promise.resolve()
  }
}
