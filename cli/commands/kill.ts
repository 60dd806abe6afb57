import { action, type Define } from '../invocation.ts'

export const define: Define = command =>
  command
    .argument('<address>', 'its pid, name or address on this node (weft ps); those of others are killed with --dir there')
    .action(
      action(async (cli, [address]: readonly [string]) =>
        cli.print(await cli.request('process.kill', { address }), ({ killed }) => `killed ${killed}`),
      ),
    )
