import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Entry } from './entry.ts'
import { jsonEntry } from './json-entry.ts'
import { tomlEntry } from './toml-entry.ts'

/** What a client runs to get at the memory. */
export interface McpCommand {
  readonly command: string
  readonly args: readonly string[]
}

export interface Client {
  /** Where the configuration of a project, or of this user, stands. */
  readonly file: (project: string) => string
  readonly entry: (command: McpCommand) => Entry
}

export const CLIENTS: Readonly<Record<string, Client>> = {
  claude: {
    file: project => join(project, '.mcp.json'),
    entry: command => jsonEntry('mcpServers', { type: 'stdio', ...command }),
  },
  cursor: {
    file: project => join(project, '.cursor', 'mcp.json'),
    entry: command => jsonEntry('mcpServers', { type: 'stdio', ...command }),
  },
  vscode: {
    file: project => join(project, '.vscode', 'mcp.json'),
    entry: command => jsonEntry('servers', { type: 'stdio', ...command }),
  },
  codex: {
    file: () => join(process.env['CODEX_HOME'] || join(homedir(), '.codex'), 'config.toml'),
    entry: command => tomlEntry('mcp_servers', { ...command }),
  },
}
