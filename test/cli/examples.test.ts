import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { environment, unhooked } from './weft.ts'

const FOLDER: string = fileURLToPath(new URL('../../examples/', import.meta.url))

/** What each program says. Those that are no program of their own are spawned by others, and by the tests of the commands. */
const SAYS: Readonly<Record<string, string | undefined>> = {
  counter: undefined,
  processes: "2\n5\nA COUNTER COUNTS\n[ 'counter', 'herald' ]\nkilled\nnoproc\n",
  'shared-memory': 'Checkout timed out on Friday evening\n  causes <- The connection pool is exhausted at 200 connections (said by ada)\n',
  watch: 'Deploys run on Fridays (superseded)\nDeploys run on Tuesdays (current)\nthen: superseded\n',
}

t.test('every example runs, and says what it shows', async t => {
  t.same(
    readdirSync(FOLDER)
      .filter(name => name.endsWith('.js'))
      .map(name => basename(name, '.js'))
      .sort(),
    Object.keys(SAYS).sort(),
  )
  const run = promisify(execFile)
  await Promise.all(
    Object.entries(SAYS).map(async ([name, says]) => {
      if (says === undefined) return
      t.same(
        await run(...unhooked(process.execPath, [join(FOLDER, `${name}.js`)]), { env: environment(), timeout: 30_000 }),
        { stdout: says, stderr: '' },
        name,
      )
    }),
  )
})
