import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { WeftError } from '../../base/errors.ts'
import { parseReport, type Report } from '../../sim/report/report.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { HTML_FILE, REPORT_FILE } from '../sim/report-dir.ts'
import { plural } from '../text.ts'

export const define: Define = command =>
  command.argument('<dir>', 'the directory of a report, written by weft sim run --out').action(
    action(async (cli, [dir]: readonly [string]) => {
      const file = join(dir, REPORT_FILE)
      if (!existsSync(file)) throw new WeftError('usage', `there is no report in ${dir}: make one with weft sim run SCENARIO --out ${dir}`)
      const report = parseReport(readFileSync(file, 'utf8'))
      const url = pathToFileURL(resolve(dir, HTML_FILE)).href
      cli.print({ report: url, ...report }, () => render(report, url))
    }),
  )

function render(report: Report, url: string): string {
  const { scenario, seed, verdict, virtualMs, events, invariants, replay } = report
  return [
    `${styled(verdict === 'valid' ? 'green' : 'red', verdict)}: ${scenario}, seed ${seed}, ${(virtualMs / 1000).toFixed(1)} s, ${plural(events, 'event')}`,
    ...invariants.map(({ id, held, detail }) => `  ${held ? 'held  ' : styled('red', 'broken')}  ${id.padEnd(14)} ${detail}`),
    `open ${url}`,
    styled('dim', replay),
  ].join('\n')
}
