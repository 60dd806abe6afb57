import { join } from 'node:path'
import t from 'tap'
import { renderDetail } from '../../cli/commands/space.ts'
import type { OperationResult, Receipt, Recollection, SpaceDetail, SpaceList } from '../../node/index.ts'
import { ask, failure, lines, nodeAt, type RunOptions, temporary, weft } from './weft.ts'

t.test('spaces on the command line, from the first to the last', { timeout: 60_000 }, async t => {
  const dir = join(temporary(t), '.weft')
  await nodeAt(dir)
  const at: RunOptions = { env: { WEFT_DIR: dir } }
  t.equal((await ask<OperationResult>(['space', 'create', 'plans', '--encrypted'], at)).decided, true)
  await ask(['mem', 'remember', '--space', 'plans', 'we move in May'], at)
  const made = await ask<Receipt>(['mem', '--space', 'notes', 'remember', 'the door sticks'], at)
  const stuck = await ask<Receipt>(['mem', '--space', 'notes', 'remember', 'nobody comes in'], at)
  const { id: toAll } = await ask<Receipt>(['mem', 'remember', 'to all'], at)
  const recall = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<readonly string[]> =>
    ask<Recollection>(['mem', 'recall', 'move door all', ...args], { ...at, env: { ...at.env, ...env } }).then(({ hits }) =>
      hits.map(({ text }) => text),
    )
  t.same(await recall(['--space', 'plans']), ['we move in May'])
  t.same(await recall([], { WEFT_SPACE: 'notes' }), ['the door sticks'])
  t.same(await recall(['--space', 'main'], { WEFT_SPACE: 'notes' }), ['to all'], '--space before WEFT_SPACE')
  const session = await weft(['mem', 'shell'], {
    env: { ...at.env, WEFT_SPACE: 'notes' },
    input: 'recall "move door" --space plans --json\nrecall "move door" --json\n',
  })
  t.same(
    lines<Recollection>(session.stdout).map(({ hits }) => hits.map(({ text }) => text)),
    [['we move in May'], ['the door sticks']],
    'a line of a shell may name another space than the shell',
  )
  const { spaces } = await ask<SpaceList>(['space', 'list'], at)
  t.same(
    spaces.map(({ space, memories, created, encrypted, role, taken }) => [space, memories, created, encrypted, role, taken]),
    [
      ['main', 1, false, false, 'write', true],
      ['notes', 2, false, false, 'write', true],
      ['plans', 1, true, true, 'admin', true],
    ],
  )
  await ask(['space', 'rotate', 'plans'], at)
  const { nodeId } = await ask<{ nodeId: string }>(['id'], at)
  const detail = await ask<SpaceDetail>(['space', 'show', 'plans'], at)
  t.match(detail, { keys: 2, sealed: 0, void: 0, members: [{ nodeId, role: 'admin' }] })
  t.match(renderDetail({ ...detail, role: 'read', sealed: 2 }), /encrypted +yes, with 2 keys; 2 records wait here for one\n/)
  t.match(
    renderDetail({ ...detail, role: 'relay', sealed: 2 }),
    /encrypted +yes, and this node passes on what it cannot read\n/,
    'a relay waits for no key',
  )
  const shown = await weft(['space', 'show', 'plans'], at)
  t.match(shown.stdout, /encrypted +yes, with 2 keys\n/)
  t.match((await weft(['space', 'list'], at)).stdout, /plans +1 +1 +1 +yes +admin\n/)
  const rows: readonly (readonly [args: readonly string[], code: string])[] = [
    [['space', 'create', 'plans'], 'space_exists'],
    [['space', 'grant', 'plans', 'nobody', 'read'], 'unknown_id'],
    [['space', 'grant', 'plans', nodeId, 'owner'], 'usage'],
    [['space', 'grant', 'main', nodeId, 'read'], 'invalid_argument'],
    [['mem', 'recall', 'x', '--space', 'nowhere'], 'unknown_space'],
    [['mem', 'link', toAll, 'causes', made.id], 'other_space'],
  ]
  for (const [args, code] of rows) t.match((await weft(args, at)).stderr, `(${code})`, args.join(' '))
  t.match((await weft(['mem', 'show', made.id], at)).stdout, /space +notes\n/, 'an id is found in whatever space it is')
  const linked = await weft(['mem', 'link', made.id, 'causes', stuck.id], at)
  t.match([linked.stdout, linked.stderr], [/^[0-9a-f]{64}\n$/, 'in space notes: weft mem recall --space notes looks there'])
  t.match((await failure(['space', 'revoke', 'main', nodeId], at)).next, /^weft space create NAME/)
  await ask(['space', 'revoke', 'plans', nodeId.slice(-8)], at)
  t.match((await weft(['mem', 'recall', 'x', '--space', 'plans'], at)).stderr, '(not_granted)')
})
