import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { isAlive } from '../../cli/background.ts'
import type { LocalNode } from '../../cli/cluster/local-cluster.ts'
import type {
  MemberList,
  MemoryStatus,
  NodeStatus,
  OperationResult,
  PeerList,
  ProcessList,
  Receipt,
  Recollection,
} from '../../node/index.ts'
import { ask, failure, temporary, until, weft } from './weft.ts'

const COUNTER: string = fileURLToPath(new URL('../../examples/counter.js', import.meta.url))

const HEX: RegExp = /^[0-9a-f]{64}$/

interface Nodes {
  readonly nodes: readonly LocalNode[]
}

t.test('a cluster of three real nodes, from up to purge', { timeout: 100_000 }, async t => {
  const root = temporary(t)
  const dir = join(root, 'mesh')
  const at = (name: string): readonly string[] => ['--dir', join(dir, name)]
  const cluster = <T>(...args: readonly string[]): Promise<T> => ask(['cluster', ...args, '--dir', dir])
  const peers = async (name: string): Promise<Readonly<Record<string, string>>> => {
    const { peers } = await ask<PeerList>(['peers', ...at(name)])
    return Object.fromEntries(peers.map(({ nodeId, state }) => [nodeId, state]))
  }

  // Another one comes up meanwhile: they share nothing.
  const [{ nodes }, { nodes: alone }] = await Promise.all([
    cluster<Nodes>('up', '-n', '3'),
    ask<Nodes>(['cluster', 'up', '-n', '1', '--dir', join(root, 'alone')]),
  ])
  t.same(
    nodes.map(({ name, dir, ready }) => [name, dir, ready]),
    ['n1', 'n2', 'n3'].map(name => [name, join(dir, name), true]),
  )
  t.match(alone, [{ name: 'n1', ready: true, osPid: Number }])
  const [n1, n2, n3] = nodes.map((node): string => node.nodeId) as [string, string, string]
  t.same(await cluster('status'), { nodes })
  const clusters = await Promise.all(nodes.map(node => ask<{ cluster: string }>(['id', '--dir', node.dir])))
  t.equal(new Set(clusters.map(row => row.cluster)).size, 1, 'they joined one cluster')
  t.same(await peers('n2'), { [n1]: 'up', [n3]: 'up' }, 'connected to each other, not only to the first')
  t.same((await cluster<Nodes>('up')).nodes, nodes, 'what runs is left alone')

  await t.test(
    'its nodes are processes of their own',
    { skip: process.platform === 'linux' ? false : 'descriptors are looked up in /proc' },
    async t => {
      for (const { osPid, dir } of nodes) {
        const open = readdirSync(`/proc/${osPid}/fd`).map(fd => linkOf(`/proc/${osPid}/fd/${fd}`))
        t.same(
          [0, 1, 2].map(fd => linkOf(`/proc/${osPid}/fd/${fd}`)),
          ['/dev/null', join(dir, 'node.log'), join(dir, 'node.log')],
        )
        t.same(
          open.filter(path => path.startsWith('/') && !/^(\/dev\/|\/proc\/)/.test(path) && !path.startsWith(dir)),
          [],
          'none of ours, none of another node',
        )
        t.match(
          readFileSync(`/proc/${osPid}/stat`, 'utf8'),
          new RegExp(`^${osPid} \\(.*\\) [A-Z] \\d+ \\d+ ${osPid} `),
          'a session of its own',
        )
      }
    },
  )

  await t.test('what one remembers, another recalls; what runs on one, another calls', async t => {
    const cause = await ask<Receipt>(['mem', 'remember', 'The certificate of the gateway expired', ...at('n1')])
    await ask(['mem', 'remember', 'Logins failed for an hour', '--follows', cause.id, ...at('n1')])
    const { frontier } = await ask<MemoryStatus>(['mem', 'status', ...at('n1')])
    const { hits } = await ask<Recollection>([
      'mem',
      'recall',
      'gateway certificate',
      '-k',
      '1',
      '--after',
      frontier,
      '--deadline',
      '20s',
      ...at('n3'),
    ])
    t.match(hits, [{ id: cause.id, author: n1 }])
    const { address } = await ask<{ address: string }>(['spawn', COUNTER, '--name', 'counter', ...at('n2')])
    t.same(await ask(['call', `${n2}:counter`, 'add', '5', ...at('n1')]), { result: 5 })
    t.same(await ask(['call', address, 'add', '5', ...at('n3')]), { result: 10 })
    const { processes, silent } = await ask<ProcessList>(['ps', '--cluster', ...at('n3')])
    t.match([processes, silent], [[{ address, name: 'counter', node: n2, state: 'running' }], []])
  })

  await t.test('a partition cuts both ways, holds across a restart, and heals', async t => {
    t.same(await cluster('partition', 'n1,n2', 'n3'), { groups: [['n1', 'n2'], ['n3']] })
    t.same(await peers('n3'), { [n1]: 'down', [n2]: 'down' })
    t.same(await peers('n1'), { [n2]: 'up', [n3]: 'down' })
    const cross = await failure(['call', `${n2}:counter`, 'add', '5', ...at('n3')])
    t.same([cross.code, cross.exit], ['unreachable', 2])
    t.same(await ask(['call', `${n2}:counter`, 'add', '5', ...at('n1')]), { result: 15 }, 'within a side all is well')
    const left = await ask<Receipt>(['mem', 'remember', 'The left side chose a new certificate', ...at('n1')])
    const right = await ask<Receipt>(['mem', 'remember', 'The right side extended the old certificate', ...at('n3')])

    t.match(await cluster<LocalNode>('restart', 'n3'), { name: 'n3', nodeId: n3, ready: true, http: nodes[2]?.http })
    t.same(await peers('n3'), { [n1]: 'down', [n2]: 'down' }, 'still cut off')
    t.same(
      (await ask<Recollection>(['mem', 'recall', 'certificate side', '-k', '9', ...at('n3')])).hits.map(hit => hit.id).includes(left.id),
      false,
    )

    t.same(await cluster('heal'), { healed: ['n1', 'n2', 'n3'] })
    await until('one frontier', async () => {
      const all = await Promise.all(['n1', 'n2', 'n3'].map(name => ask<NodeStatus>(['status', ...at(name)])))
      return new Set(all.map(status => status.frontierAll)).size === 1 && all.every(status => status.publishing)
    })
    for (const name of ['n1', 'n2', 'n3']) {
      const { hits } = await ask<Recollection>(['mem', 'recall', 'certificate side', '-k', '9', '--no-spread', ...at(name)])
      t.same(new Set(hits.map(hit => hit.id)).has(left.id) && new Set(hits.map(hit => hit.id)).has(right.id), true, `${name} has both`)
    }
    t.match(await ask(['chain', 'verify', '--all', ...at('n3')]), { valid: true })
  })

  await t.test('nodes in no group form one more', async t => {
    t.same(await cluster('partition', 'n2'), { groups: [['n2'], ['n1', 'n3']] })
    t.same(await peers('n1'), { [n2]: 'down', [n3]: 'up' })
    await cluster('heal')
    for (const [args, says] of [
      [['partition', 'n1,n9'], /there is no node n9: there are n1, n2, n3/],
      [['partition', 'n1', 'n1'], /n1 is named twice/],
      [['kill', 'n9'], /no node n9/],
    ] as const) {
      const failed = await failure(['cluster', ...args, '--dir', dir])
      t.same([failed.code, failed.exit], ['invalid_argument', 64])
      t.match(failed.message, says)
    }
  })

  await t.test('a node that is killed comes back as it was, and up starts only that', async t => {
    const running = (await cluster<Nodes>('status')).nodes
    t.same(await cluster('kill', 'n2'), { name: 'n2', osPid: running[1]?.osPid })
    t.match((await cluster<Nodes>('status')).nodes[1], { name: 'n2', osPid: null, http: null, ready: false })
    const again = await failure(['cluster', 'kill', 'n2', '--dir', dir])
    t.same([again.code, again.exit], ['not_running', 2])

    const { nodes: back } = await cluster<Nodes>('up')
    t.same([back[0], back[2]], [running[0], running[2]])
    t.equal(back[1]?.http, running[1]?.http, 'its ports are kept')
    t.not(back[1]?.osPid, running[1]?.osPid)
    t.same(await peers('n2'), { [n1]: 'up', [n3]: 'up' })
    t.equal((await ask<MemoryStatus>(['mem', 'status', ...at('n2')])).nodes, 4)
  })

  await t.test('no process is ended that is not a node of the cluster', async t => {
    await cluster('kill', 'n3')
    const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    t.teardown(() => void bystander.kill('SIGKILL'))
    await new Promise(resolve => bystander.once('spawn', resolve))
    // What a node leaves behind whose process id has been given to another program, and its port to another node.
    const { url, token } = JSON.parse(readFileSync(join(dir, 'n1', 'control.json'), 'utf8')) as { url: string; token: string }
    writeFileSync(join(dir, 'n3', 'control.json'), JSON.stringify({ url, token, osPid: bystander.pid }))
    const failed = await failure(['cluster', 'kill', 'n3', '--dir', dir])
    t.same([failed.code, failed.exit], ['not_running', 2])
    t.ok(isAlive(bystander.pid as number))
    t.match((await cluster<Nodes>('status')).nodes, [{ ready: true }, { ready: true }, { ready: false }])
    t.match(await cluster<LocalNode>('restart', 'n3'), { name: 'n3', ready: true })
  })

  await t.test('two admins must agree, and whom they throw out is out', async t => {
    t.match(await ask(['member', 'policy', '--admins', `${n1},${n2}`, '--threshold', '2', ...at('n1')]), { decided: true, operation: HEX })
    await until('the policy on n2', async () => (await ask<MemberList>(['member', 'list', ...at('n2')])).threshold === 2)
    const refused = await failure(['member', 'revoke', n1, ...at('n3')])
    t.same([refused.code, refused.exit], ['not_admin', 1])

    const proposed = await ask<OperationResult>(['member', 'revoke', n3, '--reason', 'its key was copied', ...at('n1')])
    t.equal(proposed.decided, false)
    const { pending } = await ask<MemberList>(['member', 'list', ...at('n1')])
    t.match(pending, [{ operation: proposed.operation, admins: [n1], needed: 2 }])
    await until('the proposal on n2', async () => (await ask<MemberList>(['member', 'list', ...at('n2')])).pending.length === 1)
    t.same(await ask(['member', 'approve', proposed.operation.slice(0, 8), ...at('n2')]), { operation: proposed.operation, decided: true })

    await until('its end on n1', async () => (await peers('n1'))[n3] === 'down')
    const { members } = await ask<MemberList>(['member', 'list', ...at('n1')])
    t.same(
      members.map(({ nodeId, status }) => [nodeId, status]).sort(),
      [
        [n1, 'member'],
        [n2, 'member'],
        [n3, 'revoked'],
      ].sort(),
    )
  })

  t.match(
    (await weft(['cluster', 'status', '--dir', dir])).stdout,
    new RegExp(`^name +state +node +process +control +directory\\nn1 +running +${n1} `),
  )
  const last = (await cluster<Nodes>('status')).nodes
  t.same(await cluster('down'), { stopped: ['n1', 'n2', 'n3'], purged: false })
  for (const { osPid } of last) t.notOk(isAlive(osPid as number))
  t.same(
    (await cluster<Nodes>('status')).nodes.map(node => node.ready),
    [false, false, false],
  )
  t.same(await cluster('down', '--purge'), { stopped: [], purged: true })
  t.notOk(existsSync(dir))
  t.same((await ask<Nodes>(['cluster', 'status', '--dir', join(root, 'alone')])).nodes, alone, 'the other one never noticed')
})

/** A descriptor can go while it is looked at. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
