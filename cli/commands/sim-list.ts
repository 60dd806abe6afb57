import { catalogue } from '../../sim/scenario/catalogue.ts'
import { action, type Define } from '../invocation.ts'
import { table } from '../text.ts'

export const define: Define = command =>
  command.action(
    action(async cli => {
      const scenarios = await catalogue()
      cli.print({ scenarios }, () =>
        table(
          ['scenario', 'nodes', 'faults', 'what happens'],
          scenarios.map(({ name, nodes, faults, about }) => [name, String(nodes), String(faults), about]),
          'no scenarios',
        ),
      )
    }),
  )
