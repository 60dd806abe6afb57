import t from 'tap'
import type { CausalId } from '../../../base/ids.ts'
import { contradict } from '../../../ecc/cognition/contradiction.ts'
import { cosineOf, featuresOf, noveltyOf } from '../../../ecc/cognition/novelty.ts'
import { type Author, World } from '../world.ts'

t.test('texts that say otherwise of the same thing are told from those that say something else', t => {
  const rows: readonly (readonly [a: string, b: string, contradict: boolean])[] = [
    ['checkout pool size: 200', 'checkout pool size: 100', true],
    ['pool: limit is 200 connections', 'pool: the limit is 100 connections', true],
    ['owner of billing: Ada', 'owner of billing: Ben', true],
    ['backups: are encrypted', 'backups: are not encrypted', true],
    ['the cache is warm after a deploy', 'the cache is not warm after a deploy', true],
    ['the cache is warm after a deploy', "the cache isn't warm after a deploy", true],
    ['checkout pool size: 200', 'checkout pool size: 200', false],
    ['checkout pool size: 200', 'ledger pool size: 100', false],
    ['run 3 passed', 'run 4 passed', false],
    ['deploy: version 3 went out to eu', 'deploy: rolled back after alarms', false],
    ['the pool is exhausted', 'retries make it worse', false],
    ['owner of billing: Ada', 'owner of billing: Ada Lovelace since spring after the move', false],
    ['it does not matter', 'nobody said so', false],
    ['', '', false],
  ]
  for (const [a, b, expected] of rows) {
    t.equal(contradict(a, b), expected, `${a} | ${b}`)
    t.equal(contradict(b, a), expected, `${b} | ${a}`)
  }
  t.end()
})

t.test('a memory is as new as the nearest one is unlike it', t => {
  const author = new World(1).author(0)
  const first = author.remember('the connection pool of checkout is exhausted at 200 connections')
  author.remember('lunch is at noon')
  const same = author.remember('the connection pool of checkout is exhausted at 300 connections')
  const other = author.remember('rotate the signing keys before spring')
  const nearest = (id: CausalId, text: string): readonly { readonly id: CausalId; readonly similarity: number }[] =>
    author.fold.alike(id, text, 3)
  const [found] = nearest(same, 'the connection pool of checkout is exhausted at 300 connections')
  t.equal(found?.id, first)
  t.ok((found?.similarity ?? 0) > 0.5, String(found?.similarity))
  t.same(nearest(other, 'rotate the signing keys before spring'), [])
  t.equal(noveltyOf([]), 1)
  t.equal(noveltyOf([0.25, 0.75]), 0.25)
  t.equal(noveltyOf([1.5]), 0)
  t.ok(cosineOf(featuresOf('the pool was exhausted'), featuresOf('pools exhaust')) > 0.4)
  t.ok(cosineOf(featuresOf('the pool was exhausted'), featuresOf('lunch at noon')) < 0.2)
  t.end()
})

t.test('who else has a current memory under the same key', t => {
  const world = new World(3)
  const [ada, ben, eve] = [world.author(0), world.author(1), world.author(2)]
  const one = ada.remember('limit 100', { key: 'pool' })
  const two = ben.remember('limit 200', { key: 'pool' })
  eve.remember('limit 300', { key: 'other' })
  world.meet()
  const same = (author: Author, id: CausalId): readonly CausalId[] => author.fold.sameKey(id).map(row => row.id)
  t.same(same(ada, one), [two])
  t.same(same(eve, two), [one])
  const three = ben.remember('limit 250', { key: 'pool' })
  world.meet()
  t.same(same(ada, one), [three])
  t.same(same(eve, eve.remember('no key')), [])
  t.end()
})
