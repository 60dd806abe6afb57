import type { SpaceDetail, SpaceList } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { columns, plural, short, table } from '../text.ts'

export const defineList: Define = command => command.action(action(async cli => cli.print(await cli.request('space.list', {}), renderList)))

export const defineShow: Define = command =>
  command
    .argument('<name>')
    .action(action(async (cli, [space]: readonly [string]) => cli.print(await cli.request('space.show', { space }), renderDetail)))

function renderList({ spaces }: SpaceList): string {
  return table(
    ['space', 'memories', 'authors'],
    spaces.map(({ space, memories, authors }) => [space, String(memories), String(authors.length)]),
    '',
  )
}

function renderDetail({ space, memories, authors, frontier }: SpaceDetail): string {
  return columns([
    ['space', space],
    ['memories', plural(memories, 'memory', 'memories')],
    ['authors', authors.map(short).join(', ')],
    ['frontier', frontier],
  ])
}
