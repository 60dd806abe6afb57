import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Report } from '../../sim/report/report.ts'
import { plain } from '../../sim/report/plain-text.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { HTML_FILE, readReport } from '../sim/report-dir.ts'
import { columns, plural } from '../text.ts'

export const define: Define = command =>
  command
    .argument('<dir>', 'the directory of a report, written by weft sim run --out')
    .addHelpText(
      'after',
      '\nSays what came of the run, and where the page is that shows it. Exit code: 0, whatever came of it; 64 without a report.',
    )
    .action(
      action(async (cli, [dir]: readonly [string]) => {
        const report = readReport(dir)
        const page = resolve(dir, HTML_FILE)
        const url = existsSync(page) ? pathToFileURL(page).href : null
        cli.print({ ...report, page: url }, () => render(report, url))
      }),
    )

const COLOURS = { valid: 'green', invalid: 'red', unknown: 'yellow' } as const

function render({ scenario, seed, verdict, virtualMs, events, nodes, faults, invariants, replay }: Report, url: string | null): string {
  return [
    `${styled(COLOURS[verdict], verdict)}: ${plain(scenario.name)}, seed ${seed}, ${(virtualMs / 1000).toFixed(1)} s; ${plural(nodes.length, 'node')}, ${plural(faults.length, 'fault')}, ${plural(events, 'event')}`,
    columns(invariants.map(({ id, held, detail }) => [held ? '  held' : styled('red', '  broken'), id, plain(detail)])),
    ...(url === null ? [] : [`open ${url}`]),
    styled('dim', plain(replay)),
  ].join('\n')
}
