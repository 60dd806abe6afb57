import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { RunIntake } from '../../chain/run-intake.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import { SimDisk } from '../../sim/disk.ts'
import { seedsOf, withSeeds } from './seeds.ts'
import { tellStory } from './story.ts'

const THIS_FILE = fileURLToPath(import.meta.url)

/** With this the file is a program that prints the hash of one story, for comparing processes and versions of Node. */
const HASH_ONLY = process.env['WEFT_HASH'] !== undefined

/** Bugs, each of which breaks a promise of one part now and then; what the story then says. Planting returns what takes it out again. */
const BUGS: readonly { readonly bug: string; readonly plant: () => () => void; readonly says: RegExp }[] = [
  {
    bug: 'replication: what begins at record 13 of a log is taken for held already',
    plant: () => {
      const { take } = RunIntake.prototype
      RunIntake.prototype.take = function (...args) {
        return args[1].from === 13 ? { result: 'held' } : take.apply(this, args)
      }
      return () => void (RunIntake.prototype.take = take)
    },
    says: /^all are equal within a minute$/,
  },
  {
    bug: 'disk: one sync in two is answered, and not made',
    plant: () => {
      const { sync } = SimDisk.prototype
      let count = 0
      SimDisk.prototype.sync = function (name, done) {
        if (++count % 2 === 0) this.size(name, () => done({ ok: true, value: undefined }))
        else sync.call(this, name, done)
      }
      return () => void (SimDisk.prototype.sync = sync)
    },
    says: /holds record|is damaged/,
  },
  {
    bug: 'fold: one record in fifty says nothing to the node that applies it',
    plant: () => {
      const { apply } = MemoryFold.prototype
      let count = 0
      MemoryFold.prototype.apply = function (record) {
        return apply.call(this, ++count % 50 === 0 ? { ...record, body: null } : record)
      }
      return () => void (MemoryFold.prototype.apply = apply)
    },
    says: /answers like n1/,
  },
]

if (HASH_ONLY) {
  for (const seed of seedsOf(1)) process.stdout.write(`${seed} ${tellStory(seed).hash}\n`)
} else {
  t.test('five nodes that were split, crashed and healed hold the same, and all that was acknowledged', t => {
    const healMs: number[] = []
    const acknowledged: number[] = []
    let crashes = 0
    withSeeds(t, 'story.test.js', 100, seed => {
      const story = tellStory(seed)
      healMs.push(story.healMs)
      acknowledged.push(story.acknowledged)
      crashes += story.crashes
    })
    healMs.sort((a, b) => a - b)
    t.comment(
      `equal after ${Math.round(healMs[healMs.length >> 1] ?? 0)} ms (median), ${Math.round(healMs.at(-1) ?? 0)} ms (longest) of virtual time; ${crashes} crashes, ${acknowledged.reduce((a, b) => a + b, 0)} records acknowledged`,
    )
    t.end()
  })

  t.test('a seed tells the same story twice, and in another process', t => {
    const [seed = 1] = seedsOf(1)
    const { hash } = tellStory(seed)
    t.equal(tellStory(seed).hash, hash)
    const child = spawnSync(process.execPath, [THIS_FILE], {
      env: { ...process.env, WEFT_HASH: '1', WEFT_SEED: String(seed) },
      encoding: 'utf8',
    })
    t.equal(child.stdout, `${seed} ${hash}\n`)
    t.not(tellStory(seed + 1).hash, hash, 'another seed tells another')
    t.comment(`seed ${seed}: ${hash}`)
    t.end()
  })
  t.test('a bug planted where it hurts is found', t => {
    for (const { bug, plant, says } of BUGS) {
      const undo = plant()
      try {
        t.match(firstFailure(40), says, bug)
      } finally {
        undo()
      }
    }
    t.equal(firstFailure(1), undefined, 'and without one nothing is')
    t.end()
  })
}

/** What the first story that fails says; undefined when none of so many does. */
function firstFailure(seeds: number): string | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      tellStory(seed)
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : String(thrown)
    }
  }
  return undefined
}
