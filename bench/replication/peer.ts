/**
 * One peer, in a process of its own: `node build/bench/replication/peer.js CANDIDATE`. It does what its parent asks,
 * and says when it began and when it was done, by the clock that all processes of the machine share.
 */
import type { Candidate, Peer, StartOptions } from './candidate.ts'

export type Question = { readonly id: number; readonly name: 'start' | 'spent' | 'canWait' | keyof Peer; readonly argument: unknown }

export interface Answer {
  readonly id: number
  readonly result: unknown
  readonly error?: string
  readonly fromMs: number
  readonly toMs: number
}

/** Of the process, since it began. */
export interface Spent {
  readonly cpuMs: number
  readonly rssMiB: number
  readonly peakMiB: number
}

let peer: Peer | undefined
const candidate = (await import(process.argv[2] as string)) as Candidate

process.on('message', (question: Question) => {
  void answer(question)
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')

async function answer(question: Question): Promise<void> {
  const { id } = question
  const fromMs = nowMs()
  try {
    const result = await answerTo(question)
    process.send?.({ id, result, fromMs, toMs: nowMs() } satisfies Answer)
  } catch (thrown) {
    process.send?.({ id, result: undefined, error: String(thrown), fromMs, toMs: nowMs() } satisfies Answer)
  }
  if (question.name === 'stop') process.disconnect()
}

async function answerTo({ name, argument }: Question): Promise<unknown> {
  if (name === 'spent') return spent()
  if (name === 'start') {
    peer = await candidate.start(argument as StartOptions)
    return undefined
  }
  if (peer === undefined) throw new Error('not started')
  if (name === 'canWait') return peer.wait !== undefined
  return (peer[name] as (argument: unknown) => Promise<unknown> | undefined)?.(argument)
}

function spent(): Spent {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  return { cpuMs: (userCPUTime + systemCPUTime) / 1000, rssMiB: process.memoryUsage.rss() / 2 ** 20, peakMiB: maxRSS / 1024 }
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
