import { elapsed } from '../text.ts'
import { action, type Define } from '../invocation.ts'
import { duration } from '../parse.ts'

interface Options {
  readonly expires?: number
  readonly role?: string
  readonly node?: string
}

export const define: Define = command =>
  command
    .option('--expires <duration>', 'how long it can be used: 1h by default and at most', duration)
    .option('--role <role>', 'the role of the new member (default: member)')
    .option('--node <nodeId>', 'the one node it is for; without it, whoever holds the token')
    .action(
      action(async (cli, _, { expires, role, node }: Options) => {
        const invite = await cli.request('member.invite', { expiresMs: expires, role, nodeId: node })
        cli.print(
          invite,
          ({ token, expires: at }) =>
            `${token}\n\nFor one node, within ${elapsed(Date.parse(at) - Date.now())}: weft join TOKEN, in the directory of the new node.`,
        )
      }),
    )
