/** How much a node thinks by itself. What it is asked, it always answers. */
export interface CognitionSettings {
  /** Whether it looks at what is new. */
  readonly tick: 'on' | 'off'
  /** Of the loop, above 0 and at most 1, for what nobody waits for. */
  readonly share: number
  /** Whether it measures itself when it starts. */
  readonly calibrate: boolean
}

/** Of a node that nobody set otherwise, and of simulated ones: it thinks when it is asked. */
export const QUIET: CognitionSettings = { tick: 'off', share: 0.3, calibrate: false }
