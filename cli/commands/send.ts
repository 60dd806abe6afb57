import { ERRORS } from '../../base/errors.ts'
import { action, type Define } from '../invocation.ts'
import { json } from '../parse.ts'

export const define: Define = command =>
  command
    .argument('<address>', 'a pid or name of this node, NODE/pid or NODE:name of any')
    .argument('<json>', 'the message', json)
    .action(
      action(async (cli, [to, message]: readonly [string, unknown]) => {
        const sent = await cli.request('process.send', { to, message })
        cli.print(sent, ({ result }) => result)
        return sent.result === 'ok' ? 0 : ERRORS[sent.result].exit
      }),
    )
