import type { CommandName, CommandTypes, Request } from '../node/commands/types.ts'
import { type Client, requestTo } from '../node/connect.ts'
import { WeftError } from '../base/errors.ts'
import { requireNode } from './directory.ts'

/** 30 s: a node answers in milliseconds, waits for a frontier 5 s; one that is silent that long hangs. */
export const ANSWER_MS = 30_000
/** 2 min for what is worked out over the whole memory, here or by a peer that is given 30 s of it. */
export const LONG_ANSWER_MS = 120_000

/**
 * A way to perform commands on the node that runs in `dir`. Throws `not_initialised` when no
 * node lives there, `not_running` when it does not run, `timeout` when it does not answer.
 */
export function nodeIn(dir: string, answerMs: number = ANSWER_MS, client: Client = 'cli'): Request {
  const request = requestTo(dir, client)
  return async <K extends CommandName>(name: K, input: CommandTypes[K]['input']) => {
    requireNode(dir)
    return within(answerMs, request(name, input), `the node in ${dir} has not answered`)
  }
}

/** `timeout` when `work` takes longer; what it still does then has no reader. */
export async function within<T>(timeoutMs: number, work: Promise<T>, silence: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new WeftError('timeout', `${silence} within ${timeoutMs / 1000} s`)), timeoutMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
