/**
 * `weftmesh/sim`: what scenarios in TypeScript are made of. `weft sim run my-scenario.ts` plays the default export.
 */
export { defineScenario } from './scenario/define.ts'
export type {
  DurationText,
  ExpectDefinition,
  FaultText,
  NetDefinition,
  NodeGroup,
  NodeSettings,
  RateText,
  ScenarioDefinition,
  WorkDefinition,
} from './scenario/define.ts'
export { formatScenario, parseScenario } from './scenario/yaml.ts'
export { formatFault, parseFault } from './scenario/fault-text.ts'
export type { Expectations, NodeSpec, Scenario, Work } from './scenario/scenario.ts'
export type { Fault, Groups, TimedFault, Way, WireQuality } from './faults/fault.ts'
export type { Behaviour, Down, ExitReason, ProcessContext, Program } from '../node/process/behaviour.ts'
