import { action, type Define } from '../invocation.ts'
import { initNode } from '../../node/init-node.ts'

export const define: Define = command =>
  command.option('--name <name>', 'what people call the cluster', 'weft').action(
    action(async (cli, _, { name }: { readonly name: string }) => {
      cli.print(
        await initNode({ dir: cli.dir, cluster: name }),
        ({ nodeId, cluster, dir }) => `node     ${nodeId}\ncluster  ${name} (${cluster})\nin       ${dir}\n\nStart it with: weft start -d`,
      )
    }),
  )
