import { action, type Define } from '../invocation.ts'
import { count, duration } from '../parse.ts'
import { renderViolation } from '../sim/outcome.ts'
import { SHRINK_MS, shrinkShown } from '../sim/shrink-run.ts'
import { replayLine, scenariosOf } from '../sim/source.ts'
import { plural } from '../text.ts'
import { sourceOf, which, type Which } from './sim-replay.ts'

export const define: Define = command =>
  which(command.argument('<seed>', 'the seed that failed', count))
    .option('--budget <time>', 'how long', duration, SHRINK_MS)
    .action(
      action(async (cli, [seed]: readonly [number], { budget, ...rest }: Which & { readonly budget: number }) => {
        const source = sourceOf(rest)
        const smaller = await shrinkShown(cli, (await scenariosOf(source))(seed), seed, replayLine(source, seed), budget)
        if (smaller === undefined) {
          cli.print({ verdict: 'valid', seed }, () => `seed ${seed} breaks no promise: there is nothing to make smaller`)
          return 0
        }
        cli.print({ verdict: 'invalid', seed, ...smaller }, ({ file, faults, nodes, runs, isMinimal, violation }) =>
          [
            renderViolation(violation, `weft sim run ${file}`),
            `${plural(faults, 'fault')} and ${plural(nodes, 'node')} after ${plural(runs, 'run')}${isMinimal ? '' : ', and there was no time for more'}`,
          ].join('\n'),
        )
        return 1
      }),
    )
