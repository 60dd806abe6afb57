import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Story } from '../../cli/demo/tour.ts'
import { ended, failure, starts, temporary, until, weft } from './weft.ts'

const HEX: RegExp = /^[0-9a-f]{64}$/

t.test(
  'the demo tells its story in one document, beside another demo that is still up, and leaves nothing behind',
  { timeout: 110_000 },
  async t => {
    const cwd = temporary(t)
    const temp = join(cwd, 'tmp')
    mkdirSync(temp)
    const options = { cwd, env: { TMPDIR: temp } }

    const first = starts(['demo', '--json'], options)
    const firstEnd = ended(first)
    t.teardown(() => void first.kill('SIGKILL'))
    let told = ''
    first.stdout?.on('data', text => (told += text))
    await until('the first story', () => told.includes('\n'))
    t.equal(readdirSync(temp).length, 1, 'its nodes stay up')

    const second = await weft(['demo', '--once', '--json'], options)
    t.equal(second.code, 0, second.stderr)
    const story = JSON.parse(second.stdout) as Story
    t.match(story, {
      nodes: 5,
      imported: 234,
      converged: true,
      convergeMs: Number,
      frontier: /^[\w-]+$/,
      recall: {
        node: 'n5',
        query: String,
        hits: [{ id: HEX, text: String }],
        why: [{ weight: Number, steps: [{ id: HEX }, { id: HEX, edge: String }] }],
      },
      partition: {
        sides: [
          ['n1', 'n2'],
          ['n3', 'n4', 'n5'],
        ],
      },
      chains: { valid: true, logs: Number, records: Number },
    })
    t.ok(story.convergeMs < 10_000, `agreed after ${story.convergeMs} ms`)
    const writes = Object.entries(story.partition.writes)
    t.same(
      writes.map(([name, id]) => [story.partition.sides.findIndex(side => side.includes(name)), HEX.test(id)]),
      [
        [0, true],
        [1, true],
      ],
      'one on each side',
    )
    t.ok(story.chains.records > story.imported, `${story.chains.records} records in ${story.chains.logs} logs`)

    first.kill('SIGINT')
    const { code, stdout } = await firstEnd
    t.equal(code, 0)
    t.match(JSON.parse(stdout), { nodes: 5, converged: true })
    t.same(readdirSync(temp), [], 'both took their directories away')

    const failed = await failure(['demo', '--once', '--repo', join(cwd, 'none')], options)
    t.same([failed.code, failed.exit], ['not_a_repository', 1])
    t.same(readdirSync(temp), [])
  },
)
