/**
 * Two coding agents on two nodes share their lessons over MCP, as Claude Code and Cursor would: each starts
 * `weft mcp` for its own node. One is cut off; both go on learning. Afterwards each has what the other has
 * learnt, sees where they disagree, and one of them settles it.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { down, heal, partition, up } from '../cli/cluster/local-cluster.ts'

const WEFT = fileURLToPath(new URL('../cli/weft.js', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'weft-agents-'))
await up(dir, 2)
const [ada, ben] = [await agentAt('n1'), await agentAt('n2')]

const old = await remember(ada, 'Deploys run on Fridays')
say('ben', await recalled(ben, 'deploys', 1))

await partition(dir, [['n1'], ['n2']])
console.log('--- cut off from each other')
const tuesday = await remember(ada, 'Deploys run on Tuesdays, because of what happened last Friday')
const monday = await remember(ben, 'Deploys run on Mondays, after the release train')
await ada.callTool({ name: 'supersede', arguments: { old, by: tuesday } })
await ben.callTool({ name: 'supersede', arguments: { old, by: monday } })
await remember(ben, 'The staging database is migrated by hand')

await heal(dir)
console.log('--- connected again')
say('ada', await recalled(ada, 'staging database', 1))
say('ada', await recalled(ada, 'deploys', 2))
await ada.callTool({ name: 'supersede', arguments: { old: monday, by: tuesday, reason: 'the release train is no more' } })
console.log('--- settled')
say('ben', await recalled(ben, 'deploys', 1))

await Promise.all([ada.close(), ben.close()])
await down(dir, true)

interface Hit {
  readonly text: string
  /** Other current memories that replace the same one. */
  readonly rivals?: readonly string[]
}

async function agentAt(node: string): Promise<Client> {
  const agent = new Client({ name: 'example', version: '1' })
  const args = [WEFT, 'mcp', '--dir', join(dir, node)]
  await agent.connect(new StdioClientTransport({ command: process.execPath, args, stderr: 'inherit' }))
  return agent
}

async function remember(agent: Client, text: string): Promise<string> {
  const { structuredContent } = await agent.callTool({ name: 'remember', arguments: { text } })
  return (structuredContent as { readonly id: string }).id
}

/** As soon as there are `count` hits: what another node has written takes a moment to arrive. */
async function recalled(agent: Client, query: string, count: number): Promise<readonly Hit[]> {
  for (;;) {
    const { structuredContent } = await agent.callTool({ name: 'recall', arguments: { query } })
    const { hits } = structuredContent as { readonly hits: readonly Hit[] }
    if (hits.length === count) return hits
    await sleep(50)
  }
}

function say(name: string, hits: readonly Hit[]): void {
  for (const line of hits.map(hit => `${name}: ${hit.text}${hit.rivals === undefined ? '' : ' (in conflict)'}`).sort()) console.log(line)
}
