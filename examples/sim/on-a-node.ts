/**
 * The agent of `night-shift.ts` on a real node: the same function, unchanged. In a program of
 * your own: import { createNode } from 'weftmesh'
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNode } from '../../node/index.ts'
import watchman from './watchman.ts'

const dir = mkdtempSync(join(tmpdir(), 'weft-on-a-node-'))
const node = await createNode({ dir })

await node.spawn(watchman, { name: 'watchman' })
for (const tick of [1, 2, 3]) console.log(await node.send('watchman', { tick }))
console.log(await node.call('watchman', 'rounds'))

const { memories } = await node.memory.list({})
for (const { text } of memories) console.log(text)

await node.stop()
rmSync(dir, { recursive: true })
