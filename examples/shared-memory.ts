/**
 * Two nodes of one cluster: what is remembered on one is recalled on the other, with its
 * reasons. In a program of your own: import { createNode, joinNode } from 'weftmesh'
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNode, joinNode } from '../node/index.ts'

const dir = mkdtempSync(join(tmpdir(), 'weft-shared-memory-'))
const ada = await createNode({ dir: join(dir, 'ada') }) // an empty directory becomes a cluster of one

const { token } = await ada.invite()
await joinNode({ dir: join(dir, 'ben'), token })
const ben = await createNode({ dir: join(dir, 'ben') })

const cause = await ada.memory.remember('The connection pool is exhausted at 200 connections', { meta: { service: 'checkout' } })
const outage = await ada.memory.remember('Checkout timed out on Friday evening')
await ada.memory.link(cause.id, 'causes', outage.id)
const { frontier } = await ada.memory.status()

// `after`: the answer waits until this node has seen what the other one wrote.
const { hits } = await ben.memory.recall('why did checkout time out', { k: 1, after: frontier, deadlineMs: 20_000 })
for (const hit of hits) {
  console.log(hit.text)
  const { paths } = await ben.memory.why(hit.id)
  for (const step of paths[0]?.steps.slice(1) ?? [])
    console.log(`  ${step.edge} <- ${step.text} (said by ${step.author === ada.nodeId ? 'ada' : 'ben'})`)
}

await Promise.all([ada.stop(), ben.stop()])
rmSync(dir, { recursive: true })
