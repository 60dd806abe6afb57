import { InProcessVectorStore } from '../ecc/hnsw/in-process-store.ts'
import type { Timeline } from './scheduler.ts'

/** 200 us: what a search among some thousands takes in another thread, with the way there and back. */
const ANSWER_US = 200

/** The vectors of one life of a simulated node: empty after each restart, like a cache that was lost. */
export class SimVectorStore extends InProcessVectorStore {
  constructor(timeline: Timeline) {
    super(run => void timeline.after(ANSWER_US, run))
  }
}
