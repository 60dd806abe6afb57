import { CALL_DEADLINE_MS } from '../../base/limits.ts'
import { action, type Define } from '../invocation.ts'
import { ANSWER_MS, nodeIn } from '../node-in.ts'
import { duration, json } from '../parse.ts'

export const define: Define = command =>
  command
    .argument('<address>', 'a pid or name of this node, NODE/pid or NODE:name of any')
    .argument('<method>')
    .argument('[json]', 'its argument', json)
    .option('--deadline <duration>', `how long to wait for the answer (default: ${CALL_DEADLINE_MS / 1000}s)`, duration)
    .action(
      action(
        async (
          cli,
          [to, method, argument]: readonly [string, string, unknown?],
          { deadline = CALL_DEADLINE_MS }: { readonly deadline?: number },
        ) => {
          const request = nodeIn(cli.dir, deadline + ANSWER_MS)
          const { result = null } = await request('process.call', { to, method, argument, deadlineMs: deadline })
          cli.print({ result }, () => JSON.stringify(result, undefined, 2))
        },
      ),
    )
