import type { Buggify } from '../base/buggify.ts'
import type { NodeId } from '../base/ids.ts'
import type { Metrics } from '../base/metrics.ts'
import type { LogFields, LogLevel, Random } from '../base/ports.ts'
import type { Version } from '../base/version.ts'
import type { Effect, Now } from './step.ts'

/** What every part of the core may use: who it is, what time it is, and where its effects go. */
export interface CoreContext {
  readonly self: NodeId
  /** The time of the step under way. */
  readonly now: Now
  readonly random: Random
  readonly metrics: Metrics
  readonly buggify: Buggify
  /** What this node speaks, and how it folds. */
  readonly speaks: Version
  emit(effect: Effect): void
  log(level: LogLevel, event: string, fields?: LogFields): void
}
