import type { CausalId } from '../base/ids.ts'
import { styled } from './output.ts'
import { firstLine, replaced, short } from './text.ts'

/** A way back from a memory to what it rests on. */
export interface ShownWay<S extends ShownStep> {
  readonly weight: number
  /** The memory itself comes first. */
  readonly steps: readonly S[]
}

export interface ShownStep {
  readonly id: CausalId
  readonly edge: string
  readonly text: string
  readonly state?: string | undefined
  readonly supersededBy?: readonly string[] | undefined
}

/** The same edge read from the effect to its reason: `why` walks that way. */
const BACKWARDS: Readonly<Record<string, string>> = {
  causes: 'because',
  enables: 'enabled by',
  inhibits: 'held back by',
  'evidence-for': 'on the evidence that',
  'triggered-by': 'triggered by',
  'derived-from': 'derived from',
  follows: 'after',
  supersedes: 'instead of',
}

/** The ways back, strongest first, a step deeper a step further. @param origin of a step: who said it, and where that is written */
export function renderWays<S extends ShownStep>(ways: readonly ShownWay<S>[], origin: (step: S) => string): string {
  return ways
    .map(({ weight, steps }) => {
      const lines = steps.slice(1).map((step, depth) => {
        const indent = '  '.repeat(depth + 1)
        return `${indent}${styled('cyan', BACKWARDS[step.edge] ?? step.edge)} ${styled('bold', short(step.id))}  ${firstLine(step.text, indent.length + 30)}${styled('yellow', replaced(step))}\n${indent}  ${styled('dim', origin(step))}`
      })
      return `\n${styled('dim', `weight ${weight.toFixed(3)}`)}\n${lines.join('\n')}`
    })
    .join('\n')
}
