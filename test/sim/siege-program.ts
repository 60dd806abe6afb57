/**
 * Prints what a siege brings to light, a line each. For a product that is loaded with a hole in it:
 *
 *     node --import HOLE build/test/sim/siege-program.js BEHAVIOUR SEED
 */
import { faultsUnder } from './siege.ts'

const [behaviour = '', seed] = process.argv.slice(2)
process.stdout.write(faultsUnder(behaviour, Number(seed)).join('\n'))
