import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connect, createNode, joinNode, type WeftNode } from '../../node/index.ts'
import { ask, nodeAt, temporary } from '../cli/weft.ts'
import { readControlFile } from '../../node/host/directory.ts'

t.setTimeout(120_000)

const SECRET = 'swordfish under doormat'
const WORDS = ['swordfish', 'doormat']

/** Files below a folder, whatever they are, in which a word of the secret stands. */
function holding(dir: string): readonly string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .filter(file => WORDS.some(word => readFileSync(file).includes(word)))
    .map(file => file.slice(dir.length + 1))
}

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const endMs = Date.now() + 20_000; !(await holds()); await sleep(20)) if (Date.now() > endMs) throw new Error(`not in time: ${what}`)
}

t.test('what is erased is in no file of any node that had it: journal, saved fold, index, log', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-erase-'))
  const [first, second] = [join(dir, 'first'), join(dir, 'second')] as const
  const open = (at: string): Promise<WeftNode> => createNode({ dir: at, listen: at === first ? ['/ip4/127.0.0.1/tcp/0'] : [] })
  let a = await open(first)
  const { token } = await a.invite()
  await joinNode({ dir: second, token })
  let b = await open(second)
  const secret = await a.memory.remember(SECRET, { key: SECRET, source: SECRET, meta: { where: SECRET } })
  const other = await a.memory.remember('it was found out', { edges: [{ type: 'derived-from', to: secret.id }] })
  const read = await b.memory.recall(SECRET, { after: (await a.memory.status()).frontier, k: 5, deadlineMs: 20_000 })
  t.equal(read.hits[0]?.text, SECRET)
  // A stop saves the folds.
  await b.stop()
  await a.stop()
  t.ok(holding(first).length >= 2 && holding(second).length >= 2, `held by ${[...holding(first), ...holding(second)].join()}`)
  a = await open(first)
  b = await open(second)
  t.equal((await a.memory.forget(secret.id, { erase: true })).erased, true)
  t.strictSame(holding(first), [])
  await until('the other one to have erased it', () => holding(second).length === 0)
  await t.rejects(b.memory.get(secret.id), { code: 'erased' })
  t.match(await b.memory.get(other.id), { text: 'it was found out' })
  for (const node of [a, b]) t.match(await node.chain.verify({ all: true }), { valid: true })
  await b.stop()
  await a.stop()
  t.strictSame([...holding(first), ...holding(second)], [])
  rmSync(dir, { recursive: true, force: true })
})

t.test('a process that is killed in the middle of it loses nothing else, and it does not come back', async t => {
  const dir = join(temporary(t), 'node')
  await nodeAt(dir)
  for (const delayMs of [0, 2, 5, 9, 14]) {
    const node = await connect({ dir })
    const kept = await node.memory.remember(`kept ${delayMs}`)
    const { id } = await node.memory.remember(SECRET, { meta: { delayMs } })
    const control = readControlFile(dir)
    const forgotten = node.memory.forget(id, { erase: true }).catch(() => undefined)
    await sleep(delayMs)
    process.kill(control?.osPid as number, 'SIGKILL')
    await forgotten
    await nodeAt(dir)
    const again = await connect({ dir })
    await again.memory.forget(id, { erase: true })
    t.strictSame(holding(dir), [], `killed after ${delayMs} ms`)
    t.equal((await again.memory.get(kept.id)).text, `kept ${delayMs}`)
    t.match(await again.chain.verify({ all: true }), { valid: true })
  }
  await ask(['stop', '--dir', dir])
  t.strictSame(holding(dir), [])
})
