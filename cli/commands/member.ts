import type { MemberList, OperationResult } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { commaList, positive } from '../parse.ts'
import { plural, short, table } from '../text.ts'

export const defineList: Define = command =>
  command.action(action(async cli => cli.print(await cli.request('member.list', {}), renderList)))

export const defineApprove: Define = command =>
  command
    .argument('<operation>', 'its id, or 8 or more of its first digits (weft member list)')
    .action(
      action(async (cli, [operation]: readonly [string]) => cli.print(await cli.request('member.approve', { operation }), renderOperation)),
    )

export const defineRetire: Define = command =>
  command
    .argument('<nodeId>')
    .action(action(async (cli, [nodeId]: readonly [string]) => cli.print(await cli.request('member.retire', { nodeId }), renderOperation)))

export const defineRevoke: Define = command =>
  command
    .argument('<nodeId>')
    .option('--reason <text>', 'recorded with it')
    .action(
      action(async (cli, [nodeId]: readonly [string], { reason }: { readonly reason?: string }) =>
        cli.print(await cli.request('member.revoke', { nodeId, reason }), renderOperation),
      ),
    )

export const definePolicy: Define = command =>
  command
    .requiredOption('--admins <nodeIds>', 'who decides from now on, with commas between them', commaList)
    .requiredOption('--threshold <k>', 'how many of them must agree', positive)
    .action(
      action(async (cli, _, { admins, threshold }: { readonly admins: readonly string[]; readonly threshold: number }) => {
        cli.print(await cli.request('member.policy', { admins, threshold }), renderOperation)
      }),
    )

function renderList({ name, cluster, threshold, members, pending }: MemberList): string {
  const admins = members.filter(member => member.isAdmin).length
  const rows = table(
    ['node', 'role', 'status', ''],
    members.map(member => [member.nodeId, member.role, member.status, member.isAdmin ? 'admin' : '']),
    '',
  )
  const waiting = pending.map(
    row =>
      `\n${short(row.operation)}  ${row.what}: ${row.admins.length} of ${row.needed} signatures (weft member approve ${short(row.operation)})`,
  )
  return `${name} (${cluster}), ${threshold} of ${plural(admins, 'admin')} decide\n\n${rows}\n${waiting.join('')}`
}

export function renderOperation({ operation, decided }: OperationResult): string {
  return decided ? 'done' : `proposed: other admins must agree, with weft member approve ${short(operation)}`
}
