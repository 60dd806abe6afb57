import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import type { ErrorCode } from '../../base/errors.ts'
import { REQUEST_MAX_BYTES, TEXT_MAX_BYTES } from '../../base/limits.ts'
import { columns, firstLine } from '../../cli/text.ts'
import { OWN_ESCAPE, visible } from '../../cli/visible.ts'
import { readControlFile } from '../../node/host/directory.ts'
import type { Receipt } from '../../node/index.ts'
import { ask, type BadInput, codeAndExit, ended, failure, fourAtATime, lines, nodeAt, starts, temporary, until, weft } from './weft.ts'

t.test('whatever is asked wrongly of a running node has its code and exit code, and costs nothing', async t => {
  const root = temporary(t)
  const dir = join(root, 'node')
  await nodeAt(dir)
  const { id } = await ask<{ id: string }>(['mem', 'remember', 'The queue filled up at noon', '--key', 'queue', '--dir', dir])
  const program = join(root, 'program.mjs')
  writeFileSync(program, PROGRAM)
  writeFileSync(join(root, 'broken.mjs'), 'export default (')
  await ask(['spawn', program, '--name', 'victim', '--dir', dir])
  const stranger = '12D3KooWBerVRxr1mnAnQyDE1su28EvtdLW2mzsEm81Y9pa8oiHB'

  const rows: readonly BadInput[] = [
    { what: 'no command', args: [], code: 'usage', exit: 64, says: /which command/ },
    { what: 'a group without its command', args: ['mem'], code: 'usage', exit: 64, says: /which command/ },
    { what: 'a misspelt command', args: ['strat'], code: 'usage', exit: 64, says: /Did you mean start\?/ },
    { what: 'a misspelt command of a group', args: ['mem', 'recal', 'x'], code: 'usage', exit: 64, says: /Did you mean recall\?/ },
    { what: 'a command like no other', args: ['frobnicate'], code: 'usage', exit: 64, says: /unknown command 'frobnicate'$/ },
    {
      what: 'a command without its group',
      args: ['recall', 'x'],
      code: 'usage',
      exit: 64,
      says: /^unknown command 'recall' \(Did you mean weft mem recall\?\)$/,
    },
    {
      what: 'the help of a command without its group',
      args: ['recall', '--help'],
      code: 'usage',
      exit: 64,
      says: /^unknown command 'recall' \(Did you mean weft mem recall\?\)$/,
    },
    {
      what: 'help before a command that is in several groups',
      args: ['help', 'policy'],
      code: 'usage',
      exit: 64,
      says: /^unknown command 'policy' \(Did you mean one of weft member policy, weft mem policy\?\)$/,
    },
    { what: 'the help of what is no command', args: ['frobnicate', '-h'], code: 'usage', exit: 64, says: /unknown command 'frobnicate'$/ },
    { what: 'a misspelt flag', args: ['mem', 'remember', 'x', '--kye', 'a'], code: 'usage', exit: 64, says: /Did you mean --key\?/ },
    { what: 'an operand too few', args: ['call', 'victim'], code: 'usage', exit: 64, says: /'method'/ },
    { what: 'an operand too many', args: ['id', 'me'], code: 'usage', exit: 64, says: /too many arguments/ },
    { what: 'nothing to remember', args: ['mem', 'remember'], code: 'usage', exit: 64 },
    {
      what: 'a text beside lines',
      args: ['mem', 'remember', 'x', '--jsonl', '-'],
      code: 'usage',
      exit: 64,
      says: /a text does not go with/,
    },
    {
      what: 'a setting that lines say themselves',
      args: ['mem', 'remember', '--valid-to', '2026-01-01', '--jsonl', '-'],
      code: 'usage',
      exit: 64,
      says: /--valid-to does not go with/,
    },
    { what: 'a query beside lines', args: ['mem', 'recall', 'x', '--jsonl', '-'], code: 'usage', exit: 64, says: /a query or a vector/ },
    {
      what: 'a text and a vector on one stdin',
      args: ['mem', 'remember', '-', '--vector', '-', '--embedder', 'external:e:2'],
      code: 'usage',
      exit: 64,
      says: /either the text or/,
    },
    {
      what: 'two drawings on one stdout',
      args: ['mem', 'graph', id, '--svg', '-', '--html', '-'],
      code: 'usage',
      exit: 64,
      says: /one thing/,
    },
    {
      what: 'a proof and what it shows on one stdout',
      args: ['mem', 'why', id, '--proof', '-'],
      code: 'usage',
      exit: 64,
      says: /one thing/,
    },
    {
      what: 'an export with proofs on stdout',
      args: ['mem', 'export', '--format', 'cbor', '--proofs', '-'],
      code: 'usage',
      exit: 64,
      says: /written to a file/,
    },
    { what: 'a text of nothing on stdin', args: ['mem', 'remember', '-'], code: 'text_invalid', exit: 1 },
    { what: 'nothing to recall', args: ['mem', 'recall'], code: 'usage', exit: 64 },
    {
      what: 'an author whom nobody knows',
      args: ['mem', 'recall', 'queue', '--author', 'nobody'],
      code: 'unknown_id',
      exit: 1,
      says: /no member/,
    },
    {
      what: 'a time that is no moment',
      args: ['mem', 'recall', 'queue', '--since', 'monday'],
      code: 'time_invalid',
      exit: 1,
      says: /since is ISO/,
    },
    { what: 'no label', args: ['mem', 'recall', 'queue', '--meta', '=x'], code: 'usage', exit: 64, says: /name=value/ },
    {
      what: 'a link of no known type',
      args: ['mem', 'recall', 'queue', '--type', 'frobs'],
      code: 'invalid_argument',
      exit: 64,
      says: /^--type: one of .*causes, .*got "frobs"$/,
    },
    {
      what: 'more links than lead anywhere',
      args: ['mem', 'recall', 'queue', '--hops', '4'],
      code: 'invalid_argument',
      exit: 64,
      says: /^--hops: at most 3, got 4$/,
    },
    {
      what: 'half a life of nothing',
      args: ['mem', 'recall', 'queue', '--half-life', '0d'],
      code: 'invalid_argument',
      exit: 64,
      says: /^--half-life: above 0 ms, got 0$/,
    },
    {
      what: 'no time at all',
      args: ['mem', 'recall', 'queue', '--budget', '0ms'],
      code: 'invalid_argument',
      exit: 64,
      says: /^--budget: above 0 ms/,
    },
    { what: 'a query without quotes', args: ['mem', 'recall', 'queue', 'noon'], code: 'usage', exit: 64, says: /too many arguments/ },
    {
      what: 'a policy without its age',
      args: ['mem', 'policy', 'set', 'bad', 'label', '--label', 'a=x'],
      code: 'invalid_argument',
      exit: 64,
      says: /^a label policy needs --after$/,
    },
    {
      what: 'a policy of which only the kind is said',
      args: ['mem', 'policy', 'set', 'bad', 'label'],
      code: 'invalid_argument',
      exit: 64,
      says: /^a label policy needs --label and --after$/,
    },
    {
      what: 'a policy under which nothing stays',
      args: ['mem', 'policy', 'set', 'bad', 'quota', '--memories', '0'],
      code: 'usage',
      exit: 64,
      says: /from 1 on/,
    },
    {
      what: 'a policy whose label is none',
      args: ['mem', 'policy', 'set', 'bad', 'label', '--label', 'x', '--after', '1d'],
      code: 'invalid_argument',
      exit: 64,
      says: /^--label: a label like/,
    },
    {
      what: 'a policy of no kind',
      args: ['mem', 'policy', 'set', 'bad', 'frob'],
      code: 'invalid_argument',
      exit: 64,
      says: /^<kind>: one of decay, label, quota, got "frob"$/,
    },
    { what: 'no known way', args: ['mem', 'recall', 'queue', '--direction', 'up'], code: 'usage', exit: 64, says: /in, out, both/ },
    { what: 'trust above 1', args: ['mem', 'recall', 'queue', '--trust', 'ada=2'], code: 'usage', exit: 64, says: /0 to 1/ },
    { what: 'trust in nobody', args: ['mem', 'recall', 'queue', '--trust', 'nobody=0.5'], code: 'unknown_id', exit: 1 },
    { what: 'a diversity above 1', args: ['mem', 'recall', 'queue', '--diversity', '2'], code: 'usage', exit: 64, says: /0 to 1/ },
    { what: 'a conflict with nothing to hold', args: ['mem', 'resolve', id], code: 'usage', exit: 64, says: /what shall hold/ },
    { what: 'a conflict that is none', args: ['mem', 'resolve', id, '--keep', id], code: 'unknown_id', exit: 1, says: /no conflict/ },
    { what: 'a timeline of nothing', args: ['mem', 'timeline', '00000000'], code: 'unknown_id', exit: 1 },
    { what: 'what nothing names', args: ['mem', 'entities', '--of', '00000000'], code: 'unknown_id', exit: 1 },
    { what: 'things named, of both', args: ['mem', 'entities', 'x', '--of', id], code: 'invalid_argument', exit: 64 },
    { what: 'a timeline in no known order', args: ['mem', 'timeline', '--order', 'random'], code: 'usage', exit: 64 },
    { what: 'a count of none', args: ['mem', 'recall', 'queue', '-k', '0'], code: 'usage', exit: 64 },
    { what: 'a duration without its unit', args: ['invite', '--expires', '5'], code: 'usage', exit: 64, says: /500ms, 5s/ },
    { what: 'a label without a value', args: ['mem', 'remember', 'x', '--meta', 'service'], code: 'usage', exit: 64, says: /name=value/ },
    { what: 'a message that is no JSON', args: ['send', 'victim', '{hello}'], code: 'usage', exit: 64, says: /JSON is wanted/ },
    { what: 'a shell that nobody has', args: ['completion', 'tcsh'], code: 'usage', exit: 64, says: /bash, zsh, fish/ },

    { what: 'an id that is too short', args: ['mem', 'show', id.slice(0, 7)], code: 'invalid_argument', exit: 64, says: /8 or more/ },
    {
      what: 'a drawing around one',
      args: ['mem', 'graph', id.slice(0, 7)],
      code: 'invalid_argument',
      exit: 64,
      says: /^<id>: .*8 or more/,
    },
    { what: 'the place of one', args: ['mem', 'locate', id.slice(0, 7)], code: 'invalid_argument', exit: 64, says: /8 or more/ },
    {
      what: 'a place in no log',
      args: ['mem', 'locate', 'foo/bar'],
      code: 'invalid_argument',
      exit: 64,
      says: /^<name>: an id, or LOG\/SEQ/,
    },
    { what: 'an id that is none', args: ['mem', 'why', 'the-queue'], code: 'invalid_argument', exit: 64, says: /8 or more/ },
    { what: 'an id that nothing has', args: ['mem', 'show', '00000000'], code: 'unknown_id', exit: 1 },
    { what: 'a link from nowhere', args: ['mem', 'link', '00000000', 'causes', id], code: 'unknown_id', exit: 1 },
    {
      what: 'a link of no known type',
      args: ['mem', 'link', id, 'frobs', id],
      code: 'invalid_argument',
      exit: 64,
      says: /^<type>: one of .*causes.*got "frobs"$/,
    },
    { what: 'a weight above 1', args: ['mem', 'link', id, 'causes', id, '--weight', '3'], code: 'edge_invalid', exit: 1 },
    { what: 'a memory that replaces itself', args: ['mem', 'supersede', id, '--by', id], code: 'edge_invalid', exit: 1 },
    {
      what: 'a link to no id',
      args: ['mem', 'remember', 'x', '--follows', 'the-queue'],
      code: 'invalid_argument',
      exit: 64,
      says: /^--follows or --causes: an id is/,
    },
    { what: 'a retraction of nothing', args: ['mem', 'forget', '00000000'], code: 'unknown_id', exit: 1 },
    { what: 'a frontier that is none', args: ['mem', 'list', '--after', 'yesterday'], code: 'frontier_invalid', exit: 1 },
    { what: 'an export in no known form', args: ['mem', 'export', '--format', 'dot'], code: 'usage', exit: 64, says: /jsonl, graphml/ },
    { what: 'a difference from nowhere', args: ['mem', 'diff', 'yesterday'], code: 'frontier_invalid', exit: 1 },
    {
      what: 'a time that is none',
      args: ['mem', 'remember', 'x', '--valid-from', 'now'],
      code: 'time_invalid',
      exit: 1,
      says: /or a date, got "now"$/,
    },
    { what: 'a text of spaces', args: ['mem', 'remember', ' \n\t'], code: 'invalid_argument', exit: 64, says: /^<text>: / },
    {
      what: 'one label twice',
      args: ['mem', 'remember', 'x', '--meta', 'a=1', '--meta', 'a=2'],
      code: 'usage',
      exit: 64,
      says: /a is said already/,
    },
    { what: 'a text of nothing', args: ['mem', 'remember', ''], code: 'text_invalid', exit: 1 },
    {
      what: 'an export into a folder that is not there',
      args: ['mem', 'export', '--out', join(root, 'none', 'x.jsonl')],
      code: 'invalid_argument',
      exit: 64,
    },
    {
      what: 'a proof into a folder that is not there',
      args: ['mem', 'why', id, '--proof', join(root, 'none', 'x')],
      code: 'invalid_argument',
      exit: 64,
    },
    { what: 'a proof of nothing', args: ['mem', 'why', '00000000', '--proof', join(root, 'x')], code: 'unknown_id', exit: 1 },
    { what: 'a proof of no known cluster', args: ['verify', join(root, 'x')], code: 'usage', exit: 64, says: /--genesis/ },
    { what: 'a genesis that is no hash', args: ['verify', join(root, 'x'), '--genesis', 'sim'], code: 'usage', exit: 64, says: /64 hex/ },
    { what: 'a log that is not there', args: ['chain', 'log', 'abcdefab'], code: 'unknown_id', exit: 1 },

    { what: 'an import from a folder that is no checkout', args: ['mem', 'import', 'git', root], code: 'not_a_repository', exit: 1 },
    {
      what: 'an import from a checkout that is not there',
      args: ['mem', 'import', 'git', join(root, 'none')],
      code: 'not_a_repository',
      exit: 1,
    },
    {
      what: 'an import of a file that is not there',
      args: ['mem', 'import', 'jsonl', join(root, 'none')],
      code: 'import_invalid',
      exit: 1,
    },
    {
      what: 'an import of notes that are not there',
      args: ['mem', 'import', 'markdown', join(root, 'none')],
      code: 'import_invalid',
      exit: 1,
    },

    {
      what: 'a module that is not there',
      args: ['spawn', join(root, 'none.js')],
      code: 'module_invalid',
      exit: 1,
      says: /there is no file/,
    },
    { what: 'a module with a syntax error', args: ['spawn', join(root, 'broken.mjs')], code: 'module_invalid', exit: 1 },
    { what: 'an export that is no program', args: ['spawn', `${program}#number`], code: 'module_invalid', exit: 1 },
    { what: 'an export that is not there', args: ['spawn', `${program}#none`], code: 'module_invalid', exit: 1 },
    { what: 'a program that fails to start', args: ['spawn', `${program}#failing`], code: 'handler_failed', exit: 1, says: /cannot start/ },
    { what: 'a name that is taken', args: ['spawn', program, '--name', 'victim'], code: 'name_taken', exit: 1 },
    { what: 'a name that is a number', args: ['spawn', program, '--name', '7'], code: 'invalid_argument', exit: 64 },
    { what: 'a process that is not there', args: ['call', 'nobody', 'total'], code: 'noproc', exit: 1 },
    { what: 'a pid that is not there', args: ['call', '99', 'total'], code: 'noproc', exit: 1 },
    { what: 'a node that is not there', args: ['call', `${stranger}:counter`, 'total'], code: 'unreachable', exit: 2 },
    { what: 'an address that is none', args: ['call', 'a/b/c', 'total'], code: 'invalid_argument', exit: 64 },
    { what: 'a method that is not there', args: ['call', 'victim', 'total'], code: 'no_method', exit: 1 },
    { what: 'a handler that throws', args: ['call', 'victim', 'throws'], code: 'handler_failed', exit: 1, says: /broken inside/ },
    { what: 'a handler that rejects', args: ['call', 'victim', 'rejects'], code: 'handler_failed', exit: 1, says: /broken later/ },
    { what: 'an answer that is a Map', args: ['call', 'victim', 'map'], code: 'unsendable', exit: 1 },
    { what: 'an answer that is a function', args: ['call', 'victim', 'function'], code: 'unsendable', exit: 1 },
    { what: 'an answer that is no number', args: ['call', 'victim', 'nan'], code: 'unsendable', exit: 1 },
    { what: 'a deadline of hours', args: ['call', 'victim', 'never', '--deadline', '2h'], code: 'invalid_argument', exit: 64 },
    { what: 'the end of nobody', args: ['kill', 'nobody'], code: 'noproc', exit: 1 },
    { what: 'the end of the kernel', args: ['kill', '0'], code: 'denied', exit: 1, says: /weft stop/ },

    { what: 'an invite for two hours', args: ['invite', '--expires', '2h'], code: 'invalid_argument', exit: 64 },
    { what: 'an invite for no node', args: ['invite', '--node', 'me'], code: 'invalid_argument', exit: 64 },
    { what: 'an approval of nothing', args: ['member', 'approve', '00000000'], code: 'unknown_operation', exit: 1 },
    { what: 'a retirement of nobody', args: ['member', 'retire', stranger], code: 'not_a_member', exit: 1 },
    {
      what: 'a policy without an admin',
      args: ['member', 'policy', '--admins', 'me', '--threshold', '1'],
      code: 'invalid_argument',
      exit: 64,
    },

    { what: 'a second start', args: ['start'], code: 'already_running', exit: 1, says: /in use by another process/ },
    { what: 'a second start in the background', args: ['start', '-d'], code: 'already_running', exit: 1 },
    { what: 'a second init', args: ['init'], code: 'already_initialised', exit: 1 },
    { what: 'a join of what has joined', args: ['join', 'anything'], code: 'already_initialised', exit: 1 },
    {
      what: 'a cluster in the directory of a node',
      args: ['cluster', 'up'],
      code: 'invalid_argument',
      exit: 64,
      says: /directory of one node/,
    },
  ]
  await fourAtATime(rows, async ({ what, args, code, exit, says }) => {
    const failed = await failure([...args, '--dir', dir])
    t.same(codeAndExit(failed), { code, exit }, what)
    if (says !== undefined) t.match(failed.message, says, `${what}: what it says`)
    t.ok(failed.stderr.includes(failed.message), `${what}: the same on stderr`)
  })
  t.match((await failure(['mem', 'recall', 'ctl', 'red', '--dir', dir])).next, /^in quotes: weft mem recall "ctl red"; or see/)
  // The last call of this process: until it has been answered, the next one waits.
  t.same(
    codeAndExit(await failure(['call', 'victim', 'never', '--deadline', '200ms', '--dir', dir])),
    { code: 'timeout', exit: 2 },
    'a handler that never answers',
  )

  const noGit = await failure(['mem', 'import', 'git', root, '--dir', dir], { env: { PATH: root } })
  t.same(codeAndExit(noGit), { code: 'git_missing', exit: 1 })
  t.equal(noGit.next, 'install git')

  const sent = await weft(['send', 'nobody', '1', '--json', '--dir', dir])
  t.same({ code: sent.code, stdout: sent.stdout }, { code: 1, stdout: '{"result":"noproc"}\n' })

  const { hits } = await ask<{ hits: readonly { id: string }[] }>(['mem', 'recall', 'queue', '--dir', dir])
  t.same(
    hits.map(hit => hit.id),
    [id],
    'what was remembered is all there is',
  )
  t.equal((await ask<{ nodes: number }>(['mem', 'status', '--dir', dir])).nodes, 1)
  t.equal((await ask<{ valid: boolean }>(['chain', 'verify', '--dir', dir])).valid, true)
})

const PROGRAM = `
export default () => ({
  onCall: {
    throws: () => { throw new Error('broken inside') },
    rejects: async () => { throw new TypeError('broken later') },
    never: () => new Promise(() => {}),
    map: () => new Map([[1, 2]]),
    function: () => () => 1,
    nan: () => NaN,
  },
})
export const number = 3
export function failing() { throw new Error('cannot start') }
`

t.test('what a terminal would obey is shown instead, and nothing else is touched', t => {
  const rows: readonly (readonly [what: string, text: string, shown: string])[] = [
    ['plain text', 'naïve \u{1f9f5} \u05d0\u05d1 "it\'s"', 'naïve \u{1f9f5} \u05d0\u05d1 "it\'s"'],
    ['lines and tabs', 'one\n\ttwo\r\nthree\n', 'one\n\ttwo\r\nthree\n'],
    ['people held together by joiners', '\u{1f469}\u200d\u{1f680}', '\u{1f469}\u200d\u{1f680}'],
    ['a title', 'a\u001b]0;pwned\u0007b', String.raw`a\u001b]0;pwned\u0007b`],
    ['a colour', '\u001b[5mblue\u001b[0m', String.raw`\u001b[5mblue\u001b[0m`],
    ['a line written over', 'safe\rfoul', String.raw`safe\u000dfoul`],
    ['steps back', 'ab\b\bcd\u007f', String.raw`ab\u0008\u0008cd\u007f`],
    ['control sequences of one byte', '\u009b2J\u009d0;x\u009c\u0085', String.raw`\u009b2J\u009d0;x\u009c\u0085`],
    ['writing turned round', '\u202egnp.\u2066x\u2069', String.raw`\u202egnp.\u2066x\u2069`],
    ['separators', 'a\u2028b\u2029c', String.raw`a\u2028b\u2029c`],
    ['nothing', '\u0000', String.raw`\u0000`],
    ['what has no width', 'pay\u200bpal\u2060\u2064\ufeff', String.raw`pay\u200bpal\u2060\u2064\ufeff`],
    ['letters that nobody sees', 'ok\u{e0001}\u{e0041}\u{e007f}', String.raw`ok\u{e0001}\u{e0041}\u{e007f}`],
  ]
  for (const [what, text, shown] of rows) t.equal(visible(text), shown, what)
  const red = `${OWN_ESCAPE}[31mred${OWN_ESCAPE}[39m`
  t.equal(visible(`${red}\u001b[1m`), '\u001b[31mred\u001b[39m\\u001b[1m', 'our own colours are obeyed')
  const rowsOfTwo = [
    [red, 'x'],
    ['letters', 'two\nlines'],
  ]
  t.equal(visible(columns(rowsOfTwo)), '\u001b[31mred\u001b[39m      x\nletters  two\\nlines')
  t.equal(firstLine('\u001b[2Jone\ntwo'), String.raw`\u001b[2Jone`)
  t.end()
})

t.test('no command shows a terminal what somebody wrote to command it', { timeout: 60_000 }, async t => {
  const dir = join(temporary(t), 'node')
  await nodeAt(dir)
  const foul = 'line\r\u001b]0;pwned\u0007 two \u009b2J\u202eevil\u2069'
  const manyLines = `${foul}\nand a second line\n\nid         forged`
  const jsonl = [
    {
      text: manyLines,
      key: 'k\u001b[2Jkey\nid        forged',
      meta: { 'lab\u001bel': 'va\u001b[5mlue' },
      source: `the ${foul}`,
    },
    { text: `${foul} again`, key: 'other' },
    { text: `${foul} replaced`, key: 'replaced' },
    { text: `${foul} the better`, key: 'replaced' },
  ]
    .map(line => JSON.stringify(line))
    .join('\n')
  const written = await weft(['mem', 'remember', '--jsonl', '-', '--dir', dir], { input: jsonl })
  const [first = '', second = ''] = lines<Receipt>(written.stdout).map(({ id }) => id)
  const { frontier } = await ask<{ frontier: string }>(['mem', 'status', '--dir', dir])
  const cases: readonly (readonly [line: string, shows: RegExp])[] = [
    [`link ${first} causes ${second}`, /[0-9a-f]{64}/],
    [
      `show ${first}`,
      /line\\u000d\\u001b\]0;pwned\\u0007 two \\u009b2J\\u202eevil\\u2069\n> and a second line\n>\x20\n> id +forged\n\nid /,
    ],
    [`show ${first}`, /lab\\u001bel +va\\u001b\[5mlue\n/],
    [`show ${first}`, /key +k\\u001b\[2Jkey\\nid +forged\n/],
    ['recall pwned --include-superseded', /line\\u000d/],
    ['list', /line\\u000d/],
    ['timeline', /line\\u000d/],
    [`why ${second}`, /line\\u000d/],
    [`whatif ${first}`, /line\\u000d/],
    [`graph ${first}`, /line\\u000d/],
    [`diff - ${frontier}`, /line\\u000d/],
    ['communities', /line\\u000d/],
    ['policy set all quota --memories 1', /takes back/],
    ['policy run --dry-run', /line\\u000d/],
    ['proposals', /nothing is proposed/],
    ['show "no \u001b[5m id"', /^/],
    ['remember -', /standard input is what this shell reads/],
    ['import jsonl "no \u001b[5m file"', /no \\u001b\[5m file/],
    ['fr\u001b[5mob', /fr\\u001b\[5mob/],
  ]
  const input = cases.map(([line]) => line).join('\n')
  const { stdout, stderr } = await weft(['mem', 'shell', '--dir', dir], { input, env: { NO_COLOR: '1' } })
  const said = stdout + stderr
  for (const [line, shows] of cases) t.match(said, shows, line)
  t.notMatch(said, HOSTILE)
  const coloured = (await weft(['mem', 'show', first, '--dir', dir], { env: { FORCE_COLOR: '1' } })).stdout
  t.match(coloured, '\u001b[2mkey\u001b[22m', 'our own colours are there')
  t.notMatch(coloured.replaceAll('\u001b[2m', '').replaceAll('\u001b[22m', ''), HOSTILE)
  t.match(
    await ask(['mem', 'show', first, '--dir', dir]),
    { text: manyLines, meta: { 'lab\u001bel': 'va\u001b[5mlue' } },
    'documents hold it exactly',
  )
})

/** What terminals obey, and what turns the direction of writing. */
// oxlint-disable-next-line no-control-regex
const HOSTILE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

t.test('lines that are wrong are answered where they stand, and those around them are kept', async t => {
  const dir = join(temporary(t), 'node')
  await nodeAt(dir)
  const good = (text: string): string => JSON.stringify({ text })
  const rows: readonly { readonly line: string | Uint8Array; readonly code?: ErrorCode }[] = [
    { line: good('first') },
    { line: '{"text":', code: 'import_invalid' },
    { line: '["text"]', code: 'import_invalid' },
    { line: '{"txt":"x"}', code: 'invalid_argument' },
    { line: '{"text":"x","colour":"red"}', code: 'invalid_argument' },
    { line: '{"text":7}', code: 'invalid_argument' },
    { line: good(''), code: 'text_invalid' },
    { line: good(' \t\n\u00a0'), code: 'invalid_argument' },
    { line: '{"text":"half of a pair: \\ud800"}', code: 'text_invalid' },
    { line: Buffer.from('{"text":"\xff\xfe"}', 'latin1'), code: 'text_invalid' },
    { line: good('x'.repeat(TEXT_MAX_BYTES + 1)), code: 'text_too_long' },
    { line: good('y'.repeat(REQUEST_MAX_BYTES)), code: 'text_too_long' },
    { line: '{"text":"x","meta":{"a":[1]}}', code: 'invalid_argument' },
    { line: JSON.stringify({ text: 'x', key: 'k'.repeat(600) }), code: 'key_invalid' },
    { line: JSON.stringify({ text: 'x', edges: [{ type: 'causes', to: '00000000' }] }), code: 'unknown_id' },
    { line: JSON.stringify({ text: 'x', edges: [{ type: 'frobs', to: '0'.repeat(64) }] }), code: 'invalid_argument' },
    { line: good('z'.repeat(TEXT_MAX_BYTES)) },
    { line: JSON.stringify({ text: 'z'.repeat(TEXT_MAX_BYTES), key: 'k' }), code: 'body_too_large' },
    { line: good('last') },
  ]
  const input = Buffer.concat(rows.flatMap(({ line }) => [Buffer.from(line as string), Buffer.from('\n')]))
  const { code, stdout, stderr } = await weft(['mem', 'remember', '--jsonl', '-', '--dir', dir], { input })
  t.equal(code, 1)
  t.equal(stderr, '')
  const answers = lines<{ id?: string; error?: { code: string } }>(stdout)
  t.same(
    answers.map(answer => answer.error?.code),
    rows.map(row => row.code),
  )
  t.equal((await ask<{ nodes: number }>(['mem', 'status', '--dir', dir])).nodes, 3)

  const file = join(dir, '..', 'lines.jsonl')
  writeFileSync(file, input)
  const imported = await weft(['mem', 'import', 'jsonl', file, '--json', '--dir', dir])
  t.equal(imported.code, 1)
  const summary = JSON.parse(imported.stdout) as { imported: number; skipped: number; failed: readonly { line: number; code: string }[] }
  t.same(
    summary.failed.map(({ line, code }) => [line, code]),
    [
      [2, 'import_invalid'],
      [3, 'import_invalid'],
      [4, 'import_invalid'],
      [5, 'import_invalid'],
      [6, 'import_invalid'],
      [7, 'text_invalid'],
      [8, 'invalid_argument'],
      [9, 'text_invalid'],
      [10, 'text_invalid'],
      [11, 'text_too_long'],
      [12, 'text_too_long'],
      [13, 'meta_invalid'],
      [14, 'key_invalid'],
      [15, 'unknown_id'],
      [16, 'edge_invalid'],
      [18, 'body_too_large'],
    ],
  )
  t.same([summary.imported, summary.skipped], [1, 3], 'the one whose link leads nowhere is kept; the good ones are known')
})

t.test(
  'a node that goes away while lines are read ends them with 2, within 2 s, and says how many are open',
  { skip: process.platform !== 'linux' && 'sockets are looked up in /proc' },
  async t => {
    const dir = join(temporary(t), 'node')
    await nodeAt(dir)
    const child = starts(['mem', 'remember', '--jsonl', '-', '--dir', dir])
    const end = ended(child)
    child.stdin?.on('error', () => {})
    let answered = 0
    child.stdout?.on('data', (text: string) => (answered += text.split('\n').length - 1))
    child.stdin?.write('{"text":"one"}\n{"text":"two"}\n')
    await until('two answers', () => answered === 2)
    const { osPid, url } = readControlFile(dir) as { osPid: number; url: string }
    process.kill(osPid, 'SIGSTOP')
    child.stdin?.write('{"text":"three"}\n{"text":"four"}\n{"text":"five"}\n')
    await until('the request', () => hasInput(Number(new URL(url).port))) // what was written at once is read and sent at once
    const startMs = performance.now()
    process.kill(osPid, 'SIGKILL')
    const { code, stdout, stderr } = await end
    t.ok(performance.now() - startMs < 2000, 'within 2 s')
    t.equal(code, 2)
    t.equal(lines(stdout).length, 2)
    t.match(stderr, /went away: 3 lines stayed unanswered/)
    t.equal((await failure(['status', '--dir', dir])).code, 'not_running')
  },
)

/** Something has arrived for whoever listens on a port of this machine, and waits to be read. */
function hasInput(port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map(row => row.trim().split(/\s+/))
  return rows.some(([, address, , , queues]) => address?.endsWith(local) === true && queues?.endsWith(':00000000') === false)
}

t.test('the control interface answers this machine, this user and no web page', async t => {
  const dir = join(temporary(t), 'node')
  await nodeAt(dir)
  const { url, token } = readControlFile(dir) as { url: string; token: string }
  const authorization = `Bearer ${token}`
  const rows: readonly {
    readonly what: string
    readonly path: string
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
    readonly status: number
    readonly code?: ErrorCode
  }[] = [
    { what: 'a command', path: '/v1/node.id', headers: { authorization }, body: '{}', status: 200 },
    { what: 'alive, to whoever asks', path: '/healthz', method: 'GET', status: 200 },
    { what: 'ready, to whoever asks', path: '/readyz', method: 'GET', status: 200 },
    { what: 'no token', path: '/v1/node.id', body: '{}', status: 401, code: 'unauthorized' },
    {
      what: 'another token',
      path: '/v1/node.id',
      headers: { authorization: `Bearer ${'0'.repeat(64)}` },
      body: '{}',
      status: 401,
      code: 'unauthorized',
    },
    {
      what: 'another host',
      path: '/v1/node.id',
      headers: { authorization, host: 'weft.example' },
      body: '{}',
      status: 403,
      code: 'foreign_host',
    },
    {
      what: 'a web page',
      path: '/v1/node.id',
      headers: { authorization, origin: 'https://weft.example' },
      body: '{}',
      status: 403,
      code: 'foreign_origin',
    },
    { what: 'a path that is not there', path: '/v2/node.id', headers: { authorization }, body: '{}', status: 404, code: 'unknown_route' },
    {
      what: 'a command that is not there',
      path: '/v1/node.frob',
      headers: { authorization },
      body: '{}',
      status: 404,
      code: 'unknown_route',
    },
    {
      what: 'a name that every object has',
      path: '/v1/constructor',
      headers: { authorization },
      body: '{}',
      status: 404,
      code: 'unknown_route',
    },
    { what: 'no JSON', path: '/v1/node.id', headers: { authorization }, body: '{', status: 400, code: 'invalid_argument' },
    { what: 'a field too many', path: '/v1/node.id', headers: { authorization }, body: '{"a":1}', status: 400, code: 'invalid_argument' },
    {
      what: 'a body that is too large',
      path: '/v1/node.id',
      headers: { authorization },
      body: `"${'x'.repeat(REQUEST_MAX_BYTES)}"`,
      status: 413,
      code: 'body_too_large',
    },
  ]
  for (const { what, path, method = 'POST', headers = {}, body = '', status, code } of rows) {
    const answer = await http(`${url}${path}`, method, headers, body)
    const { error } = JSON.parse(answer.text) as { error?: { code: string; message: string; retryable: boolean; correlationId: string } }
    t.same({ status: answer.status, code: error?.code }, { status, code }, what)
    if (code !== undefined) t.match(error, { message: String, retryable: false, correlationId: /^[0-9a-f-]{36}$/ })
  }
  t.equal((await weft(['status', '--dir', dir])).code, 0)
})

/** `fetch` would not let a caller say another Host. */
function http(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method,
        headers: {
          ...headers,
          ...(method === 'GET' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      },
      response => {
        let text = ''
        response.setEncoding('utf8').on('data', part => (text += part))
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text }))
      },
    )
    sent.once('error', reject)
    sent.end(body)
  })
}
