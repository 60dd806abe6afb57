/**
 * Follows a memory: what is new is told in order and nothing is missed, however slowly one
 * reads. In a program of your own: import { createNode } from 'weftmesh'
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNode } from '../node/index.ts'

const dir = mkdtempSync(join(tmpdir(), 'weft-watch-'))
const node = await createNode({ dir })
const { memory } = node

const { frontier } = await memory.status()
const before = await memory.remember('Deploys run on Fridays', { key: 'deploy-day' })
await memory.remember('Deploys run on Tuesdays', { key: 'deploy-day' }) // the same key: this replaces it

for await (const change of memory.watch({ after: frontier })) {
  if (change.kind !== 'memory') continue
  console.log(`${change.text} (${change.state})`)
  if (change.state === 'current') break
}
console.log(`then: ${(await memory.get(before.id)).state}`)

await node.stop()
rmSync(dir, { recursive: true })
