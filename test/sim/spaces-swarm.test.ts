import t from 'tap'
import { loadShipped } from '../../sim/scenario/catalogue.ts'
import { simulate } from '../../sim/simulate.ts'
import type { Operation } from '../../sim/workload/history.ts'
import { seedsOf } from './seeds.ts'

t.test(
  'whatever happens, nobody holds or opens what it was given no right to, and all with the right agree',
  { timeout: 240_000 },
  async t => {
    const scenario = await loadShipped('vault-in-a-split')
    const came = { written: 0, read: 0, refused: 0, erased: 0, lost: 0, regained: 0 }
    for (const [i, seed] of seedsOf(3).entries()) {
      const { invariants, history, traceHash } = await simulate(scenario, seed)
      const broken = invariants.find(({ held }) => !held)
      t.equal(broken, undefined, `seed ${seed}: ${broken?.id ?? 'valid'}`, {
        replay: `weft sim replay ${seed} --scenario ${scenario.name}`,
        detail: broken?.detail ?? '',
      })
      if (i === 0) t.equal((await simulate(scenario, seed)).traceHash, traceHash, 'the same seed gives the same run')
      const inVault = history.operations.filter(({ input }) => (input as { readonly space?: string }).space === 'vault')
      const ok = inVault.filter(({ outcome }) => outcome === 'ok')
      came.written += countOf(ok, 'memory.remember')
      came.read += ok.filter(({ result }) => ((result as { readonly hits?: readonly object[] }).hits?.length ?? 0) > 0).length
      came.erased += ok.filter(({ input }) => (input as { readonly erase?: boolean }).erase === true).length
      came.refused += inVault.filter(({ error }) => error?.code === 'not_granted').length
      const lost = new Set<string>()
      for (const { command, input } of ok) {
        const { nodeId } = input as { readonly nodeId?: string }
        if (nodeId === undefined) continue
        if (command === 'space.revoke') {
          came.lost++
          lost.add(nodeId)
        } else if (lost.delete(nodeId)) came.regained++
      }
    }
    for (const [what, count] of Object.entries(came)) t.ok(count > 0, `${what} ${count} times`)
  },
)

function countOf(operations: readonly Operation[], command: Operation['command']): number {
  return operations.filter(operation => operation.command === command).length
}
