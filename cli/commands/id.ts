import { residentOf } from '../directory.ts'
import { action, type Define } from '../invocation.ts'
import { identifyNode } from '../../node/init-node.ts'

export const define: Define = command =>
  command.option('--new', 'make a key for a node that is to join later, so that an invite can name it').action(
    action(async (cli, _, { new: isNew }: { readonly new?: boolean }) => {
      if (isNew === true) await identifyNode(cli.dir)
      cli.print(
        await residentOf(cli.dir),
        ({ nodeId, fingerprint, cluster }) =>
          `node         ${nodeId}\nfingerprint  ${fingerprint}\ncluster      ${cluster ?? 'none yet: weft join TOKEN'}`,
      )
    }),
  )
