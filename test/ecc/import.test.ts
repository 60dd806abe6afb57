import t from 'tap'
import { utf8 } from '../../base/bytes.ts'
import { BODY_MAX_BYTES, IMPORT_RECENT_MAX } from '../../base/limits.ts'
import { GIT_LOG_ARGUMENTS, GitHistory } from '../../ecc/import/git.ts'
import { parseChat } from '../../ecc/import/chat.ts'
import { fitText, type ImportItem, isoTime } from '../../ecc/import/import-item.ts'
import { parseJsonlLine } from '../../ecc/import/jsonl.ts'
import { parseMcpMemory } from '../../ecc/import/mcp-memory.ts'
import { parseMarkdown } from '../../ecc/import/markdown.ts'
import { encodeRemember } from '../../ecc/records.ts'

t.test('a line of JSON becomes a memory, or says what is wrong with it', async t => {
  const good: readonly (readonly [line: string, item: ImportItem | undefined])[] = [
    ['', undefined],
    ['  \r', undefined],
    ['{"text":"a"}', { text: 'a' }],
    ['\ufeff {"text":"a","key":"k","source":"s"} ', { text: 'a', key: 'k', source: 's' }],
    ['{"text":"a","meta":{"n":1.5,"b":true,"s":"x"}}', { text: 'a', meta: { n: '1.5', b: 'true', s: 'x' } }],
    [
      '{"text":"a","validFrom":"2026-01-31","validTo":"2026-02-01T10:00:00+02:00"}',
      { text: 'a', validFrom: '2026-01-31T00:00:00.000Z', validTo: '2026-02-01T08:00:00.000Z' },
    ],
    ['{"text":"a","vector":[1,-2.5],"embedder":"m"}', { text: 'a', vector: [1, -2.5], embedder: 'm' }],
    [
      '{"text":"a","edges":[{"type":"causes","to":"k"},{"type":"follows","to":"j","weight":0.5}]}',
      {
        text: 'a',
        edges: [
          { type: 'causes', to: 'k' },
          { type: 'follows', to: 'j', weight: 0.5 },
        ],
      },
    ],
  ]
  for (const [line, item] of good) t.strictSame(parseJsonlLine(line, 1), item, line)

  const bad: readonly (readonly [line: string, code: string, message: RegExp])[] = [
    ['{"text":"a"', 'import_invalid', /^not JSON: /],
    ['["a"]', 'import_invalid', /^a line is a JSON object$/],
    ['null', 'import_invalid', /^a line is a JSON object$/],
    ['{}', 'import_invalid', /^text is missing$/],
    ['{"text":5}', 'import_invalid', /^text is text, got 5$/],
    [
      '{"text":"a","keys":"k","Text":""}',
      'import_invalid',
      /^unknown field "keys", "Text"; a line has text, key, meta, validFrom, validTo, source, edges, vector, embedder$/,
    ],
    ['{"text":""}', 'text_invalid', /1 character or more/],
    ['{"text":"a","vector":[1,2]}', 'embedder_invalid', /nothing says which embedder/],
    ['{"text":"a","embedder":"m"}', 'vector_invalid', /got none/],
    ['{"text":"a","vector":"[1]","embedder":"m"}', 'vector_invalid', /a list of numbers/],
    ['{"text":"a","vector":[1,null],"embedder":"m"}', 'vector_invalid', /number 1 of the vector is null/],
    ['{"text":"a","vector":[0],"embedder":"m"}', 'vector_invalid', /are 0/],
    ['{"text":"a","vector":[1],"embedder":"external:m:2"}', 'vector_invalid', /has 2 dimensions, got 1/],
    ['{"text":"\\ud800"}', 'text_invalid', /lone surrogate/],
    ['{"text":"a","key":""}', 'key_invalid', /is empty/],
    ['{"text":"a","meta":{"x":null}}', 'meta_invalid', /"x" is text, a number or a boolean/],
    ['{"text":"a","meta":[]}', 'import_invalid', /^meta is a JSON object$/],
    ['{"text":"a","validFrom":"yesterday"}', 'time_invalid', /"yesterday"/],
    ['{"text":"a","validFrom":"2026-01-31T12:00:00"}', 'time_invalid', /with a zone/],
    ['{"text":"a","validFrom":"2026-02-31"}', 'time_invalid', /2026-02-31/],
    ['{"text":"a","validFrom":"2026-02-01","validTo":"2026-01-01"}', 'time_invalid', /not later/],
    ['{"text":"a","edges":{}}', 'import_invalid', /^edges is a list$/],
    ['{"text":"a","edges":[{"type":"cause","to":"k"}]}', 'edge_invalid', /no edge type "cause"/],
    ['{"text":"a","edges":[{"type":"causes"}]}', 'import_invalid', /^to is missing$/],
    [
      '{"text":"a","edges":[{"type":"causes","to":"k","wait":1}]}',
      'import_invalid',
      /^unknown field "wait"; an edge has type, to, weight$/,
    ],
    ['{"text":"a","edges":[{"type":"causes","to":"k","weight":2}]}', 'edge_invalid', /above 0 and at most 1, got 2/],
    ['{"text":"a","edges":[{"type":"causes","to":"k","weight":"1"}]}', 'import_invalid', /^weight is a number$/],
  ]
  for (const [line, code, message] of bad) t.match(parseJsonlLine(line, 41), { line: 41, code, message }, line)
})

t.test('times are those that name one moment', async t => {
  const times: readonly (readonly [text: string, iso: string | undefined])[] = [
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2026-01-31T12:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00.123456Z', '2026-01-31T12:00:00.123Z'],
    ['2026-01-31T00:30:00+01:00', '2026-01-30T23:30:00.000Z'],
    ['2026-01-31 12:00', undefined],
    ['2026-13-01', undefined],
    ['31.1.2026', undefined],
    ['1738324800', undefined],
  ]
  for (const [text, iso] of times) t.equal(isoTime(text), iso, text)
})

t.test('text that is too long is cut between characters', async t => {
  t.strictSame(fitText('grün', 10), { text: 'grün', cutBytes: 0 })
  t.strictSame(fitText('grün', 3), { text: 'gr', cutBytes: 3 })
  t.strictSame(fitText('grün', 4), { text: 'grü', cutBytes: 1 })
  const meta = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [String(i).padStart(6, '0'), 'x'.repeat(250)]))
  const body = encodeRemember({
    text: fitText('€'.repeat(BODY_MAX_BYTES)).text,
    meta,
    key: 'k'.repeat(512),
    source: 's'.repeat(512),
    validFrom: '2026-01-31T00:00:00.000Z',
  })
  t.ok(body.length <= BODY_MAX_BYTES, 'it fits beside the largest meta, key and source')
})

t.test('notes become sections, in order, with their links', async t => {
  const guide = [
    '---',
    'title: "The guide"',
    'date: 2026-01-31',
    'tags:',
    '  - a',
    '---',
    'Before it all, see [[Pool]].',
    '',
    '# Install',
    'Run it.',
    '## On Linux ##',
    'Read [the pool](notes/pool.md#limits), [more](https://example.org/x.md) and [nothing](gone.md).',
    '```sh',
    '# not a heading',
    '```',
    '## Usage',
    'As [above](#install).',
    '## Usage',
    '[[pool#Nowhere|the pool]] and [itself](guide.md#usage-1)',
    '',
  ].join('\n')
  const pool = '# Pool\n\n# Limits\r\n200 connections\n'
  t.strictSame(
    parseMarkdown([
      { path: 'guide.md', text: guide },
      { path: 'notes/pool.md', text: pool },
      { path: 'empty.md', text: '\n\n' },
    ]),
    [
      {
        key: 'md:guide.md',
        text: 'Before it all, see [[Pool]].',
        meta: { title: 'The guide', date: '2026-01-31', path: 'guide.md' },
        validFrom: '2026-01-31T00:00:00.000Z',
      },
      {
        key: 'md:guide.md#install',
        text: 'Install\nRun it.',
        meta: { title: 'The guide', date: '2026-01-31', path: 'guide.md', section: 'Install' },
        validFrom: '2026-01-31T00:00:00.000Z',
        edges: [{ type: 'follows', to: 'md:guide.md' }],
      },
      {
        key: 'md:guide.md#on-linux',
        text: 'On Linux\nRead [the pool](notes/pool.md#limits), [more](https://example.org/x.md) and [nothing](gone.md).\n```sh\n# not a heading\n```',
        meta: { title: 'The guide', date: '2026-01-31', path: 'guide.md', section: 'Install > On Linux' },
        validFrom: '2026-01-31T00:00:00.000Z',
        edges: [
          { type: 'follows', to: 'md:guide.md#install' },
          { type: 'derived-from', to: 'md:notes/pool.md#limits' },
        ],
      },
      {
        key: 'md:guide.md#usage',
        text: 'Usage\nAs [above](#install).',
        meta: { title: 'The guide', date: '2026-01-31', path: 'guide.md', section: 'Install > Usage' },
        validFrom: '2026-01-31T00:00:00.000Z',
        edges: [
          { type: 'follows', to: 'md:guide.md#on-linux' },
          { type: 'derived-from', to: 'md:guide.md#install' },
        ],
      },
      {
        key: 'md:guide.md#usage-1',
        text: 'Usage\n[[pool#Nowhere|the pool]] and [itself](guide.md#usage-1)',
        meta: { title: 'The guide', date: '2026-01-31', path: 'guide.md', section: 'Install > Usage' },
        validFrom: '2026-01-31T00:00:00.000Z',
        edges: [
          { type: 'follows', to: 'md:guide.md#usage' },
          { type: 'derived-from', to: 'md:notes/pool.md#pool' },
        ],
      },
      { key: 'md:notes/pool.md#pool', text: 'Pool', meta: { path: 'notes/pool.md', section: 'Pool' } },
      {
        key: 'md:notes/pool.md#limits',
        text: 'Limits\n200 connections',
        meta: { path: 'notes/pool.md', section: 'Limits' },
        edges: [{ type: 'follows', to: 'md:notes/pool.md#pool' }],
      },
    ],
  )
})

t.test('a section that is too long says how much of it is missing', async t => {
  const [item] = parseMarkdown([{ path: 'a.md', text: 'x'.repeat(BODY_MAX_BYTES) }])
  t.equal(Number.parseInt(item?.meta?.['cut'] ?? '', 10) + utf8(item?.text ?? '').length, BODY_MAX_BYTES)
})

const hash = (n: number): string => n.toString(16).padStart(2, '0').repeat(20)

/** What `git` prints for a commit. */
function commit(n: number, parents: readonly number[], message: string, files: readonly string[] = []): string {
  const names = files.map((name, i) => `${i === 0 ? '\n' : ''}${name}\0`).join('')
  return (
    ['', hash(n), parents.map(hash).join(' '), 'A. Author', `2026-01-${String(n).padStart(2, '0')}T10:00:00+02:00`, message].join('\0') +
    `\0${names}`
  )
}

t.test('commits become memories that know their parents, what they undo and what changed with them', async t => {
  const output = [
    commit(1, [], 'Add the pool\n\nWith a limit.\n', ['pool.ts', 'index.ts']),
    commit(2, [1], 'Add the cache\n', ['cache.ts', 'index.ts']),
    commit(3, [2], '', []),
    commit(4, [2], `Fix the limit\n\nFixes: ${hash(1).slice(0, 12)} ("Add the pool")\n`, ['pool.ts']),
    commit(5, [3, 4], 'Merge branch fix\n'),
    commit(6, [5], `Revert "Add the cache"\n\nThis reverts commit ${hash(2)}.\n`, ['cache.ts', 'index.ts']),
    commit(7, [6], 'Tune everything, fixes 1234567\n', ['index.ts', 'pool.ts', 'cache.ts', 'new.ts']),
  ].join('')
  const history = new GitHistory()
  const items = [...history.push(output), ...history.end()]
  const edges = (n: number): string[] => (items[n - 1]?.edges ?? []).map(({ type, to }) => `${type} ${Number.parseInt(to.slice(4, 6), 16)}`)
  t.strictSame(items[0], {
    key: `git:${hash(1)}`,
    text: 'Add the pool\n\nWith a limit.',
    meta: { author: 'A. Author', date: '2026-01-01T10:00:00+02:00', files: 'pool.ts, index.ts' },
    validFrom: '2026-01-01T08:00:00.000Z',
  })
  t.strictSame(items[1]?.edges, [{ type: 'follows', to: `git:${hash(1)}`, weight: 0.5 }])
  t.match(items[2], { text: `commit ${hash(3).slice(0, 12)}`, meta: { files: undefined } })
  t.strictSame(edges(4), ['follows 2', 'triggered-by 1'])
  t.strictSame(edges(5), ['follows 3', 'derived-from 4'])
  t.strictSame(edges(6), ['follows 5', 'contradicts 2'])
  t.strictSame(edges(7), ['follows 6', 'correlates 4'], 'a number that is no hash of a commit names nothing')
  t.equal(items.length, 7)

  for (const size of [1, 3, 100]) {
    const pieces = new GitHistory()
    const again: ImportItem[] = []
    for (let at = 0; at < output.length; at += size) again.push(...pieces.push(output.slice(at, at + size)))
    t.strictSame([...again, ...pieces.end()], items, `in pieces of ${size}`)
  }
})

t.test('a history that has grown begins as it did, and what is new is linked to what was there', async t => {
  const before = [
    commit(1, [], 'Add the pool', ['pool.ts']),
    commit(2, [1], 'Add the cache', ['cache.ts']),
    commit(3, [2], 'Add the queue', ['queue.ts']),
  ].join('')
  const after = [
    commit(4, [3], `Repair the pool\n\nFixes: ${hash(1)}`, ['pool.ts']),
    commit(5, [4], `Revert "Add the cache"\n\nThis reverts commit ${hash(2)}.`, ['cache.ts']),
    commit(6, [5], `Repair the queue\n\nFixes: ${hash(3).slice(0, 8)}`, ['pool.ts', 'queue.ts']),
  ].join('')
  const read = (output: string): ImportItem[] => {
    const history = new GitHistory()
    return [...history.push(output), ...history.end()]
  }
  const whole = read(before + after)
  t.strictSame(read(before), whole.slice(0, 3))
  t.strictSame(
    whole.slice(3).map(item => item.edges?.map(({ type, to }) => `${type} ${Number.parseInt(to.slice(4, 6), 16)}`)),
    [
      ['follows 3', 'triggered-by 1'],
      ['follows 4', 'contradicts 2'],
      ['follows 5', 'triggered-by 3', 'correlates 4'],
    ],
  )
})

t.test('a commit that changes everything couples nothing, and names some of its files', async t => {
  const history = new GitHistory()
  const many = Array.from({ length: 60 }, (_, i) => `file${i}.ts`)
  const output = commit(1, [], 'Start', ['file0.ts']) + commit(2, [1], 'Format', many) + commit(3, [2], 'Touch', ['file0.ts'])
  const items = [...history.push(output), ...history.end()]
  t.match(items[1]?.meta?.['files'], /^file0\.ts, .*file31\.ts, and 28 more$/)
  t.strictSame(
    items[2]?.edges?.map(edge => edge.to),
    [`git:${hash(2)}`, `git:${hash(1)}`],
  )
})

t.test('an import forgets the oldest when it remembers enough', async t => {
  const history = new GitHistory()
  history.push(commit(1, [], 'First', ['first.ts']))
  for (let i = 0; i < IMPORT_RECENT_MAX; i += 50)
    history.push(
      commit(
        2,
        [],
        'Many',
        Array.from({ length: 50 }, (_, j) => `${i + j}`),
      ),
    )
  const items = [...history.push(commit(3, [2], 'Again', ['first.ts'])), ...history.end()]
  t.strictSame(
    items.at(-1)?.edges?.map(edge => edge.type),
    ['follows'],
  )
})

t.test('the arguments for git are the ones that are read', async t => {
  t.ok(GIT_LOG_ARGUMENTS.includes('--reverse') && GIT_LOG_ARGUMENTS.includes('-z'))
  t.strictSame(new GitHistory().end(), [])
})

/** `key: text -edge-> key ...` for each memory, and `line: message` for each fault. */
function told({ found, faults }: ReturnType<typeof parseChat>): readonly string[] {
  for (const { item } of found) encodeRemember(item)
  return [
    ...found.map(({ item }) => [`${item.key}: ${item.text}`, ...(item.edges ?? []).map(({ type, to }) => `-${type}-> ${to}`)].join(' ')),
    ...faults.map(({ line, message }) => `${line}: ${message}`),
  ]
}

const lines = (...values: readonly unknown[]): string => values.map(value => JSON.stringify(value)).join('\n')

t.test('conversations become their messages, whoever wrote them down', async t => {
  const rows: readonly (readonly [what: string, text: string, told: readonly (string | RegExp)[]])[] = [
    [
      'a list as models take it',
      JSON.stringify([
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'why?' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'the pool' },
            { type: 'tool_use', name: 'x' },
            { type: 'text', text: 'is full' },
          ],
        },
      ]),
      [/^chat:f#[0-9a-f]{8}\/1: why\?$/, /^chat:f#[0-9a-f]{8}\/2: the pool\n\nis full -follows-> chat:f#[0-9a-f]{8}\/1$/],
    ],
    [
      'JSON Lines with a broken one and an empty one',
      `${lines({ role: 'user', content: 'one', id: 'a' })}\n{"role":\n\n${lines({ role: 'user', content: 'two', id: 'b' })}`,
      [/^chat:f#[0-9a-f]{8}\/a: one$/, /^chat:f#.*\/b: two -follows-> chat:f#.*\/a$/, /^2: not JSON/],
    ],
    [
      'the session of a coding agent',
      lines(
        { type: 'summary', summary: 'x' },
        { type: 'user', sessionId: 's', uuid: 'u1', timestamp: '2026-01-01T10:00:00.000Z', message: { role: 'user', content: 'fix it' } },
        { type: 'user', sessionId: 's', uuid: 'u2', isMeta: true, message: { role: 'user', content: 'told by the program' } },
        { type: 'assistant', sessionId: 's', uuid: 'u3', message: { role: 'assistant', content: [{ type: 'tool_use', name: 'edit' }] } },
        { type: 'user', sessionId: 's', uuid: 'u4', message: { role: 'user', content: [{ type: 'tool_result', content: 'ok' }] } },
        { type: 'assistant', sessionId: 's', uuid: 'u5', message: { role: 'assistant', content: [{ type: 'text', text: 'fixed' }] } },
      ),
      ['chat:s/u1: fix it', 'chat:s/u5: fixed -follows-> chat:s/u1'],
    ],
    [
      'the rollout of another one',
      lines(
        { type: 'session_meta', payload: { id: 'z' } },
        { type: 'response_item', payload: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] } },
        { type: 'response_item', payload: { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'hi' }] } },
      ),
      [/^chat:f#[0-9a-f]{8}\/1: hello$/, /^chat:f#.*\/2: hi -follows-> chat:f#.*\/1$/],
    ],
    [
      'an export with a tree of which one branch was last used',
      JSON.stringify([
        {
          title: 'Pools',
          conversation_id: 'c1',
          current_node: '3',
          mapping: {
            0: { message: null, parent: null },
            1: {
              message: { id: 'm1', author: { role: 'user' }, content: { content_type: 'text', parts: ['ask'] }, create_time: 1767225600 },
              parent: '0',
            },
            2: {
              message: { id: 'm2', author: { role: 'assistant' }, content: { content_type: 'text', parts: ['first try'] } },
              parent: '1',
            },
            3: {
              message: { id: 'm3', author: { role: 'assistant' }, content: { content_type: 'text', parts: ['second', ' try'] } },
              parent: '1',
            },
          },
        },
      ]),
      ['chat:c1/m1: ask', 'chat:c1/m3: second\n\n try -follows-> chat:c1/m1'],
    ],
    [
      'a tree that goes round in a circle',
      JSON.stringify({
        id: 'c',
        current_node: 'a',
        mapping: { a: { parent: 'b', message: { author: { role: 'user' }, content: 'x' } }, b: { parent: 'a' } },
      }),
      ['chat:c/1: x'],
    ],
    [
      'an export with messages and names',
      JSON.stringify([
        { uuid: 'c2', name: 'Disks', chat_messages: [{ uuid: 'n1', sender: 'human', text: 'slow?', created_at: '2026-01-01T00:00:00Z' }] },
      ]),
      ['chat:c2/n1: slow?'],
    ],
    [
      'a list with what is neither a message nor anything that a program writes beside one',
      JSON.stringify([{ role: 'user', content: 'why?' }, { role: 'tool', content: 'x' }, { version: 2 }, 5, 'x']),
      [/^chat:f#[0-9a-f]{8}\/1: why\?$/, '4: neither a message nor a conversation', '5: neither a message nor a conversation'],
    ],
    ['nothing', '', []],
    ['no conversation', '[1, "x", null, {"a": 1}]', [1, 2, 3, 4].map(line => `${line}: neither a message nor a conversation`)],
    ['no JSON', 'hello', [/^1: not JSON/]],
  ]
  for (const [what, text, wanted] of rows) {
    const got = told(parseChat(text, 'f'))
    t.equal(got.length, wanted.length, `${what}: ${got.join(' | ')}`)
    for (const [i, row] of wanted.entries()) t.match(got[i], row, what)
  }
  const [first] = parseChat(rows[4]?.[1] as string, 'f').found
  t.match(first?.item, { validFrom: '2026-01-01T00:00:00.000Z', meta: { role: 'user', conversation: 'Pools' } })
  const long = parseChat(lines({ role: 'user', content: 'ä'.repeat(BODY_MAX_BYTES), id: 'x'.repeat(2000) }), 'f').found[0]?.item
  t.match(long, { key: /^chat:#[0-9a-f]{32}$/, meta: { cut: /^\d+ bytes$/ } })
  t.doesNotThrow(() => encodeRemember(long as ImportItem))
})

t.test('a conversation without an id is known by its name and its first message', async t => {
  const keys = (value: unknown, origin: string = 'f'): readonly (string | undefined)[] =>
    parseChat(JSON.stringify(value), origin).found.map(({ item }) => item.key)
  const said = (content: string, role: string = 'user'): object => ({ role, content })
  const short = keys([said('why?'), said('the pool', 'assistant')])
  t.strictSame(keys([said('why?'), said('the pool', 'assistant'), said('and now?')]).slice(0, 2), short, 'it has grown')
  t.strictSame(keys([said('be brief', 'system'), said('why?'), said('the pool', 'assistant')])[0]?.split('/')[0], short[0]?.split('/')[0])
  const others = [keys([said('how?')]), keys([said('why?', 'assistant')]), keys([said('why?')], 'g')]
  t.equal(new Set([short, ...others].map(([key]) => key)).size, 4, 'another one in a file of that name, and the same in another file')

  const whole = (...messages: readonly object[]): object => ({ name: 'New chat', messages })
  const [one, two] = [whole(said('why?'), said('the pool', 'assistant')), whole(said('how?'))]
  const both = keys([one, two])
  t.strictSame([...keys([one]), ...keys([two])], both, 'so it is with conversations that only have a title')
  t.match(both, [/^chat:New chat#[0-9a-f]{8}\/1$/, /^chat:New chat#[0-9a-f]{8}\/2$/, /^chat:New chat#[0-9a-f]{8}\/1$/])
  t.equal(new Set(both).size, 3)
  t.strictSame(keys([{ id: 'c', messages: [said('why?')] }]), ['chat:c/1'], 'what has an id is called by it')
})

t.test('the file of an MCP memory server becomes entities, what is known of them, and their relations', async t => {
  const rows: readonly (readonly [what: string, text: string, told: readonly (string | RegExp)[]])[] = [
    [
      'lines',
      lines(
        { type: 'entity', name: 'Ann', entityType: 'person', observations: ['likes tea', 'wrote the pool'] },
        { type: 'entity', name: 'pool', entityType: 'component', observations: [] },
        { type: 'relation', from: 'Ann', to: 'pool', relationType: 'works_on' },
        { type: 'relation', from: 'pool', to: 'Ann', relationType: 'Triggered By' },
        { type: 'relation', from: 'Ann', to: 'nobody', relationType: 'causes' },
      ),
      [
        'mcp:Ann: Ann (person)',
        'mcp:Ann: likes tea: Ann: likes tea -evidence-for-> mcp:Ann',
        'mcp:Ann: wrote the pool: Ann: wrote the pool -evidence-for-> mcp:Ann',
        'mcp:pool: pool (component) -triggered-by-> mcp:Ann',
        'mcp:Ann works_on pool: Ann works on pool -correlates-> mcp:Ann -correlates-> mcp:pool',
        'mcp:Ann causes nobody: Ann causes nobody -correlates-> mcp:Ann',
      ],
    ],
    [
      'one document',
      JSON.stringify({ entities: [{ name: 'x', observations: ['y'] }], relations: [] }),
      ['mcp:x: x', 'mcp:x: y: x: y -evidence-for-> mcp:x'],
    ],
    [
      'an entity twice, and what two processes wrote over each other',
      `${lines({ type: 'entity', name: 'x', observations: ['a'] }, { type: 'entity', name: 'x', observations: ['b'] })}\n{"type":"ent`,
      ['mcp:x: x', 'mcp:x: a: x: a -evidence-for-> mcp:x', 'mcp:x: b: x: b -evidence-for-> mcp:x', /^3: not JSON/],
    ],
    [
      'what is neither',
      lines({ type: 'entity' }, { type: 'relation', from: 'a', to: '' }, 7, { type: 'entity', name: 'x', observations: [1, ' ', 'c'] }),
      ['mcp:x: x', /mcp:x: c/, ...[1, 2, 3].map(line => `${line}: neither an entity with a name nor a relation with two ends`)],
    ],
    ['nothing', '', []],
  ]
  for (const [what, text, wanted] of rows) {
    const got = told(parseMcpMemory(text))
    t.equal(got.length, wanted.length, `${what}: ${got.join(' | ')}`)
    for (const [i, row] of wanted.entries()) t.match(got[i], row, what)
  }
  const long = parseMcpMemory(
    lines({ type: 'entity', name: 'n'.repeat(5000), entityType: 'e'.repeat(5000), observations: ['o'.repeat(100_000)] }),
  )
  t.equal(told(long).length, 2, 'what is long is cut, and known by its hash')
})
