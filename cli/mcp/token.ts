import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../../base/errors.ts'

/**
 * The token of the MCP server, beside the node's own: it opens the memory and nothing else, where the
 * node's opens everything, and it outlives restarts, so that clients can be configured with it.
 */
export const TOKEN_FILE = 'mcp-token'

/** 32 random bytes as hex, made when there are none, in a file for this user alone. */
export function tokenIn(dir: string): string {
  const file = join(dir, TOKEN_FILE)
  try {
    // Whoever comes second reads what the first has written.
    writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new WeftError('directory_unusable', `cannot write ${file}: ${(thrown as Error).message}`, { cause: thrown })
  }
  const token = readFileSync(file, 'utf8').trim()
  if (!/^[!-~]{32,}$/.test(token))
    throw new WeftError('config_invalid', `${file} holds no token of 32 characters or more`, { next: `remove ${file}; a new one is made` })
  return token
}
