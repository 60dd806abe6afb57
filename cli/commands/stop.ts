import { stopNode } from '../background.ts'
import { action, type Define } from '../invocation.ts'

export const define: Define = command =>
  command.action(
    action(async cli => {
      cli.print({ stopped: true, ...(await stopNode(cli.dir)) }, () => 'stopped')
    }),
  )
