import { action, type Define } from '../invocation.ts'
import { joinNode } from '../../node/join-node.ts'

export const define: Define = command =>
  command.argument('<token>', 'what `weft invite` printed, on a node that is running').action(
    action(async (cli, [token]: readonly [string]) => {
      cli.print(
        await joinNode({ dir: cli.dir, token }),
        ({ nodeId, cluster, dir }) => `node     ${nodeId}\ncluster  ${cluster}\nin       ${dir}\n\nStart it with: weft start -d`,
      )
    }),
  )
