import { action, type Define } from '../invocation.ts'
import { type Check, examine } from '../doctor.ts'
import { styled } from '../output.ts'
import { columns } from '../text.ts'

export const define: Define = command =>
  command.action(
    action(async cli => {
      const checks = await examine(cli.dir)
      const isHealthy = checks.every(check => check.result !== 'fail')
      cli.print({ healthy: isHealthy, checks }, document => render(document.checks))
      return isHealthy ? 0 : 1
    }),
  )

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const

function render(checks: readonly Check[]): string {
  return columns(
    checks.flatMap(({ check, result, detail, next }) => [
      [styled(COLOURS[result], result), check, detail],
      ...(next === undefined ? [] : [['', '', `-> ${next}`]]),
    ]),
  )
}
