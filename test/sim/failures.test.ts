import t from 'tap'
import type { Program } from '../../node/process/behaviour.ts'
import type { InvariantId } from '../../sim/checkers/checker.ts'
import { defineScenario } from '../../sim/scenario/define.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { simulate, type SimulateOptions } from '../../sim/simulate.ts'

/** An agent that lets go of a promise which is rejected. */
const careless: Program = () => ({
  onMessage: async () => {
    await Promise.resolve()
    void Promise.reject(new Error('the letter was lost'))
  },
})

const small: Scenario = defineScenario({ name: 'small', nodes: 3, workload: [{ put: '5/s' }], duration: '3s' })

/** n2 takes a step that throws. */
const throwing: SimulateOptions = {
  observe: nowMs => ({
    onStep: node => {
      if (node === 'n2' && nowMs() > 1_000) throw new Error('a step too far')
    },
  }),
}

interface Failure {
  readonly what: string
  readonly scenario: Scenario
  readonly options?: SimulateOptions
  readonly invariant: InvariantId
  readonly nodes: readonly string[]
  /** The second fact. */
  readonly but: RegExp
}

const FAILURES: readonly Failure[] = [
  {
    what: 'a step that throws',
    scenario: small,
    options: throwing,
    invariant: 'hygiene',
    nodes: ['n2'],
    but: /^a step too far \(.*failures/,
  },
  {
    what: 'a promise that is rejected',
    scenario: defineScenario({
      name: 'careless',
      nodes: 2,
      agents: { careless },
      workload: [{ agent: 'careless' }],
      duration: '3s',
    }),
    invariant: 'hygiene',
    nodes: [],
    but: /nobody looks at: the letter was lost \(.*failures/,
  },
  {
    what: 'nodes that do not become equal',
    scenario: defineScenario({
      name: 'ahead',
      nodes: 2,
      workload: [{ put: '4/s' }],
      at: { '1s': 'clock n2 { step: +10m }' },
      duration: '5s',
    }),
    invariant: 'liveness',
    nodes: ['n1', 'n2'],
    // What tells them apart: of one log of n2, its author holds more.
    but: /^n1: \d+ records, 1 peers, (\d+) of n2\/.*; n2: \d+ records, 1 peers, (?!\1\b)\d+ of n2\//,
  },
]

t.test('a failure names who and what it knows of', async t => {
  for (const { what, scenario, options, invariant, nodes, but } of FAILURES) {
    const { invariants } = await simulate(scenario, 1, options)
    const { violation } = invariants.find(({ held }) => !held) ?? {}
    t.same([violation?.invariant, violation?.nodes], [invariant, nodes], what)
    t.match(violation?.facts[1], but, what)
  }
})
