/**
 * Two peers in two processes and a proxy between them that counts and delays: weftmesh beside Hypercore, Yjs and
 * OrbitDB, all with the same texts of 200 bytes. One JSON line for each phase of each, the median of its rounds, and the least and
 * the greatest; then each as a multiple of weftmesh. Those that cannot be installed or run here are left out, aloud.
 *
 *     npm run bench -- replication [--only=weftmesh,yjs] [--records=10000] [--rounds=3] [--delay=25] [--large=100000]
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { print } from './measure.ts'
import { Figures, ratios } from './replication/figures.ts'
import { catchingUp, largeSizes, roundTrips } from './replication/phases.ts'

const RIVALS = fileURLToPath(new URL('../../bench/rivals/', import.meta.url))
/** A round of OrbitDB takes minutes. */
const CANDIDATES: readonly { readonly name: string; readonly module: string; readonly rounds: number }[] = [
  { name: 'weftmesh', module: new URL('./replication/weftmesh.js', import.meta.url).href, rounds: Infinity },
  { name: 'hypercore', module: rival('hypercore'), rounds: Infinity },
  { name: 'yjs', module: rival('yjs'), rounds: Infinity },
  { name: 'orbitdb', module: rival('orbitdb'), rounds: 1 },
]

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    records: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '3' },
    delay: { type: 'string', default: '25' },
    large: { type: 'string', default: '100000' },
  },
})
const only = values.only?.split(',')
const records = Number(values.records)
/** Each way, in ms: a round trip is twice that. */
const delayMs = Number(values.delay)
const chosen = CANDIDATES.filter(({ name }) => only?.includes(name) ?? true).filter(({ name }) => name === 'weftmesh' || isInstalled(name))
const all = new Map<string, Figures>()
for (let round = 0; round < Number(values.rounds); round++) {
  for (const { name, module, rounds } of chosen) {
    if (round >= rounds) continue
    const figures = all.get(name) ?? new Figures()
    all.set(name, figures)
    try {
      await catchingUp(module, records, figures)
      await roundTrips(module, Math.ceil(records / 5), delayMs, figures)
    } catch (thrown) {
      skip(name, thrown)
      all.delete(name)
    }
  }
}
for (const [name, figures] of all) for (const row of figures.rows()) print({ bench: `replication, ${name}`, ...row })
const own = all.get('weftmesh')
if (own !== undefined) {
  for (const [name, figures] of all) {
    if (name !== 'weftmesh') print({ bench: 'replication, times of weftmesh', of: name, ...ratios(figures, own) })
  }
  if (Number(values.large) > 0) {
    const figures = new Figures()
    await largeSizes(CANDIDATES[0]?.module as string, Number(values.large), delayMs, figures)
    for (const row of figures.rows()) print({ bench: 'replication, weftmesh', ...row })
  }
}

function rival(name: string): string {
  return pathToFileURL(`${RIVALS}${name}.mjs`).href
}

/** The rivals are no dependencies: they are installed when somebody measures, from a lockfile of their own. */
function isInstalled(name: string): boolean {
  if (!existsSync(`${RIVALS}node_modules`)) {
    const { status } = spawnSync('npm', ['ci', '--prefix', RIVALS, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
    })
    if (status !== 0) skip(name, 'npm ci failed')
    return status === 0
  }
  return true
}

function skip(name: string, why: unknown): void {
  print({ bench: `replication, ${name}`, skipped: String(why) })
}
