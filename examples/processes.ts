/**
 * A node with a process in it, called and watched from the program around it. In a program of
 * your own: import { createNode } from 'weftmesh'
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createNode } from '../node/index.ts'

const dir = mkdtempSync(join(tmpdir(), 'weft-processes-'))
const node = await createNode({ dir })

// From a module of its own, or a function or class of this program.
await node.spawn(fileURLToPath(new URL('./counter.js', import.meta.url)), { name: 'counter' })
await node.spawn(() => ({ onCall: { shout: (text: string) => text.toUpperCase() } }), { name: 'herald' })

console.log(await node.call('counter', 'add', 2))
console.log(await node.call('counter', 'add', 3))
console.log(await node.call('herald', 'shout', 'a counter counts', { deadlineMs: 500 }))
console.log((await node.ps()).processes.map(process => process.name))

// Whoever waits for an end hears of it, and a call to what is gone says so.
const ended = node.monitor('counter')
await node.kill('counter')
console.log((await ended).reason)
console.log(await node.send('counter', 'are you there?'))

await node.stop()
rmSync(dir, { recursive: true })
