/** A program with a real stage, to be interrupted. */
import { RealStage } from '../../cli/sim/real-stage.ts'

const stage = new RealStage()
await stage.found(['n1'])
process.stdout.write('ready\n')
await stage.run(60_000)
