import { Argument } from 'commander'
import { SPACE_ROLES, type SpaceRole } from '../../discovery/operation.ts'
import type { SpaceDetail, SpaceList } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { columns, plural, short, table } from '../text.ts'
import { renderOperation } from './member.ts'

export const defineList: Define = command => command.action(action(async cli => cli.print(await cli.request('space.list', {}), renderList)))

export const defineShow: Define = command =>
  command
    .argument('<name>')
    .action(action(async (cli, [space]: readonly [string]) => cli.print(await cli.request('space.show', { space }), renderDetail)))

export const defineCreate: Define = command =>
  command
    .argument('<name>', '1 to 64 of a-z 0-9 . _ -')
    .option('--private', 'only members with a role read and write in it; the others hold nothing of it')
    .option('--encrypted', 'private, and sealed with keys that readers hold: relays pass on what they cannot read')
    .addHelpText(
      'after',
      '\nThis node becomes an admin of the space. A space that nobody creates is open to all members, and begins with its first memory.',
    )
    .action(
      action(async (cli, [space]: readonly [string], options: { readonly private?: boolean; readonly encrypted?: boolean }) =>
        cli.print(await cli.request('space.create', { space, ...options }), renderOperation),
      ),
    )

export const defineGrant: Define = command =>
  command
    .argument('<name>')
    .argument('<node>', 'a member: its id, or 6 or more of the last characters of it')
    .addArgument(new Argument('<role>', 'each includes those before it').choices(SPACE_ROLES))
    .option('--no-history', 'of an encrypted space: with a new key, and none of the earlier ones')
    .action(
      action(
        async (
          cli,
          [space, nodeId, role]: readonly [string, string, Exclude<SpaceRole, 'none'>],
          { history }: { readonly history: boolean },
        ) => cli.print(await cli.request('space.grant', { space, nodeId, role, history }), renderOperation),
      ),
    )

export const defineRotate: Define = command =>
  command
    .argument('<name>')
    .addHelpText(
      'after',
      '\nWhoever reads it gets the new key, and what is written from then on is sealed with it. A revocation does this by itself.',
    )
    .action(action(async (cli, [space]: readonly [string]) => cli.print(await cli.request('space.rotate', { space }), renderOperation)))

export const defineRevoke: Define = command =>
  command
    .argument('<name>')
    .argument('<node>', 'a member: its id, or 6 or more of the last characters of it')
    .addHelpText('after', '\nWhat it has received it keeps; it receives nothing that is written by those who know of this.')
    .action(
      action(async (cli, [space, nodeId]: readonly [string, string]) =>
        cli.print(await cli.request('space.revoke', { space, nodeId }), renderOperation),
      ),
    )

function renderList({ spaces }: SpaceList): string {
  return table(
    ['space', 'memories', 'readers', 'writers', 'encrypted', 'this node'],
    spaces.map(({ space, memories, readers, writers, encrypted, role, taken }) => [
      space,
      taken ? String(memories) : 'no copy',
      countOf(readers),
      countOf(writers),
      encrypted ? 'yes' : 'no',
      roleText(role),
    ]),
    '',
  )
}

function countOf(nodes: readonly string[] | null): string {
  return nodes === null ? 'all' : String(nodes.length)
}

export function renderDetail({
  space,
  memories,
  authors,
  created,
  readers,
  members,
  role,
  taken,
  void: voids,
  frontier,
  encrypted,
  sealed,
  keys,
}: SpaceDetail): string {
  return columns([
    ['space', space],
    ['for', `${readers === null ? 'all members' : 'members with a role'}${created ? '' : ', as nobody has created it'}`],
    ['this node', roleText(role)],
    ...(encrypted
      ? [['encrypted', `yes, ${role === 'relay' ? 'and this node passes on what it cannot read' : keysText(keys, sealed)}`]]
      : []),
    ...members.map(member => ['role', `${member.nodeId} ${roleText(member.role)}`]),
    ['memories', taken ? plural(memories, 'memory', 'memories') : 'this node keeps no copy'],
    ['authors', authors.map(short).join(', ')],
    ...(voids === 0 ? [] : [['void', `${plural(voids, 'record')}: weft mem conflicts --space ${space}`]]),
    ['frontier', frontier],
  ])
}

function keysText(keys: number, sealed: number): string {
  return `with ${plural(keys, 'key')}${sealed === 0 ? '' : `; ${plural(sealed, 'record waits', 'records wait')} here for one`}`
}

function roleText(role: SpaceRole): string {
  return role === 'none' ? 'no role' : role
}
