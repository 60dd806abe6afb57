import t from 'tap'
import { Scheduler } from '../../sim/scheduler.ts'
import { SimVectorStore } from '../../sim/vector-store.ts'
import { vectorStoreContract } from '../contract/vector-store.ts'

vectorStoreContract(t, 'simulated', () => {
  const scheduler = new Scheduler(0)
  return {
    port: new SimVectorStore(scheduler),
    turn: () => void scheduler.runWhile(() => true, Number.POSITIVE_INFINITY),
    close: () => Promise.resolve(),
  }
})
