import { Readable } from 'node:stream'
import { StdioServerTransport, serveStdio as serve } from '@modelcontextprotocol/server/stdio'
import { MCP_MESSAGE_MAX_BYTES } from '../../base/limits.ts'
import type { Request } from '../../node/commands/types.ts'
import { talk } from '../output.ts'
import { createMcpServer } from './server.ts'

/** One client, on stdin and stdout; nothing else may be written there. `ended` resolves when the client has gone. */
export function serveStdio(request: Request): { readonly ended: Promise<void>; readonly close: () => Promise<void> } {
  let onClosed = (): void => {}
  const ended = new Promise<void>(resolve => (onClosed = resolve))
  const transport = new (class extends StdioServerTransport {
    override async close(): Promise<void> {
      await super.close()
      onClosed()
    }
  })(Readable.from(wholeLines(process.stdin)), process.stdout, { maxBufferSize: MCP_MESSAGE_MAX_BYTES })
  const { close } = serve(() => createMcpServer(request), { transport, onerror: error => talk(`weft mcp: ${faultIn(error)}`) })
  return { ended, close }
}

/** The validator's list of all that a message is not would fill a screen for each. */
function faultIn(error: Error): string {
  return 'issues' in error ? 'left out what is no message of JSON-RPC 2.0' : error.message
}

const NEWLINE = 0x0a

/**
 * Input up to the end of a line at a time: the transport copies all it holds with every chunk, so that a
 * message of 60 MB would keep it busy for ten seconds. One that is too long is passed on, and refused there.
 */
async function* wholeLines(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = []
  let held = 0
  for await (const chunk of input) {
    const end = chunk.lastIndexOf(NEWLINE) + 1
    if (end > 0 || held > MCP_MESSAGE_MAX_BYTES) {
      yield Buffer.concat([...pieces, chunk.subarray(0, end)])
      pieces = []
      held = 0
    }
    if (end < chunk.length) pieces.push(chunk.subarray(end))
    held += chunk.length - end
  }
  yield Buffer.concat(pieces)
}
