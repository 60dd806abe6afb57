import { join } from 'node:path'
import t from 'tap'
import type { CoherenceReport, CommunityList, ImpulseRecord, Location, ProposalList, TickReport } from '../../node/cognition/api.ts'
import type { NodeStatus, Receipt } from '../../node/index.ts'
import { ask, lines, temporary, until, weft } from './weft.ts'

t.test('what a memory says of itself, from the command line', { timeout: 60_000 }, async t => {
  const dir = join(temporary(t), 'node')
  await ask(['init', '--dir', dir])
  await ask(['start', '-d', '--dir', dir, '--cognition-tick', 'on', '--cognition-share', '0.5'])
  t.teardown(() => weft(['stop', '--dir', dir]))
  const mem = <T>(...args: readonly string[]): Promise<T> => ask<T>(['mem', ...args, '--dir', dir])

  const pool = await mem<Receipt>('remember', 'checkout pool size: 200')
  const unlinked = (await weft(['mem', 'coherence', '--dir', dir])).stdout
  t.match(unlinked, /^memories +1, 0 linked pairs\nparts +none: no memories are linked\n/)
  const other = await mem<Receipt>('remember', 'checkout pool size: 100')
  const outage = await mem<Receipt>('remember', 'checkout timed out')
  await mem('link', pool.id, 'causes', outage.id)
  await mem('link', other.id, 'causes', outage.id)
  const impulses = async (): Promise<readonly ImpulseRecord[]> => {
    const { stdout } = await weft(['mem', 'impulses', '--json', '--dir', dir])
    return stdout === '' ? [] : lines(stdout)
  }
  let noticed: readonly ImpulseRecord[] = []
  await until('the contradiction to be noticed', async () => {
    noticed = await impulses()
    return noticed.length > 0
  })
  t.match(noticed, [{ kind: 'coherence-alert', reason: 'same-subject', about: [pool.id, other.id].sort(), count: 1 }])
  t.match((await weft(['mem', 'impulses', '--dir', dir])).stdout, /coherence-alert same-subject/)
  t.equal((await ask<NodeStatus>(['status', '--dir', dir])).impulses, 1)
  t.same(await mem('impulses', '--ack', 'all'), { acknowledged: 1 })
  t.same(await impulses(), [])
  t.equal((await weft(['mem', 'impulses', '--ack', 'some', '--dir', dir])).code, 64)

  t.match(await mem<TickReport>('tick'), { ticking: 'on', waiting: 0, capacity: { p50Us: Number, p95Us: Number } })
  t.match(await mem<CoherenceReport>('coherence', '--plain', '--anywhere'), {
    memories: 3,
    links: 2,
    parts: 1,
    connectivity: 1,
    converged: true,
  })
  t.match((await weft(['mem', 'coherence', '--dir', dir])).stdout, /would come apart first/)
  t.match(await mem<CommunityList>('communities'), { count: 1, communities: [{ size: 3, words: ['checkout', 'pool', 'size'] }] })
  const { stdout: shown } = await weft(['mem', 'communities', '--dir', dir])
  t.match(shown, /^checkout, pool, size  3 memories\n(  [0-9a-f]{8}  .*\n){2}  and 1 more\n$/m)
  t.same((await mem<ProposalList>('proposals')).proposals, [])
  t.equal((await weft(['mem', 'confirm', 'abcd', '--dir', dir])).code, 1)
  const found = await mem<Location>('locate', pool.id.slice(0, 8))
  t.match(found, { id: pool.id, log: pool.log, seq: pool.seq, graph: { role: 'memory', links: 1 } })
  t.same(await mem('locate', `${pool.log}/${pool.seq}`), found)
  for (const command of [['communities'], ['proposals'], ['tick'], ['locate', pool.id]])
    t.equal((await weft(['mem', ...command, '--dir', dir])).code, 0, command.join(' '))
})
