import type { LogFields, LogLevel } from '../base/ports.ts'
import type { Core } from '../node/core.ts'
import type { CoreEvent, Effect } from '../node/step.ts'
import type { Fault } from './faults/fault.ts'
import type { Observer, SeenMessage } from './observer.ts'

/**
 * All observers of a world, told in the order in which they came. Who watches nothing of a
 * kind costs nothing there: most observers look at steps, few at every message.
 */
export class Audience implements Required<Observer> {
  readonly #observers: readonly Observer[]
  /** How many there were when the lists were made: more may come until the run begins. */
  #known = -1
  #steps: readonly Observer[] = []
  #messages: readonly Observer[] = []

  constructor(observers: readonly Observer[]) {
    this.#observers = observers
  }

  get watchesSteps(): boolean {
    this.#meet()
    return this.#steps.length > 0
  }

  get watchesMessages(): boolean {
    this.#meet()
    return this.#messages.length > 0
  }

  onBoot(node: string, core: Core): void {
    for (const observer of this.#observers) observer.onBoot?.(node, core)
  }

  onEnd(node: string, how: 'power' | 'process' | 'stopped'): void {
    for (const observer of this.#observers) observer.onEnd?.(node, how)
  }

  onStep(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void {
    this.#meet()
    for (const observer of this.#steps) observer.onStep?.(node, core, event, effects)
  }

  onLog(node: string, level: LogLevel, event: string, fields: LogFields): void {
    for (const observer of this.#observers) observer.onLog?.(node, level, event, fields)
  }

  onFault(fault: Fault): void {
    for (const observer of this.#observers) observer.onFault?.(fault)
  }

  onMessage(message: SeenMessage): void {
    this.#meet()
    for (const observer of this.#messages) observer.onMessage?.(message)
  }

  #meet(): void {
    if (this.#known === this.#observers.length) return
    this.#known = this.#observers.length
    this.#steps = this.#observers.filter(({ onStep }) => onStep !== undefined)
    this.#messages = this.#observers.filter(({ onMessage }) => onMessage !== undefined)
  }
}
