import { createInterface } from 'node:readline/promises'
import { WeftError } from '../../base/errors.ts'
import { reportFailure } from '../failure.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { perform } from '../main.ts'
import { talk } from '../output.ts'
import { ROUTES } from '../routes.ts'
import { wordsIn } from '../words.ts'

export const define: Define = command =>
  command
    .addHelpText(
      'after',
      '\nEach line is what would stand after `weft mem`: recall "why did checkout fail", why 1a2b3c4d. `help` lists the commands, `exit` or Ctrl-D ends it.\nAll lines are about the node of the shell; a line may name another space. Read from a file or a pipe, it goes on after a line that fails, and ends with the exit code of the last that did.',
    )
    .action(action(async cli => await shell(cli)))

async function shell(cli: Invocation): Promise<number> {
  const { nodes } = await cli.request('memory.status', {})
  const { isTTY } = process.stdin
  const lines = createInterface({
    input: process.stdin,
    ...(isTTY ? { output: process.stderr } : {}),
    prompt: 'mem> ',
    completer: (line: string): [string[], string] => [NAMES.filter(name => name.startsWith(line)).map(name => `${name} `), line],
  })
  if (isTTY) talk(`${nodes} memories; help lists what can be asked, exit ends it`)
  let failed = 0
  const prompt = (): void => {
    if (isTTY) lines.prompt()
  }
  prompt()
  for await (const line of lines) {
    const words = wordsIn(line)
    if (words?.[0] === 'exit' || words?.[0] === 'quit') break
    failed = (await ask(cli, words)) || failed
    prompt()
  }
  lines.close()
  return isTTY ? 0 : failed
}

/** Commands that are written on one line and read nothing else. */
const NAMES = (ROUTES.find(({ name }) => name === 'mem')?.commands ?? []).map(({ name }) => name).filter(name => name !== 'shell')

async function ask(cli: Invocation, words: readonly string[] | undefined): Promise<number> {
  if (words === undefined) return reportFailure(new WeftError('usage', 'a quote is not closed'), cli.isJson)
  const [first = ''] = words
  if (first === '' || first.startsWith('#')) return 0
  if (first === 'shell') return reportFailure(new WeftError('usage', 'this is one already'), cli.isJson)
  if (words.includes('-')) return reportFailure(new WeftError('usage', 'standard input is what this shell reads'), cli.isJson)
  if (words.some(word => word === '--dir' || word.startsWith('--dir=')))
    return reportFailure(
      new WeftError('usage', `this shell is of one node, that in ${cli.dir}`, { next: 'weft mem shell --dir DIR is of another one' }),
      cli.isJson,
    )
  process.exitCode = 0
  const asked = first === 'help' ? [...words.slice(1), '--help'] : words
  // Before the words, of which the last counts: a line that names a space is about that one.
  const ofShell = ['--dir', cli.dir, ...(cli.isJson ? ['--json'] : []), 'mem', ...(cli.space === undefined ? [] : ['--space', cli.space])]
  const code = await perform([...ofShell, ...asked])
  process.exitCode = 0
  return code
}
