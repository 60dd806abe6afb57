import { Authority } from './authority.ts'
import { Bounds } from './bounds.ts'
import { type Case, caseOf } from './case.ts'
import { CausalOrder } from './causal-order.ts'
import { ChainChecker } from './chain.ts'
import { type Checker, type InvariantId, INVARIANTS, type Setup } from './checker.ts'
import { Convergence } from './convergence.ts'
import { Durability } from './durability.ts'
import { Equivocation } from './equivocation.ts'
import { ErasureChecker } from './erasure.ts'
import { FoldChecker } from './fold.ts'
import { Genuine } from './genuine.ts'
import { Hygiene } from './hygiene.ts'
import { IpcChecker } from './ipc.ts'
import { Liveness } from './liveness.ts'
import { MembershipChecker } from './membership.ts'
import { ProcessTable } from './process-table.ts'
import { RecallChecker } from './recall.ts'
import { SpaceChecker } from './spaces.ts'

/** The judge of each invariant; one without a judge does not compile. */
const JUDGES: { readonly [K in InvariantId]: new (shared: Case) => Checker } = {
  convergence: Convergence,
  'causal-order': CausalOrder,
  durability: Durability,
  chain: ChainChecker,
  genuine: Genuine,
  equivocation: Equivocation,
  ipc: IpcChecker,
  authority: Authority,
  membership: MembershipChecker,
  liveness: Liveness,
  bounds: Bounds,
  'process-table': ProcessTable,
  hygiene: Hygiene,
  fold: FoldChecker,
  recall: RecallChecker,
  erasure: ErasureChecker,
  spaces: SpaceChecker,
}

/** The judges of one run, in the order of the report. */
export function checkersFor(setup: Setup): readonly Checker[] {
  const shared = caseOf(setup)
  return INVARIANTS.map(id => new JUDGES[id](shared))
}
