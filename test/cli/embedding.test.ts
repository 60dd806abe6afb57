/** The command line with an embedder: a server on this machine, and a model in a folder. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Check } from '../../cli/doctor.ts'
import type { EmbeddingStatus, MemoryStatus, NodeStatus, Recollection } from '../../node/index.ts'
import { embed, type EmbeddingServer, embeddingServer } from '../node/embedding-server.ts'
import { transformersStandIn } from '../node/transformers-stand-in.ts'
import { ask, codeAndExit, failure, nodeAt, temporary, weft } from './weft.ts'

interface Reembedded {
  readonly embedder: string
  readonly embedded: number
  readonly refused: number
  readonly retired: number
}

const KEY = 'secret-key-of-the-server'

function settingsFor(server: EmbeddingServer, model: string = 'words'): string {
  return `[memory]
embedder = "openai"
embedder_url = "${server.url}"
embedder_model = "${model}"
embedder_dims = 768
embedder_key_env = "MY_KEY"
`
}

/** A node in a directory with these settings. */
async function nodeWith(t: Test, settings: string): Promise<string> {
  const dir = join(temporary(t), 'node')
  await ask(['init', '--dir', dir])
  writeFileSync(join(dir, 'weft.toml'), settings)
  await start(dir)
  return dir
}

function start(dir: string): Promise<unknown> {
  return ask(['start', '-d', '--dir', dir], { env: { MY_KEY: KEY } })
}

async function embedderCheck(dir: string): Promise<Check | undefined> {
  const { stdout } = await weft(['doctor', '--json', '--dir', dir], { env: { MY_KEY: KEY } })
  return (JSON.parse(stdout) as { checks: readonly Check[] }).checks.find(({ check }) => check === 'embedder')
}

t.test('a server embeds memories and questions; without it everything else goes on', { timeout: 100_000 }, async t => {
  const server = await embeddingServer(t)
  const dir = await nodeWith(t, settingsFor(server))
  const at = ['--dir', dir]
  for (const text of ['the pool is exhausted at 200 connections', 'checkout timed out on Friday'])
    await ask(['mem', 'remember', text, ...at])
  t.match(await ask<Reembedded>(['mem', 'reembed', ...at]), { embedder: 'openai:words:768', refused: 0, retired: 0 })
  const found = await ask<Recollection>(['mem', 'recall', 'exhausted pools', ...at])
  t.equal(found.vectors, 'used')
  t.equal(found.hits[0]?.parts.vector, 1)
  t.ok(server.asked.every(({ authorization, path }) => authorization === `Bearer ${KEY}` && path === '/v1/embeddings'))
  const status = (await ask<MemoryStatus>(['mem', 'status', ...at])).embedder as EmbeddingStatus
  t.match(status, { embedder: 'openai:words:768', dims: 768, state: 'idle', waiting: 0, embedded: 2, refused: 0 })
  t.same((await ask<NodeStatus>(['status', ...at])).embedder, status)
  t.match((await weft(['mem', 'status', ...at])).stdout, /\nembedder +openai:words:768, idle\n/)
  t.match(await embedderCheck(dir), { result: 'ok', detail: /^openai:words:768 answers in \d+ ms$/ })

  await server.close()
  await ask(['mem', 'remember', 'the disk is full', ...at])
  const down = await ask<Recollection>(['mem', 'recall', 'is the disk full', ...at])
  t.same([down.vectors, down.hits[0]?.text], ['down', 'the disk is full'])
  t.match((await weft(['mem', 'recall', 'is the disk full', ...at])).stdout, /\nby words alone: the embedder does not work/)
  t.match(await embedderCheck(dir), { result: 'warn', detail: /ECONNREFUSED/ })
  t.same(codeAndExit(await failure(['mem', 'reembed', ...at])), { code: 'embedder_unavailable', exit: 1 })

  await ask(['stop', ...at])
  t.match(await embedderCheck(dir), { result: 'warn', detail: /ECONNREFUSED/ }, 'and of a node that does not run')
  const again = await embeddingServer(t, server.port)
  t.match(await embedderCheck(dir), { result: 'ok', detail: /^openai:words:768 answers/ })
  await start(dir)
  t.same((await ask<Reembedded>(['mem', 'reembed', ...at])).refused, 0)
  t.same(
    again.asked.flatMap(({ input }) => input).filter(text => !text.startsWith('weft')),
    ['the disk is full'],
    'what lacked a vector was found again',
  )

  await ask(['stop', ...at])
  writeFileSync(join(dir, 'weft.toml'), settingsFor(server, 'others'))
  again.usually = embed({ model: 'others-v2' })
  await start(dir)
  t.match(await ask<Reembedded>(['mem', 'reembed', '--retire-old', ...at]), { embedder: 'openai:others:768', retired: 3 })
  const { embedder, ...rest } = await ask<MemoryStatus>(['mem', 'status', ...at])
  t.match([embedder, rest], [{ waiting: 0 }, { nodes: 3 }])
  again.usually = embed({ dims: 767 })
  t.match(await ask<Recollection>(['mem', 'recall', 'something else', ...at]), { vectors: 'down' })
  t.match(await failure(['mem', 'reembed', ...at]), { code: 'embedder_changed', message: /767 numbers, not 768/, next: /embedder_dims/ })
  t.notMatch(readFileSync(join(dir, 'node.log'), 'utf8'), KEY)
})

t.test('a model on this machine does the same; a node without an embedder says so', { timeout: 60_000 }, async t => {
  const { near, path } = transformersStandIn(t)
  const dir = join(near, 'node')
  await ask(['init', '--dir', dir])
  t.teardown(() => weft(['stop', '--dir', dir]))
  await nodeAt(dir)
  t.equal((await ask<MemoryStatus>(['mem', 'status', '--dir', dir])).embedder, null)
  t.equal(await embedderCheck(dir), undefined)
  t.match(await failure(['mem', 'reembed', '--dir', dir]), { code: 'embedder_none', exit: 1 })
  await ask(['stop', '--dir', dir])
  const flags = ['--embedder', 'transformers', '--embedder-model', 'letters', '--embedder-dims', '16', '--embedder-path', path]
  await ask(['start', '-d', '--dir', dir, ...flags])
  await ask(['mem', 'remember', 'aaa bbb', '--dir', dir])
  t.match(await ask<Reembedded>(['mem', 'reembed', '--dir', dir]), { embedder: 'transformers:letters:16', refused: 0 })
  t.equal((await ask<Recollection>(['mem', 'recall', 'bbb aaa', '--dir', dir])).vectors, 'used')
})

t.test('a node does not start with an embedder that cannot work', async t => {
  const dir = join(temporary(t), 'node')
  await ask(['init', '--dir', dir])
  const failed = await failure(['start', '--embedder', 'openai', '--embedder-model', 'm', '--embedder-dims', '3', '--dir', dir])
  t.same(codeAndExit(failed), { code: 'config_invalid', exit: 1 })
  t.match(failed.message, /needs embedder_url/)
})
