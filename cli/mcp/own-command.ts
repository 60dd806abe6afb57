import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { packageVersion } from '../../node/host/directory.ts'
import type { McpCommand } from './clients.ts'

/** 10 s: printing a version takes a tenth of one. */
const TRIAL_MS = 10_000

/**
 * How this program is started from anywhere. An installed `weft` stays where it is when it is updated, so
 * it comes first, if it is this program and starts where no shell has been: clients on a desktop know
 * few folders, perhaps not the one that Node is in. Else Node and the script by their paths.
 */
export function ownCommand(script: string = realpathSync(process.argv[1] as string)): McpCommand {
  const installed = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter(isAbsolute)
    .map(folder => join(folder, 'weft'))
    .find(file => existsSync(file))
  if (installed !== undefined && process.platform !== 'win32' && realpathSync(installed) === script && starts(installed))
    return { command: installed, args: [] }
  return { command: process.execPath, args: [script] }
}

function starts(file: string): boolean {
  const { status, stdout } = spawnSync(file, ['--version'], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    encoding: 'utf8',
    timeout: TRIAL_MS,
  })
  return status === 0 && stdout.trim() === packageVersion()
}
