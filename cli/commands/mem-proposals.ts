import type { Confirmed, ProposalList } from '../../node/cognition/api.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { firstLine, short } from '../text.ts'

export const defineList: Define = command =>
  command
    .addHelpText(
      'after',
      '\nIt counts what comes soon after what, more often than by chance. That is no proof: a third thing may cause both.',
    )
    .action(action(async cli => cli.print(await cli.askSlowly('memory.proposals', {}), render)))

export const defineConfirm: Define = command =>
  command
    .argument('<proposal>', 'its name, or 4 or more of its first digits')
    .addHelpText('after', '\nWrites the link, and a memory that says why, derived from those that speak for it.')
    .action(
      action(async (cli, [proposal]: readonly [string]) => cli.print(await cli.askSlowly('memory.confirm', { proposal }), renderConfirmed)),
    )

export const defineReject: Define = command =>
  command
    .argument('<proposal>', 'its name, or 4 or more of its first digits')
    .action(
      action(async (cli, [proposal]: readonly [string]) =>
        cli.print(await cli.askSlowly('memory.reject', { proposal }), ({ rejected }) => `${rejected} is not proposed again on this node`),
      ),
    )

function render({ proposals }: ProposalList): string {
  if (proposals.length === 0) return 'nothing is proposed'
  return proposals
    .map(({ proposal, type, cause, effect, from, to, score, evidence }) =>
      [
        `${proposal}  ${styled('bold', `${cause} ${type} ${effect}`)}  score ${score.toFixed(2)}`,
        `  ${effect} came soon after ${evidence.followed} of ${evidence.causes}, by chance ${evidence.expected} would; the other way round ${evidence.reversed}`,
        `  ${short(from.id)}  ${firstLine(from.text, 12)}`,
        `  ${short(to.id)}  ${firstLine(to.text, 12)}`,
      ].join('\n'),
    )
    .join('\n')
}

function renderConfirmed({ link, finding }: Confirmed): string {
  return `link ${link.id}\nwhy  ${finding.id}`
}
