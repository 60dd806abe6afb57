import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createNode, joinNode } from '../../node/index.ts'
import { requestTo } from '../../node/connect.ts'
import { inFlight } from '../measure.ts'
import type { Peer, StartOptions } from './candidate.ts'

interface Invitation {
  readonly issuer: string
  readonly token: string
}

/** A whole node: TCP, Noise, Yamux, the chain on the disk, each write synced before it is acknowledged, the memory folded and indexed. */
export async function start({ dir, listen, invitation }: StartOptions): Promise<Peer> {
  const invited = invitation as Invitation | undefined
  if (invited !== undefined) {
    await joinNode({ dir, token: invited.token })
    writeFileSync(join(dir, 'blocked.json'), JSON.stringify([invited.issuer])) // it starts cut off
  }
  const node = await createNode({
    dir,
    listen: listen === undefined ? [] : [`/ip4/127.0.0.1/tcp/${listen.port}`],
    announce: listen === undefined ? [] : [`/ip4/127.0.0.1/tcp/${listen.through}`],
  })
  const request = requestTo(dir)
  const isIssuer = async (state: 'up' | 'down'): Promise<boolean> => {
    const { peers } = await node.peers()
    return peers.some(peer => peer.nodeId === invited?.issuer && (peer.state === 'up') === (state === 'up'))
  }
  return {
    invitation: async () => ({ issuer: node.nodeId, token: (await node.invite()).token }),
    connect: async () => {
      await request('node.block', { peers: [] })
      await until(() => isIssuer('up'))
    },
    disconnect: async () => {
      await request('node.block', { peers: [invited?.issuer as string] })
      await until(() => isIssuer('down'))
    },
    add: texts => inFlight(texts.length, 1024, i => node.memory.remember(texts[i] as string)),
    wait: records => until(async () => (await node.memory.status()).nodes >= records),
    state: async () => {
      const { frontier, frontierAll } = await node.status()
      return `${frontier} ${frontierAll}`
    },
    count: async () => (await node.memory.status()).nodes,
    stop: () => node.stop(),
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(1)
}
