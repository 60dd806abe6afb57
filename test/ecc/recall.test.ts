import t from 'tap'
import type { CausalId } from '../../base/ids.ts'
import {
  QUERY_MAX_BYTES,
  RECALL_K_MAX,
  RECALL_SEEDS,
  SPREAD_NODES_MAX,
  WHATIF_NODES_MAX,
  WHY_DEPTH_MAX,
  WHY_EDGES_MAX,
  WHY_PATHS_MAX,
} from '../../base/limits.ts'
import { Postings } from '../../ecc/postings.ts'
import type { RecallOptions } from '../../ecc/recall.ts'
import { Vocabulary } from '../../ecc/vocabulary.ts'
import { forEachRun, stem, termsOfQuery, termsOfRun } from '../../ecc/words.ts'
import { SimRandom } from '../../sim/random.ts'
import fc from '../properties.ts'
import { type Author, foldOf, shuffled, World } from './world.ts'

function author(): Author {
  return new World(1).author(0)
}

const ids = (by: Author, query: string, options: Partial<RecallOptions> = {}): CausalId[] =>
  by.fold.recall(query, { k: 10, ...options }).hits.map(hit => hit.id)

t.test('terms', t => {
  t.test('a text is its words: lower case, without accents, endings and what every question has', async t => {
    const rows: readonly (readonly [text: string, terms: readonly string[]])[] = [
      ['', []],
      ['What did the pools do?', ['pool']],
      ['Requests, requested; requesting!', ['request']],
      ['stories story STORY', ['stori']],
      ['quickly creates created', ['creat', 'quick']],
      ['glass bus this analysis', ['analysis', 'bus', 'glass']],
      ["Caroline's friends' don't", ['carolin', 'dont', 'friend']],
      ['café Café naïve', ['cafe', 'naiv']],
      ['3.14 and 10:30', ['10', '10:30', '14', '3', '3.14', '30']],
      ['Straße Ελλάδα Привет', ['ελλαδα', 'привет', 'straße']],
      ['東京都庁', ['京都', '東京', '都庁']],
      ['プール', ['ール', 'プー']],
      ['😀 ok 👍', ['ok']],
      ['end.Next wait...what (really)', ['end', 'end.next', 'next', 'real', 'wait']],
    ]
    for (const [text, terms] of rows) t.strictSame(termsOfQuery(text), [...terms].sort(), text)
  })

  t.test('an identifier is found whole and by its parts', async t => {
    const rows: readonly (readonly [run: string, terms: readonly string[]])[] = [
      ['parseJsonLine', ['pars', 'json', 'line', 'parsejsonline']],
      ['HTTPServer', ['http', 'server', 'httpserver']],
      ['retry_after', ['retri', 'after', 'retry_after']],
      ['base/codec.ts', ['base', 'codec', 'ts', 'base/codec.ts']],
      ['well-known', ['well', 'known', 'well-known']],
      ['user@example.org', ['user', 'exampl', 'org', 'user@example.org']],
      ['C:\\temp', ['c', 'temp', 'c:\\temp']],
      ['_private', ['privat']],
      ['x'.repeat(100), ['x'.repeat(64)]],
    ]
    for (const [run, terms] of rows) t.strictSame(termsOfRun(run), terms, run)
  })

  t.test('runs cover every letter of any text, whatever it is made of', async () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), text => {
        const runs: string[] = []
        forEachRun(text, run => runs.push(run))
        const letters = (each: string): number =>
          [
            ...each
              .normalize('NFKD')
              .replace(/[\u0300-\u036f]/g, '')
              .normalize('NFC'),
          ].filter(character => /[\p{L}\p{N}]/u.test(character)).length
        return letters(runs.join('')) === letters(text) && runs.every(run => run !== '')
      }),
    )
  })

  t.test('a stem is stable and never empty', async () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z]{1,12}$/),
        word => stem(word) !== '' && word.startsWith(stem(word).slice(0, 2).replace(/i$/, '')),
      ),
    )
  })

  t.test('a word that is not known may be a slip of one that is', async t => {
    const vocabulary = new Vocabulary(['checkout', 'timeout', 'connect', 'pool', 'poll', 'port8443', 'cat'])
    const held = (word: string, ...texts: readonly string[]) =>
      vocabulary.corrections(word, term => texts.length === 0 || texts.includes(vocabulary.texts[term] as string))
    t.strictSame(held('chekcout'), [{ text: 'checkout', factor: 0.75 }])
    t.strictSame(held('chekcuot'), [{ text: 'checkout', factor: 0.5 }])
    t.strictSame(
      held('pooll').map(each => each.text),
      ['poll', 'pool'],
      'two are as likely',
    )
    t.strictSame(
      held('pooll', 'poll').map(each => each.text),
      ['poll'],
    )
    for (const none of ['kubernetes', 'dog', 'port8444', 'checks', 'xy']) t.strictSame(held(none), [], none)
  })

  t.test('posting lists give back what was put in, however long they grow', async () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(4), fc.nat(3000)), { maxLength: 12 }), pushes => {
        const postings = new Postings()
        const lists = Array.from({ length: 5 }, () => ({ list: postings.open(), values: [] as number[] }))
        for (const [which, count] of pushes) {
          const { list, values } = lists[which] as { list: number; values: number[] }
          for (let i = 0; i < count; i++) {
            postings.push(list, values.length)
            values.push(values.length)
          }
        }
        return lists.every(({ list, values }) => {
          const read = new Uint32Array(postings.lengthOf(list))
          postings.read(list, read)
          return read.join() === values.join()
        })
      }),
      { numRuns: 30 },
    )
  })
  t.end()
})

t.test('recall', t => {
  t.test('finds by words, keys and meta, the best first', async t => {
    const ann = author()
    const pool = ann.remember('The connection pool is exhausted at 200 connections')
    const cache = ann.remember('A cold cache', { meta: { service: 'checkout' } })
    const config = ann.remember('Timeouts are 30 s', { key: 'config/timeouts' })
    t.strictSame(ids(ann, 'why is the pool exhausted'), [pool])
    t.strictSame(ids(ann, 'checkout'), [cache])
    t.strictSame(ids(ann, 'config'), [config])
    t.strictSame(ids(ann, 'timeout of the pool connections'), [pool, config])
    t.strictSame(ids(ann, 'exhuasted conections'), [pool], 'slips are forgiven')
    for (const nothing of ['', 'the', 'kubernetes', '???']) t.strictSame(ids(ann, nothing), [], nothing)
    t.match(ann.fold.recall('pool', { k: 1 }), {
      hits: [{ id: pool, ref: { log: ann.log, seq: 1 }, author: ann.node, score: 1, parts: { bm25: 1, vector: 0, spread: 0 }, path: [] }],
      exact: true,
      truncated: false,
    })
    t.equal(ann.fold.recall('config', { k: 1 }).hits[0]?.key, 'config/timeouts')
  })

  t.test('equal matches come newest first', async t => {
    const ann = author()
    const same = Array.from({ length: 8 }, () => ann.remember('the same words'))
    t.strictSame(ids(ann, 'same words'), same.toReversed())
    t.strictSame(ids(ann, 'same words', { k: 3 }), same.toReversed().slice(0, 3))
  })

  t.test('brings what is linked to a match, and says how it got there', async t => {
    const ann = author()
    const outage = ann.remember('Checkout was down on Friday')
    const cause = ann.remember('The pool ran out')
    const root = ann.remember('A leak since the upgrade')
    ann.link(cause, 'causes', outage)
    ann.link(root, 'causes', cause)
    const { hits } = ann.fold.recall('checkout', { k: 10 })
    t.strictSame(
      hits.map(hit => [hit.id, hit.score]),
      [
        [outage, 2],
        [cause, 0.5],
        [root, 0.3],
      ],
    )
    t.strictSame(hits[0]?.parts, { bm25: 1, vector: 0, spread: 0, subject: 1 })
    t.strictSame(hits[0]?.path, [])
    t.strictSame(hits[2]?.path, [
      { id: outage, edge: '' },
      { id: cause, edge: 'causes' },
      { id: root, edge: 'causes' },
    ])
    t.strictSame(hits[2]?.parts, { bm25: 0, vector: 0, spread: 0.3 })
    t.strictSame(ids(ann, 'checkout', { spread: false }), [outage])
  })

  t.test('a memory with every word of the query comes before one that repeats a rare one', async t => {
    const ann = author()
    for (let i = 0; i < 3; i++) ann.remember('there is the pool')
    for (let i = 0; i < 3; i++) ann.remember('nothing of it')
    const rare = ann.remember('we said: exhausted, exhausted, exhausted')
    const both = ann.remember('we said that the pool of the second checkout is exhausted by now')
    t.strictSame(ids(ann, 'pool exhausted', { k: 2 }), [both, rare])
    const plain = { seeds: 20, covering: false, subject: 1 }
    t.strictSame(ids(ann, 'pool exhausted', { k: 2, ranking: plain }), [rare, both], 'by plain BM25 it does not')
  })

  t.test('what is about something that the query names counts twice, by its own words or reached', async t => {
    const ann = author()
    const rows: readonly (readonly [text: string, options: Parameters<Author['remember']>[1], query: string, subject: boolean])[] = [
      ['Checkout was down', {}, 'checkout', true],
      ['The Checkout was down', {}, 'why is checkout down', true],
      ['checkout: was down', {}, 'Checkout', true],
      ['base/codec.ts was rewritten', {}, 'codec', true],
      ['On Friday Checkout was down', {}, 'checkout', false],
      ['A cold cache', { meta: { service: 'checkout' } }, 'checkout', true],
      ['Timeouts are 30 s', { key: 'config/timeouts' }, 'config', true],
      ['Checkuot was down', {}, 'checkout', true],
    ]
    for (const [text, options, query, subject] of rows) {
      const id = ann.remember(text, options)
      t.match(
        ann.fold.recall(query, { k: 1 }).hits,
        [{ id, score: subject ? 2 : 1, parts: { bm25: 1, subject: subject ? 1 : undefined } }],
        `${query}: ${text}`,
      )
      t.match(ann.fold.recall(query, { k: 1, spread: false }).hits, [{ id, score: 1, parts: { subject: undefined } }], 'not by words alone')
      ann.retract(id)
    }
    const asked = ann.remember('Bob: did you see the film, Ann?')
    const answers = [ann.remember('Ann: yes, on Friday'), ann.remember('Cid: me too')] as const
    for (const answer of answers) ann.link(answer, 'follows', asked)
    const { hits } = ann.fold.recall('when did Ann see the film', { k: 3 })
    t.strictSame(
      hits.map(hit => hit.id),
      [answers[0], asked, answers[1]],
    )
    t.equal(hits[0]?.parts.subject, (hits[0]?.score as number) / 2)
    t.equal(hits[2]?.parts.subject, undefined)
  })

  t.test('of links between the same two only the strongest counts, and a retracted one does not', async t => {
    const ann = author()
    const a = ann.remember('pool')
    const b = ann.remember('other')
    const score = (): number | undefined => ann.fold.recall('pool', { k: 10 }).hits[1]?.score
    ann.link(a, 'correlates', b)
    t.equal(score(), 0.2)
    const strong = ann.link(b, 'causes', a, 0.8)
    t.equal(score(), 0.4)
    ann.link(b, 'causes', a, 0.6)
    t.equal(score(), 0.4)
    ann.retract(strong)
    t.equal(score(), 0.3)
    ann.link(a, 'causes', a)
    t.equal(score(), 0.3)
  })

  t.test('what contradicts a match loses, but is not hidden', async t => {
    const ann = author()
    const a = ann.remember('the pool holds 200')
    const b = ann.remember('the pool holds 300 connections since the last upgrade')
    const unrelated = ann.remember('nothing of it')
    const before = ann.fold.recall('pool holds', { k: 10 }).hits.find(hit => hit.id === b)?.score as number
    for (let i = 0; i < 3; i++) ann.link(a, 'contradicts', b)
    ann.link(a, 'inhibits', unrelated)
    const { hits } = ann.fold.recall('pool holds', { k: 10 })
    const hit = hits.find(each => each.id === b)
    t.strictSame(
      hits.map(each => each.id),
      [a, b],
      'what is only contradicted is not brought up by it',
    )
    t.ok((hit?.score as number) < before && (hit?.score as number) > 0)
    t.ok((hit?.parts.spread as number) < 0)
  })

  t.test('a match of what was superseded speaks for what took its place', async t => {
    const ann = author()
    const old = ann.remember('the pool holds 200 connections')
    const now = ann.remember('it is 300 since May')
    const mid = ann.remember('maybe 250')
    ann.supersede([old], mid)
    ann.supersede([mid], now)
    const [hit, ...more] = ann.fold.recall('pool connections', { k: 10 }).hits
    t.match(hit, {
      id: now,
      score: 2,
      parts: { bm25: 0, vector: 0, spread: 1, subject: 1 },
      path: [
        { id: old, edge: '' },
        { id: now, edge: 'supersedes' },
      ],
    })
    t.strictSame(more, [])
    t.strictSame(ids(ann, 'pool connections', { spread: false }), [now])
    t.strictSame(ids(ann, 'pool connections', { includeSuperseded: true }), [now, old, mid])
    const all = Array.from({ length: 5 }, () => ann.remember('the pool holds 200 connections'))
    ann.supersede(all, now)
    t.equal(ann.fold.recall('pool connections', { k: 1 }).hits[0]?.score, 2, 'as good as the best of them, not as all together')
  })

  t.test('is as of a time when it is asked so', async t => {
    const ann = author()
    const always = ann.remember('pool always')
    const then = ann.remember('pool then', { validFrom: '2026-01-01T00:00:00.000Z', validTo: '2026-02-01T00:00:00.000Z' })
    const at = (time: string): CausalId[] => ids(ann, 'pool', { validAtMs: Date.parse(time) })
    t.strictSame(at('2025-12-31T23:59:59.999Z'), [always])
    t.strictSame(at('2026-01-01T00:00:00.000Z'), [then, always])
    t.strictSame(at('2026-02-01T00:00:00.000Z'), [always])
  })

  t.test('joins what a search among vectors found', async t => {
    const ann = author()
    const a = ann.remember('pool')
    const b = ann.remember('semantically close')
    const c = ann.remember('linked')
    const gone = ann.remember('gone')
    ann.link(b, 'causes', c)
    ann.retract(gone)
    const similar = [
      { id: b, score: 0.8 },
      { id: a, score: 0.4 },
      { id: gone, score: 0.7 },
      { id: '0'.repeat(64) as CausalId, score: 0.6 },
      { id: c, score: 0 },
    ]
    const { hits } = ann.fold.recall('pool', { k: 10, similar })
    t.strictSame(
      hits.map(hit => [hit.id, hit.score, hit.parts]),
      [
        [a, 3, { bm25: 1, vector: 0.5, spread: 0, subject: 1.5 }],
        [b, 1, { bm25: 0, vector: 1, spread: 0 }],
        [c, 0.5, { bm25: 0, vector: 0, spread: 0.5 }],
      ],
    )
    t.strictSame(ids(ann, '', { similar: [{ id: c, score: 3 }], spread: false }), [c])
  })

  t.test('a hub is reached, and passes nothing on; the answer says so and is the same everywhere', async t => {
    const world = new World(2)
    const [ann, bob] = [world.author(0), world.author(1)]
    const hub = ann.remember('project')
    const far = ann.remember('far')
    const near = ann.remember('pool')
    ann.link(near, 'derived-from', hub)
    ann.link(hub, 'causes', far)
    t.strictSame(ids(ann, 'pool'), [near, hub, far])
    t.equal(ann.fold.recall('pool', { k: 10 }).truncated, false)
    for (let i = 0; i < SPREAD_NODES_MAX / RECALL_SEEDS; i++) ann.link(bob.remember(`part ${i}`), 'derived-from', hub)
    world.meet()
    const answer = ann.fold.recall('pool', { k: 10 })
    t.strictSame([answer.hits.map(hit => hit.id), answer.truncated], [[near, hub], true])
    for (let seed = 0; seed < 3; seed++) t.strictSame(foldOf(shuffled(world.records, seed), bob.node).recall('pool', { k: 10 }), answer)
  })

  t.test('what fans out to many gives each of them less', async t => {
    const ann = author()
    const few = ann.remember('pool one')
    const many = ann.remember('cache one')
    for (let i = 0; i < 8; i++) ann.link(few, 'causes', ann.remember(`a ${i}`))
    for (let i = 0; i < 32; i++) ann.link(many, 'causes', ann.remember(`b ${i}`))
    t.equal(ann.fold.recall('pool', { k: 2 }).hits[1]?.score, 0.5)
    t.equal(ann.fold.recall('cache', { k: 2 }).hits[1]?.score, 0.25)
  })

  t.test('refuses a k or a query out of bounds', async t => {
    const { fold } = author()
    for (const k of [0, 1.5, -1, RECALL_K_MAX + 1, Number.NaN])
      t.throws(() => fold.recall('a', { k }), { code: 'invalid_argument', message: /k is 1 to 1000/ })
    t.throws(() => fold.recall('x'.repeat(QUERY_MAX_BYTES + 1), { k: 1 }), { code: 'text_too_long', message: /4097 bytes, at most 4096/ })
    t.strictSame(fold.recall('x'.repeat(QUERY_MAX_BYTES), { k: RECALL_K_MAX }).hits, [])
  })

  t.test('gives the same scores whatever the order of arrival, though many contributions meet', async () => {
    const world = new World(3)
    const random = new SimRandom(1, 'web')
    const made: CausalId[] = []
    for (let i = 0; i < 120; i++) {
      const by = world.author(i % 3)
      made.push(by.remember(`pool ${'cache '.repeat(random.below(4))}number ${random.below(9)}`))
      for (let j = 0; j < 3; j++)
        by.link(
          random.pick(made),
          random.pick(['causes', 'follows', 'correlates', 'contradicts'] as const),
          random.pick(made),
          (1 + random.below(1000)) / 1001,
        )
    }
    const wanted = JSON.stringify(foldOf(world.records, world.author(0).node).recall('pool cache', { k: 100 }))
    fc.assert(
      fc.property(
        fc.nat(),
        seed => JSON.stringify(foldOf(shuffled(world.records, seed), world.author(1).node).recall('pool cache', { k: 100 })) === wanted,
      ),
      { numRuns: 10 },
    )
  })
  t.end()
})

t.test('why', t => {
  t.test('walks each type of edge to the side where the reason is', async t => {
    const ann = author()
    const [x, y] = [ann.remember('x'), ann.remember('y')] as const
    const rows = [
      ['causes', y, x],
      ['inhibits', y, x],
      ['enables', y, x],
      ['evidence-for', y, x],
      ['follows', x, y],
      ['triggered-by', x, y],
      ['derived-from', x, y],
      ['supersedes', x, y],
    ] as const
    for (const [type, from, to] of rows) {
      const link = ann.link(from, type, to)
      t.match(
        ann.fold.why(x).paths,
        [
          {
            steps: [
              { id: x, edge: '', ref: { log: ann.log, seq: 1 }, author: ann.node },
              { id: y, edge: type, linkId: link },
            ],
          },
        ],
        `${type} ${from === x}`,
      )
      ann.retract(link)
    }
    for (const [type, from, to] of [
      ['causes', x, y],
      ['follows', y, x],
      ['contradicts', x, y],
      ['contradicts', y, x],
      ['correlates', x, y],
      ['correlates', y, x],
    ] as const) {
      const link = ann.link(from, type, to)
      const { paths, truncated } = ann.fold.why(x)
      t.strictSame([paths, truncated], [[], false], `${type} is no reason that way`)
      ann.retract(link)
    }
  })

  t.test('gives the strongest ways back, each to its end', async t => {
    const ann = author()
    const [outage, pool, leak, deploy, log] = ['outage', 'pool', 'leak', 'deploy', 'log'].map(text => ann.remember(text)) as [
      CausalId,
      CausalId,
      CausalId,
      CausalId,
      CausalId,
    ]
    ann.link(pool, 'causes', outage, 0.9)
    ann.link(leak, 'causes', pool, 0.5)
    ann.link(outage, 'triggered-by', deploy, 0.3)
    ann.link(log, 'evidence-for', leak, 1)
    ann.link(log, 'evidence-for', outage, 0.4)
    ann.link(outage, 'causes', log, 1)
    const { paths, truncated } = ann.fold.why(outage)
    t.strictSame(
      paths.map(path => [path.weight, path.steps.map(step => step.id)]),
      [
        [0.45, [outage, pool, leak, log]],
        [0.3, [outage, deploy]],
      ],
    )
    t.equal(truncated, false)
    t.strictSame(ann.fold.why(outage, { maxPaths: 1 }).paths.length, 1)
    t.match(ann.fold.why(outage, { maxDepth: 1 }), { truncated: true, paths: [{ weight: 0.9 }, { weight: 0.4 }, { weight: 0.3 }] })
  })

  t.test('says what a memory replaced, and by which record', async t => {
    const ann = author()
    const [old, now] = [ann.remember('old'), ann.remember('now')] as const
    const says = ann.supersede([old], now)
    const keyed = [ann.remember('1', { key: 'k' }), ann.remember('2', { key: 'k' })] as const
    t.match(ann.fold.why(now).paths, [{ weight: 0.5, steps: [{ id: now }, { id: old, edge: 'supersedes', linkId: says }] }])
    const [, step] = ann.fold.why(keyed[1]).paths[0]?.steps ?? []
    t.match(step, { id: keyed[0], edge: 'supersedes' })
    t.notOk(step !== undefined && 'linkId' in step)
  })

  t.test('ends at its bounds, and says so, the same everywhere', async t => {
    const world = new World(1)
    const ann = world.author(0)
    const x = ann.remember('x')
    const chain = [x]
    for (let i = 0; i < WHY_DEPTH_MAX + 2; i++) {
      const reason = ann.remember(`reason ${i}`)
      ann.link(reason, 'causes', chain.at(-1) as CausalId)
      chain.push(reason)
    }
    t.strictSame(
      ann.fold.why(x).paths.map(path => path.steps.length),
      [WHY_DEPTH_MAX + 1],
    )
    t.equal(ann.fold.why(x).truncated, true)
    for (let i = 0; i <= WHY_EDGES_MAX; i++) ann.link(ann.remember(`cause ${i}`), 'causes', chain[1] as CausalId)
    const answer = ann.fold.why(x)
    t.strictSame([answer.paths.map(path => path.steps.length), answer.truncated], [[2], true])
    t.strictSame(
      foldOf(
        world.records.toSorted((a, b) => a.seq - b.seq),
        ann.node,
      ).why(x),
      answer,
    )
    t.throws(() => ann.fold.why('0'.repeat(64) as CausalId), { code: 'unknown_id' })
    t.throws(() => ann.fold.why(ann.link(x, 'causes', x)), { code: 'unknown_id' }, 'a link is no memory')
    for (const bad of [{ maxPaths: 0 }, { maxPaths: WHY_PATHS_MAX + 1 }, { maxDepth: 0 }, { maxDepth: 1.5 }])
      t.throws(() => ann.fold.why(x, bad), { code: 'invalid_argument' })
  })
  t.end()
})

t.test('hits are what was asked for, by author and time; what they are not still leads on', t => {
  const world = new World(2)
  const [ann, ben] = [world.author(0), world.author(1)]
  const early = ann.remember('the pool is small')
  const near = ann.remember('checkout fails')
  world.meet()
  const late = ben.remember('the pool is large')
  ben.link(late, 'causes', near)
  world.meet()
  const ms = (id: CausalId): number => ann.fold.node(id)?.hlc.ms as number
  const rows: readonly (readonly [what: string, options: Partial<RecallOptions>, ids: readonly CausalId[]])[] = [
    ['everything', {}, [early, near, late]],
    ['one author', { author: ben.node }, [late]],
    ['the other, who is led to', { author: ann.node }, [early, near]],
    ['from a moment on', { sinceMs: ms(late) }, [late]],
    ['before it', { untilMs: ms(late) }, [early, near]],
    ['between two', { sinceMs: ms(early), untilMs: ms(late) }, [early, near]],
    ['never', { sinceMs: ms(late) + 1e9 }, []],
  ]
  for (const [what, options, wanted] of rows) t.strictSame(ids(ann, 'pool', options).sort(), [...wanted].sort(), what)
  t.end()
})

t.test('what if', t => {
  const rows = (by: Author, id: CausalId): readonly (readonly [CausalId, number, number])[] =>
    by.fold.whatIf(id).dependents.map(({ node, before, after }) => [node.id, before, after])

  t.test('names what rests on a memory or a link, and what is left of it', async t => {
    const ann = author()
    const [outage, pool, leak, guess, report] = ['outage', 'pool', 'leak', 'guess', 'report'].map(text => ann.remember(text)) as [
      CausalId,
      CausalId,
      CausalId,
      CausalId,
      CausalId,
    ]
    const link = ann.link(pool, 'causes', outage, 0.9)
    ann.link(leak, 'causes', pool, 0.5)
    ann.link(guess, 'evidence-for', outage, 0.3)
    ann.link(report, 'derived-from', outage, 1)
    ann.link(outage, 'correlates', guess, 1)
    t.strictSame(rows(ann, leak), [
      [pool, 0.5, 0],
      [report, 0.45, 0.9],
      [outage, 0.45, 0.9],
    ])
    t.strictSame(rows(ann, pool), [
      [report, 0.45, 0.3],
      [outage, 0.45, 0.3],
    ])
    t.strictSame(rows(ann, link), rows(ann, pool), 'a link is as good as what it says')
    t.strictSame(rows(ann, outage), [[report, 0.45, 0]])
    t.strictSame(rows(ann, report), [], 'nothing rests on it')
    const better = ann.remember('better')
    const says = ann.supersede([guess], better)
    t.strictSame(rows(ann, guess).at(0), [better, 0.5, 0], 'what replaced it is there instead of it')
    t.strictSame(rows(ann, says), [[better, 0.5, 0]])
    t.throws(() => ann.fold.whatIf('0'.repeat(64) as CausalId), { code: 'unknown_id' })
    ann.retract(link)
    t.throws(() => ann.fold.whatIf(link), { code: 'unknown_id' }, 'it counts for nothing already')
  })

  t.test('leaves of every memory what is left when the link is really taken back', async () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(7), fc.nat(7), fc.integer({ min: 1, max: 9 }), fc.nat(3)), { minLength: 1, maxLength: 20 }),
        drawn => {
          const ann = author()
          const nodes = Array.from({ length: 8 }, (_, i) => ann.remember(`memory ${i}`))
          const types = ['causes', 'derived-from', 'correlates', 'enables'] as const
          const links = drawn.map(([from, to, tenths, type]) =>
            ann.link(nodes[from] as CausalId, types[type] as 'causes', nodes[to] as CausalId, tenths / 10),
          )
          const weights = (): Map<CausalId, number> =>
            new Map(nodes.map(node => [node, ann.fold.why(node, { maxPaths: 1 }).paths[0]?.weight ?? 0]))
          const before = weights()
          const told = new Map(ann.fold.whatIf(links[0] as CausalId).dependents.map(row => [row.node.id, row]))
          ann.retract(links[0] as CausalId)
          const after = weights()
          for (const node of nodes) {
            const row = told.get(node)
            if (row === undefined && before.get(node) !== after.get(node)) return false
            if (row !== undefined && (row.before !== before.get(node) || row.after !== after.get(node))) return false
          }
          return true
        },
      ),
      { numRuns: 300 },
    )
  })

  t.test('ends at its bound, and says so', async t => {
    const ann = author()
    const cause = ann.remember('cause')
    for (let i = 0; i <= WHATIF_NODES_MAX; i++) ann.link(cause, 'causes', ann.remember(`effect ${i}`))
    const { dependents, truncated } = ann.fold.whatIf(cause)
    t.strictSame([dependents.length, truncated], [WHATIF_NODES_MAX, true])
  })
  t.end()
})
